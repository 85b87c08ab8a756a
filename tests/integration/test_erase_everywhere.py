"""Erasing while other things go on: many rows, versions that change, backfills, writers beside it."""

from __future__ import annotations

import threading
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from memreg.api.engine import Engine
from memreg.api.registry import Registry
from memreg.core.database import Database
from memreg.core.queries import Query
from memreg.engine.model import Message, Proposal
from memreg.operations.audit.rebuild import replay
from memreg.operations.audit.sentences import FindingKind
from memreg.operations.audit.verify import verify
from memreg.operations.backfill import backfill
from memreg.operations.erase import erase, others, sweep
from tests.support.dump import contents, lines_with
from tests.support.engines import people, register, say
from tests.support.replay import rows

NAME, EMAIL = "Ximena Quispe", "ximena@quispe.io"
STAFF = """
schema: staff
compatibility: none
classes:
  Person:
    description: Somebody
    columns:
      name: {dtype: string, desc: Name, required: true}
      email: {dtype: string, desc: E-mail, normalize: [email]}
      city: {dtype: string, desc: Town}
    annotation: {searchable: {name: 3, city: 1}, identity: [{columns: [email], strength: strong}]}
"""
STAFF_2 = """
schema: staff
compatibility: none
classes:
  Human:
    description: Somebody
    from: Person
    columns:
      full_name: {dtype: string, desc: Name, required: true, from: name}
      mail: {dtype: string, desc: E-mail, normalize: [email], from: email}
      town: {dtype: string, desc: Town, from: city}
      state: {dtype: string, desc: What they are, default: guest}
    annotation: {searchable: {full_name: 3, town: 1}, identity: [{columns: [mail], strength: strong}]}
"""

FIRMS = """
schema: firms
classes:
  Firm:
    columns:
      name: {dtype: string, required: true}
    annotation: {searchable: {name: 3}, identity: [{columns: [name], strength: strong}]}
  Person:
    columns:
      name: {dtype: string, required: true}
      firm: {dtype: "ref[Firm]"}
    annotation: {searchable: {name: 3}, identity: [{columns: [name], strength: strong}]}
"""


def checked(database: Database, schema: str) -> None:
    """The chain is whole and the audit rebuilds what is stored."""
    assert database.run_admin(lambda: verify("default")).findings == ()
    rebuilt = database.run_admin(lambda: replay("default", schema))
    assert (rebuilt.misfits, rebuilt.differences) == ((), ())


def test_what_takes_many_parts_is_found_to_the_last(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (erase, others, sweep):
        monkeypatch.setattr(module, "PART", 2)
    engine = people(database)
    ids: list[UUID] = []
    for number in range(7):
        made = say(engine, name=NAME, email=EMAIL, city=f"Town {number}", notes=f"{NAME} at {number}")
        assert made.memory_id is not None
        ids.append(made.memory_id)
        say(engine, name=f"Person {number}", email=f"p{number}@x.io", notes=f"knows {NAME}, {number}")
        engine.ingest(Message(f"number {number}: {EMAIL}", f"m-{number}"))
    [memory_id] = set(ids)
    told = engine.erase(memory_id, by="kim", also=[NAME], dry_run=True)
    done = engine.erase(memory_id, by="kim", also=[NAME])
    assert told.removed == done.removed
    assert (done.removed.revisions, done.removed.messages, done.removed.others) == (7, 21, 7)
    assert lines_with(contents(database_url), NAME, EMAIL) == []
    checked(database, "people")


@pytest.mark.parametrize("rewritten", [False, True])
def test_values_of_every_version_go(database: Database, database_url: str, rewritten: bool) -> None:
    register(database, STAFF)
    engine = Engine(database, schema="staff", extractor="patterns")
    memory_id = say(engine, name=NAME, email=EMAIL, city="Huancayo").memory_id
    friend = say(engine, name="Rosa", email="rosa@x.io", city=f"near {NAME}").memory_id
    assert memory_id is not None
    assert friend is not None
    registry = Registry(database)
    registry.register(STAFF_2, annotate="heuristic")
    registry.approve("staff", by="test")
    if rewritten:
        backfill(database, "staff", 2)
        say(engine, "Human", mail=EMAIL, town="Lima")
    engine.ingest(Message(f"mail of {EMAIL}", "m-1"))
    done = engine.erase(memory_id, by="kim", also=[NAME])
    assert done.removed.others == 1
    assert lines_with(contents(database_url), NAME, EMAIL, "Huancayo") == []
    [left] = engine.list("Human" if rewritten else "Person")
    assert left.id == friend
    assert "near [erased]" in left.values.values()
    checked(database, "staff")
    if not rewritten:
        backfill(database, "staff", 2)
        assert [each.id for each in engine.list("Human")] == [friend]
        checked(database, "staff")


def test_what_backfills_noted_goes(database: Database, database_url: str) -> None:
    engine = people(database)
    memory_id = say(engine, name=NAME, email=EMAIL).memory_id
    other = say(engine, name="Rosa Mamani", email="rosa@x.io").memory_id
    assert memory_id is not None
    assert other is not None
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "insert into memreg.backfills (id, schema, to_version, status, total, created_at)"
            " values ('00000000-0000-7000-8000-000000000001', 'people', 1, 'done', 2, now())"
        )
        for each, reason in ((memory_id, "its name is not a number"), (other, f"it is called {NAME}")):
            conn.execute(
                "insert into memreg.backfill_failures (tenant, memory_id, backfill_id, reason, created_at)"
                " values ('default', %s, '00000000-0000-7000-8000-000000000001', %s, now())",
                [each, reason],
            )
        conn.execute(
            "insert into memreg.backfill_keys (tenant, memory_id, backfill_id, keys, gone, search)"
            " values ('default', %s, '00000000-0000-7000-8000-000000000001', '{1}', '{}', 'quispe')",
            [memory_id],
        )
        conn.execute(
            "insert into memreg.backfill_collisions (tenant, backfill_id, class, key, digest, keeper_id, memory_id)"
            " values ('default', '00000000-0000-7000-8000-000000000001', 'Person', 'email', '\\x1234', %s, %s)",
            [other, memory_id],
        )
    done = engine.erase(memory_id, by="kim")
    assert done.removed.notes == 1
    left = contents(database_url)
    assert lines_with(left, NAME, EMAIL, "quispe") == []
    assert not [line for line in left.splitlines() if line.startswith("backfill_") and str(memory_id) in line]


def test_who_writes_beside_it_brings_nothing_back_into_it(database: Database, database_url: str) -> None:
    engine = people(database)
    memory_id = say(engine, name=NAME, email=EMAIL).memory_id
    assert memory_id is not None
    stop, first, second = threading.Event(), threading.Event(), threading.Event()
    found = set[UUID | None]()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            values = {"name": NAME, "email": EMAIL, "city": f"Town {number % 3}"}
            found.add(engine.ingest(proposals=[Proposal("Person", values)]).decisions[0].memory_id)
            (first if len(found) == 1 else second).set()

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        assert first.wait(30)
        engine.erase(memory_id, by="kim")
        assert second.wait(30)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    [kept] = rows(
        database,
        Query("m", "M.", "select * from memreg.memories where tenant = %(tenant)s and id = %(id)s"),
        "default",
        id=memory_id,
    )
    assert (kept["payload"], kept["is_deleted"], kept["candidate_keys"]) == ({}, True, [])
    assert kept["erased_at"] is not None
    [anew] = found - {memory_id}
    assert anew is not None
    assert engine.get(anew).values["name"] == NAME
    checked(database, "people")
    engine.erase(anew, by="kim")
    assert lines_with(contents(database_url), NAME, EMAIL) == []
    checked(database, "people")


def test_who_passes_a_change_off_as_an_erasing_is_found(database: Database, database_url: str) -> None:
    engine = people(database)
    made, other = say(engine, name=NAME, email=EMAIL), say(engine, name="Rosa Mamani", email="rosa@x.io")
    assert other.memory_id is not None
    engine.erase(other.memory_id, by="kim")
    assert database.run_admin(lambda: verify("default")).findings == ()
    for audit_id in (made.audit_id, other.audit_id):  # one that was never erased, and one that was
        with psycopg.connect(database_url) as conn:
            conn.execute("select set_config('role', 'memreg_app', true), set_config('memreg.tenant', 'default', true)")
            changed = {"audit_id": str(audit_id), "proposal": {"values": {"name": "Eve"}}, "reasons": [], "details": {}}
            conn.execute(
                "select * from memreg.erase_audit_values(%s, %s, now())",
                [Jsonb([changed | {"salt": "\\x00"}]), made.audit_id],
            )
    found = database.run_admin(lambda: verify("default")).findings
    assert {finding.kind for finding in found} == {FindingKind.ERASED_UNTOLD}
    assert sum(1 + finding.more for finding in found) == 2


def test_what_refers_to_it_leads_to_nothing_and_is_told(database: Database, database_url: str) -> None:
    register(database, FIRMS)
    engine = Engine(database, schema="firms", extractor="patterns")
    firm = say(engine, "Firm", name="Quispe Alpacas").memory_id
    say(engine, name="Rosa Mamani", firm="Quispe Alpacas")
    assert firm is not None
    rosa = engine.list("Person")[0].id
    told = engine.erase(firm, by="kim", dry_run=True)
    assert told.referring == 1
    assert [(place.id, place.column) for place in told.still_said] == [(str(rosa), "firm")], (
        "what her message called it"
    )
    done = engine.erase(firm, by="kim", also=["Quispe Alpacas"])
    assert (done.referring, done.still_said) == (1, ())
    [reference] = engine.get(rosa).references["firm"]
    assert (reference.id, reference.name, reference.is_gone) == (firm, None, True)
    assert lines_with(contents(database_url), "Quispe Alpacas") == []
    checked(database, "firms")
    assert engine.erase(rosa, by="kim").referring == 0
    assert lines_with(contents(database_url), "Mamani") == []
    left = Query("r", "R.", "select count(*) as rows from memreg.memory_references where tenant = %(tenant)s")
    assert rows(database, left, "default") == [{"rows": 0}]
    checked(database, "firms")
