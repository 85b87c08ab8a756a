"""Logins that own nothing, an owner who is no superuser, and roles that an administrator made: each of them works."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from memreg.api.engine import Engine
from memreg.api.registry import Registry
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.errors import DatabaseError, RoleRefused
from memreg.core.queries import Query
from memreg.core.settings import Settings
from memreg.core.steps import fetch_rows
from memreg.engine.model import Action, Message
from memreg.migrations import runner
from memreg.operations.audit.run import anchor_all, retain_all, verify_all
from memreg.operations.backfill import backfill, start, status
from memreg.operations.kill_switch import switch
from memreg.operations.metrics import metrics
from memreg.operations.resolve import resolve
from memreg.operations.usage import usage
from tests.support.cluster import Cluster, running_cluster
from tests.support.people import ONE, person, say
from tests.support.scripted import Scripted, named

WORD = "staple"
WHO = Query("who", "Whom the server takes this transaction for.", "select current_user as who")
OWNED = Query(
    "owned",
    "What the login owns.",
    "select count(*) as n from pg_class where relowner = (select oid from pg_roles where rolname = session_user)",
)


@dataclass(frozen=True)
class Place:
    """A server, and databases on it that are owned by different logins."""

    cluster: Cluster

    def make(self, name: str, owner: str) -> str:
        """A new database; its DSN as its owner."""
        with psycopg.connect(self.cluster.dsn(), autocommit=True) as conn:
            statement = sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(owner))
            conn.execute(statement)
        return self.dsn(name, owner)

    def dsn(self, name: str, login: str) -> str:
        """The DSN of a database as a login."""
        return self.cluster.dsn(login, WORD, name)

    def run(self, statement: str) -> None:
        """A statement of the administrator."""
        with psycopg.connect(self.cluster.dsn(), autocommit=True) as conn:
            conn.execute(statement.encode())


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with running_cluster(40) as cluster:
        with psycopg.connect(cluster.dsn(), autocommit=True) as conn:
            conn.execute("create role superior superuser login password 'staple'")
            conn.execute("create role maker createrole login password 'staple'")
            conn.execute("create role builder login password 'staple'")
            conn.execute("create role clerk login password 'staple'")
        yield Place(cluster)


@pytest.fixture(autouse=True)
def _as_before(place: Place) -> Iterator[None]:
    """Each test has a server without memreg's databases and roles, whichever was first."""
    yield
    for name in ("refused", "made", "shared"):
        place.run(f"drop database if exists {name} with (force)")
    for name in ("memreg_app", "memreg_operator"):
        place.run(f"drop role if exists {name}")


def opened(dsn: str) -> Database:
    return Database.connect(Settings(connect_timeout=5), dsn=dsn)


def works(database: Database, tenant: str = "acme") -> None:
    """All that an application, a person and a worker do."""
    registry = Registry(database)
    registry.register(ONE, annotate="heuristic")
    registry.approve("people", by="ana")
    engine = Engine(database, tenant=tenant, schema="people", extractor=Scripted(named))
    with engine:
        made = say(engine, "one", person(name="Ana Lopez", email="ana@lopez.io", city="Oslo")).decisions[0]
        assert say(engine, "two", person(email="ana@lopez.io", city="Rome")).decisions[0].action is Action.UPDATE
        assert [found.id for found in engine.search("rome")] == [made.memory_id]
        assert len(engine.history(str(made.memory_id))) == 2
        assert engine.wait(engine.submit(Message("Bob Stone", session="s"))).status == "decided"
        assert engine.stats().completed == 1
        last = engine.audit(limit=1, memory_id=made.memory_id)[0]
        assert engine.explain(last.audit_id).text
        engine.undo(last.audit_id, by="ana")
        assert engine.get(str(made.memory_id)).values["city"] == "Oslo"
        engine.calibrate("Person", recompute=True, by="ana")
        switch(database, tenant, "people", "Person", on=True, by="ana")
        assert say(engine, "held", person(name="Cy Woods", email="cy@woods.io")).decisions[0].basis == "kill_switch"
        switch(database, tenant, "people", "Person", on=False, by="ana")
        switch(database, "*", "people", on=True, by="ana")
        switch(database, "*", "people", on=False, by="ana")
        resolve(database, tenant, "people")
        assert [found.id for found in engine.search("woods")]
        puts_right(engine)
        assert usage(database, tenant, "people").messages.requests == 1
        assert metrics(database)
        evolves(database, engine)


def puts_right(engine: Engine) -> None:
    """What a person does to memories, and what looks after the audit and the decisions."""
    first, second = (
        say(
            engine, f"to put right {number}", person(name=f"Dee Reed {number}", email=f"dee{number}@reed.io")
        ).decisions[0]
        for number in range(2)
    )
    assert first.memory_id is not None
    assert second.memory_id is not None
    engine.merge(first.memory_id, second.memory_id, by="ana")
    engine.correct(first.memory_id, {"city": "Lima"}, by="ana")
    engine.split(first.memory_id, columns=["city"], values={"name": "Dee"}, by="ana")
    engine.forget(first.memory_id, by="ana")
    engine.restore(first.memory_id, by="ana")
    assert engine.erase(first.memory_id, by="ana").memory_id == first.memory_id
    assert engine.monitor().classes
    engine.kill_switch(True, by="ana")
    engine.kill_switch(False, by="ana")
    engine.review(reveal=True, by="ana")
    exported: list[str] = []
    assert engine.export_audit(exported.append) == len(engine.audit(limit=1_000))
    engine.seal_audit()
    assert engine.verify_audit(anchor=engine.anchor_audit()).is_intact
    assert engine.replay_audit().is_same
    database = engine.database
    assert all(each.is_intact for each in verify_all(database, "*"))
    assert {each.tenant for each in anchor_all(database, "*")} >= {engine.tenant}
    retain_all(database, utc_now() - timedelta(days=400), by="ana", why="the law")


def evolves(database: Database, engine: Engine) -> None:
    """A version that has to be backfilled, in the foreground and by a worker."""
    registry = Registry(database)
    for number, columns in ((2, "city, notes"), (3, "city, tags")):
        text = ONE.replace("schema: people\n", "schema: people\ncompatibility: none\n")
        text = text.replace(
            "searchable: {name: 3, city: 1}", f"searchable: {{name: 3, {columns.replace(',', ': 1,')}: 1}}"
        )
        registry.register(text, annotate="heuristic")
        registry.approve("people", by="ana")
        if number == 2:
            assert backfill(database, "people", 2).activated
        else:
            begun = start(database, "people", 3)
            assert begun is not None
            writer = engine.background(slots=1)
            writer.take_backfills()
            writer.start()
            ends = utc_now().timestamp() + 30
            while status(database, "people")[0].status != "done":
                assert utc_now().timestamp() < ends
            writer.close(1.0)
    assert {memory.version for memory in engine.list("Person")} == {3}


def test_who_may_not_make_roles_is_told_what_an_administrator_runs(place: Place) -> None:
    dsn = place.make("refused", "builder")
    with pytest.raises(
        DatabaseError, match='builder may not make the role memreg_app: as an administrator, run "create'
    ):
        runner.upgrade(dsn)
    place.run("create role memreg_app nologin")
    place.run("create role memreg_operator nologin")
    assert runner.upgrade(dsn) == list(runner.revisions())[8:]
    with opened(dsn) as database:
        with pytest.raises(
            RoleRefused, match="As an administrator, run `grant memreg_app, memreg_operator to` that login"
        ):
            Engine(database, tenant="acme").database.run("acme", lambda: fetch_rows(WHO()))
        place.run("grant memreg_app to builder")
        works(database)
        assert database.run("acme", lambda: fetch_rows(WHO())) == [{"who": "memreg_app"}]
        assert database.run_admin(lambda: fetch_rows(WHO())) == [{"who": "builder"}]


def test_an_owner_who_may_make_roles_needs_no_administrator(place: Place) -> None:
    dsn = place.make("made", "maker")
    runner.upgrade(dsn)
    with opened(dsn) as database:
        works(database)


def test_a_login_that_owns_nothing_does_everything_but_migrate(place: Place) -> None:
    runner.upgrade(place.make("shared", "superior"))
    place.run("grant memreg_app, memreg_operator to clerk")
    with opened(place.dsn("shared", "clerk")) as database:
        works(database)
        assert database.run("acme", lambda: fetch_rows(WHO())) == [{"who": "memreg_app"}]
        assert database.run_admin(lambda: fetch_rows(OWNED())) == [{"n": 0}]
        with pytest.raises(DatabaseError, match="permission denied|must be owner"):
            database.run_admin(
                lambda: fetch_rows(Query("off", "Off.", "alter table memreg.memories disable row level security")())
            )
