"""The look at a class, and the trip: in a transaction of its own, from what is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from memreg.core.clock import Clock
from memreg.core.steps import Row, Rows, Steps, fetch, fetch_rows
from memreg.engine.cache import Cache
from memreg.engine.model import Action, Basis
from memreg.operations.acts.notes import Note, note
from memreg.operations.key_precision import tally
from memreg.operations.kill_switch import MONITOR
from memreg.operations.monitor.judgements import SQL as COUNTING
from memreg.operations.monitor.rates import Rate
from memreg.operations.monitor.window import ANSWERS, NEWEST, Place, count_decisions, read_window
from memreg.operations.store import EVERY
from memreg.operations.trip.limits import SQL, limits_for
from memreg.operations.trip.rules import Finding, Limit, Seen, findings
from memreg.registry import versions
from memreg.registry.models import SchemaVersion

KEPT = 20
"""Decisions that the evidence of a trip names."""


@dataclass(frozen=True)
class Looker:
    """Who looks: at a tenant's schema, with what is cached, the clock and new ids."""

    tenant: str
    schema: str
    cache: Cache
    clock: Clock
    new_id: Callable[[], UUID]


@dataclass(frozen=True, slots=True)
class Looked:
    """What every rule that is on found about a class, since its switch was last reset. `is_on`: it is switched already,
    so that nothing was counted."""

    class_name: str
    version: int
    is_on: bool
    reset_at: datetime | None
    findings: tuple[Finding, ...]
    own_reset_at: datetime | None = field(default=None, repr=False)

    @property
    def passing(self) -> Finding | None:
        """The first rule whose limit is passed."""
        return next((each for each in self.findings if each.passes), None)


@dataclass(frozen=True, slots=True)
class Trip:
    """A switch that tripped by itself: what for, and its audit entry."""

    class_name: str
    finding: Finding
    reason: str
    audit_id: UUID


def look(looker: Looker, classes: Sequence[str]) -> Steps[tuple[Trip, ...]]:
    """Look at classes and switch those where a rule's limit is passed; gives what tripped.

    Only decisions under the version in use count, and only those made since a person last reset the class's switch.
    Raises NoUsableVersion, SchemaNotFound.
    """
    version, looked = yield from measure(looker, classes)
    trips = []
    for each in looked:
        finding = each.passing
        if finding is not None:
            tripped = yield from _trip(looker, version, each, finding)
            trips += [] if tripped is None else [tripped]
    return tuple(trips)


def measure(looker: Looker, classes: Sequence[str]) -> Steps[tuple[SchemaVersion, tuple[Looked, ...]]]:
    """What the rules find about classes, without doing anything about it. Raises NoUsableVersion, SchemaNotFound."""
    asked = {"tenant": looker.tenant, "schema": looker.schema}
    _, heads, rules, switches = yield from fetch(
        COUNTING["read_in_order"](),
        versions.usable_head(looker.schema),
        SQL["rules_of"](**asked, class_name=None),
        SQL["switches_over"](**asked),
    )
    version = yield from looker.cache.usable(looker.schema, heads)
    looked = []
    for name in classes:
        over = [row for row in switches if row["class"] in (EVERY, name)]
        reset_at = max((row["reset_at"] for row in over if row["reset_at"] is not None), default=None)
        if any(row["is_on"] for row in over):
            looked.append(Looked(name, version.version, True, reset_at, ()))
            continue
        limits = limits_for(rules, name)
        seen = yield from _see(Place(looker.tenant, looker.schema, name, version.version), reset_at, limits)
        own = _own_reset(over, looker)
        looked.append(Looked(name, version.version, False, reset_at, findings(seen, limits), own))
    return version, tuple(looked)


def measure_all(looker: Looker, class_name: str | None = None) -> Steps[tuple[Looked, ...]]:
    """What the rules find about one class or (None) every class of the version in use; nothing without such a version.

    Raises SchemaNotFound.
    """
    heads = yield from fetch_rows(versions.usable_head(looker.schema))
    if not heads or heads[0]["version"] is None:
        return ()
    version = yield from looker.cache.usable(looker.schema, heads)
    names = [each for each in sorted(version.spec.by_name) if class_name in (None, each)]
    return (yield from measure(looker, names))[1]


def judged_classes(looker: Looker) -> Steps[tuple[str, ...]]:
    """The classes of the version in use about whose decisions something was found out."""
    heads = yield from fetch_rows(versions.usable_head(looker.schema))
    version = yield from looker.cache.usable(looker.schema, heads)
    names = sorted(version.spec.by_name)
    rows = yield from fetch_rows(SQL["judged_classes"](tenant=looker.tenant, schema=looker.schema, classes=names))
    return tuple(row["class"] for row in rows)


def _see(place: Place, reset_at: datetime | None, limits: Mapping[str, Limit]) -> Steps[Seen]:
    keys = COUNTING["key_answers"](**place.asked, after=reset_at, limit=NEWEST, answers=ANSWERS)
    asked = [count_decisions(place, after=reset_at)]
    asked += [keys] if limits["identity_confidence"].is_on else []
    counted, *answers = yield from fetch(*asked)
    window = yield from read_window(place, counted)
    return Seen(window, _precision(answers[0]) if answers else {})


def _precision(rows: Rows) -> dict[str, Rate]:
    counted = tally(rows)
    found = {}
    for key in {key for key, _ in counted}:
        answers = counted[key, "answers"]
        against = counted[key, "by_text"] + counted[key, "by_keys"]
        found[key] = Rate(max(0, answers - against), answers)
    return found


def _trip(looker: Looker, version: SchemaVersion, looked: Looked, finding: Finding) -> Steps[Trip | None]:
    """Switch a class; None where somebody else did meanwhile."""
    now = looker.clock()
    place = Place(looker.tenant, looker.schema, looked.class_name, version.version)
    against = yield from fetch_rows(COUNTING["contradicted"](**place.asked, after=looked.reset_at, limit=NEWEST))
    evidence = evidence_of(looked, finding, against)
    reason = sentence(finding)
    audit_id, statements = note(
        Note(
            tenant=looker.tenant,
            schema=looker.schema,
            class_name=looked.class_name,
            action=Action.SWITCH,
            basis=Basis.MONITOR,
            by=MONITOR,
            text=f"kill switch of {looked.class_name} turned on",
            why=reason,
            version=version.version,
            annotation=version.annotation,
            details={"on": True, "rule": finding.rule, "evidence": evidence},
        ),
        now,
        looker.new_id,
    )
    tripped = yield from fetch_rows(
        SQL["trip_switch"](
            tenant=looker.tenant,
            schema=looker.schema,
            class_name=looked.class_name,
            reason=reason,
            evidence=Jsonb(evidence),
            audit_id=audit_id,
            now=now,
            reset_at=looked.own_reset_at,
        )
    )
    if not tripped:
        return None
    yield tuple(statements)
    return Trip(looked.class_name, finding, reason, audit_id)


def sentence(finding: Finding) -> str:
    """Why a switch tripped, in one sentence without values of memories."""
    shown = "" if finding.value is None else f": {finding.value:.2f}"
    if finding.low is not None and finding.high is not None:
        shown += f", {finding.low:.2f} to {finding.high:.2f}"
    return f"{finding.said}{shown}; the limit of {finding.rule} is {finding.limit:.2f}"


def evidence_of(looked: Looked, finding: Finding, against: Iterable[Row]) -> dict[str, Any]:
    """What a switch tripped by, as it is kept: the rule that was passed, what the others found, and the decisions that
    speak for it."""
    entries = list(against)
    return {
        "rule": finding.rule,
        "version": looked.version,
        "said": finding.said,
        "value": finding.value,
        "low": finding.low,
        "high": finding.high,
        "limit": finding.limit,
        "minimum": finding.minimum,
        "counted": finding.counted,
        "of": finding.of,
        "others": {
            each.rule: {"value": each.value, "low": each.low, "high": each.high, "limit": each.limit, "of": each.of}
            for each in looked.findings
            if each.rule != finding.rule
        },
        "counted_since": looked.reset_at.isoformat() if looked.reset_at else None,
        "contradicted": [str(row["id"]) for row in entries[:KEPT]],
        "first_contradicted_at": entries[-1]["created_at"].isoformat() if entries else None,
    }


def _own_reset(over: Rows, looker: Looker) -> datetime | None:
    """When the switch of a class itself was last reset: what trips must not have been reset since it was looked at."""
    own = (looker.tenant, looker.schema)
    return next((r["reset_at"] for r in over if (r["tenant"], r["schema"]) == own and r["class"] != EVERY), None)
