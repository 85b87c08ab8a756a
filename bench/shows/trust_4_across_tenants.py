"""10,000 attempts of one tenant to reach another, through every public entry point: none succeeds, and no error or
answer holds a value of the other's.

The other has memories of every kind, and secrets in every text: values, evidence, reasons, names of people who acted,
dead and waiting messages. The thief knows all ids, sessions and e-mail addresses, and who is remembered.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.stage import Show, database, perform, server_version
from bench.trespass import (
    METHODS,
    OPERATIONS,
    Thief,
    awaited,
    by_command,
    by_sql,
    commands,
    leaks,
    told,
    untried,
)
from bench.victim import SCHEMA, Victim, prepare, state
from memreg import AsyncEngine, Engine
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.settings import Settings

ATTEMPTS = 10_000
SHARES = {"method": 0.6, "async method": 0.1, "operation": 0.1, "sql": 0.15, "command": 0.05}
THIEF, VICTIM = "mallory & sons", "umbrella"


class Book:
    """What came of attempts."""

    def __init__(self, victim: Victim) -> None:
        self.victim = victim
        self.made: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.leaks: list[str] = []

    def write(self, kind: str, name: str, thief: Thief, what: Callable[[], Any]) -> None:
        """Make one attempt."""
        thief.given.clear()
        said, refused = told(what)
        self.made[kind] += 1
        self.refused[kind] += refused
        self.leaks += [f"{kind} {name}: {each}" for each in leaks(self.victim, thief.given, said)]


def nothing_at_all(show: Show, engine: Engine, victim: Victim) -> None:
    """Before the thief has said a word, there is nothing for it to see or count."""
    seen = [
        engine.list(limit=1_000),
        engine.search("hidden", limit=100),
        engine.search(victim.known[0]["name"], limit=100),
        engine.audit(limit=1_000),
        engine.review().items,
        engine.usage().lines,
        engine.replay_audit().entries,
        engine.jobs_left(),
        (stats := engine.stats()).pending + stats.submitted + stats.completed + stats.failed + stats.workers_active,
    ]
    show.claim("a tenant with nothing sees and counts nothing", not any(seen), seen)


def with_methods(book: Book, thief: Thief, count: int) -> None:
    names = list(METHODS)
    for number in range(count):
        name = names[number % len(names)]
        book.write("method", name, thief, lambda name=name: METHODS[name](thief))  # type: ignore[misc]


async def with_coroutines(book: Book, settings: Settings, thief: Thief, count: int) -> None:
    async with await AsyncDatabase.connect(settings) as opened:
        thief.engine = AsyncEngine(opened, tenant=THIEF, schema="people", extractor="patterns")
        names = list(METHODS)
        for number in range(count):
            name = names[number % len(names)]
            thief.given.clear()
            found, failed = None, None
            try:
                found = await awaited(METHODS[name](thief))
            except Exception as error:
                failed = error

            def again(found: Any = found, failed: Exception | None = failed) -> Any:
                if failed is not None:
                    raise failed
                return found

            kept = set(thief.given)
            said, refused = told(again)
            book.made["async method"] += 1
            book.refused["async method"] += refused
            book.leaks += [f"async {name}: {each}" for each in leaks(book.victim, kept, said)]


def main(show: Show) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=ATTEMPTS)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    shares = {kind: round(arguments.attempts * share) for kind, share in SHARES.items()}
    missing = untried(Engine) + untried(AsyncEngine)
    show.claim("every public method of an engine is tried", not missing, missing)
    with database() as dsn:
        settings = Settings(database_url=dsn, workers=0)
        show.say(f"PostgreSQL {server_version(dsn)}, seed {arguments.seed}: {arguments.attempts:,} attempts")
        with Database.connect(settings) as opened:
            first = Engine(opened, tenant=VICTIM, schema="people")
            first.registry.register(SCHEMA, annotate="heuristic")
            first.registry.approve("people", by="ana")
            victim = prepare(opened, VICTIM, chance)
            before = state(dsn, VICTIM)
            engine = Engine(opened, tenant=THIEF, schema="people", extractor="patterns")
            nothing_at_all(show, engine, victim)
            book, thief = Book(victim), Thief(engine, victim, chance)
            tables = [*before, "schemas", "backfill_parts", "alembic_version"]
            with_methods(book, thief, shares["method"])
            for _ in range(shares["operation"]):
                name = chance.choice(list(OPERATIONS))
                book.write("operation", name, thief, lambda name=name: OPERATIONS[name](thief))  # type: ignore[misc]
            for _ in range(shares["sql"]):
                book.write("sql", "", thief, lambda: by_sql(thief, tables))
            every = commands()
            os.environ["MEMREG_WORKERS"] = "0"
            for number in range(shares["command"]):
                path = every[number % len(every)]
                book.write("command", " ".join(path), thief, lambda path=path: by_command(thief, path, dsn))  # type: ignore[misc]
            asyncio.run(with_coroutines(book, settings, Thief(None, victim, chance), shares["async method"]))
            after = state(dsn, VICTIM)
            mine = engine.list("Person", limit=10_000)
            checked = engine.replay_audit()
        changed = [table for table in before if before[table] != after[table]]
        show.claim(f"{sum(book.made.values()):,} attempts were made", sum(book.made.values()) >= arguments.attempts)
        show.claim("not a row of the other tenant was changed, added or taken away", not changed, changed)
        show.claim("no answer and no error held a value or an id of the other's", not book.leaks, book.leaks[:5])
        show.claim(
            "the thief's own memories are its own, and its audit rebuilds them", checked.is_same, checked.sentence
        )
        show.claim("what the thief said by the other's names made memories of its own", len(mine) > 0)
        show.figures |= {
            "attempts": dict(book.made),
            "refused": dict(book.refused),
            "leaks": len(book.leaks),
            "changed_tables": changed,
            "methods": len(METHODS),
            "commands": len(every),
            "secrets": len(victim.hidden),
            "seed": arguments.seed,
        }


if __name__ == "__main__":
    perform("trust_4_across_tenants", main)
