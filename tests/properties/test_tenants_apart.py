"""Two tenants whose operations are interleaved: each sees, changes and counts what it would if it were alone."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import Connection

from memreg.api.engine import Engine
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.errors import MemregError
from memreg.core.ids import uuid7
from memreg.core.queries import Query
from memreg.core.settings import Settings
from memreg.core.steps import Row, Rows, Steps
from memreg.engine.batch import decide_message
from memreg.engine.cache import Cache
from memreg.engine.ingest import Walk
from memreg.engine.model import Extraction, Message, Proposal
from memreg.operations.inbox import drop, inbox
from memreg.operations.kill_switch import status, switch
from memreg.operations.resolve import resolve
from tests.support.engines import register
from tests.support.server import Server

NAMES = ("Ana Lopez", "Anna Lopes", "Tor Moe", "Zoe Quist")
EMAILS = ("ana@lopez.io", "tor@moe.no", None)
CITIES = ("Oslo", "Rome", None)
_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_TIME = re.compile(r"datetime\.datetime\([^()]*(?:\([^()]*\)[^()]*)*\)|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d+:Z]*")
_TOOK = re.compile(r"(took_ms|latency_ms|oldest|age)=[^,)]*")


@dataclass
class Party:
    """A tenant: what it has met, and what it was told, without the ids and times that chance gives."""

    engine: Engine
    told: list[str] = field(default_factory=list)
    memories: list[UUID] = field(default_factory=list)
    entries: list[UUID] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict)

    def ask(self, what: Callable[[], Any]) -> Any:
        """Do something, and keep what came of it."""
        try:
            found = what()
        except MemregError as error:
            found = None
            self.told.append(self.plain(f"{type(error).__name__}: {error}"))
        else:
            self.told.append(self.plain(repr(found)))
        return found

    def plain(self, text: str) -> str:
        """Each id by the number in which this tenant met it."""
        named = _ID.sub(lambda id_: self.numbers.setdefault(id_[0], f"#{len(self.numbers)}"), text)
        return _TOOK.sub(r"\1", _TIME.sub("<time>", named)).replace(self.engine.tenant, "<tenant>")

    def one(self, of: list[UUID], number: int) -> UUID:
        return of[number % len(of)] if of else UUID(int=number)


@dataclass(frozen=True)
class Step:
    """What a tenant does, with a number that picks values or what it is done to."""

    who: int
    verb: str
    number: int
    theirs: UUID
    """What only the other one has, to be pried into."""


def say(
    party: Party, number: int, operation: Literal["upsert", "delete"] = "upsert", message: Message | None = None
) -> None:
    values = {
        "name": NAMES[number % 4],
        "email": EMAILS[number // 4 % 3],
        "city": CITIES[number // 12 % 3],
        "notes": f"said {number}" if number % 5 == 0 else None,
    }
    proposal = Proposal("Person", {name: value for name, value in values.items() if value}, operation)
    result = party.ask(lambda: party.engine.ingest(message, proposals=[proposal]))
    if result is not None:
        party.entries += [decision.audit_id for decision in result.decisions]
        party.memories += [decision.memory_id for decision in result.decisions if decision.memory_id is not None]


def act(party: Party, step: Step) -> None:
    """One operation; each of them is of a tenant, and may be of something that only the other one has."""
    engine, number = party.engine, step.number
    mine, other = party.one(party.memories, number), party.one(party.memories, number // 3)
    entry = party.one(party.entries, number)
    theirs = step.theirs
    match step.verb:
        case "say":
            say(party, number)
        case "say again":
            say(party, number, message=Message(f"message {number % 3}", f"m{number % 2}"))
        case "delete":
            say(party, number, "delete")
        case "undo":
            party.ask(lambda: engine.undo(entry, by="ana", cascade=number % 2 == 0))
        case "merge":
            party.ask(lambda: engine.merge(mine, other, by="ana"))
        case "correct":
            party.ask(lambda: engine.correct(mine, {"city": "Lima"}, by="ana"))
        case "forget":
            party.ask(lambda: engine.forget(mine, by="ana"))
        case "restore":
            party.ask(lambda: engine.restore(mine, by="ana"))
        case "erase":
            party.ask(lambda: engine.erase(mine, by="ana"))
        case "switch":
            party.ask(lambda: switch(engine.database, engine.tenant, "people", on=number % 2 == 0, by="ana"))
        case "resolve":
            party.ask(lambda: resolve(engine.database, engine.tenant, "people"))
        case "submit":
            party.ask(
                lambda: engine.submit(Message(f"{NAMES[number % 4]} writes from {number % 3}@x.io.", f"q{number % 4}"))
            )
        case "retry":
            party.ask(lambda: engine.retry(f"q{number % 4}"))
        case "drop":
            party.ask(lambda: drop(engine.database, engine.tenant, "people", [f"q{number % 4}"], why="no", by="ana"))
        case "learn":
            party.ask(lambda: engine.calibrate("Person", recompute=True, by="ana"))
        case "pry":
            for what in (
                lambda: engine.get(theirs),
                lambda: engine.history(theirs),
                lambda: engine.explain(theirs),
                lambda: engine.undo(theirs, by="mallory"),
                lambda: engine.forget(theirs, by="mallory"),
                lambda: engine.merge(mine, theirs, by="mallory"),
                lambda: engine.correct(theirs, {"city": "Lima"}, by="mallory"),
            ):
                party.ask(what)


VERBS = (
    *("say",) * 6,
    *("say again", "delete", "undo", "merge", "correct", "forget", "restore", "erase", "switch", "resolve"),
    *("submit", "retry", "drop", "learn", "pry"),
)
STEPS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from(VERBS), st.integers(0, 35)), min_size=8, max_size=24)


def look(party: Party) -> None:
    """Everything that a tenant can see and count."""
    engine = party.engine
    party.ask(lambda: engine.list("Person", limit=1_000))
    for word in ("ana", "oslo", "l"):
        party.ask(lambda word=word: engine.search(word, limit=100))  # type: ignore[misc]
    party.ask(lambda: engine.audit(limit=1_000))
    for memory in party.memories:
        party.ask(lambda memory=memory: engine.history(memory))  # type: ignore[misc]
    stats = engine.stats()
    party.told.append(repr((stats.pending, stats.queue_size, stats.workers_active, stats.submitted, stats.completed)))
    party.ask(engine.usage)
    party.ask(engine.review)
    party.ask(lambda: status(engine.database, engine.tenant, "people"))
    party.ask(lambda: inbox(engine.database, engine.tenant, "people"))
    replayed = engine.replay_audit()
    party.told.append(repr((replayed.entries, replayed.misfits, replayed.differences)))


@pytest.fixture(scope="module")
def shared(server: Server) -> Iterator[Database]:
    """A database of many tenants, whose messages no worker takes."""
    name = server.create(server.template)
    chosen = Settings(database_url=server.dsn_of(name), workers=0, statement_timeout=10)
    with Database.connect(chosen) as database:
        register(database)
        yield database
    server.drop(name)


def of_tenant(database: Database) -> Party:
    return Party(Engine(database, tenant=f"t-{uuid.uuid4().hex}", schema="people", extractor="patterns"))


@settings(max_examples=10)
@given(drawn=STEPS)
def test_each_tenant_is_as_if_it_were_alone(shared: Database, drawn: list[tuple[int, str, int]]) -> None:
    together = of_tenant(shared), of_tenant(shared)
    done: list[Step] = []
    for who, verb, number in drawn:
        me, other = together[who], together[1 - who]
        step = Step(who, verb, number, me.one([*other.memories, *other.entries], number))
        act(me, step)
        done.append(step)
    for who, party in enumerate(together):
        look(party)
        alone = of_tenant(shared)
        for step in done:
            if step.who == who:
                act(alone, step)
        look(alone)
        assert alone.told == party.told


HELD = (
    Query("rows", "Everything that can be seen, held.", "select from memreg.memories for update"),
    Query("keys", "Every key, held.", "select from memreg.identity_keys for update"),
    Query("messages", "Every message, held.", "select from memreg.messages for update"),
)


def test_a_tenant_that_holds_all_it_can_locks_nobody_out(server: Server) -> None:
    """Its classes locked, its rows held, messages and memories half written: another's operations do not wait."""
    name = server.create(server.template)
    chosen = Settings(database_url=server.dsn_of(name), workers=0, statement_timeout=3)
    with Database.connect(chosen) as database:
        register(database)
        holder, other = of_tenant(database), of_tenant(database)
        for party in (holder, other):
            for number in range(8):
                say(party, number)
        waiting = Walk(holder.engine.tenant, "people", Cache(), utc_now, uuid7)
        unfinished = decide_message(
            waiting,
            Message("half said", "m0"),
            Extraction((Proposal("Person", {"name": "Ana Lopez", "email": "ana@lopez.io"}),), "structured"),
        )
        with database.transaction(holder.engine.tenant) as conn:
            for query in HELD:
                conn.execute(query.sql.encode())
            drive(conn, unfinished)
            held = conn.execute("select count(*) as n from pg_locks where locktype = 'advisory'").fetchone()
            assert held is not None
            assert held["n"] > 0
            for number, verb in enumerate(dict.fromkeys(VERBS)):
                act(other, Step(1, verb, number, holder.memories[0]))
            look(other)
        assert not [line for line in other.told if "statement timeout" in line or "lock timeout" in line]
        assert not [line for line in other.told if line.startswith("DatabaseError")]
    server.drop(name)


def drive(conn: Connection[Row], steps: Steps[Any]) -> None:
    """Go through a plan up to its end, without the commit."""
    results: list[Rows] | None = None
    with suppress(StopIteration):
        while True:
            batch = next(steps) if results is None else steps.send(results)
            cursors = [conn.execute(each.query.sql.encode(), dict(each.params)) for each in batch]
            results = [cursor.fetchall() if cursor.description else [] for cursor in cursors]
