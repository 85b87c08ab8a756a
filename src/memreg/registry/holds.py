"""Approval without a person: what it may settle, and the classes that it holds back until a person approves them.

An identity key of low confidence is no reason to keep the other classes waiting. So the version is approved, and each
class with such a key stays create-only by a kill switch of its own, for every tenant, with the reason on it. A person
who approves the version turns these switches off; so does a later version that becomes active without such keys.
"""

from __future__ import annotations

from collections.abc import Mapping

from psycopg.types.json import Jsonb

from memreg.core.clock import Clock
from memreg.core.steps import Steps, fetch_rows
from memreg.registry.fingerprint import canonical_annotation
from memreg.registry.lookup import SQL, check_number, get_record, load_version, lock_exclusive
from memreg.registry.models import SchemaVersion, Status
from memreg.registry.versions import AUTO_APPROVAL, approve, is_behind

Held = Mapping[str, str]
"""Classes that are held back, with the reasons."""


def approve_without_person(name: str, version: int, unsure: Held, clock: Clock) -> Steps[SchemaVersion]:
    """Approve a pending version by itself, and hold back the classes that need a person (`unsure`, with the reasons).

    Where such a version would have to wait for its backfill, it stays pending as a whole: its classes are in force as
    they were before, and whoever starts the backfill can approve it. Raises VersionStatus, SchemaNotFound.
    """
    at = clock()
    yield (lock_exclusive(name),)
    found = yield from load_version(name, version)
    if unsure and (yield from is_behind(found)):
        return found
    approved = yield from approve(name, version, AUTO_APPROVAL, clock)
    if unsure:
        yield (
            SQL["hold_classes"](
                name=name, classes=list(unsure), reasons=list(unsure.values()), by=AUTO_APPROVAL, at=at
            ),
        )
    return approved


def held_back(name: str) -> Steps[dict[str, str]]:
    """The classes of a schema that wait for a person's approval, with the reasons."""
    rows = yield from fetch_rows(SQL["held_classes"](name=name, by=AUTO_APPROVAL))
    return {row["class"]: row["reason"] for row in rows}


def settle(name: str, version: int | None, by: str | None, clock: Clock) -> Steps[SchemaVersion | None]:
    """A person approves what was approved without one: nothing of the version is held back from then on.

    None where that is not the case: the version (without a number, the active one) is not in force by auto-approval, or
    a newer one is pending. What auto-approval said stays in the history. Raises VersionNotFound, SchemaNotFound.
    """
    at = clock()
    if version is not None:
        check_number(name, version)
    yield (lock_exclusive(name),)
    rows = yield from fetch_rows(SQL["version_numbers"](name=name))
    if version is None and any(row["status"] == Status.PENDING for row in rows):
        return None
    active = next((int(row["version"]) for row in rows if row["status"] == Status.ACTIVE), None)
    if active is None or version not in (None, active):
        return None
    record = yield from get_record(name, active)
    said = record.annotation
    if said is None or said.decided_by != AUTO_APPROVAL or not (yield from held_back(name)):
        return None
    classes = {each: canonical_annotation(record.version.annotation_of(each)) for each in record.version.annotations}
    yield (
        SQL["insert_annotation"](
            name=name,
            version=active,
            source=said.source,
            classes=Jsonb(classes),
            model=said.model,
            prompt_hash=None,
            tokens_in=None,
            tokens_out=None,
            at=at,
        ),
        SQL["decide_annotation"](name=name, version=active, by=by, at=at, verdict="approved", reason=None),
        SQL["release_classes"](name=name, by=AUTO_APPROVAL, at=at, reason=f"approved by {by or 'a person'}"),
    )
    return (yield from load_version(name, active))
