"""memreg on tables that are divided by tenant: it decides the same, and looks into the shard of its tenant alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic

import psycopg
import pytest

from memreg.api.engine import Engine
from memreg.api.worker import BEAT
from memreg.core.database import Database
from memreg.core.settings import Settings
from tests.support.cross_tenant import is_listed
from tests.support.engines import register
from tests.support.people import final_state
from tests.support.recorded import recorded
from tests.support.server import Server
from tests.support.sharded import SHARDS, shard, shard_of, work
from tests.support.story import bury, look_over, methods, queue_up, tell
from tests.support.tenancy import faults

ACME, OTHERS = "acme", ("umbrella", "initech", "hooli", "globex", "soylent", "stark")
# PostgreSQL tells no shard by an equality under another collation, by which the search keeps to its index: it asks the
# index of every shard once for the lexeme of its tenant. A worker looks once for what others left behind.
SHARED: dict[object, set[tuple[str, int]]] = {
    tell: {("memories", 1)},
    queue_up: {("messages", 1), ("audit_unsealed", 1)},
    bury: set(),
}
# What no query file has: what ends a transaction.
UNNAMED = frozenset({"commit"})


@pytest.fixture(scope="module")
def template(server: Server) -> Iterator[str]:
    """A database whose tables are divided, with a schema in force and memories of other tenants in every shard."""
    name = server.create(server.template)
    shard(server.dsn_of(name))
    with open_at(server.dsn_of(name)) as database:
        register(database)
        for tenant in OTHERS:
            tell(engine_of(database, tenant))
    yield name
    server.drop(name)


@pytest.fixture
def sharded_url(server: Server, template: str) -> Iterator[str]:
    name = server.create(template)
    yield server.dsn_of(name)
    server.drop(name)


def open_at(url: str) -> Database:
    return Database.connect(Settings(database_url=url, connect_timeout=5))


def engine_of(database: Database, tenant: str = ACME) -> Engine:
    return Engine(database, tenant=tenant, schema="people", extractor="patterns")


def test_every_public_method_is_asked(sharded_url: str) -> None:
    with open_at(sharded_url) as database:
        told = {name for ask in (queue_up, look_over, bury) for name in ask(engine_of(database))}
        assert tell(engine_of(database))[1] | told >= methods()


def test_it_decides_the_same(sharded_url: str, database: Database) -> None:
    register(database)
    with open_at(sharded_url) as divided:
        assert tell(engine_of(divided))[0] == tell(engine_of(database))[0]
        there = [{**memory, "keys": len(memory["keys"])} for memory in final_state(divided, ACME)]
    assert there == [{**memory, "keys": len(memory["keys"])} for memory in final_state(database, ACME)]


@pytest.mark.parametrize("ask", [tell, queue_up, bury])
def test_only_the_shard_of_the_tenant_is_looked_into(sharded_url: str, ask: Callable[[Engine], object]) -> None:
    """Also by what the functions and triggers of the database do."""
    before, own = worked(sharded_url)
    began = monotonic()
    with open_at(sharded_url) as database:
        ask(engine_of(database))
    looks = 1 + int((monotonic() - began) / BEAT)
    after, _ = worked(sharded_url)
    grown = {name: after[name] - before[name] for name in after if after[name] > before[name]}
    assert f"messages_{own}" in grown
    strangers = {name: by for name, by in grown.items() if not name.endswith(f"_{own}")}
    # A worker looks again after a while, which on a slow machine is over before all is decided; and a look for messages
    # of two states is two scans of the index before PostgreSQL 17.
    most = 2 * looks if ask is queue_up else 1
    assert {(table.rpartition("_")[0], 1 if by <= most else by) for table, by in strangers.items()} == SHARED[ask]


def worked(url: str) -> tuple[dict[str, int], int]:
    """What was done in each shard until now, and the number of the tenant's own."""
    with psycopg.connect(url, autocommit=True) as conn:
        shards = {shard_of(conn, tenant) for tenant in OTHERS}
        assert shards == set(range(SHARDS)), "the others fill every shard"
        return work(conn), shard_of(conn, ACME)


def test_nothing_is_asked_that_crosses_tenants(sharded_url: str) -> None:
    with open_at(sharded_url) as database, recorded() as asked:
        tell(engine_of(database))
    assert len(asked) > 80
    assert [name for name in asked if is_listed(name)] == []
    assert {text for text in asked if ".sql:" not in text} <= UNNAMED
    assert [text for text in asked if ".sql:" not in text and text not in UNNAMED and faults(text)] == []


def test_what_an_operator_asks_is_recorded_as_crossing_them(sharded_url: str) -> None:
    with open_at(sharded_url) as database, recorded() as asked:
        look_over(engine_of(database))
    assert {name for name in asked if is_listed(name)} >= {"operations/inbox.sql:newest_failure"}
