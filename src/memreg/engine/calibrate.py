"""Looking at the calibration of a class, having it learned again, and setting what a person wants of it, as plans."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace

from psycopg.types.json import Jsonb

from memreg.core.clock import Clock
from memreg.core.errors import ArgumentInvalid
from memreg.core.steps import Rows, Steps, fetch, fetch_row, fetch_rows
from memreg.engine.calibration import Calibration
from memreg.engine.class_calibration import ClassCalibration, Override, RecentScores, telling, worths
from memreg.engine.learn import LEARNED_FROM
from memreg.engine.record import name_columns
from memreg.engine.refresh import Due, calibration_of, refresh
from memreg.engine.store import SQL
from memreg.registry.models import SchemaVersion

MOST_SHIFT = 10.0
"""Natural log odds; 10 turn even odds into 22,000 to one."""
SHOWN_OVERRIDES = 10


def read_calibration(tenant: str, version: SchemaVersion, class_name: str) -> Steps[ClassCalibration]:
    """The calibration of a class as of its newest snapshot, and the newest 2,000 decisions' best scores.

    Raises ArgumentInvalid for a class that the version lacks.
    """
    check_class(version, class_name)
    of_class = {"tenant": tenant, "schema": version.name, "class_name": class_name}
    latest, overrides, scores = yield from fetch(
        SQL["latest_snapshots"](tenant=tenant, schema=version.name, classes=[class_name]),
        SQL["overrides"](**of_class, limit=SHOWN_OVERRIDES),
        SQL["recent_scores"](**of_class, limit=LEARNED_FROM),
    )
    number = latest[0]["snapshot"]
    facts = (yield from fetch_row(SQL["snapshot_facts"](**of_class, snapshot=number))) if number else None
    calibration = Calibration.from_json(facts["model"] if facts else None)
    spec, annotation = version.spec.by_name[class_name], version.annotation_of(class_name)
    names = name_columns(spec, annotation)
    return ClassCalibration(
        class_name=class_name,
        snapshot=facts["snapshot"] if facts else 0,
        taken_at=facts["created_at"] if facts else None,
        memories=facts["documents"] if facts else 0,
        learned_from=calibration.decisions,
        repeats=calibration.repeats,
        siblings=calibration.siblings,
        shift=calibration.shift,
        held=calibration.fixed,
        telling=telling(calibration, names),
        columns=worths(calibration, spec, annotation),
        overrides=tuple(
            Override(
                row["snapshot"],
                row["created_at"],
                row["set_by"],
                row["reason"],
                row["shift"] or 0.0,
                bool(row["held"]),
            )
            for row in overrides
        ),
        scores=_scores(scores),
    )


def recompute(
    tenant: str, version: SchemaVersion, class_name: str, by: str, reason: str | None, clock: Clock
) -> Steps[int | None]:
    """Take a snapshot of a class now, due or not, held fast or not; what was set stays set.

    Gives its number, or None when another worker was first. Raises ArgumentInvalid for a class that the version lacks
    or without a decision.
    """
    check_class(version, class_name)
    schema = version.name
    some = yield from fetch_rows(SQL["recent_scores"](tenant=tenant, schema=schema, class_name=class_name, limit=1))
    if not some:
        raise ArgumentInvalid(
            name="recompute", value=class_name, reason=f"tenant {tenant!r} has no decision of it yet to learn from"
        )
    due = Due(0, name_columns(version.spec.by_name[class_name], version.annotation_of(class_name)))
    return (yield from refresh(tenant, schema, class_name, due, clock, by=by, reason=reason))


def override(
    tenant: str,
    version: SchemaVersion,
    class_name: str,
    by: str,
    reason: str | None,
    clock: Clock,
    *,
    shift: float | None = None,
    hold: bool | None = None,
) -> Steps[int | None]:
    """Set what a person wants of a class, from the next decision on, in a snapshot of its own; all else stays as in the
    newest one, or as the columns' roles promise.

    `shift`: natural log odds added to every score, -10 to 10; `hold`: whether the schedule takes no snapshots. Gives
    the new snapshot's number, or None where all stood so already. Raises ArgumentInvalid.
    """
    check_class(version, class_name)
    of_class = {"tenant": tenant, "schema": version.name, "class_name": class_name}
    while True:
        latest = yield from fetch_rows(
            SQL["latest_snapshots"](tenant=tenant, schema=version.name, classes=[class_name])
        )
        number = latest[0]["snapshot"]
        before = yield from calibration_of(tenant, version.name, class_name, number)
        after = replace(
            before,
            shift=before.shift if shift is None else shift,
            fixed=before.fixed if hold is None else hold,
        )
        if after == before:
            return None
        made = {"model": Jsonb(after.to_json()), "by": by, "reason": reason, "now": clock()}
        kept: Rows
        if number:
            kept = yield from fetch_rows(
                SQL["override_snapshot"](**of_class, before=number, snapshot=number + 1, **made)
            )
        else:
            kept = yield from fetch_rows(
                SQL["keep_snapshot"](**of_class, snapshot=1, change=0, documents=0, frequencies=Jsonb({}), **made)
            )
        if kept:
            return int(kept[0]["snapshot"])
        # Somebody else wrote that number meanwhile: what a person sets goes on top of it.


def check_shift(shift: float | None) -> float | None:
    """The shift. Raises ArgumentInvalid unless it is a number from -10 to 10."""
    if shift is None:
        return None
    if isinstance(shift, bool) or not isinstance(shift, int | float) or not math.isfinite(shift):
        raise ArgumentInvalid(name="shift", value=repr(shift), reason="it must be a finite number of natural log odds")
    if abs(shift) > MOST_SHIFT:
        raise ArgumentInvalid(
            name="shift",
            value=f"{shift:g}",
            reason=f"it must be from -{MOST_SHIFT:g} to {MOST_SHIFT:g} natural log odds (1 to 3 is much already)",
        )
    return float(shift) + 0.0  # no -0.0


def check_class(version: SchemaVersion, class_name: str) -> None:
    """Raises ArgumentInvalid where the version has no such class."""
    if class_name not in version.spec.by_name:
        known = ", ".join(sorted(version.spec.by_name)) or "none"
        raise ArgumentInvalid(name="class", value=repr(class_name), reason=f"{version} does not have it ({known})")


def _scores(rows: Rows) -> RecentScores:
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row["score"] is not None:
            found[row["basis"]].append(row["score"])
    without = sum(row["score"] is None for row in rows)
    return RecentScores({basis: tuple(scores) for basis, scores in sorted(found.items())}, without)
