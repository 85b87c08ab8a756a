"""What a turn was decided by without locks, against whoever writes until it is written itself."""

from __future__ import annotations

from memreg.core.database import Database
from memreg.engine.model import Action, Basis
from memreg.operations.kill_switch import switch
from tests.support.engines import people, say


def test_a_class_that_two_switches_hold_is_written_to(database: Database) -> None:
    """One of the tenant and one of every tenant, in whatever order their classes come."""
    engine = people(database)
    for tenant, class_name in (("default", None), ("*", None), ("default", "Person"), ("*", "Person")):
        switch(database, tenant, "people", class_name, on=True, by="test")
    decision = say(engine, name="Ana Lopez", email="ana@lopez.io")
    assert (decision.action, decision.basis) == (Action.CREATE, Basis.KILL_SWITCH)
