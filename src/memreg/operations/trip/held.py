"""What auto-approval holds back and lets go is in the audit, too, written with what the registry does."""

from __future__ import annotations

from typing import TypeVar

from memreg.core.clock import Clock
from memreg.core.ids import uuid7
from memreg.core.steps import Row, Steps, fetch_rows
from memreg.engine.model import Action, Basis
from memreg.operations.acts.notes import Note, note
from memreg.operations.store import EVERY
from memreg.operations.trip.limits import SQL
from memreg.registry.versions import AUTO_APPROVAL

T = TypeVar("T")


def with_entries(schema: str, plan: Steps[T], clock: Clock, by: str | None = None) -> Steps[T]:
    """A plan of the registry, followed in its transaction by an entry for each switch of auto-approval that it turned.

    `by`: the person who approves, if it is one. Raises what the plan raises.
    """
    before = {row["class"]: row for row in (yield from _held(schema))}
    done = yield from plan
    for row in (yield from _held(schema)):
        was = before.get(row["class"])
        if was is None or (was["is_on"], was["set_at"]) != (row["is_on"], row["set_at"]):
            yield from _enter(schema, row, clock, by)
    return done


def _held(schema: str) -> Steps[list[Row]]:
    return fetch_rows(SQL["held_switches"](schema=schema, by=AUTO_APPROVAL))


def _enter(schema: str, row: Row, clock: Clock, by: str | None) -> Steps[None]:
    is_on, name = row["is_on"], row["class"]
    is_person = by is not None and not is_on and by != AUTO_APPROVAL
    audit_id, statements = note(
        Note(
            tenant=EVERY,
            schema=schema,
            class_name=name,
            action=Action.SWITCH,
            basis=Basis.PERSON if is_person else Basis.MONITOR,
            by=by if by is not None and is_person else AUTO_APPROVAL,
            text=f"kill switch of {name} of {schema} for every tenant turned {'on' if is_on else 'off'}",
            why=row["reason"],
            details={"on": is_on, "rule": "approval"},
        ),
        clock(),
        uuid7,
    )
    yield (
        *statements,
        SQL["enter_switch"](tenant=EVERY, schema=schema, class_name=name, audit_id=audit_id),
    )
