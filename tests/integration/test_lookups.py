"""Candidates are looked up for those proposals alone that no key answers, even when its answer is gone meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from memreg.api.engine import Engine
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.ids import uuid7
from memreg.core.steps import Steps
from memreg.engine.batch import decide_message
from memreg.engine.cache import Cache
from memreg.engine.decided import Decided
from memreg.engine.ingest import Walk
from memreg.engine.model import Action, Basis, Extraction, Message, Proposal
from tests.support.engines import people, say
from tests.support.replay import rebuilt, stored
from tests.support.steps import paused

FORGET = Proposal("Person", {"email": "ana@lopez.io"}, "delete")
SAID = Proposal("Person", {"name": "Ana Lopez", "city": "Oslo", "email": "ana@lopez.io"})


def plan(*proposals: Proposal) -> Steps[Decided]:
    walk = Walk("default", "people", Cache(), utc_now, uuid7)
    return decide_message(walk, Message("said", str(uuid7())), Extraction(proposals, "structured"))


def asked(database: Database, *proposals: Proposal) -> list[str]:
    """The names of the queries that a message asks."""
    names: list[str] = []

    def listening() -> Steps[Decided]:
        steps = plan(*proposals)
        batch = next(steps)
        try:
            while True:
                names.extend(each.query.name for each in batch)
                batch = steps.send((yield batch))
        except StopIteration as stop:
            decided: Decided = stop.value
            return decided

    database.run("default", listening)
    return names


def holder_and_namesake(engine: Engine) -> Iterator[object]:
    """One memory that holds the e-mail, and another that says the same as the proposal but for it."""
    yield say(engine, name="Wolfgang Schmidt", email="ana@lopez.io").memory_id
    yield say(engine, name="Ana Lopez", city="Oslo").memory_id


def test_who_is_found_by_a_key_is_looked_up_no_further(database: Database) -> None:
    engine = people(database)
    holder, _ = holder_and_namesake(engine)
    names = asked(database, SAID)
    assert "key_holders" in names
    assert "candidates" not in names
    assert engine.audit(limit=1)[0].memory_id == holder


def test_who_is_found_by_no_key_is_looked_up_once(database: Database) -> None:
    people(database)
    assert asked(database, SAID).count("candidates") == 1


def test_a_key_let_go_in_the_turn_leaves_the_decision_to_the_score(database: Database) -> None:
    engine = people(database)
    holder, namesake = holder_and_namesake(engine)
    deleted, updated = engine.ingest(proposals=[FORGET, SAID]).decisions
    assert (deleted.action, deleted.memory_id) == (Action.DELETE, holder)
    assert (updated.action, updated.basis, updated.memory_id) == (Action.UPDATE, Basis.SCORE, namesake)
    assert rebuilt(database, "default") == stored(database, "default")


def test_a_key_let_go_by_another_worker_leaves_the_decision_to_the_score(database: Database, database_url: str) -> None:
    engine = people(database)
    _, namesake = holder_and_namesake(engine)
    with paused(database_url, lambda: plan(SAID)) as worker:
        worker.until("lock_turn")
        assert engine.ingest(proposals=[FORGET]).decisions[0].action is Action.DELETE
        decision = worker.finish().result.decisions[0]
    assert (decision.action, decision.basis, decision.memory_id) == (Action.UPDATE, Basis.SCORE, namesake)
    assert rebuilt(database, "default") == stored(database, "default")
