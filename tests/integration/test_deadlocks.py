"""Many at once on few objects and in opposite orders: locks are taken in one order, so nobody waits in a circle."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
import pytest

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.errors import ActRefused, DatabaseError, MemoryNotFound
from memreg.core.settings import Settings
from memreg.engine.model import Action, Message, Proposal
from tests.support.engines import register
from tests.support.offices import OFFICES
from tests.support.replay import rebuilt, stored

THREADS, ROUNDS, OBJECTS = 8, 12, 3
PLAIN = """
schema: plain
classes:
  {}
"""
CLASS = """
  {}:
    description: A thing
    columns:
      name: {{dtype: string, desc: What it is called, required: true}}
      code: {{dtype: string, desc: Its code}}
      tags: {{dtype: "list[string]", desc: Labels, merge: union}}
    annotation:
      searchable: {{name: 3, tags: 1}}
      identity: [{{columns: [code], strength: strong}}]
"""
Work = Callable[[Engine, random.Random], Any]


@pytest.fixture
def busy(settings: Settings) -> Iterator[Database]:
    """A database with room for all threads, in which nobody waited in a circle."""
    with Database.connect(settings.model_copy(update={"pool_size": 4 * THREADS})) as database:
        yield database
        assert database.retried["deadlock"] == 0
    # Its connections are closed, so that the server has counted what they did.
    with psycopg.connect(settings.database_url or "") as conn:
        row = conn.execute("select deadlocks from pg_stat_database where datname = current_database()").fetchone()
    assert row == (0,)


def all_at_once(engine: Engine, *kinds: Work) -> Counter[str]:
    """Each thread does something of some kind, over and over; gives how often each was done, and refused."""
    together, done = Barrier(THREADS), Counter[str]()

    def run(number: int) -> None:
        chance = random.Random(number)
        together.wait(30)
        for _ in range(ROUNDS):
            work = chance.choice(kinds)
            try:
                work(engine, chance)
                done[work.__name__] += 1
            except DatabaseError:
                raise
            except (ActRefused, MemoryNotFound):  # somebody else was before
                done[f"{work.__name__} refused"] += 1

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(run, range(THREADS)))
    return done


def things(chance: random.Random, names: list[str]) -> list[Proposal]:
    """A proposal of each class, of few objects, in any order."""
    chance.shuffle(names)
    found = []
    for name in names:
        number = chance.randrange(OBJECTS)
        values = {"name": f"Thing {number}", "code": f"c{number}", "tags": [f"t{chance.randrange(50)}"]}
        found.append(Proposal(name, values, chance.choice(["upsert", "upsert", "upsert", "delete"])))
    return found


def test_turns_of_many_classes_in_opposite_orders(busy: Database) -> None:
    names = ["Alpha", "Beta", "Gamma", "Delta"]
    register(busy, PLAIN.format("".join(CLASS.format(name) for name in names)))

    def turn(engine: Engine, chance: random.Random) -> None:
        engine.ingest(proposals=things(chance, chance.sample(names, chance.randint(1, 4))))

    def same_message(engine: Engine, chance: random.Random) -> None:
        number = chance.randrange(4)
        engine.ingest(Message("again", f"same{number}"), proposals=things(random.Random(number), list(names)))

    done = all_at_once(Engine(busy, schema="plain"), turn, same_message)
    assert done.total() == THREADS * ROUNDS
    assert rebuilt(busy, "default") == stored(busy, "default")
    for name in names:
        codes = [memory.values.get("code") for memory in Engine(busy, schema="plain").list(name)]
        assert len(codes) == len(set(codes)), "one memory for one object"


def test_acts_against_messages_and_each_other(busy: Database) -> None:
    names = ["Alpha", "Beta"]
    register(busy, PLAIN.format("".join(CLASS.format(name) for name in names)))

    def turn(engine: Engine, chance: random.Random) -> None:
        engine.ingest(proposals=things(chance, list(names)))

    def two(engine: Engine, chance: random.Random) -> list[Any]:
        found = engine.list(chance.choice(names))
        return chance.sample(found, 2) if len(found) > 1 else []

    def merge(engine: Engine, chance: random.Random) -> None:
        if pair := two(engine, chance):
            engine.merge(pair[0].id, pair[1].id, by="eva")

    def correct(engine: Engine, chance: random.Random) -> None:
        for memory in two(engine, chance):
            engine.correct(memory.id, {"tags": ["put right"]}, by="eva")

    def undo(engine: Engine, chance: random.Random) -> None:
        if pair := two(engine, chance):
            entries = [each.audit_id for each in engine.history(pair[0].id) if each.audit_id is not None]
            engine.undo(chance.choice(entries), by="eva", cascade=True)

    def forget(engine: Engine, chance: random.Random) -> None:
        if pair := two(engine, chance):
            engine.forget(pair[0].id, by="eva")
            engine.restore(pair[0].id, by="eva")

    def erase(engine: Engine, chance: random.Random) -> None:
        if pair := two(engine, chance):
            engine.erase(pair[1].id, by="eva")

    engine = Engine(busy, schema="plain")
    for _ in range(4):
        engine.ingest(proposals=things(random.Random(1), list(names)))
    done = all_at_once(engine, turn, turn, turn, merge, correct, undo, forget, erase)
    assert done.total() == THREADS * ROUNDS
    assert {"turn", "correct", "undo", "erase"} <= done.keys()


def test_references_both_ways(busy: Database) -> None:
    """Turns lock what they refer to, and what refers to what they delete."""
    register(busy, OFFICES)

    def company(number: int) -> dict[str, Any]:
        return {"name": f"Works {number}", "vat": f"NO{number}"}

    def person(engine: Engine, chance: random.Random) -> None:
        number, boss = chance.randrange(OBJECTS), chance.randrange(OBJECTS)
        values: dict[str, Any] = {"name": f"Name{number} Stone", "email": f"n{number}@x.org"}
        values["employer"] = company(chance.randrange(OBJECTS))
        if boss != number:
            values["manager"] = {"name": f"Name{boss} Stone", "email": f"n{boss}@x.org"}
        engine.ingest(proposals=[Proposal("Person", values)])

    def order(engine: Engine, chance: random.Random) -> None:
        customer = company(chance.randrange(OBJECTS))
        said = [
            Proposal("Company", customer),
            Proposal("Purchase", {"customer": customer, "number": str(chance.randrange(OBJECTS))}),
        ]
        chance.shuffle(said)
        engine.ingest(proposals=said)

    def badge(engine: Engine, chance: random.Random) -> None:
        owner = {"name": "Name0 Stone", "email": "n0@x.org"}
        engine.ingest(proposals=[Proposal("Badge", {"code": f"b{chance.randrange(OBJECTS)}", "owner": owner})])

    def gone(engine: Engine, chance: random.Random) -> None:
        number = chance.randrange(OBJECTS)
        wanted = [Proposal("Person", {"email": f"n{number}@x.org"}, "delete")]
        wanted.append(Proposal("Company", {"vat": f"NO{number}"}, "delete"))
        chance.shuffle(wanted)
        engine.ingest(proposals=wanted)

    done = all_at_once(Engine(busy, schema="offices"), person, order, badge, gone)
    assert done.total() == THREADS * ROUNDS
    assert rebuilt(busy, "default") == stored(busy, "default")


def test_what_is_erased_from_two_schemas_of_a_tenant(busy: Database) -> None:
    """Each takes the locks of its own schema, and then those of the other."""
    for schema in ("plain", "other"):
        register(busy, PLAIN.replace("plain", schema).format(CLASS.format("Alpha")))
    engines = [Engine(busy, schema=schema) for schema in ("plain", "other")]
    wanted = []
    for number in range(8):
        for engine in engines:
            values = {"name": f"Thing {number}", "code": f"{engine}{number}"[-12:], "tags": ["shared"]}
            made = engine.ingest(proposals=[Proposal("Alpha", values)]).decisions[0].memory_id
            assert made is not None
            wanted.append((engine, made))
    together = Barrier(len(wanted))

    def erase(each: tuple[Engine, Any]) -> None:
        together.wait(30)
        each[0].erase(each[1], by="eva", also=["nowhere said"])

    with ThreadPoolExecutor(len(wanted)) as pool:
        list(pool.map(erase, wanted))
    assert not engines[0].list("Alpha")


def test_under_the_locks_from_the_beginning_another_version_is_begun_with_again(
    busy: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have other classes, and locks are taken in one order only."""
    plain = PLAIN.format(CLASS.format("Beta"))
    register(busy, plain)
    engine = Engine(busy, schema="plain")
    said = [Proposal(name, {"name": "Thing 1", "code": "c1"}) for name in ("Beta", "Alpha")]
    first = engine.ingest(proposals=said[1:])
    assert [decision.action for decision in first.decisions] == [Action.REJECT], "there is no such class yet"
    register(busy, PLAIN.format(CLASS.format("Beta") + CLASS.format("Alpha")))
    monkeypatch.setattr(engine._cache.contention, "is_high", lambda *_: True)
    second = engine.ingest(proposals=said)
    assert [decision.action for decision in second.decisions] == [Action.CREATE, Action.CREATE]
    assert busy.retried == {"changed": 1}
