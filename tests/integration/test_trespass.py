"""One tenant tries to reach another by every method, by operations and by SQL; the whole of it is a show."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest

from bench.trespass import METHODS, OPERATIONS, Thief, awaited, by_sql, commands, leaks, told, untried
from bench.victim import SCHEMA, Victim, prepare, state
from memreg.api.engine import Engine
from memreg.api.engine_async import AsyncEngine
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import MemregError
from memreg.core.settings import Settings


@pytest.mark.parametrize("kind", [Engine, AsyncEngine])
def test_every_public_method_is_tried(kind: type) -> None:
    assert untried(kind) == []


def test_every_command_that_is_about_a_tenant_is_tried() -> None:
    assert {("get",), ("search",), ("audit", "export"), ("review", "settle"), ("erase",)} <= set(commands())


def test_what_is_a_leak() -> None:
    victim = Victim("umbrella", {}, [], ["hidden1"], every_id=frozenset({"id1"}))
    assert leaks(victim, [], "a hidden1 of id1") == ["hidden1", "id1"]
    assert leaks(victim, ["id1"], "no memory id1") == []


def test_nothing_of_another_tenant_is_reached(settings: Settings, database_url: str) -> None:
    chance = random.Random(7)
    with Database.connect(settings.model_copy(update={"workers": 0})) as database:
        first = Engine(database, tenant="umbrella", schema="people")
        first.registry.register(SCHEMA, annotate="heuristic")
        first.registry.approve("people", by="ana")
        victim = prepare(database, "umbrella", chance, count=24)
        before = state(database_url, "umbrella")
        thief = Thief(Engine(database, tenant="mallory", schema="people", extractor="patterns"), victim, chance)
        tries: list[tuple[str, Callable[[Thief], object]]] = [*METHODS.items(), *OPERATIONS.items()]
        tables = [*before, "backfill_parts"]
        tries += [("sql", lambda thief: by_sql(thief, tables))] * 60
        found: list[str] = []
        for name, attempt in tries * 2:
            thief.given.clear()
            said, _ = told(partial(attempt, thief))
            found += [f"{name}: {each}" for each in leaks(victim, thief.given, said)]
        assert found == []
        after = state(database_url, "umbrella")
        assert [table for table in before if before[table] != after[table]] == []


async def test_every_method_is_tried_asynchronously(settings: Settings) -> None:
    """What it gives is waited for: a coroutine that nobody awaits has tried nothing."""
    chance, nobody = random.Random(7), settings.model_copy(update={"workers": 0})
    with Database.connect(nobody) as database:
        first = Engine(database, tenant="umbrella", schema="people")
        first.registry.register(SCHEMA, annotate="heuristic")
        first.registry.approve("people", by="ana")
        victim = prepare(database, "umbrella", chance, count=8)
    async with await AsyncDatabase.connect(nobody) as opened:
        thief = Thief(AsyncEngine(opened, tenant="mallory", schema="people", extractor="patterns"), victim, chance)
        for attempt in METHODS.values():
            with suppress(MemregError):
                await awaited(attempt(thief))
        kept = await thief.engine.list("Person")
    assert any("stolen" in str(each) for each in kept)
