"""What keeps the tables as they should be: updates that leave the indexes alone, no row that everybody writes, months
of revisions that go, and a doctor who sees what is wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from memreg import Engine, Message, Proposal
from memreg.core.database import Database
from memreg.core.errors import MemoryNotFound
from memreg.core.settings import Settings
from memreg.operations.audit.run import retain_all
from memreg.operations.upkeep import Upkeep, read_upkeep, upkeep_checks
from tests.support.engines import people, say

Owner = psycopg.Connection[dict[str, Any]]
NOW = datetime.now(UTC)
WRITTEN = """
select relname, n_tup_ins, n_tup_upd, n_tup_hot_upd
from pg_stat_user_tables
where schemaname = 'memreg' and n_tup_upd > 0 and relname not like 'procrastinate%' and relname not like 'alembic%'
"""


OTHERS = "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
LEFT = "select from pg_stat_activity where pid = any(%s)"


@pytest.fixture
def owner(database: Database) -> Iterator[Owner]:
    with psycopg.connect(database.conninfo, autocommit=True, row_factory=dict_row) as conn:
        yield conn


def written(settings: Settings, owner: Owner, decide: Any) -> dict[str, tuple[int, int]]:
    """Of each table that rows were updated in: how many, and of these how many left the indexes alone."""
    before = {row["relname"]: row for row in owner.execute(WRITTEN).fetchall()}
    others = {row["pid"] for row in owner.execute(OTHERS).fetchall()}
    with Database.connect(settings) as database:
        decide(Engine(database, schema="people"))
        pids = [row["pid"] for row in owner.execute(OTHERS).fetchall() if row["pid"] not in others]
    while owner.execute(LEFT, [pids]).fetchall():  # connections tell what they did when they are gone, at the latest
        time.sleep(0.01)
    after = owner.execute(WRITTEN).fetchall()
    empty = {"n_tup_upd": 0, "n_tup_hot_upd": 0}
    found = {}
    for row in after:
        was = before.get(row["relname"], empty)
        found[row["relname"]] = (row["n_tup_upd"] - was["n_tup_upd"], row["n_tup_hot_upd"] - was["n_tup_hot_upd"])
    return {name: counts for name, counts in found.items() if counts[0]}


def persons(count: int) -> list[Proposal]:
    said = "was seen by the river and told us about the town and its people " * 3
    return [
        Proposal("Person", {"name": f"Given{n} Family{n}", "email": f"{n}@example.com", "notes": said})
        for n in range(count)
    ]


def test_seeing_a_memory_again_leaves_the_indexes_alone(settings: Settings, database: Database, owner: Owner) -> None:
    """At most one row a page of 13: for a second there is room only once nobody sees the first one's last version."""
    people(database).ingest(proposals=persons(150))

    def see_again(engine: Engine) -> None:
        for each in persons(150)[::15]:
            assert engine.ingest(proposals=[each]).decisions[0].basis == "identity"

    updated = written(settings, owner, see_again)
    assert updated.keys() == {"memories"}
    rows, kept_beside = updated["memories"]
    assert rows == kept_beside == 10


def test_no_row_is_written_by_every_decision(settings: Settings, database: Database, owner: Owner) -> None:
    """Counts, statistics and the order of writes are kept in rows of their own, which nobody waits for."""
    people(database)

    def create(engine: Engine) -> None:
        for number, each in enumerate(persons(40)):
            assert engine.ingest(Message("x", id=f"m{number}"), proposals=[each]).decisions[0].action == "CREATE"

    assert written(settings, owner, create) == {}


def aged(owner: Owner) -> None:
    """The first partitions end now instead of with the month, as if that were over; others hold what comes."""
    row = owner.execute(
        "select memreg.uuid_from(clock_timestamp() + interval '1 millisecond') as now,"
        " memreg.uuid_from(memreg.month_after(now())) as later, pg_sleep(0.002)"
    ).fetchone()
    assert row is not None
    now, later = row["now"], row["later"]
    for table in ("audit_log", "audit_values", "memory_revisions"):
        for statement in (
            f"alter table memreg.{table} detach partition memreg.{table}_first",
            f"alter table memreg.{table} attach partition memreg.{table}_first for values from (minvalue) to ('{now}')",
            f"create table memreg.{table}_now partition of memreg.{table} for values from ('{now}') to ('{later}')",
        ):
            owner.execute(statement.encode())


def test_the_revisions_of_a_month_go_once_all_its_memories_are_gone(database: Database, owner: Owner) -> None:
    engine = people(database)
    ana, bob = say(engine, name="Ana Lopez", email="ana@lopez.io"), say(engine, name="Bob", email="bob@stone.org")
    say(engine, operation="delete", email="ana@lopez.io")
    aged(owner)
    told = retain_all(database, datetime.now(UTC), by="me", dry_run=True)
    assert (told.revision_months, told.revision_months_kept, told.revisions_kept_by) == (0, 1, 1)
    kept = retain_all(database, datetime.now(UTC), by="me")
    assert kept.sentence.endswith("The revisions of 1 month stay: 1 memory needs them.")
    assert (kept.revision_months, kept.revision_months_kept) == (0, 1)
    assert ana.memory_id is not None
    assert bob.memory_id is not None
    assert len(engine.history(ana.memory_id)) == 2
    assert len(engine.history(bob.memory_id)) == 1


def test_a_deleted_memory_loses_its_revisions_with_the_audit_of_its_end(database: Database, owner: Owner) -> None:
    engine = people(database)
    ana = say(engine, name="Ana Lopez", email="ana@lopez.io")
    say(engine, operation="delete", email="ana@lopez.io")
    aged(owner)
    told = retain_all(database, datetime.now(UTC), by="me", dry_run=True)
    gone = retain_all(database, datetime.now(UTC), by="me")
    assert (told.revision_months, gone.revision_months, gone.revision_months_kept) == (1, 1, 0)
    assert "So were 1 month of revisions, whose memories are all deleted." in gone.sentence
    assert ana.memory_id is not None
    with pytest.raises(MemoryNotFound):
        engine.history(ana.memory_id)
    again = say(engine, name="Ana Lopez", email="ana@lopez.io")
    assert again.action == "CREATE"
    assert again.memory_id is not None
    assert len(engine.history(again.memory_id)) == 1


def test_a_doctor_finds_nothing_in_tables_that_are_well(database: Database) -> None:
    assert texts(database) == ["the tables are vacuumed, indexed and divided as they should be"]


def texts(database: Database, at: datetime = NOW) -> list[str]:
    return [check.text for check in upkeep_checks(database.run_admin(read_upkeep), at)]


def test_a_doctor_sees_an_index_that_was_never_finished(database: Database, owner: Owner) -> None:
    owner.execute("create index left_beside on memreg.memories (tenant)")
    owner.execute("update pg_index set indisvalid = false where indexrelid = 'memreg.left_beside'::regclass")
    (check,) = upkeep_checks(database.run_admin(read_upkeep), NOW)
    assert check.health == "warn"
    assert check.text.startswith("the index left_beside was never finished")
    assert check.advice == 'drop index concurrently memreg."left_beside";'
    owner.execute(check.advice.encode())
    assert len(texts(database)) == 1
    assert "left_beside" not in texts(database)[0]


def test_a_doctor_sees_that_a_table_is_never_vacuumed(database: Database, owner: Owner) -> None:
    owner.execute("alter table memreg.memories set (autovacuum_enabled = false)")
    (check,) = upkeep_checks(database.run_admin(read_upkeep), NOW)
    assert check.text == "autovacuum is off for the table memories, so that its dead rows pile up"
    assert check.advice is not None
    owner.execute(check.advice.encode())
    assert texts(database) == ["the tables are vacuumed, indexed and divided as they should be"]


def test_a_doctor_sees_dead_rows_a_server_without_vacuum_and_months_that_are_not_there(database: Database) -> None:
    later = NOW + timedelta(days=100)
    assert texts(database, later) == [
        "this month of the revisions has no partition of its own, so that it cannot be removed by itself later"
    ]
    dead = [{"name": "messages", "live": 10_000, "dead": 40_000, "vacuumed_at": None}]
    found = list(
        upkeep_checks(Upkeep([], {"is_on": False, "switched_off": []}, dead, [], {"sampled": 0, "crowded": 0}), NOW)
    )
    assert [check.text for check in found] == [
        "autovacuum is off, so that dead rows pile up and plans grow old",
        "the table messages has 40,000 dead rows beside 10,000 live ones, and was never vacuumed",
    ]


POST = """
insert into memreg.candidate_keys (tenant, key, memory_id)
select 'default', %s, memreg.uuid_from(%s::timestamptz + n * interval '1 second') from generate_series(1, %s) as n
"""


def test_a_doctor_sees_keys_of_before_they_were_trimmed(database: Database, owner: Owner) -> None:
    """As a migration from a version that kept all of them leaves them."""
    owner.execute("alter table memreg.candidate_keys disable trigger trim")
    for key in range(5):
        owner.execute(POST, (key, NOW, 1_000))
    assert texts(database) == ["the tables are vacuumed, indexed and divided as they should be"]
    owner.execute(POST, (6, NOW, 4_000))
    (check,) = upkeep_checks(database.run_admin(read_upkeep), NOW)
    assert check.health == "warn"
    assert check.text.endswith(
        "of the candidate keys are of keys with more than 1,000 memories, of which 200 are enough"
    )
    assert check.advice is not None
    for statement in check.advice.split("; "):
        owner.execute(statement.encode())
    kept = owner.execute("select key, count(*) from memreg.candidate_keys group by key order by key").fetchall()
    assert [row["count"] for row in kept] == [200] * 6
    assert texts(database) == ["the tables are vacuumed, indexed and divided as they should be"]
