"""The floors of `make bench` and its loader write the same rows as the engine: its ratios compare like with like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from bench.speed import bulk, hand, load, world
from bench.speed.capture import ORDER, Written, written_by
from bench.speed.forms import learn
from bench.stage import prepare
from memreg import Decision, Engine, Proposal
from memreg.core.ids import uuid7

ENGINE, FLOOR = "engine", "floor"
KINDS = ("create", "moved", "described", "again", "forget")
_OWN = {"audit_log": {"took_ms"}}
Rows = dict[str, list[list[str]]]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    prepare(database_url, world.SCHEMA)
    with Engine.connect(database_url, tenant=ENGINE, schema=world.SCHEMA_NAME) as found:
        yield found


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with hand.connect(database_url) as found:
        yield found


def filled(conn: psycopg.Connection[Any], tenant: str) -> Rows:
    """For each row of each table, the columns that have a value."""
    found: Rows = {}
    for table in ORDER:
        rows: list[dict[str, Any]] = (
            conn.cursor(row_factory=dict_row)
            .execute(f"select * from memreg.{table} where tenant = %s".encode(), (tenant,))
            .fetchall()
        )
        found[table] = sorted(sorted(name for name, value in row.items() if value is not None) for row in rows)
    return found


def said(kind: str, number: int, values: world.Payload) -> tuple[Proposal, world.Payload]:
    if kind == "create":
        return Proposal("Person", values), values
    told: tuple[Proposal, world.Payload] = getattr(world, kind)(number, values)
    return told


def decide(engine: Engine, proposal: Proposal) -> Decision:
    return engine.ingest(proposals=[proposal]).decisions[0]


def test_by_hand_as_by_the_engine(engine: Engine, conn: psycopg.Connection[Any]) -> None:
    number = 2
    values, memory = world.person(number), uuid7()
    for place, kind in enumerate(KINDS):
        proposal, after = said(kind, number, values)
        decision = decide(engine, proposal)
        written = written_by(conn, ENGINE, decision.audit_id, everything=False)
        target = hand.Target(FLOOR, memory, values if place else None, after)
        read = hand.by_key(FLOOR, values["email"]) if kind != "described" else hand.by_ids(FLOOR, [memory])
        assert hand.run(conn, hand.make(written, target, read)) == bool(place), kind
        hand.check(conn, read)
        values = after
        mine, theirs = filled(conn, ENGINE), filled(conn, FLOOR)
        if kind == "forget":  # by hand, the keys of the last state alone are taken away, which is less work
            assert len(theirs.pop("candidate_keys")) < 10
            mine.pop("candidate_keys")
        assert theirs == mine, kind
    assert filled(conn, FLOOR)["memory_revisions"]


def test_the_floor_refuses_a_plan_that_throws_rows_away(engine: Engine, conn: psycopg.Connection[Any]) -> None:
    for number in world.people(0, 40):
        decide(engine, Proposal("Person", world.person(number)))
    slow = b"select m.last_seen_at from memreg.memories m where m.payload ->> 'name' = %s"
    conn.execute(slow, ("nobody",))
    with pytest.raises(RuntimeError, match="throws 40 rows away"):
        hand.check(conn, (slow, ("nobody",)))


def test_a_batch_by_one_statement_is_as_by_the_engine(engine: Engine, conn: psycopg.Connection[Any]) -> None:
    numbers = list(world.people(0, 6))
    people = {number: world.person(number) for number in numbers}
    targets = [hand.Target(FLOOR, uuid7(), None, values) for values in people.values()]
    written: list[Written] = []
    for values in people.values():
        decision = decide(engine, Proposal("Person", values))
        written.append(written_by(conn, ENGINE, decision.audit_id, everything=False))
    run(conn, written[0], targets, "new")
    moved = []
    for number, target in zip(numbers, targets, strict=True):
        proposal, after = world.moved(number, target.after)
        decision = decide(engine, proposal)
        written.append(written_by(conn, ENGINE, decision.audit_id, everything=False))
        moved.append(hand.Target(FLOOR, target.memory, target.after, after))
    run(conn, written[-1], moved, "moved")
    mine, theirs = filled(conn, ENGINE), filled(conn, FLOOR)
    assert {table: len(rows) for table, rows in mine.items()} == {table: len(rows) for table, rows in theirs.items()}
    assert mine["memories"] == theirs["memories"]
    assert payloads(conn, ENGINE) == payloads(conn, FLOOR)
    copied = [hand.Target("copied", uuid7(), None, values) for values in people.values()]
    bulk.run_copies(conn, bulk.copies(written[0], copied))
    assert len(filled(conn, "copied")["audit_log"]) == len(numbers)


def run(conn: psycopg.Connection[Any], written: Written, targets: Sequence[hand.Target], name: str) -> None:
    batch = bulk.batch(conn, written, targets, name)
    conn.execute(batch.create)
    bulk.run(conn, batch)


def payloads(conn: psycopg.Connection[Any], tenant: str) -> list[Any]:
    rows = conn.execute("select payload from memreg.memories where tenant = %s", (tenant,)).fetchall()
    return sorted((row[0] for row in rows), key=lambda payload: str(payload["email"]))


def test_what_is_loaded_is_what_the_engine_writes(engine: Engine, conn: psycopg.Connection[Any]) -> None:
    """The form is learned from some memories, and used for others, which the engine decides as well."""
    for number in (0, 8, 9):
        others = engine.for_tenant(f"others {number}")
        forms = learn(others, conn, [1_000_001, 1_000_008, 1_000_009])
        alone = engine.for_tenant(f"alone {number}")
        class_name, values = world.payload(number)
        decided = decide(alone, Proposal(class_name, values))
        load.copy(conn, forms, f"loaded {number}", [number])
        mine = plain(conn, f"alone {number}", decided.audit_id)
        theirs = plain(conn, f"loaded {number}", None)
        for table in ORDER:
            assert mine.get(table) == theirs.get(table), table


def plain(conn: psycopg.Connection[Any], tenant: str, audit_id: UUID | None) -> dict[str, list[dict[str, Any]]]:
    """The rows of the one memory of a tenant, without what no two have in common: ids, times, salts and digests of
    these; what is sent through several places is named alike."""
    if audit_id is None:
        row = conn.execute("select id from memreg.audit_log where tenant = %s", (tenant,)).fetchone()
        assert row is not None
        audit_id = row[0]
    written = written_by(conn, tenant, audit_id)
    memory, message = written.first("memories")["id"], written.first("messages")["id"]
    own = {
        str(memory): "<memory>",
        str(message): "<message>",
        str(audit_id): "<audit>",
        tenant: "<tenant>",
    }
    left_out = {"salt", "arrival", "took_ms", "search", "key", "change"}
    found: dict[str, list[dict[str, Any]]] = {}
    for table, rows in written.rows.items():
        told = []
        for row in rows:
            kept = {}
            for name, value in row.items():
                if value is None or name in left_out or name.endswith("_at"):
                    continue
                for one, other in own.items():
                    value = value.replace(one, other)
                kept[name] = value
            told.append(kept)
        found[table] = sorted(told, key=str)
    return found
