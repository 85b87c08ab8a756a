"""Resolve where a delete that was held back takes along what was made unresolved meanwhile."""

from __future__ import annotations

from memreg.core.database import Database
from memreg.engine.model import Action, Proposal
from memreg.operations.kill_switch import switch
from memreg.operations.resolve import resolve
from tests.support.engines import every
from tests.support.offices import offices, told


def test_what_a_delete_takes_along_is_not_decided_as_it_was_before(database: Database) -> None:
    engine = offices(database)
    told(engine, Proposal("Person", {"name": "Ana Lopez"}))
    switch(database, "default", "offices", on=True, by="kim")
    told(
        engine,
        Proposal("Badge", {"code": "b1", "owner": {"name": "Ana"}}),
        Proposal("Person", {"name": "Ana", "email": "a@x.io", "manager": {"name": "Ana Lopez"}}),
        Proposal("Person", {"name": "Ana Lopez", "email": "a@x.io"}, "delete"),
    )
    switch(database, "default", "offices", on=False, by="kim")
    actions = [each.decision.action for each in resolve(database, "default", "offices", by="kim").outcomes]
    assert Action.DELETE in actions
    assert every(engine, "Badge") == {}
    assert resolve(database, "default", "offices", by="kim").outcomes == ()
    assert engine.replay_audit().differences == ()
