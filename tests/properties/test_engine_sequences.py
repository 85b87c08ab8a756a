"""Random turns on a real database (invariants 1 and 2): the audit rebuilds the memories, taking again changes nothing,
and the blocking and the asynchronous engine do the same."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from memreg.api.engine import Engine
from memreg.api.engine_async import AsyncEngine
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.settings import Settings
from memreg.engine.model import Action, Decision, IngestResult, Message, Proposal
from memreg.engine.storable import storable
from memreg.engine.text import rank_query, scope_token, tokens, tsquery, tsvector
from memreg.operations.kill_switch import switch
from tests.support.engines import register
from tests.support.replay import ENTRIES, MEMORIES, rebuilt, rows, stored
from tests.support.server import Server

tenants = (f"t{n}" for n in itertools.count())

values = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["Ana Lopez", "Anna Lopez", "Ana", "Tor Moe", "Tor Lopez", "Wolfgang Schmidt"]),
        "email": st.sampled_from(["a@x.io", "b@x.io", "c@x.io"]),
        "phone": st.sampled_from(["111", "222"]),
        "born": st.sampled_from(["1990-05-01", "1991-05-01", "not a day"]),
        "city": st.sampled_from(["Oslo", "Bergen", None]),
        "tags": st.sampled_from([["pilot"], ["doctor", "pilot"]]),
        "notes": st.sampled_from(["tea", "chess"]),
        "first_seen": st.sampled_from(["2026-01-01", "2026-02-01"]),
        "source": st.sampled_from(["mail", "call"]),
        "age": st.sampled_from([30, "31", "many"]),
    },
)
proposals = st.builds(
    Proposal, st.just("Person"), values, st.sampled_from(["upsert", "upsert", "upsert", "delete"])
) | (st.builds(Proposal, st.just("Note"), st.fixed_dictionaries({"title": st.sampled_from(["Buy milk", "Buy bread"])})))
turns = st.lists(st.lists(proposals, min_size=1, max_size=4), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def url(server: Server) -> Iterator[str]:
    name = server.create(server.template)
    yield server.dsn_of(name)
    server.drop(name)


@pytest.fixture(scope="module")
def module_database(url: str) -> Iterator[Database]:
    with Database.connect(Settings(database_url=url)) as database:
        register(database)
        yield database


def ingest_all(engine: Engine, said: list[list[Proposal]]) -> list[IngestResult]:
    return [engine.ingest(Message("said", f"m{n}"), proposals=each) for n, each in enumerate(said)]


def everything(database: Database, tenant: str) -> tuple[Any, ...]:
    memories = [
        {name: value for name, value in row.items() if name != "search"} for row in rows(database, MEMORIES, tenant)
    ]
    return memories, rows(database, ENTRIES, tenant), stored(database, tenant)


@settings(max_examples=60)
@given(turns)
def test_the_audit_rebuilds_the_memories(module_database: Database, said: list[list[Proposal]]) -> None:
    tenant = next(tenants)
    engine = Engine(module_database, tenant=tenant, schema="people")
    results = ingest_all(engine, said)
    found = stored(module_database, tenant)
    assert rebuilt(module_database, tenant) == found
    entries = rows(module_database, ENTRIES, tenant)
    assert [(row["message_id"], row["ordinal"]) for row in entries] == [
        (f"m{n}", ordinal) for n, each in enumerate(said) for ordinal in range(len(each))
    ]
    live = {memory: state for memory, state in found.items() if not state["is_deleted"]}
    strong = [(key["key"], key["digest"]) for state in live.values() for key in state["keys"] if key["strong"]]
    assert len(strong) == len(set(strong))
    assert all(not state["keys"] for memory, state in found.items() if memory not in live)
    for memory in rows(module_database, MEMORIES, tenant):
        revisions = engine.history(memory["id"])
        assert [each.revision for each in revisions] == list(range(1, memory["revision"] + 1))
        assert revisions[-1].values == memory["payload"]
    for decision in (each for result in results for each in result.decisions):
        if decision.action in (Action.UPDATE, Action.UPSERT, Action.DELETE, Action.CREATE):
            assert decision.memory_id in found


@settings(max_examples=25)
@given(turns, st.randoms(use_true_random=False))
def test_taking_messages_again_changes_nothing(
    module_database: Database, said: list[list[Proposal]], random: Any
) -> None:
    tenant = next(tenants)
    engine = Engine(module_database, tenant=tenant, schema="people")
    first = ingest_all(engine, said)
    before = everything(module_database, tenant)
    order = list(range(len(said)))
    random.shuffle(order)
    for number in order:
        again = engine.ingest(Message("said", f"m{number}"), proposals=said[number])
        assert (again.status, again.decisions) == ("replayed", first[number].decisions)
    assert everything(module_database, tenant) == before


@settings(max_examples=20)
@given(turns, st.integers(0, 5))
def test_with_the_switch_on_nothing_known_changes(
    module_database: Database, said: list[list[Proposal]], at: int
) -> None:
    tenant = next(tenants)
    engine = Engine(module_database, tenant=tenant, schema="people")
    ingest_all(engine, said[:at])
    before = stored(module_database, tenant)
    switch(module_database, tenant, "people", on=True, by="test")
    for each in said[at:]:
        for decision in engine.ingest(proposals=each).decisions:
            assert decision.action in (Action.CREATE, Action.REJECT, Action.SKIP)
    after = stored(module_database, tenant)
    assert {memory: after[memory] for memory in before} == before
    assert all(after[memory]["unresolved"] and not after[memory]["keys"] for memory in after.keys() - before.keys())
    assert rebuilt(module_database, tenant) == after


def shape(results: list[IngestResult]) -> list[list[tuple[Any, ...]]]:
    """The decisions with memories numbered in the order they are named, ids in reasons too."""
    names: dict[UUID, str] = {}

    def named(decision: Decision) -> tuple[Any, ...]:
        if decision.memory_id:
            names.setdefault(decision.memory_id, f"memory {len(names)}")
        reasons = " ".join(decision.reasons)
        for memory, name in names.items():
            reasons = reasons.replace(str(memory), name)
        return decision.action, decision.basis, names.get(decision.memory_id or UUID(int=0)), decision.score, reasons

    return [[named(decision) for decision in result.decisions] for result in results]


@settings(max_examples=15)
@given(turns)
def test_blocking_and_asynchronous_engines_do_the_same(
    module_database: Database, url: str, said: list[list[Proposal]]
) -> None:
    blocking, other = next(tenants), next(tenants)
    here = ingest_all(Engine(module_database, tenant=blocking, schema="people"), said)

    async def run() -> list[IngestResult]:
        async with await AsyncDatabase.connect(Settings(database_url=url)) as database:
            engine = AsyncEngine(database, tenant=other, schema="people")
            return [await engine.ingest(Message("said", f"m{n}"), proposals=each) for n, each in enumerate(said)]

    there = asyncio.run(run())
    assert shape(here) == shape(there)
    states = [list(stored(module_database, tenant).values()) for tenant in (blocking, other)]
    assert states[0] == states[1]


# What Postgres must accept, whatever the text

any_text = st.text(st.characters(exclude_categories=()), max_size=60)


@pytest.fixture(scope="module")
def connection(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as conn:
        yield conn


@settings(max_examples=300)
@given(any_text | st.text("'\\:*&|!() <>=", max_size=10), st.sampled_from("ABC"))
def test_any_text_is_a_tsvector_and_a_tsquery_that_finds_it(
    connection: psycopg.Connection[Any], text: str, letter: str
) -> None:
    scope = scope_token("t'; --", "people", text)
    found = tokens(text)
    vector = tsvector(scope, [(letter, found)])
    row = connection.execute(
        "select length(%s::tsvector), tsvector_to_array(%s::tsvector)", [vector, vector]
    ).fetchone()
    assert row is not None
    assert row[0] == len({scope, *found})
    assert set(row[1]) == {scope, *found}
    for token in found[:3]:
        query, rank = tsquery([scope], [token]), rank_query([token], prefix=True)
        asked = connection.execute(
            "select %s::tsvector @@ %s::tsquery, ts_rank(%s::tsvector, %s::tsquery) > 0", [vector, query, vector, rank]
        ).fetchone()
        assert asked == (True, True)


numbers = st.floats(-1e15, 1e15) | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 5e-324])
leaves = st.none() | st.booleans() | st.integers() | numbers | any_text | st.just(10**3000) | st.just(-(10**1000))


@settings(max_examples=200)
@given(st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3)))
def test_anything_storable_is_kept_by_jsonb(connection: psycopg.Connection[Any], value: Any) -> None:
    kept = storable(value)
    row = connection.execute("select %s::jsonb", [Jsonb(kept)]).fetchone()
    assert row is not None
    assert json.loads(json.dumps(row[0])) == kept


def test_deep_values_are_kept_by_jsonb(connection: psycopg.Connection[Any]) -> None:
    value: Any = "x"
    for _ in range(500):
        value = [value]
    assert connection.execute("select %s::jsonb", [Jsonb(storable(value))]).fetchone() is not None
