"""What a turn was decided by without locks, against whoever writes until it is written itself."""

from __future__ import annotations

from memreg.core.database import Database
from memreg.engine.model import Action, Basis, Proposal
from memreg.operations.backfill import backfill
from memreg.operations.kill_switch import switch
from tests.support.people import ONE, SCHEMA, engine_of, person, register, rows, say


def test_a_class_that_two_switches_hold_is_written_to(database: Database) -> None:
    """One of the tenant and one of every tenant, in whatever order their classes come."""
    register(database)
    for tenant, class_name in (("default", None), ("*", None), ("default", "Person"), ("*", "Person")):
        switch(database, tenant, "people", class_name, on=True, by="test")
    decision = say(engine_of(database), "m1", person(name="Ana Lopez", email="ana@lopez.io")).decisions[0]
    assert (decision.action, decision.basis) == (Action.CREATE, Basis.KILL_SWITCH)


# While and after a class takes another name


RENAMED = ONE.replace("  Person:\n", "  Human:\n    from: Person\n")


def test_the_count_of_writes_of_a_renamed_class_begins_above_what_came_with_it(database: Database) -> None:
    register(database)
    engine = engine_of(database)
    for number in range(3):
        say(engine, f"m{number}", person(name=f"Person {number}", email=f"p{number}@x.org"))
    backfill(database, SCHEMA, register(database, RENAMED))
    say(engine_of(database), "new", Proposal("Human", {"name": "Bo Ek", "email": "bo@x.org"}))
    say(engine_of(database), "old", Proposal("Human", {"email": "p1@x.org", "city": "Oslo"}))
    found = {row["payload"]["name"]: row["change"] for row in rows(database, "memories")}
    assert [found[name] for name in ("Bo Ek", "Person 1")] == [1, 2]
    assert found["Person 0"] < 0 and found["Person 2"] < 0
