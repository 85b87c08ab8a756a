"""Ingest on a real database: once per message, nothing by halves, tenants and schemas apart, every refusal kept."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from memreg.api.engine import Engine
from memreg.api.registry import Registry
from memreg.core.database import Database
from memreg.core.errors import (
    CommitUnknown,
    ExtractionFailed,
    MemregError,
    MessageConflict,
    MessageInvalid,
    NoSchema,
    NoUsableVersion,
    ProposalInvalid,
    SchemaAmbiguous,
    SchemaNotFound,
    TenantInvalid,
)
from memreg.core.queries import Query
from memreg.engine.candidates import CANDIDATES
from memreg.engine.model import Action, Basis, Extraction, Message, Proposal, Refused
from memreg.engine.score import Score, best_score
from memreg.engine.statistics import FIRST_SNAPSHOT
from memreg.engine.workspace import MOST_HOLDERS
from memreg.registry.models import SchemaVersion, Status
from tests.support.engines import PEOPLE, every, people, people_spec, register, say
from tests.support.replay import ENTRIES, MEMORIES, rebuilt, rows, stored

EVERYTHING = Query(
    "everything",
    "Every row of tenant data with its physical place and writer: unchanged if nothing was written.",
    "select 'memories' as t, ctid::text as at, xmin::text as by from memreg.memories where tenant = %(tenant)s"
    " union all select 'revisions', ctid::text, xmin::text from memreg.memory_revisions where tenant = %(tenant)s"
    " union all select 'keys', ctid::text, xmin::text from memreg.identity_keys where tenant = %(tenant)s"
    " union all select 'messages', ctid::text, xmin::text from memreg.messages where tenant = %(tenant)s"
    " union all select 'log', ctid::text, xmin::text from memreg.audit_log where tenant = %(tenant)s"
    " union all select 'values', ctid::text, xmin::text from memreg.audit_values where tenant = %(tenant)s"
    " union all select 'reviews', ctid::text, xmin::text from memreg.review_items where tenant = %(tenant)s"
    " order by 1, 2, 3",
)
VALUES = Query(
    "values",
    "The kept values of one audit entry.",
    "select proposal, reasons, evidence from memreg.audit_values where tenant = %(tenant)s and audit_id = %(id)s",
)
INBOX = Query(
    "inbox",
    "Every message.",
    "select id, status, attempts, error, reply, text from memreg.messages where tenant = %(tenant)s order by id",
)
QUESTIONS = Query(
    "questions",
    "Every question.",
    "select kind, subject, status, message_id, reason, memory_ids from memreg.review_items"
    " where tenant = %(tenant)s order by id",
)
SNAPSHOTS = Query(
    "snapshots",
    "Every snapshot.",
    "select class, snapshot, change, documents, frequencies from memreg.calibrations"
    " where tenant = %(tenant)s order by class, snapshot",
)
NAMED = Query(
    "named",
    "The snapshots that entries name.",
    "select snapshot from memreg.audit_log where tenant = %(tenant)s order by id",
)

ANA = Proposal("Person", {"name": "Ana Lopez", "email": "ana@lopez.io", "city": "Oslo"})


class Failing:
    """An extractor that fails until it is told not to."""

    name = "failing"

    def __init__(self) -> None:
        self.calls = 0
        self.works = False

    def extract(self, message: Message, version: SchemaVersion) -> Extraction:  # noqa: ARG002
        self.calls += 1
        if not self.works:
            raise ExtractionFailed(extractor=self.name, reason="the model said \0 prose")
        return Extraction((ANA,), self.name, refused=(Refused("item 2 has no class"),))


# Once per message


def test_taking_a_message_again_writes_nothing(database: Database) -> None:
    engine = people(database)
    first = engine.ingest(Message("said", "m1"), proposals=[ANA, Proposal("Nobody", {"a": 1})])
    before = rows(database, EVERYTHING, "default")
    again = engine.ingest(Message("said", "m1"), proposals=[ANA])
    assert again.status == "replayed"
    assert again.decisions == first.decisions
    assert rows(database, EVERYTHING, "default") == before


def test_a_text_taken_again_does_not_ask_the_extractor(database: Database) -> None:
    people(database)
    extractor = Failing()
    extractor.works = True
    engine = Engine(database, schema="people", extractor=extractor)
    first = engine.ingest(Message("hello", "m1"))
    before = rows(database, EVERYTHING, "default")
    assert engine.ingest(Message("hello", "m1")).decisions == first.decisions
    assert extractor.calls == 1
    assert rows(database, EVERYTHING, "default") == before


def test_the_same_id_with_another_text_is_an_error_that_writes_nothing(database: Database) -> None:
    engine = people(database)
    engine.ingest(Message("said", "m1"), proposals=[ANA])
    before = rows(database, EVERYTHING, "default")
    with pytest.raises(MessageConflict, match="'m1' was already taken with another text"):
        engine.ingest(Message("said otherwise", "m1"), proposals=[ANA])
    with pytest.raises(MessageConflict):
        engine.ingest(Message("Ana Lopez writes from ana@lopez.io.", "m1"))
    assert rows(database, EVERYTHING, "default") == before


def test_proposals_without_a_text_are_the_message(database: Database) -> None:
    engine = people(database)
    engine.ingest(Message("", "m1"), proposals=[ANA])
    assert engine.ingest(Message("", "m1"), proposals=[ANA]).status == "replayed"
    with pytest.raises(MessageConflict):
        engine.ingest(Message("", "m1"), proposals=[Proposal("Person", {"name": "Tor Moe"})])


def test_a_message_without_an_id_is_always_new(database: Database) -> None:
    engine = people(database)
    ids = {engine.ingest("Ana Lopez writes from ana@lopez.io.").message_id for _ in range(3)}
    assert len(ids) == 3
    assert len(every(engine)) == 1
    assert len(rows(database, ENTRIES, "default")) == 3


def test_an_update_that_changes_nothing_writes_an_entry_and_the_time_alone(database: Database) -> None:
    engine = people(database)
    ana = say(engine, **ANA.values).memory_id
    assert ana is not None
    before = engine.get(ana)
    decision = say(engine, **ANA.values)
    after = engine.get(ana)
    assert (decision.action, decision.memory_id) == (Action.UPDATE, ana)
    assert (after.revision, after.updated_at, after.values) == (before.revision, before.updated_at, before.values)
    assert after.last_seen_at > before.last_seen_at
    assert len(engine.history(ana)) == 1
    assert [entry.revision for entry in engine.audit()] == [None, 1]


# Dead messages


def test_a_dead_message_is_kept_asked_about_and_retried(database: Database) -> None:
    people(database)
    extractor = Failing()
    engine = Engine(database, schema="people", extractor=extractor)
    assert engine.ingest(Message("hello", "m1")).status == "dead"
    assert engine.ingest(Message("hello", "m1")).status == "dead"
    (kept,) = rows(database, INBOX, "default")
    assert (kept["status"], kept["attempts"], kept["text"]) == ("dead", 2, "hello")
    assert "the model said \\u0000 prose" in kept["error"]
    (question,) = rows(database, QUESTIONS, "default")
    assert (question["kind"], question["status"], question["message_id"]) == ("dead_letter", "open", "m1")
    with pytest.raises(MessageConflict):
        engine.ingest(Message("other words", "m1"))
    extractor.works = True
    result = engine.ingest(Message("hello", "m1"))
    assert result.status == "decided"
    assert [str(each.action) for each in result.decisions] == ["CREATE", "REJECT"]
    assert "item 2 has no class" in result.decisions[1].reasons[0]
    assert rows(database, INBOX, "default")[0]["status"] == "decided"
    assert rows(database, QUESTIONS, "default")[0]["status"] == "settled"
    assert engine.ingest(Message("hello", "m1")).status == "replayed"
    assert extractor.calls == 3


def test_a_message_is_kept_when_the_extractor_breaks(database: Database) -> None:
    people(database)

    class Broken:
        name = "broken"

        def extract(self, message: Message, version: SchemaVersion) -> Extraction:  # noqa: ARG002
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        Engine(database, schema="people", extractor=Broken()).ingest(Message("hello", "m1"))
    assert rows(database, INBOX, "default")[0]["status"] == "accepted"
    extractor = Failing()
    extractor.works = True
    assert Engine(database, schema="people", extractor=extractor).ingest(Message("hello", "m1")).status == "decided"


def test_a_dead_message_may_be_decided_by_proposals_instead(database: Database) -> None:
    people(database)
    engine = Engine(database, schema="people", extractor=Failing())
    engine.ingest(Message("hello", "m1"))
    assert engine.ingest(Message("hello", "m1"), proposals=[ANA]).status == "decided"
    assert [each["status"] for each in rows(database, QUESTIONS, "default")] == ["settled"]


# Many proposals


def test_a_turn_of_many_proposals_is_scored_in_bounded_work(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = people(database)
    scored = 0

    def counted(*args: Any) -> Score:
        nonlocal scored
        scored += 1
        return best_score(*args)

    monkeypatch.setattr("memreg.engine.turn.best_score", counted)
    count = 60
    given = [Proposal("Note", {"title": f"topic{number} of the common list"}) for number in range(count)]
    decisions = engine.ingest(proposals=given).decisions
    assert len(decisions) == count
    assert count < scored <= count * CANDIDATES


def test_the_most_alike_of_a_turn_is_found_among_many(database: Database) -> None:
    engine = people(database)
    given = [Proposal("Note", {"title": f"topic{number} of the common list"}) for number in range(60)]
    again = Proposal("Note", {"title": "topic41 of the common list", "body": "once more"})
    decisions = engine.ingest(proposals=[*given, again]).decisions
    assert (decisions[60].basis, decisions[60].memory_id) == (Basis.SCORE, decisions[41].memory_id)


# Tenants and schemas


def test_tenants_do_not_meet(database: Database) -> None:
    engine = people(database)
    other = engine.for_tenant("o'; drop table memreg.memories; --")
    mine, theirs = say(engine, **ANA.values), say(other, **ANA.values)
    assert (mine.action, theirs.action) == (Action.CREATE, Action.CREATE)
    assert say(other, operation="delete", email="ana@lopez.io").memory_id == theirs.memory_id
    assert list(every(engine)) == [mine.memory_id]
    assert every(other) == {}
    assert engine.ingest(Message("x", "m1"), proposals=[]).status == "decided"
    assert other.ingest(Message("y", "m1"), proposals=[]).status == "decided"
    assert other.search("ana") == []
    for read in (other.get, other.history):
        with pytest.raises(MemregError, match="No memory"):
            read(mine.memory_id or "")
    with pytest.raises(MemregError, match="No audit entry"):
        other.explain(mine.audit_id)
    assert [entry.audit_id for entry in engine.audit()] == [mine.audit_id]


def test_two_schemas_with_the_same_class_do_not_meet(database: Database) -> None:
    register(database)
    register(database, people_spec("staff"))
    one, other = Engine(database, schema="people"), Engine(database, schema="staff")
    assert say(one, **ANA.values).action is Action.CREATE
    found = say(other, **ANA.values)
    assert found.action is Action.CREATE
    assert say(one, email="ana@lopez.io", city="Bergen").memory_id != found.memory_id
    assert one.ingest(Message("x", "m1"), proposals=[]).status == "decided"
    assert other.ingest(Message("y", "m1"), proposals=[]).status == "decided"
    with pytest.raises(MemregError, match="No memory"):
        one.get(found.memory_id or "")
    assert len(one.search("ana")) == 1
    with pytest.raises(SchemaAmbiguous):
        Engine(database).ingest("hello")


@pytest.mark.parametrize("tenant", ["", "*", "x" * 300, "a\0", "\ud800", " a"])
def test_a_tenant_that_cannot_be(database: Database, tenant: str) -> None:
    with pytest.raises(TenantInvalid):
        Engine(database, tenant=tenant)


@pytest.mark.parametrize("name", ["nobody", "a'b\"; --", "x" * 300, "a\0b", "\ud800", ""])
def test_a_schema_that_is_not_there(database: Database, name: str) -> None:
    register(database)
    if name == "":
        assert Engine(database, schema=name).schema() == "people"
        return
    with pytest.raises(SchemaNotFound):
        Engine(database, schema=name).ingest("hello")


# Versions


def test_no_schema_no_ingest(database: Database) -> None:
    with pytest.raises(NoSchema):
        Engine(database).ingest("hello")
    assert rows(database, INBOX, "default") == []


def test_only_a_rejected_version_no_ingest(database: Database) -> None:
    register(database, approve=False)
    Registry(database).reject("people", "not yet")
    with pytest.raises(NoUsableVersion, match="only rejected versions"):
        Engine(database, schema="people").ingest("hello")
    with pytest.raises(NoUsableVersion):
        Engine(database, schema="people").ingest(proposals=[ANA])
    assert rows(database, INBOX, "default") == []


def test_the_active_version_decides_until_the_next_one_is_backfilled(database: Database) -> None:
    engine = people(database)
    say(engine, **ANA.values)
    Registry(database).register(PEOPLE.replace("mood:", "temper:"), annotate="heuristic")
    assert engine.version().version == 1
    assert Registry(database).approve("people").status is Status.APPROVED
    assert engine.version().version == 1
    assert say(engine, email="ana@lopez.io", mood="calm").action is Action.UPDATE


def test_approving_activates_at_once_when_no_live_memory_is_older(database: Database) -> None:
    engine = people(database)
    say(engine, **ANA.values)
    say(engine, operation="delete", email="ana@lopez.io")
    Registry(database).register(PEOPLE.replace("mood:", "temper:"), annotate="heuristic")
    assert Registry(database).approve("people").status is Status.ACTIVE
    decision = say(engine, name="Ana Lopez", email="ana@lopez.io", temper="calm")
    assert engine.get(decision.memory_id or "").version == 2


def test_a_pending_version_is_create_only_until_it_is_approved(database: Database) -> None:
    register(database, approve=False)
    engine = Engine(database, schema="people")
    held = say(engine, **ANA.values)
    assert (held.action, held.basis) == (Action.CREATE, Basis.PENDING)
    assert engine.get(held.memory_id or "").unresolved
    Registry(database).approve("people")
    assert say(engine, **ANA.values).basis is Basis.NEW


# Bad input


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("", "its text is empty"),
        (" \n\t", "its text is empty"),
        (None, "its text is empty"),
        ("x" * 1_000_001, "1,000,001 characters"),
        ("ab\0c", "character 3 of its text is NUL"),
        ("a\ud800", "half of a surrogate pair"),
        (Message("a", id=""), "its id is empty"),
        (Message("a", id="x" * 201), "its id has 201 characters"),
        (Message("a", id="a\0"), "character 2 of its id is NUL"),
        (Message("a", session=" "), "its session is empty"),
        (Message(5), "the text is a int"),  # type: ignore[arg-type]
        (Message("a", at="2026-01-01"), "its time is a str"),  # type: ignore[arg-type]
        (Message("a", at=datetime(2026, 1, 1)), "has no zone"),  # noqa: DTZ001
        (b"hello", "it is a bytes"),
    ],
)
def test_a_message_that_cannot_be(database: Database, message: Any, words: str) -> None:
    engine = people(database)
    with pytest.raises(MessageInvalid, match=words):
        engine.ingest(message)
    assert rows(database, INBOX, "default") == []


@pytest.mark.parametrize(
    ("proposals", "words"),
    [
        ([{"class": "Person", "values": {"name": "Ana"}}], "proposals\\[0\\] is a dict"),
        ([ANA, None], "proposals\\[1\\] is a NoneType"),
        (ANA, "proposals is a Proposal"),
        ("Person", "proposals is a str"),
        ({"class": "Person"}, "proposals is a dict"),
        (5, "proposals is a int"),
    ],
)
def test_proposals_that_are_none(database: Database, proposals: Any, words: str) -> None:
    engine = people(database)
    with pytest.raises(ProposalInvalid, match=words):
        engine.ingest(Message("said", "m1"), proposals=proposals)
    assert rows(database, INBOX, "default") == []


def test_proposals_may_come_from_a_generator(database: Database) -> None:
    engine = people(database)
    given: Any = (each for each in [ANA])
    assert [each.action for each in engine.ingest(proposals=given).decisions] == [Action.CREATE]


def test_a_shared_key_of_very_many_identifies_none(database: Database) -> None:
    engine = people(database)
    for number in range(MOST_HOLDERS):
        say(engine, name=f"Person{number} Family{number}", phone="22334455", email=f"p{number}@x.io")
    assert say(engine, operation="delete", name="Person7", phone="22334455").basis is Basis.DELETE_WITHOUT_IDENTITY
    assert say(engine, operation="delete", email="p1@x.io").action is Action.DELETE
    assert say(engine, operation="delete", name="Person7", phone="22334455").action is Action.DELETE


def test_a_message_of_a_megabyte_is_taken(database: Database) -> None:
    engine = people(database)
    text = "Ana Lopez writes from ana@lopez.io. " + "lorem ipsum " * 80_000
    result = engine.ingest(Message(text[:1_000_000], "m1"))
    assert result.status == "decided"
    assert rows(database, INBOX, "default")[0]["text"] == text[:1_000_000]


HUGE = 10**5000
BAD: list[tuple[Any, str]] = [
    (Proposal("Spaceship", {"name": "x"}), "is no class of people@1"),
    (Proposal("Person'; drop table memreg.memories; --", {"name": "x"}), "is no class"),
    (Proposal("P" * 300, {"name": "x"}), "is no class"),
    (Proposal('P"\0\ud800', {"name": "x"}), "is no class"),
    (Proposal("Person", {"shoe": 43}), "'shoe' is no column of Person"),
    (Proposal("Person", {"name\0": "x"}), "is no column of Person"),
    (Proposal("Person", {"name": "Ana\0"}), "NUL"),
    (Proposal("Person", {"name": "Ana\ud800"}), "surrogate"),
    (Proposal("Person", {"name": "x" * 10_001}), "10,001 characters"),
    (Proposal("Person", {"name": "Ana", "born": "2026-02-30"}), "2026-02-30"),
    (Proposal("Person", {"name": "Ana", "born": math.nan}), "is not a date"),
    (Proposal("Person", {"name": ["a", "b"]}), "is not text"),
    (Proposal("Person", {"name": {"a": {"b": [math.nan, math.inf, "\0"]}}}), "is not text"),
    (Proposal("Person", {"age": HUGE}), "64 bits"),
    (Proposal("Person", {"age": math.inf}), "whole number"),
    (Proposal("Person", {"mood": "furious"}), "is not one of calm, cross"),
    (Proposal("Person", {}), "no value is left"),
    (Proposal("Person", ["name"]), "must be an object"),  # type: ignore[arg-type]
    (Proposal("Person", {"name": "Ana"}, "merge"), "must be upsert or delete"),  # type: ignore[arg-type]
    (Proposal(HUGE, {"name": "Ana"}), "is no class"),  # type: ignore[arg-type]
    (Proposal("Person", {"name": "\0"}, evidence="a\0\ud800"), "NUL"),
    (Proposal("Person", {"name": "\0"}, evidence=5, confidence=math.nan), "NUL"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("proposal", "words"), BAD)
def test_a_bad_proposal_is_refused_in_a_sentence_and_kept(database: Database, proposal: Proposal, words: str) -> None:
    engine = people(database)
    refused, made = engine.ingest(Message("said", "m1"), proposals=[proposal, ANA]).decisions
    assert (refused.action, refused.basis, refused.memory_id) == (Action.REJECT, Basis.INVALID, None)
    assert words in "; ".join(refused.reasons)
    assert made.action is Action.CREATE
    (kept,) = rows(database, VALUES, "default", id=refused.audit_id)
    parts = {"class", "operation", "values"}
    assert parts <= set(kept["proposal"]) <= parts | {"evidence", "confidence"}
    told = engine.explain(refused.audit_id).facts["proposal"]
    assert set(told) == parts | {"evidence", "confidence"}
    assert (told["evidence"] is None) == (proposal.evidence is None)
    assert kept["reasons"] == list(refused.reasons)
    assert "rule 1, invalid" in engine.explain(refused.audit_id).text
    assert engine.ingest(Message("said", "m1"), proposals=[]).decisions == (refused, made)


def test_a_refused_proposal_is_kept_as_it_came(database: Database) -> None:
    engine = people(database)
    values = {"name": "Ana\0", "email": "x", "age": "many", "deep": {"a": [1, None, "\ud800", math.nan]}}
    refused = engine.ingest(proposals=[Proposal("Person", values, evidence="Ana \0", confidence=0.5)]).decisions[0]
    (kept,) = rows(database, VALUES, "default", id=refused.audit_id)
    assert kept["proposal"] == {
        "class": "Person",
        "operation": "upsert",
        "values": {"name": "Ana\\u0000", "email": "x", "age": "many", "deep": {"a": [1, None, "\\ud800", "nan"]}},
        "evidence": "Ana \\u0000",
        "confidence": 0.5,
    }


def test_values_near_their_limits_are_stored(database: Database) -> None:
    """Long texts and lists give more lexemes than a tsvector may hold; the memory is kept all the same."""
    engine = people(database)
    words = [f"{n:04d}" + "å" * 60 for n in range(1_000)]
    body = " ".join(f"{n:05d}" + "w" * 40 for n in range(2_000))
    tags = [" ".join(f"{n}x{m}" + "å" * 55 for m in range(20)) for n in range(900)]
    ana = engine.ingest(
        proposals=[Proposal("Person", {"name": "Ana Lopez", "tags": tags, "city": " ".join(words[:50])})]
    )
    note = engine.ingest(proposals=[Proposal("Note", {"title": " ".join(words[:150]), "body": body})])
    assert [r.decisions[0].action for r in (ana, note)] == [Action.CREATE, Action.CREATE]
    assert len(engine.search("Ana Lopez")) == 1


def test_a_lost_connection_leaves_nothing_half_written(database: Database, database_url: str) -> None:
    engine = people(database)
    ana = say(engine, **ANA.values)
    before = rows(database, EVERYTHING, "default")
    with psycopg.connect(database_url) as conn:
        conn.execute(
            b"create function memreg.fall() returns trigger language plpgsql security definer as $$"
            b" begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$"
        )
        conn.execute(b"create trigger fall before insert on memreg.audit_values execute function memreg.fall()")
    with pytest.raises(CommitUnknown):  # it goes out with what is written
        engine.ingest(Message("said", "m1"), proposals=[Proposal("Person", {"email": "ana@lopez.io", "city": "Rome"})])
    with psycopg.connect(database_url) as conn:
        conn.execute(b"drop trigger fall on memreg.audit_values")
    assert rows(database, EVERYTHING, "default") == before
    result = engine.ingest(
        Message("said", "m1"), proposals=[Proposal("Person", {"email": "ana@lopez.io", "city": "Rome"})]
    )
    assert result.status == "decided"
    assert result.decisions[0].memory_id == ana.memory_id


def test_an_identity_key_is_not_lost_to_a_memory_that_completes_it_unheld(
    database: Database, database_url: str
) -> None:
    """A memory may complete a strong key that another one holds: an update must not take it."""
    engine = people(database)
    ana = say(engine, name="Ana Lopez", email="ana@lopez.io")
    tor = say(engine, name="Tor Moe", email="tor@moe.no")
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(
            'update memreg.memories set payload = payload || \'{"email": "ana@lopez.io"}\' where id = %s',
            [tor.memory_id],
        )
    updated = engine.ingest(
        proposals=[Proposal("Person", {"name": "Tor Moe", "email": "tor@moe.no", "age": 30})]
    ).decisions[0]
    assert updated.memory_id == tor.memory_id
    found = say(engine, email="ana@lopez.io", age=31)
    assert found.memory_id == ana.memory_id


# Statistics


def test_a_snapshot_is_taken_at_its_count_and_named_from_then_on(database: Database) -> None:
    engine = people(database)
    for number in range(FIRST_SNAPSHOT + 2):
        say(engine, name=f"Person{number} Lopez", city="Oslo", email=f"p{number}@x.io", phone=str(number + 1000))
    (taken,) = rows(database, SNAPSHOTS, "default")
    assert (taken["class"], taken["snapshot"], taken["change"]) == ("Person", 1, FIRST_SNAPSHOT)
    assert taken["documents"] == FIRST_SNAPSHOT
    assert taken["frequencies"] == {"lopez": FIRST_SNAPSHOT, "oslo": FIRST_SNAPSHOT}
    assert [row["snapshot"] for row in rows(database, NAMED, "default")] == [0] * FIRST_SNAPSHOT + [1, 1]
    assert "statistics snapshot 1" in engine.explain(engine.audit(limit=1)[0].audit_id).text


def test_a_snapshot_is_of_one_tenant_and_class(database: Database) -> None:
    engine = people(database)
    other = engine.for_tenant("other")
    for number in range(FIRST_SNAPSHOT):
        say(engine, "Note", title=f"topic{number} common")
        if number % 2:
            say(other, "Note", title=f"topic{number} common")
    (taken,) = rows(database, SNAPSHOTS, "default")
    assert taken["class"] == "Note"
    assert rows(database, SNAPSHOTS, "other") == []


# The audit


def test_every_proposal_has_one_entry_and_the_audit_rebuilds_the_memories(database: Database) -> None:
    engine = people(database)
    turns: list[list[Proposal]] = [
        [ANA, ANA, Proposal("Person", {"email": "tor@moe.no"}), Proposal("Nobody", {"x": 1})],
        [Proposal("Person", {"name": "Ana Lopez", "born": "1990-05-01", "email": "ana@lopez.io"})],
        [Proposal("Person", {"name": "Ana Lopez", "born": "1990-05-01", "email": "ana@new.io", "phone": "123"})],
        [
            Proposal("Person", {"name": "Ana Lopez", "phone": "456"}),
            Proposal("Person", {"email": "ana@new.io"}, "delete"),
        ],
        [Proposal("Person", {"name": "Ana Lopez", "email": "ana@lopez.io"}), Proposal("Note", {"title": "Buy milk"})],
        [Proposal("Note", {"title": "Buy milk"}, "delete"), Proposal("Note", {"title": "buy milk", "body": "2 l"})],
    ]
    for number, proposals in enumerate(turns):
        result = engine.ingest(Message("said", f"m{number}"), proposals=proposals)
        assert len(result.decisions) == len(proposals)
        entries = [each for each in rows(database, ENTRIES, "default") if each["message_id"] == f"m{number}"]
        assert [each["ordinal"] for each in entries] == list(range(len(proposals)))
        assert [each["id"] for each in entries] == [each.audit_id for each in result.decisions]
    assert rebuilt(database, "default") == stored(database, "default")
    for memory in rows(database, MEMORIES, "default"):
        history = engine.history(memory["id"])
        assert [each.revision for each in history] == list(range(1, memory["revision"] + 1))
        assert (history[-1].values, history[-1].is_deleted) == (memory["payload"], memory["is_deleted"])
        assert all(isinstance(each.audit_id, UUID) for each in history)


TOOK = Query("took", "How long it took.", "select took_ms from memreg.audit_log where tenant = %(tenant)s order by id")


def test_an_entry_says_how_long_deciding_took_until_it_was_written(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = people(database)
    written = iter([10.25, 10.5])
    monkeypatch.setattr("memreg.engine.batch.perf_counter", lambda: 10.0)
    monkeypatch.setattr("memreg.engine.written.perf_counter", lambda: next(written))
    engine.ingest(proposals=[Proposal("Note", {"title": "Buy milk"}), Proposal("Note", {"title": "Call Ana"})])
    assert [each["took_ms"] for each in rows(database, TOOK, "default")] == [250.0, 500.0]
