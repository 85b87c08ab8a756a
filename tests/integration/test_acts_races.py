"""Acts and messages at once: each sees what the other did, or is refused; nothing is lost or made twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any
from uuid import UUID

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.errors import ActRefused
from memreg.engine.model import Proposal
from tests.support.engines import people, say
from tests.support.replay import rebuilt, stored


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What calls give that begin together; a refusal is one of the outcomes."""
    together = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        together.wait(20)
        try:
            return call()
        except ActRefused as refused:
            return refused

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def create(engine: Engine, **values: Any) -> UUID:
    memory = say(engine, **values).memory_id
    assert memory is not None
    return memory


def test_two_memories_that_are_merged_both_ways_become_one(database: Database) -> None:
    engine = people(database)
    for number in range(5):
        one = create(engine, name="Ana Lopez", email=f"a{number}@x.io")
        other = create(engine, name="Wolfgang Schmidt", email=f"b{number}@x.io")
        outcomes = at_once(partial(engine.merge, one, other, by="eva"), partial(engine.merge, other, one, by="tom"))
        assert sorted(isinstance(each, ActRefused) for each in outcomes) == [False, True]
        found = stored(database, "default")
        assert sorted(found[each]["is_deleted"] for each in (one, other)) == [False, True]
        say(engine, operation="delete", email=f"a{number}@x.io")
    assert rebuilt(database, "default") == stored(database, "default")


def test_what_is_said_while_a_memory_is_split_is_in_one_of_the_two(database: Database) -> None:
    engine = people(database)
    ana = create(engine, name="Ana Lopez", email="a@x.io", city="Oslo", notes="start")

    def tell(number: int) -> Callable[[], Any]:
        said = Proposal("Person", {"email": "a@x.io", "notes": f"note {number}"})
        return lambda: engine.ingest(proposals=[said])

    at_once(
        lambda: engine.split(ana, columns=["city"], values={"name": "Bob Stone"}, by="eva"),
        *(tell(number) for number in range(4)),
        lambda: engine.correct(ana, {"age": 40}, by="eva"),
    )
    memory = engine.get(ana)
    assert set(str(memory.values["notes"]).split("\n")) == {"start", *(f"note {number}" for number in range(4))}
    assert (memory.values["age"], "city" in memory.values) == (40, False)
    assert rebuilt(database, "default") == stored(database, "default")


def test_a_key_that_two_want_back_is_given_to_one(database: Database) -> None:
    engine = people(database)
    first = create(engine, name="Ana Lopez", email="a@x.io")
    engine.forget(first, by="eva")
    second = create(engine, name="Wolfgang Schmidt", email="a@x.io")
    engine.forget(second, by="eva")
    outcomes = at_once(lambda: engine.restore(first, by="eva"), lambda: engine.restore(second, by="tom"))
    assert sorted(isinstance(each, ActRefused) for each in outcomes) == [False, True]
    live = [memory_id for memory_id, state in stored(database, "default").items() if not state["is_deleted"]]
    assert len(live) == 1
    assert say(engine, email="a@x.io", age=40).memory_id == live[0]
