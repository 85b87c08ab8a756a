"""Where the sections of the benchmark run: one database with a tenant of each size, an engine, and a floor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

import psycopg

from bench.speed import hand, load, settle, world
from bench.speed.forms import Forms
from bench.stage import prepare
from memreg import Engine
from memreg.core.database import Database
from memreg.core.settings import Settings
from memreg.core.steps import Last, Steps

T = TypeVar("T")


class CountingDatabase(Database):
    """A database that counts the round trips of its plans: each batch is one, and so is a commit of its own."""

    trips = 0

    def run(self, tenant: str, plan: Callable[[], Steps[T]]) -> T:
        """As `Database.run`."""
        return super().run(tenant, lambda: self._counted(plan()))

    def _counted(self, steps: Steps[T]) -> Steps[T]:
        batch: object = None
        try:
            batch = next(steps)
            while True:
                self.trips += 1
                results = yield batch
                batch = steps.send(results)
        except StopIteration as stop:
            self.trips += not isinstance(batch, Last)
            value: T = stop.value
            return value


@dataclass
class Place:
    """`sizes`: memories of the tenants, by size, in the order in which they were asked for; 0 is a tenant of one memory
    or none. `calls`: how often each thing is done, where there are memories enough."""

    dsn: str
    database: CountingDatabase
    engine: Engine
    conn: psycopg.Connection[Any]
    floor: psycopg.Connection[Any]
    forms: Forms
    sizes: tuple[int, ...]
    calls: int
    say: Callable[[str], None] = print
    _taken: dict[int, Iterator[int]] = field(default_factory=dict)
    _strangers: Iterator[int] = field(default_factory=lambda: count(10))

    def tenant(self, size: int) -> Engine:
        """The engine for the tenant of a size."""
        return self.engine.for_tenant(name_of(size))

    def people(self, size: int, count: int) -> list[int]:
        """The numbers of so many people of a size whom nothing was done to yet. Raises ValueError when too few are
        left."""
        numbers = self._taken.setdefault(size, _shuffled(size))
        found = [number for number, _ in zip(numbers, range(count), strict=False)]
        if len(found) < count:
            raise ValueError(f"of {size:,} memories too few are left for {count} more people")
        return found

    def strangers(self, count: int) -> list[int]:
        """The numbers of so many people whom nobody has told of yet."""
        return list(world.people(next(self._strangers) * world.NEVER, count))

    def calls_at(self, size: int, share: int = 20) -> int:
        """How many calls a size has people for, where each takes `share` thousandths of them at most."""
        return self.calls if not size else max(10, min(self.calls, size * 8 // 10 * share // 1000))


def name_of(size: int) -> str:
    """The tenant of a size."""
    return f"of {size}"


def _shuffled(size: int) -> Iterator[int]:
    """The people of a size, in an order that jumps about: each once."""
    numbers = [number for number in range(size) if world.kind_of(number) == "Person"]
    step = 7_919
    while numbers and len(numbers) % step == 0:
        step += 2
    return (numbers[place * step % len(numbers)] for place in range(len(numbers)))


@contextmanager
def placed(
    dsn: str,
    sizes: tuple[int, ...],
    calls: int,
    say: Callable[[str], None],
) -> Iterator[Place]:
    """Fill a database and take places in it. What trips kill switches by itself is off: the benchmark's traffic is odd
    on purpose."""
    prepare(dsn, world.SCHEMA)
    settings = Settings(database_url=dsn, schema_=world.SCHEMA_NAME)
    with (
        CountingDatabase.connect(settings) as database,
        psycopg.connect(dsn, autocommit=True) as conn,
        hand.connect(dsn) as floor,
    ):
        engine = Engine(database, trips=False)
        forms = load.learned(engine, conn)
        load.load(dsn, forms, {name_of(size): size for size in sizes if size})
        settle.settle(conn)
        yield Place(dsn, database, engine, conn, floor, forms, sizes, calls, say)
