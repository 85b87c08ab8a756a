"""When a class is looked at: at once after a few contradictions, else after so many decisions or seconds."""

from __future__ import annotations

from uuid import uuid4

import pytest

from memreg.engine.model import Action, Basis, Decision
from memreg.operations.trip import pending as module
from memreg.operations.trip.pending import CONTRADICTIONS, DECISIONS, SECONDS, Pending, contradicts


class Tick:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def decision(
    action: Action = Action.CREATE, basis: Basis = Basis.NEW, score: float | None = None, name: str = "Person"
) -> Decision:
    return Decision(action, basis, name, uuid4(), score, uuid4())


AGAINST = decision(Action.UPDATE, Basis.IDENTITY, 0.2)


def test_what_contradicts() -> None:
    assert contradicts(AGAINST)
    assert contradicts(decision(Action.UPDATE, Basis.IDENTITY_CONFLICT, 0.9))
    assert not contradicts(decision(Action.REJECT, Basis.IDENTITY_CONFLICT))
    assert not contradicts(decision(Action.UPDATE, Basis.IDENTITY, 0.55))
    assert not contradicts(decision(Action.UPDATE, Basis.SCORE, 0.2))
    assert not contradicts(decision(Action.DELETE, Basis.IDENTITY, 0.2))
    assert not contradicts(decision(Action.UPDATE, Basis.IDENTITY, None))


def test_a_few_contradictions_are_looked_at_at_once() -> None:
    pending = Pending(Tick())
    asked = [pending.decided("t", "s", [AGAINST]) for _ in range(2 * CONTRADICTIONS)]
    assert asked == [*[()] * (CONTRADICTIONS - 1), ("Person",)] * 2


def test_so_many_decisions() -> None:
    pending = Pending(Tick())
    asked = [pending.decided("t", "s", [decision()]) for _ in range(DECISIONS)]
    assert asked == [()] * (DECISIONS - 1) + [("Person",)]


def test_so_many_seconds() -> None:
    tick = Tick()
    pending = Pending(tick)
    assert pending.decided("t", "s", [decision()]) == ()
    tick.now = SECONDS
    assert pending.decided("t", "s", [decision(name="Place")]) == ()
    assert pending.overdue() == {("t", "s"): ("Person",)}
    assert pending.overdue() == {}
    tick.now = 2 * SECONDS
    assert pending.decided("t", "s", [decision(name="Place")]) == ("Place",)


def test_tenants_schemas_and_classes_are_apart() -> None:
    pending = Pending(Tick())
    for _ in range(CONTRADICTIONS - 1):
        for tenant, schema in (("t", "s"), ("u", "s"), ("t", "r")):
            assert pending.decided(tenant, schema, [AGAINST, decision(name="Place")]) == ()
    assert pending.decided("u", "s", [AGAINST]) == ("Person",)


def test_what_decides_nothing_does_not_count() -> None:
    pending = Pending(Tick())
    ignored = [
        decision(Action.REJECT, Basis.INVALID),
        decision(Action.SKIP, Basis.DUPLICATE_IN_TURN),
        decision(Action.CREATE, Basis.KILL_SWITCH),
    ]
    assert pending.decided("t", "s", ignored * DECISIONS) == ()


def test_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CLASSES", 3)
    tick = Tick()
    pending = Pending(tick)
    for number in range(5):
        pending.decided("t", "s", [decision(name=f"C{number}")])
    tick.now = SECONDS
    assert pending.overdue() == {("t", "s"): ("C2", "C3", "C4")}
