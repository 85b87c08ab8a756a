"""The months of the audit: where entries lie, how the months to come are made, and how old ones go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, DatabaseError
from memreg.core.ids import uuid7
from memreg.engine.model import Action
from memreg.operations.audit.health import audit_checks, audit_facts
from memreg.operations.audit.retention import partitions
from memreg.operations.audit.run import retain_all, seal_all, verify_all
from memreg.operations.audit.seal import make_partitions
from tests.support.engines import people, say

Owner = psycopg.Connection[dict[str, Any]]
NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=62)
WAITING = """
select from pg_locks
where not granted and locktype = 'relation'
    and database = (select oid from pg_database where datname = current_database())
"""


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


@pytest.fixture
def owner(database: Database) -> Iterator[Owner]:
    with psycopg.connect(database.conninfo, autocommit=True, row_factory=dict_row) as conn:
        yield conn


def months(engine: Engine) -> list[tuple[datetime | None, bool]]:
    return [(each["ends_at"], each["is_empty"]) for each in engine.database.run_admin(partitions)]


def next_month(of: datetime) -> datetime:
    return (of.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def test_entries_lie_in_the_partition_of_their_month_and_the_next_one_is_there(engine: Engine) -> None:
    say(engine, name="Ana", email="ana@lopez.io")
    first = next_month(NOW)
    assert months(engine) == [(first, False), (next_month(first), True), (None, True)]
    assert engine.database.run_admin(make_partitions) == 0


def put(owner: Owner, entry: UUID, at: datetime, count: int = 1) -> list[UUID]:
    """Entries like one that are of another time, written as everybody writes."""
    found = []
    for number in range(count):
        made = UUID(int=(int(at.timestamp() * 1000) + number << 80) | 0x7 << 76 | uuid7().int & (1 << 76) - 1)
        for table, key in (("audit_values", "audit_id"), ("audit_log", "id")):
            copied = (
                f"insert into memreg.{table} select (jsonb_populate_record(kept, jsonb_build_object('{key}',"
                f" %s::uuid, 'created_at', %s::timestamptz))).* from memreg.{table} as kept where {key} = %s"
            )
            owner.execute(copied.encode(), (made, at, entry))
        found.append(made)
    return found


def test_months_that_nobody_made_in_time_become_one_and_nothing_is_copied(engine: Engine, owner: Owner) -> None:
    """Entries of months without a partition are in the default one, which then becomes the months that it holds."""
    entry = say(engine, name="Ana", email="ana@lopez.io").audit_id
    owner.execute(f"drop table memreg.audit_log_{next_month(NOW):%Y_%m}".encode())
    owner.execute(f"drop table memreg.audit_values_{next_month(NOW):%Y_%m}".encode())
    late = put(owner, entry, LATER, 3)
    before = places(owner, late)
    assert months(engine) == [(next_month(NOW), False), (None, False)]
    assert [text for health, text in checks(engine) if health == "warn"] == [
        "entries of the audit are in no month of its own, so that retention does not remove them"
    ]
    tail, parts = engine.database.run_admin(audit_facts)
    assert [each.text for each in audit_checks(tail, parts, LATER) if "this month" in each.text] == [
        "this month of the audit has no partition of its own, so that it cannot be removed by itself later"
    ]
    assert engine.database.run_admin(make_partitions) == 2
    assert months(engine)[:2] == [(next_month(NOW), False), (next_month(LATER), False)]
    assert months(engine)[-1] == (None, True)
    assert places(owner, late) == before
    assert not any(health == "warn" for health, _ in checks(engine))
    assert put(owner, entry, LATER + timedelta(seconds=9))


def checks(engine: Engine) -> list[tuple[str, str]]:
    found = audit_checks(*engine.database.run_admin(audit_facts), datetime.now(UTC))
    return [(each.health, each.text) for each in found]


def places(owner: Owner, ids: list[UUID]) -> list[dict[str, Any]]:
    return owner.execute("select id, ctid from memreg.audit_log where id = any(%s) order by id", (ids,)).fetchall()


@pytest.mark.parametrize("days", [3000, -3000])
def test_an_id_of_a_wrong_clock_keeps_its_place_in_the_default_partition(
    engine: Engine, owner: Owner, days: int
) -> None:
    """The months to come have theirs all the same, or nothing could be removed ever again."""
    say(engine, name="Ana", email="ana@lopez.io")
    aged(owner)
    if days < 0:
        retain_all(engine.database, datetime.now(UTC), by="me")
    entry = say(engine, name="Bob", email="bob@stone.org").audit_id
    for table in ("audit_log", "audit_values"):
        owner.execute(f"drop table memreg.{table}_{next_month(NOW):%Y_%m}".encode())
    put(owner, entry, NOW + timedelta(days=days))
    assert engine.database.run_admin(make_partitions) == 2
    assert months(engine)[-2:] == [(next_month(next_month(NOW)), True), (None, False)]
    assert engine.database.run_admin(make_partitions) == 0
    assert [text for health, text in checks(engine) if health == "warn"] == [
        "entries of the audit are in no month of its own, so that retention does not remove them"
    ]


def test_months_beside_an_id_of_a_wrong_clock_stay_with_it(engine: Engine, owner: Owner) -> None:
    entry = say(engine, name="Ana", email="ana@lopez.io").audit_id
    for table in ("audit_log", "audit_values"):
        owner.execute(f"drop table memreg.{table}_{next_month(NOW):%Y_%m}".encode())
    kept = [*put(owner, entry, NOW + timedelta(days=3000)), *put(owner, entry, next_month(NOW))]
    before = places(owner, kept)
    assert engine.database.run_admin(make_partitions) == 2
    after = next_month(next_month(next_month(NOW)))
    assert months(engine) == [(next_month(NOW), False), (after, True), (None, False)]
    assert places(owner, kept) == before
    put(owner, entry, LATER)


def test_old_months_go_and_the_chain_stays(engine: Engine, owner: Owner) -> None:
    said = say(engine, name="Ana", email="ana@lopez.io")
    other = engine.for_tenant("globex")
    say(other, name="Bob", email="bob@stone.org")
    anchor = engine.anchor_audit()
    newest = uuid7()
    aged(owner)
    told = retain_all(engine.database, datetime.now(UTC), by="me", why="the policy", dry_run=True)
    assert (told.entries, [each.tenant for each in told.removed]) == (2, ["default", "globex"])
    assert "would be removed" in told.sentence
    assert len(engine.audit()) == 1
    done = retain_all(engine.database, datetime.now(UTC), by="me", why="the policy")
    assert (done.entries, done.months) == (2, 1)
    (entry,) = engine.audit()
    assert (entry.action, entry.actor, entry.audit_id > newest) == (Action.RETAIN, "me", True)
    assert entry.reasons[-1] == "the policy"
    reports = verify_all(engine.database, "*")
    assert [(each.tenant, each.is_intact, each.removed) for each in reports] == [
        ("default", True, 1),
        ("globex", True, 1),
    ]
    assert engine.verify_audit(anchor=anchor).is_intact
    replayed = engine.replay_audit()
    assert (replayed.is_same, replayed.older) == (True, 1)
    say(engine, name="Ana Lopez", email="ana@lopez.io")  # it goes on from a state that no entry tells any more
    replayed = engine.replay_audit()
    assert (replayed.is_same, replayed.older, replayed.memories) == (True, 0, 1)
    assert engine.get(said.memory_id or "").values["name"] == "Ana Lopez"
    assert retain_all(engine.database, datetime.now(UTC), by="me").until is None


def aged(owner: Owner) -> None:
    """The first partition ends now instead of with the month, as if that were over; another holds what comes."""
    rows = owner.execute(
        "select memreg.uuid_from(clock_timestamp() + interval '1 millisecond') as now, memreg.uuid_from(%s) as later",
        (next_month(NOW),),
    ).fetchall()
    now, later = rows[0]["now"], rows[0]["later"]
    for table in ("audit_log", "audit_values"):
        for statement in (
            f"alter table memreg.{table} detach partition memreg.{table}_first",
            f"create table memreg.{table}_now (like memreg.{table} including defaults including constraints)",
            f"alter table memreg.{table} attach partition memreg.{table}_first for values from (minvalue) to ('{now}')",
            f"alter table memreg.{table} attach partition memreg.{table}_now for values from ('{now}') to ('{later}')",
        ):
            owner.execute(statement.encode())
    time.sleep(0.002)


def test_what_goes_has_to_be_sealed_and_told(engine: Engine, owner: Owner) -> None:
    say(engine, name="Ana", email="ana@lopez.io")
    bound = "select memreg.drop_audit_months(memreg.uuid_from(now() + interval '40 days'))"
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="does not tell that its entries are removed"):
        owner.execute(bound)
    with pytest.raises(DatabaseError, match="permission denied"), engine.database.transaction("default") as conn:
        conn.execute(bound)
    seal_all(engine.database)
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="does not tell that its entries are removed"):
        owner.execute(bound)
    assert len(engine.audit()) == 1


def test_what_is_written_into_a_month_while_it_is_removed_is_not_lost(engine: Engine, owner: Owner) -> None:
    entry = say(engine, name="Ana", email="ana@lopez.io").audit_id
    aged(owner)
    with psycopg.connect(engine.database.conninfo, row_factory=dict_row) as slow:
        (late,) = put(slow, entry, NOW - timedelta(minutes=1))
        with ThreadPoolExecutor(1) as pool:
            removing = pool.submit(retain_all, engine.database, datetime.now(UTC), by="me")
            while not owner.execute(WAITING).fetchall():
                time.sleep(0.01)
            slow.commit()
            with pytest.raises(DatabaseError, match="entries that no seal ties are not removed"):
                removing.result()
    assert late in {each.audit_id for each in engine.audit()}
    assert retain_all(engine.database, datetime.now(UTC), by="me").entries == 2
    assert [each.is_intact for each in verify_all(engine.database, "*")] == [True]


def test_the_future_is_not_kept(engine: Engine) -> None:
    with pytest.raises(ArgumentInvalid, match="keep cannot be .*: it is in the future"):
        retain_all(engine.database, datetime.now(UTC) + timedelta(days=1), by="me")
    assert retain_all(engine.database, datetime.now(UTC), by="me").sentence.startswith("Nothing is removed")


def test_a_month_without_entries_goes_without_a_word(engine: Engine, owner: Owner) -> None:
    aged(owner)
    done = retain_all(engine.database, datetime.now(UTC), by="me")
    assert (done.months, done.removed) == (1, ())
    assert next(ends for ends, _ in months(engine)) == next_month(NOW)


def test_unsealed_entries_are_a_warning_after_a_day(engine: Engine) -> None:
    say(engine, name="Ana", email="ana@lopez.io")
    tail, parts = engine.database.run_admin(audit_facts)
    assert [each.text for each in audit_checks(tail, parts, datetime.now(UTC))] == ["1 entry not sealed yet"]
    found = list(audit_checks(tail, parts, datetime.now(UTC) + timedelta(hours=47)))
    assert [(each.health, each.advice) for each in found][:1] == [("warn", "memreg audit seal, or run memreg worker")]
    assert found[0].text == "1 entry not sealed, the oldest for 1 day"
