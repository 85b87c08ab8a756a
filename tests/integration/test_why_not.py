"""Why a memory was not chosen: what the entry keeps of it, else as it was then, computed again and told so."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.errors import AuditNotFound, MemoryNotFound
from memreg.core.ids import uuid7
from memreg.core.steps import Steps, fetch_row
from memreg.engine.audit import KEPT_CANDIDATES
from memreg.engine.explain_facts import facts_of
from memreg.engine.explain_store import SQL
from memreg.engine.model import Decision
from memreg.engine.statistics import FIRST_SNAPSHOT
from memreg.engine.why_not import why_not_told
from memreg.operations.backfill import backfill
from memreg.operations.kill_switch import switch
from tests.support.engines import people, register, say


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


def made(decision: Decision) -> UUID:
    assert decision.memory_id is not None
    return decision.memory_id


def verdict(engine: Engine, decision: Decision, memory: UUID) -> tuple[str, str]:
    """The word and all sentences; what is told fits a terminal."""
    explained = engine.explain(decision.audit_id, why_not=memory)
    told = explained.facts["why_not"]
    assert told["memory_id"] == memory
    assert f"Why not memory {memory}" in explained.text
    assert all(len(line) <= 80 for line in explained.text.split("\n"))
    return told["verdict"], "; ".join(told["reasons"])


def test_a_memory_that_was_not_there_or_not_live(engine: Engine, database: Database) -> None:
    gone = say(engine, name="Ana Lopez", email="ana@x.io", city="Oslo")
    say(engine, operation="delete", email="ana@x.io")
    decision = say(engine, name="Ana Lopez", email="ana@x.io", city="Oslo")
    later = say(engine, name="Ana Lopez-Berg", email="later@x.io")
    switch(database, "default", "people", "Person", on=True, by="eva")
    held = say(engine, name="Ana Lopez", email="ana@x.io", city="Oslo")
    switch(database, "default", "people", "Person", on=False, by="eva")
    update = say(engine, email="ana@x.io", city="Rome")

    word, told = verdict(engine, decision, made(gone))
    assert word == "not_live"
    assert "it was deleted then" in told
    word, told = verdict(engine, decision, made(later))
    assert word == "not_yet"
    assert str(later.audit_id) in told
    assert verdict(engine, decision, made(decision))[0] == "made"
    assert verdict(engine, update, made(held))[0] == "unresolved"
    assert verdict(engine, update, made(decision))[0] == "chosen"
    assert verdict(engine, held, made(decision))[0] == "create_only"


def test_a_memory_of_another_class(engine: Engine) -> None:
    note = say(engine, "Note", title="Ana Lopez")
    decision = say(engine, name="Ana Lopez", email="ana@x.io")
    word, told = verdict(engine, decision, made(note))
    assert word == "other_class"
    assert "it is a Note, and Person was proposed" in told


def test_a_key_that_answered_with_another_one(engine: Engine) -> None:
    ana = say(engine, name="Ana Lopez", email="ana@x.io", city="Oslo")
    other = say(engine, name="Ana Lopez", email="other@y.io", born="1990-05-01")
    decision = say(engine, email="ana@x.io", city="Rome")
    word, told = verdict(engine, decision, made(other))
    assert word == "key_of_another"
    assert f"a key answered with memory {ana.memory_id}" in told
    assert "the strong key email differs in email" in told
    assert "the strong key name+born is not complete: the proposal has no born and no name" in told
    keys = {
        each["key"]: each
        for each in engine.explain(decision.audit_id, why_not=other.memory_id).facts["why_not"]["keys"]
    }
    assert keys["email"]["held"] == {"email": "other@y.io"}
    assert keys["email"]["outcome"] == "differs"
    assert keys["phone"]["outcome"] == "incomplete"


def test_of_keys_that_conflict_the_first_declared_one_wins(engine: Engine) -> None:
    say(engine, name="Ana Lopez", email="ana@x.io")
    bo = say(engine, name="Bo Berg", born="1980-01-01")
    decision = say(engine, name="Bo Berg", born="1980-01-01", email="ana@x.io")
    assert decision.basis == "identity_conflict"
    word, told = verdict(engine, decision, made(bo))
    assert word == "identity_conflict"
    assert f"an earlier declared one with memory {decision.memory_id}" in told
    assert "the strong key name+born is equal" in told


def test_a_delete_takes_a_key(engine: Engine) -> None:
    ana = say(engine, name="Ana Lopez", city="Oslo", email="ana@x.io")
    decision = say(engine, operation="delete", name="Ana Lopez", city="Oslo")
    word, told = verdict(engine, decision, made(ana))
    assert word == "no_key_equal"
    assert "a score is never enough" in told


def test_a_lower_score_that_the_entry_keeps(engine: Engine) -> None:
    best = say(engine, name="Ana Maria Lopez", city="Oslo", born="1990-05-01")
    other = say(engine, name="Ana Maria Lopes", city="Bergen", born="1970-12-24")
    assert other.memory_id != best.memory_id
    decision = say(engine, name="Ana Maria Lopez", city="Oslo", phone="12345678")
    assert decision.memory_id == best.memory_id
    explained = engine.explain(decision.audit_id, why_not=other.memory_id)
    told = explained.facts["why_not"]
    assert told["verdict"] == "lower_score"
    assert told["candidate"]["computed_again"] is False
    assert told["candidate"]["rank"] == 2
    kept = next(c for c in explained.facts["candidates"] if c["memory_id"] == str(other.memory_id))
    assert told["candidate"]["score"] == kept["score"]
    assert "is above it" in "; ".join(told["reasons"])


def test_a_memory_that_shares_nothing(engine: Engine) -> None:
    other = say(engine, name="Wolfgang Schmidt", city="Rome")
    decision = say(engine, name="Ana Lopez", city="Oslo")
    word, told = verdict(engine, decision, made(other))
    assert word == "nothing_shared"
    assert "its score would have been 0.0000 (computed again from its revision 1 and snapshot 0" in told


def test_a_score_below_is_told_with_what_met(engine: Engine) -> None:
    other = say(engine, name="Ana Berg", city="Rome", born="1950-01-01")
    decision = say(engine, name="Ana Lopez", city="Oslo", born="1990-01-01")
    explained = engine.explain(decision.audit_id, why_not=other.memory_id)
    told = explained.facts["why_not"]
    assert told["verdict"] == "below_threshold"
    assert {"family": "t", "key": "ana", "meaning": "the word 'ana'"} in told["meets"]
    assert "it is looked up by the word 'ana'" in explained.text


def test_what_was_not_kept_is_computed_again_as_it_was(engine: Engine) -> None:
    """The newest snapshot and revision would give another score."""
    ids = [made(say(engine, "Note", title=f"quarterly report number{n} draft")) for n in range(FIRST_SNAPSHOT)]
    decision = say(engine, "Note", title="quarterly report from the north")
    facts = engine.explain(decision.audit_id).facts
    kept = {candidate["memory_id"]: candidate["score"] for candidate in facts["candidates"]}
    assert len(kept) == KEPT_CANDIDATES
    assert facts["snapshot"] == 1
    other = next(each for each in ids if str(each) not in kept)
    before = engine.explain(decision.audit_id, why_not=other).facts["why_not"]
    assert before["candidate"]["computed_again"] is True
    assert before["candidate"]["score"] == pytest.approx(min(kept.values()))
    engine.correct(other, {"title": "something else entirely"}, by="eva")
    for number in range(2 * FIRST_SNAPSHOT):
        say(engine, "Note", title=f"other{number} phrases")
    after = engine.explain(decision.audit_id, why_not=other).facts["why_not"]
    assert after == before
    assert after["then"]["revision"] == 1


def test_what_is_computed_again_is_what_was_decided_on(engine: Engine) -> None:
    """Every candidate that entries keep, computed again as if they had not kept it, after more became of each."""
    names = ["Ana Maria Lopez", "Ana Lopez", "Maria Lopes", "Anna Lopez Berg", "Bo Berg", "Bo Ng"]
    for number in range(3 * FIRST_SNAPSHOT):
        name = names[number % len(names)]
        email = f"m{number % 7}@x.io" if number % 3 else None
        values = {
            "name": name,
            "city": ["Oslo", "Rome"][number % 2],
            "born": f"19{70 + number % 9}-05-01",
            "email": email,
        }
        decision = say(engine, **{column: value for column, value in values.items() if value})
        if number % 5 == 0 and decision.action == "UPDATE" and engine.explain(decision.audit_id).facts["changes"]:
            engine.undo(decision.audit_id, by="eva", cascade=True)
    compared = told = 0
    for entry in engine.audit(limit=200):
        facts = engine.explain(entry.audit_id).facts
        if facts["basis"] not in ("score", "partial_identity", "possible_duplicate", "new"):
            continue
        for kept in facts["candidates"]:
            again = computed_again(engine, entry.audit_id, UUID(kept["memory_id"]))
            assert again["score"] == kept["score"], (entry, again, kept)
            assert not kept["parts"] or again["parts"] == kept["parts"]
            compared += 1
            told += bool(kept["parts"])
    assert compared > told > 40
    assert engine.audit(action="UNDO")


def computed_again(engine: Engine, audit_id: UUID, memory: UUID) -> dict[str, Any]:
    """The candidate as it is told of an entry that keeps none."""

    def plan() -> Steps[dict[str, Any]]:
        row = yield from fetch_row(SQL["told_entry"](tenant="default", schema="people", id=audit_id))
        assert row is not None
        forgetful = {**row, "candidates": [], "memory_id": None, "action": "CREATE"}
        return (yield from why_not_told("default", "people", forgetful, facts_of(forgetful), memory))

    candidate: dict[str, Any] = engine.database.run("default", plan)["candidate"]
    return candidate


def test_an_act_chooses_nothing_by_rule(engine: Engine) -> None:
    one = say(engine, name="Ana Lopez", city="Oslo")
    other = say(engine, name="Wolfgang Schmidt", city="Rome")
    act = engine.forget(made(one), by="eva")
    told = engine.explain(act.audit_id or "", why_not=other.memory_id)
    assert told.facts["why_not"]["verdict"] == "no_choice"
    assert told.text.startswith("FORGET by eva: A person did this, not a rule.")


def test_what_is_refused_was_held_against_nothing(engine: Engine) -> None:
    one = say(engine, name="Ana Lopez", city="Oslo")
    refused = say(engine, "Nonsense", name="Ana Lopez")
    word, _ = verdict(engine, refused, made(one))
    assert word in ("not_compared", "other_class")


def test_unknown_ids(engine: Engine) -> None:
    decision = say(engine, name="Ana Lopez")
    with pytest.raises(MemoryNotFound):
        engine.explain(decision.audit_id, why_not=uuid7())
    with pytest.raises(AuditNotFound):
        engine.explain(uuid7(), why_not=decision.memory_id)
    with pytest.raises(MemoryNotFound):
        stranger = say(people_of(engine, "acme"), name="Bo Berg")
        engine.explain(decision.audit_id, why_not=stranger.memory_id)


def people_of(engine: Engine, tenant: str) -> Engine:
    """The same schema for another tenant."""
    return engine.for_tenant(tenant)


def test_a_memory_of_an_earlier_version_is_held_against_it_in_the_later_form(database: Database) -> None:
    text = """
schema: people
classes:
  Person:
    columns:
      name:  {dtype: string, required: true}
      town:  {dtype: string}
      email: {dtype: string, normalize: [email]}
    annotation: {searchable: {name: 3, town: 1}, identity: [{columns: [email], strength: strong}]}
"""
    register(database, text)
    engine = Engine(database, schema="people")
    bo = say(engine, name="Bo Berg", town="Oslo", email="bo@x.io")
    later = text.replace("town:  {dtype: string}", "city:  {dtype: string, from: town}").replace("town: 1", "city: 1")
    number = register(database, later).version
    backfill(database, "people", number)
    decision = say(engine, name="Ana Lopez", city="Oslo", email="ana@x.io")
    told = engine.explain(decision.audit_id, why_not=bo.memory_id).facts["why_not"]
    assert told["then"]["values"]["city"] == "Oslo"
    assert {each["meaning"] for each in told["meets"]} >= {"the word 'oslo'"}
    assert next(each for each in told["candidate"]["columns"] if each["column"] == "city")["same"] is True
