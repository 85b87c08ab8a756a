"""The audit as a chain: what the database refuses, what sealing ties, and what verifying finds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, LiteralString, cast
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, DatabaseError
from memreg.core.ids import uuid7
from memreg.core.steps import Steps
from memreg.operations.audit import seal, tail
from memreg.operations.audit.anchor import parse_anchors
from memreg.operations.audit.finding import Verification
from memreg.operations.audit.run import anchor_all, run, seal_all, verify_all
from memreg.operations.audit.sentences import FindingKind
from memreg.operations.audit.verify import verify
from tests.support.engines import people, say

Owner = psycopg.Connection[dict[str, Any]]


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


@pytest.fixture
def owner(database: Database) -> Iterator[Owner]:
    """A connection of the login that owns the tables, outside of memreg."""
    with psycopg.connect(database.conninfo, autocommit=True, row_factory=dict_row) as conn:
        yield conn


def write(engine: Engine, count: int = 5) -> list[UUID]:
    return [say(engine, name=f"Ana {n}", email=f"ana{n}@lopez.io").audit_id for n in range(count)]


def around(conn: Owner, statement: LiteralString, **params: Any) -> None:
    """Do something to the tables that their triggers would refuse, as only a superuser can."""
    with conn.transaction():
        conn.execute("set local session_replication_role = replica")
        assert conn.execute(statement, params).rowcount > 0


def kinds(report: Verification) -> list[FindingKind]:
    return [finding.kind for finding in report.findings]


CHANGES: list[LiteralString] = [
    "update memreg.audit_log set score = 0",
    "update memreg.audit_log_first set score = 0",
    "delete from memreg.audit_log",
    "truncate memreg.audit_log",
    "truncate memreg.audit_log_first",
    "update memreg.audit_values set evidence = ''",
    "delete from memreg.audit_values",
    "truncate memreg.audit_values cascade",
    "update memreg.memory_revisions set payload = '{}'",
    "delete from memreg.memory_revisions",
    "truncate memreg.memory_revisions",
    "update memreg.audit_seals set sealed_at = now()",
    "delete from memreg.audit_seals",
    "truncate memreg.audit_seals",
]


@pytest.mark.parametrize("statement", CHANGES)
def test_what_was_written_is_not_changed_by_its_owner_either(
    engine: Engine, owner: Owner, statement: LiteralString
) -> None:
    write(engine, 1)
    engine.seal_audit()
    with pytest.raises(psycopg.errors.RestrictViolation, match="is only ever added to"):
        owner.execute(statement)


@pytest.mark.parametrize("statement", CHANGES)
def test_the_role_of_tenants_has_no_right_to_change_it(engine: Engine, owner: Owner, statement: LiteralString) -> None:
    write(engine, 1)
    engine.seal_audit()
    with pytest.raises(psycopg.errors.InsufficientPrivilege), owner.transaction():
        owner.execute(
            "select set_config('memreg.tenant', 'default', true), set_config('memreg.audit_gate', 'erase', true)"
        )
        owner.execute("set local role memreg_app")
        owner.execute(statement)


def test_values_change_through_the_gate_alone_and_keep_their_entry(engine: Engine, owner: Owner) -> None:
    (entry,) = write(engine, 1)
    with owner.transaction(force_rollback=True):
        owner.execute("select set_config('memreg.audit_gate', 'erase', true)")
        for wrong in (
            "update memreg.audit_values set proposal = '{}'",  # not said to be erased
            "update memreg.audit_values set erased_at = now(), audit_id = gen_random_uuid()",
            "update memreg.audit_log set score = 0",
            "update memreg.memory_revisions set revision = 9",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation), owner.transaction():
                owner.execute(wrong.encode())
        owner.execute("update memreg.audit_values set proposal = '{}', erased_at = now()")
        owner.execute("update memreg.memory_revisions set payload = '{}'")
        rows = owner.execute(
            "select log.values_digest = said.digest as same, log.id = %s as mine from memreg.audit_log as log"
            " join memreg.audit_values as said on said.audit_id = log.id",
            (entry,),
        ).fetchall()
    assert rows == [{"same": False, "mine": True}]


def test_an_entry_needs_its_values_first(engine: Engine, owner: Owner) -> None:
    (entry,) = write(engine, 1)
    copied = (
        "insert into memreg.audit_log select (jsonb_populate_record(log, jsonb_build_object('id', %s::uuid))).*"
        " from memreg.audit_log as log where id = %s"
    )
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="has no values: they are written before it"):
        owner.execute(copied, (uuid7(), entry))


def test_digests_do_not_hang_on_the_settings_of_a_session(engine: Engine, owner: Owner) -> None:
    write(engine, 3)
    owner.execute("set timezone = 'Asia/Kolkata'")
    owner.execute("set datestyle = 'German, DMY'")
    owner.execute("set extra_float_digits = 0")
    owner.execute("set bytea_output = 'escape'")
    owner.execute("set intervalstyle = 'sql_standard'")
    rows = owner.execute("select memreg.audit_digest(log) = digest as same from memreg.audit_log as log").fetchall()
    assert rows == [{"same": True}] * 3


def test_every_column_is_part_of_the_digest(engine: Engine, owner: Owner) -> None:
    """Whoever adds a column to the audit has to say how it is chained."""
    (entry,) = write(engine, 1)
    columns = owner.execute(
        "select column_name as name, data_type as type from information_schema.columns"
        " where table_schema = 'memreg' and table_name = 'audit_log' and column_name not in ('digest')"
    ).fetchall()
    other = {
        "text": "x", "uuid": str(uuid4()), "integer": 77, "numeric": 0.5, "boolean": True, "jsonb": {"x": 1},
        "double precision": 0.125, "bytea": "\\x01", "timestamp with time zone": "2001-01-01T00:00:00Z",
    }  # fmt: skip
    for column in columns:
        changed = psycopg.types.json.Jsonb({column["name"]: other[column["type"]]})
        row = owner.execute(
            "select memreg.audit_digest(jsonb_populate_record(log, %s)) = digest as same from memreg.audit_log as log"
            " where id = %s",
            (changed, entry),
        ).fetchone()
        assert row == {"same": False}, column["name"]


def test_sealing_ties_every_entry_once_in_batches(engine: Engine, owner: Owner) -> None:
    entries = write(engine, 7)
    sealed = [engine.database.run("default", lambda: seal.seal_batch("default", 3)) for _ in range(4)]
    assert sealed == [3, 3, 1, 0]
    rows = owner.execute("select entries, previous, hash from memreg.audit_seals order by seal").fetchall()
    assert [entry for row in rows for entry in row["entries"]] == entries
    assert [row["previous"] for row in rows[1:]] == [row["hash"] for row in rows[:-1]]
    assert owner.execute("select from memreg.audit_unsealed").rowcount == 0


def test_two_sealers_do_not_wait_for_each_other(engine: Engine, owner: Owner) -> None:
    write(engine, 2)
    with owner.transaction():
        assert owner.execute("select memreg.seal_audit('default', 1) as sealed").fetchall() == [{"sealed": 1}]
        assert engine.database.run("default", lambda: seal.seal_batch("default")) is None
    assert engine.seal_audit() == 1


def test_sealing_waits_for_another_sealer_and_then_goes_on(engine: Engine, owner: Owner) -> None:
    write(engine, 2)
    done: list[int] = []
    with owner.transaction():
        owner.execute("select memreg.seal_audit('default', 1)")
        waiting = threading.Thread(target=lambda: done.append(engine.seal_audit()))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
    waiting.join(20)
    assert done == [1]


def test_what_is_committed_late_is_tied_by_a_later_seal(engine: Engine, owner: Owner) -> None:
    """An entry of a transaction that was open while others were sealed is no fault."""
    with psycopg.connect(engine.database.conninfo) as slow:
        slow.execute("select set_config('memreg.tenant', 'default', true)")
        (entry,) = write(engine, 1)
        late = uuid7()
        copy_of(slow, entry, late)
        write(engine, 2)
        assert engine.seal_audit() == 3
    assert engine.verify_audit().unsealed == 1
    assert engine.seal_audit() == 1
    report = engine.verify_audit()
    assert report.is_intact
    assert owner.execute("select entries from memreg.audit_seals where seal = 2").fetchall() == [{"entries": [late]}]
    impatient = engine.database.run("default", lambda: verify("default", patience=timedelta(0)))
    assert kinds(impatient) == [FindingKind.LATE]


def copy_of(conn: psycopg.Connection[Any], entry: UUID, other: UUID) -> None:
    """Another entry like one, written as everybody writes."""
    for table, key in ((b"audit_values", b"audit_id"), (b"audit_log", b"id")):
        conn.execute(
            b"insert into memreg." + table + b" select (jsonb_populate_record(kept, jsonb_build_object('" + key + b"',"
            b" %s::uuid))).* from memreg." + table + b" as kept where " + key + b" = %s",
            (other, entry),
        )


def test_a_tenant_seals_its_own_alone(engine: Engine) -> None:
    write(engine, 1)
    with pytest.raises(DatabaseError, match="the audit of another tenant is not sealed from here"):
        engine.database.run("globex", lambda: seal.seal_batch("default"))
    assert engine.for_tenant("globex").seal_audit() == 0


def test_the_owner_of_the_chain_seals_every_tenant(engine: Engine) -> None:
    write(engine, 2)
    write(engine.for_tenant("globex"), 1)
    assert seal_all(engine.database) == {"default": 2, "globex": 1}
    assert seal_all(engine.database) == {}
    reports = verify_all(engine.database, "*")
    assert [(each.tenant, each.entries, each.seals, each.is_intact) for each in reports] == [
        ("default", 2, 1, True),
        ("globex", 1, 1, True),
    ]


def test_an_engine_seals_after_many_decisions_and_at_its_end(
    engine: Engine, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "ENOUGH", 3)
    counted = partial(owner.execute, "select from memreg.audit_seals")
    write(engine, 2)
    assert counted().rowcount == 0
    write(engine, 1)
    assert counted().rowcount == 1
    write(engine, 2)
    engine.close()
    assert counted().rowcount == 1  # few, and new
    monkeypatch.setattr(tail, "LONGEST", timedelta(0))
    write(engine, 1)
    engine.close()
    assert counted().rowcount == 2
    assert engine.verify_audit().unsealed == 0


def test_engines_of_a_moment_seal_as_one_that_stays(
    engine: Engine, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server makes one for each request, of the tenant of that request."""
    monkeypatch.setattr(tail, "ENOUGH", 3)
    for number in range(3):
        for tenant in ("acme", "globex")[: 3 - number]:
            say(engine.for_tenant(tenant), name=f"Ana {number}", email=f"ana{number}@lopez.io")
    sealed = partial(owner.execute, "select tenant from memreg.audit_seals order by tenant")
    assert [row["tenant"] for row in sealed()] == ["acme"]
    monkeypatch.setattr(tail, "LONGEST", timedelta(0))
    engine.close()
    assert [row["tenant"] for row in sealed()] == ["acme", "globex"]


TAMPERED: list[tuple[LiteralString, set[str]]] = [
    ("update memreg.audit_log set score = 0.5 where id = %(entry)s", {"changed"}),
    ("update memreg.audit_log set digest = sha256('') where id = %(entry)s", {"changed", "seal_content"}),
    ("update memreg.audit_values set reasons = '[]' where audit_id = %(entry)s", {"values_changed"}),
    ("update memreg.audit_values set erased_at = now(), after = null where audit_id = %(entry)s", {"erased_untold"}),
    ("delete from memreg.audit_log where id = %(entry)s", {"missing", "values_alone"}),
    ("delete from memreg.audit_values where audit_id = %(entry)s", {"values_missing"}),
    ("delete from memreg.messages where id = (select message_id from memreg.audit_log where id = %(entry)s)",
     {"message_missing"}),
    ("update memreg.audit_seals set content = sha256('') where seal = 2", {"seal_changed", "seal_content"}),
    ("update memreg.audit_seals set hash = sha256('') where seal = 2", {"seal_changed", "seal_unlinked"}),
    ("delete from memreg.audit_seals where seal = 2", {"seal_missing", "unknown"}),
    ("delete from memreg.audit_unsealed", {"unknown"}),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "found"), TAMPERED)
def test_verifying_finds_what_was_done_around_the_triggers(
    engine: Engine, owner: Owner, statement: LiteralString, found: set[str]
) -> None:
    entries = write(engine, 6)
    for _ in range(3):
        engine.database.run("default", lambda: seal.seal_batch("default", 2))
    write(engine, 1)
    assert engine.verify_audit().is_intact
    around(owner, statement, entry=entries[3])
    report = engine.verify_audit()
    assert set(kinds(report)) == found
    assert report.first_broken in ((None,) if found <= {"unknown", "message_missing"} else (2,))
    assert not report.is_intact
    for finding in report.findings:
        assert str(finding.audit_id or f"seal {finding.seal}") in finding.sentence


def test_an_entry_that_is_written_around_the_triggers_is_known_to_nobody(engine: Engine, owner: Owner) -> None:
    entries = write(engine, 3)
    engine.seal_audit()
    with owner.transaction():
        owner.execute("set local session_replication_role = replica")
        copy_of(owner, entries[0], uuid7())
    assert set(kinds(engine.verify_audit())) == {FindingKind.UNKNOWN}


def test_an_entry_that_says_it_is_older_than_it_is_is_found(engine: Engine, owner: Owner) -> None:
    (entry,) = write(engine, 1)
    yesterday = UUID(int=uuid7().int - (86_400_000 << 80))
    copy_of(owner, entry, yesterday)
    report = engine.verify_audit()
    assert [(each.kind, each.audit_id) for each in report.findings] == [(FindingKind.MISDATED, yesterday)]


def test_an_anchor_finds_what_was_cut_off_or_written_anew(engine: Engine, owner: Owner, tmp_path: Path) -> None:
    write(engine, 4)
    anchor = engine.anchor_audit()
    write(engine, 2)
    engine.seal_audit()
    assert engine.verify_audit(anchor=anchor).anchored == 1
    file = tmp_path / "anchor"
    file.write_text(anchor + "\n")
    assert engine.verify_audit(anchor=str(file)).is_intact
    around(owner, "update memreg.audit_seals set hash = sha256(hash)")
    assert FindingKind.ANCHOR_OTHER in kinds(engine.verify_audit(anchor=anchor))
    around(owner, "delete from memreg.audit_seals")
    around(owner, "delete from memreg.audit_log")
    around(owner, "delete from memreg.audit_values")
    assert engine.verify_audit().is_intact  # without an anchor, nothing is left that could tell
    report = engine.verify_audit(anchor=anchor)
    assert kinds(report) == [FindingKind.ANCHOR_MISSING]
    assert "the end of the audit was cut off" in report.findings[0].sentence


def test_anchors_of_every_tenant(engine: Engine, owner: Owner) -> None:
    write(engine, 1)
    odd = engine.for_tenant("a b/c")
    write(odd, 1)
    text = "\n".join(str(each) for each in anchor_all(engine.database, "*"))
    assert [each.tenant for each in parse_anchors(text)] == ["a b/c", "default"]
    assert all(each.is_intact for each in verify_all(engine.database, "*", text))
    with pytest.raises(ArgumentInvalid, match="it says nothing of 'other'"):
        engine.for_tenant("other").verify_audit(anchor=text)
    for table in ("audit_log", "audit_values", "audit_seals"):
        around(owner, f"delete from memreg.{table} where tenant = 'a b/c'")
    gone = verify_all(engine.database, "*", text)
    assert [kinds(each) for each in gone] == [[FindingKind.ANCHOR_MISSING], []]


def test_erased_values_are_vouched_for_by_the_entry_of_the_erasing(engine: Engine, owner: Owner) -> None:
    said = say(engine, name="Ana", email="ana@lopez.io")
    say(engine, name="Ana Lopez", email="ana@lopez.io")
    anchor = engine.anchor_audit()
    assert said.memory_id is not None
    engine.erase(said.memory_id, by="the test")
    report = engine.verify_audit(anchor=anchor)
    assert report.is_intact, report.findings
    assert report.erased > 0
    around(owner, "update memreg.audit_values set details = details || '{\"x\": 1}' where erased_at is not null")
    assert set(kinds(engine.verify_audit(anchor=anchor))) == {FindingKind.ERASED_UNTOLD}


def test_what_is_erased_while_the_audit_is_verified_is_not_in_the_way(engine: Engine) -> None:
    first, *_ = write(engine)
    seal_all(engine.database)
    gone = next(each.memory_id for each in engine.audit() if each.audit_id == first)
    assert gone is not None

    def meanwhile() -> Steps[Verification]:
        steps = verify("default")
        batch = next(steps)
        while batch[0].query.name != "check_links":
            batch = steps.send((yield batch))
        engine.erase(gone, by="kim")
        try:
            while True:
                batch = steps.send((yield batch))
        except StopIteration as stop:
            return cast("Verification", stop.value)

    report = engine.database.run("default", meanwhile)
    assert report.findings == ()
    assert report.erased > 0


def test_what_holds_for_every_tenant_has_a_chain_of_its_own(engine: Engine) -> None:
    write(engine, 1)
    report = run(engine.database, "*", lambda: verify("*"))
    assert (report.entries, report.is_intact) == (0, True)
