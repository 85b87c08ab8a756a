"""Answers to questions: what each does, that it is remembered, what the monitors learn, and that it can be undone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.errors import ActRefused, ArgumentInvalid, ReviewNotFound
from memreg.core.ids import uuid7
from memreg.core.queries import Query
from memreg.core.steps import fetch_rows
from memreg.operations.review import ReviewItem
from tests.support.people import engine_of, final_state, person, register, say
from tests.support.people import rows as rows_of

SCHEMA_TEXT = """
schema: people
classes:
  Person:
    columns:
      name:  {dtype: string, required: true}
      email: {dtype: string, normalize: [email], pii: true}
      phone: {dtype: string, pii: true}
      badge: {dtype: string}
      city:  {dtype: string}
    annotation:
      searchable: {name: 3, city: 1}
      identity:
        - {columns: [email], strength: strong}
        - {columns: [phone], strength: strong}
        - {columns: [badge], strength: strong}
"""
JUDGED = Query(
    "judged",
    "Standing judgements.",
    "select kind, audit_id, review_id from memreg.judgements where tenant = %(tenant)s and withdrawn_at is null",
)


@pytest.fixture
def engine(database: Database) -> Engine:
    register(database, SCHEMA_TEXT)
    return engine_of(database)


def judgements(engine: Engine) -> list[tuple[str, UUID]]:
    rows = engine.database.run("default", lambda: fetch_rows(JUDGED(tenant="default")))
    return sorted((row["kind"], row["audit_id"]) for row in rows)


def duplicate(engine: Engine, number: int = 1) -> ReviewItem:
    """Two that may be one."""
    say(engine, f"a{number}", person(name="Ana Maria Lopez", email=f"ana{number}@x.org", city="Oslo"))
    decided = say(engine, f"b{number}", person(name="Ana Maria Lopez", email=f"other{number}@y.org", city="Oslo"))
    assert decided.decisions[0].basis == "possible_duplicate"
    return next(i for i in engine.review(kind="possible_duplicate").items if i.message_id == f"b{number}")


def conflict(engine: Engine, message_id: str = "c") -> ReviewItem:
    """A message that has the keys of two."""
    say(engine, "1", person(name="Ana Lopez", email="ana@x.org", city="Oslo"))
    say(engine, "2", person(name="Bo Berg", phone="12345678", city="Rome"))
    say(engine, message_id, person(email="ana@x.org", phone="12345678", city="Paris"))
    (item,) = engine.review(kind="identity_conflict").items
    return item


def test_merge_makes_them_one_and_the_create_was_wrong(engine: Engine) -> None:
    item = duplicate(engine)
    made, known = item.memories
    done = engine.settle(item.id, "merge", by="eva", why="one person")
    assert (done.verdict, len(done.acts)) == ("merged", 1)
    (left,) = engine.list("Person")
    assert left.id == known.id
    explained = engine.explain(done.acts[0])
    assert explained.facts["action"] == "MERGE"
    assert {change["memory_id"] for change in explained.facts["changes"]} == {made.id, known.id}
    assert engine.review().items == ()
    assert judgements(engine) == [("missed_update", item.audit_id)]


def test_a_memory_that_went_into_another_one_is_that_one(engine: Engine) -> None:
    item = duplicate(engine)
    made, known = item.memories
    say(engine, "c", person(name="Wolfgang Schmidt", phone="55555", city="Rome"))
    other = next(each for each in engine.list("Person") if each.values["name"] == "Wolfgang Schmidt")
    engine.merge(other.id, made.id, by="eva")
    (asked,) = engine.review(kind="possible_duplicate").items
    assert asked.memories[0].merged_into == other.id
    engine.settle(item.id, "merge", by="eva")
    assert [each.id for each in engine.list("Person")] == [known.id]


def test_what_is_one_already_is_not_merged_again(engine: Engine) -> None:
    item = duplicate(engine)
    made, known = item.memories
    say(engine, "c", person(name="Wolfgang Schmidt", phone="55555", city="Rome"))
    other = next(each for each in engine.list("Person") if each.values["name"] == "Wolfgang Schmidt")
    engine.merge(other.id, made.id, by="eva")
    engine.merge(other.id, known.id, by="eva")
    assert engine.settle(item.id, "merge", by="eva").acts == ()
    assert [each.id for each in engine.list("Person")] == [other.id]
    assert engine.review().items == ()


def test_what_was_deleted_is_not_merged(engine: Engine) -> None:
    item = duplicate(engine)
    engine.forget(item.memories[0].id, by="eva")
    with pytest.raises(ArgumentInvalid, match="answer apart"):
        engine.settle(item.id, "merge", by="eva")
    assert engine.settle(item.id, "apart", by="eva").verdict == "apart"


def test_another_memory_may_stay(engine: Engine) -> None:
    item = duplicate(engine)
    made, _ = item.memories
    engine.settle(item.id, "merge", by="eva", keep=made.id, prefer={"email": "keep"})
    (left,) = engine.list("Person")
    assert left.id == made.id
    with pytest.raises(ArgumentInvalid, match="it is one of"):
        engine.settle(duplicate(engine, 2).id, "merge", by="eva", keep=uuid7())


def test_kept_apart_is_never_asked_again(engine: Engine) -> None:
    item = conflict(engine)
    engine.settle(item.id, "apart", by="eva")
    assert engine.review().items == ()
    say(engine, "again", person(email="ana@x.org", phone="12345678", city="Lima"))
    assert engine.review().items == ()
    (row,) = rows_of(engine.database, "reviews")
    assert (row["verdict"], row["times"], row["settled_by"]) == ("apart", 2, "eva")
    engine.reopen(item.id, by="eva")
    (open_again,) = engine.review().items
    assert (open_again.id, open_again.times) == (item.id, 2)


def test_kept_apart_holds_for_the_other_kind_of_question_too(engine: Engine) -> None:
    say(engine, "1", person(name="Ana Maria Lopez", email="ana@x.org", city="Oslo"))
    say(engine, "2", person(name="Ana Maria Lopez", email="two@y.org", phone="12345678", city="Oslo"))
    (item,) = engine.review(kind="possible_duplicate").items
    engine.settle(item.id, "apart", by="eva")
    decided = say(engine, "3", person(email="ana@x.org", phone="12345678"))
    assert decided.decisions[0].basis == "identity_conflict"
    assert engine.review().items == ()
    assert judgements(engine) == [("right", item.audit_id)]


def test_a_question_that_is_open_is_counted_not_asked_again(engine: Engine) -> None:
    item = conflict(engine)
    for number in range(3):
        say(engine, f"n{number}", person(email="ana@x.org", phone="12345678", city=f"City {number}"))
    (again,) = engine.review().items
    assert (again.id, again.times) == (item.id, 4)


def test_wrong_takes_the_decision_back(engine: Engine) -> None:
    say(engine, "1", person(name="Ana Lopez", email="ana@x.org", city="Lisbon"))
    before = final_state(engine.database)
    say(engine, "2", person(name="Zoe Quist", email="ana@x.org", city="Ystad"))
    (item,) = engine.review(kind="identity_contradiction").items
    done = engine.settle(item.id, "wrong", by="eva")
    assert done.verdict == "wrong"
    assert final_state(engine.database) == before
    assert judgements(engine) == [("false_update", item.audit_id)]
    assert engine.explain(item.audit_id or "").facts["since"]["undone_by"]["audit_id"] == done.acts[0]


def test_what_was_said_is_held_against_what_was_known(engine: Engine) -> None:
    say(engine, "1", person(name="Ana Lopez", email="ana@x.org", city="Lisbon"))
    say(engine, "2", person(name="Zoe Quist", email="ana@x.org", city="Ystad"))
    (item,) = engine.review(kind="identity_contradiction").items
    before, said = item.sides
    assert (before.label, before.values["name"], before.values["email"]) == ("before", "Ana Lopez", "•••")
    assert (said.label, said.values["name"], said.values["email"]) == ("said", "Zoe Quist", "•••")
    assert item.same == {"name": False, "city": False, "email": True}


def test_an_answer_is_taken_back_with_all_that_it_did(engine: Engine) -> None:
    say(engine, "1", person(name="Ana Lopez", email="ana@x.org", city="Lisbon"))
    say(engine, "2", person(name="Zoe Quist", email="ana@x.org", city="Ystad"))
    before = final_state(engine.database)
    (item,) = engine.review(kind="identity_contradiction").items
    engine.settle(item.id, "wrong", by="eva")
    engine.reopen(item.id, by="eva")
    assert final_state(engine.database) == before
    assert judgements(engine) == []
    assert [each.id for each in engine.review().items] == [item.id]
    engine.settle(item.id, "right", by="eva")
    assert judgements(engine) == [("right", item.audit_id)]
    engine.reopen(item.id, by="eva")
    assert judgements(engine) == []


def test_a_merge_is_taken_back(engine: Engine) -> None:
    item = duplicate(engine)
    before = final_state(engine.database)
    engine.settle(item.id, "merge", by="eva")
    engine.reopen(item.id, by="eva")
    assert final_state(engine.database) == before
    assert judgements(engine) == []
    assert [each.id for each in engine.review().items] == [item.id]


def test_undoing_what_was_done_asks_again(engine: Engine) -> None:
    item = duplicate(engine)
    (act,) = engine.settle(item.id, "merge", by="eva").acts
    engine.undo(act, by="bo")
    assert [each.id for each in engine.review().items] == [item.id]
    assert judgements(engine) == []


def test_undoing_the_decision_answers_the_question(engine: Engine) -> None:
    item = duplicate(engine)
    assert item.audit_id is not None
    engine.undo(item.audit_id, by="bo")
    assert engine.review().items == ()
    with pytest.raises(ArgumentInvalid, match="it was answered by bo: undone"):
        engine.settle(item.id, "apart", by="eva")


def test_wrong_is_refused_where_something_was_built_on_it(engine: Engine) -> None:
    say(engine, "1", person(name="Ana Lopez", email="ana@x.org", city="Lisbon"))
    before = final_state(engine.database)
    say(engine, "2", person(name="Zoe Quist", email="ana@x.org", city="Ystad"))
    say(engine, "3", person(name="Zoe Quist", email="ana@x.org", phone="999"))
    (item,) = engine.review(kind="identity_contradiction").items
    with pytest.raises(ActRefused):
        engine.settle(item.id, "wrong", by="eva")
    assert [each.id for each in engine.review().items] == [item.id]
    engine.settle(item.id, "wrong", by="eva", leave=True)
    assert judgements(engine) == [("false_update", item.audit_id)]
    engine.reopen(item.id, by="eva")
    engine.settle(item.id, "wrong", by="eva", cascade=True)
    assert final_state(engine.database) == before


def test_what_does_not_fit_is_refused(engine: Engine) -> None:
    item = duplicate(engine)
    with pytest.raises(ArgumentInvalid, match="to possible_duplicate the answer is merge or apart"):
        engine.settle(item.id, "wrong", by="eva")
    with pytest.raises(ReviewNotFound):
        engine.settle(uuid7(), "right", by="eva")
    with pytest.raises(ReviewNotFound):
        engine.for_tenant("acme").settle(item.id, "apart", by="eva")
    with pytest.raises(ArgumentInvalid, match="it is open"):
        engine.reopen(item.id, by="eva")
    with pytest.raises(ArgumentInvalid, match="by"):
        engine.settle(item.id, "apart", by=" ")
    engine.settle(item.id, "apart", by="eva")
    with pytest.raises(ArgumentInvalid, match="it was answered by eva: apart"):
        engine.settle(item.id, "merge", by="bo")


def test_of_two_who_answer_at_once_one_is_told(engine: Engine, database_url: str) -> None:
    items = [duplicate(engine)]
    say(engine, "c1", person(name="Ana Lopez", phone="1", city="Lisbon"))
    say(engine, "c2", person(name="Zoe Quist", phone="1", city="Ystad"))
    items += engine.review(kind="identity_contradiction").items

    def answer(who: str, item: ReviewItem, verdict: str) -> str:
        with Engine.connect(database_url, schema="people") as own:
            try:
                return own.settle(item.id, verdict, by=who).verdict
            except (ArgumentInvalid, ActRefused) as error:
                return str(error)

    with ThreadPoolExecutor(2) as pool:
        for item in items:
            told = sorted(pool.map(lambda who, item=item: answer(who, item, item.verdicts[-1]), ("eva", "bo")), key=len)
            assert told[0] in ("apart", "wrong")
            assert len(told[1]) > len("merged")
    assert engine.review().items == ()


def test_three_become_one_and_three_again(engine: Engine) -> None:
    say(engine, "1", person(name="Ana Lopez", email="ana@x.org", city="Oslo"))
    say(engine, "2", person(name="Bo Berg", phone="12345678", city="Rome"))
    say(engine, "3", person(name="Cy Ng", badge="77", city="Lima"))
    say(engine, "c", person(email="ana@x.org", phone="12345678", badge="77"))
    before = final_state(engine.database)
    (asked,) = engine.review(kind="identity_conflict").items
    assert len(asked.memories) == 3
    assert len(engine.settle(asked.id, "merge", by="eva").acts) == 2
    assert len(engine.list("Person")) == 1
    engine.reopen(asked.id, by="eva")
    assert final_state(engine.database) == before


def test_personal_values_are_masked_and_showing_them_is_audited(engine: Engine) -> None:
    item = duplicate(engine)
    assert {memory.values["email"] for memory in item.memories} == {"•••"}
    assert item.same == {"name": True, "email": False, "city": True}
    shown = engine.review(reveal=True, by="eva", why="a complaint")
    assert {memory.values["email"] for memory in shown.items[0].memories} == {"ana1@x.org", "other1@y.org"}
    (entry,) = [each for each in engine.audit() if each.action == "REVEAL"]
    assert "review queue" in " ".join(entry.reasons)
    with pytest.raises(ArgumentInvalid, match="by"):
        engine.review(reveal=True)


def test_a_refused_proposal_is_masked(engine: Engine) -> None:
    say(engine, "1", person(email="ana@x.org", city="Oslo"))
    (item,) = engine.review(kind="dead_letter").items
    assert item.proposal == {"email": "•••", "city": "Oslo"}
    assert "ana@x.org" not in str(item)
    assert engine.settle(item.id, "right", by="eva").acts == ()
    assert engine.review().items == ()


def test_a_doubt_that_was_cleared_does_not_come_back(database: Database) -> None:
    text = """
schema: people
classes:
  Person:
    columns: {name: {dtype: string, required: true}, city: {dtype: string}}
    annotation: {searchable: {name: 3}, identity: [{columns: [name], strength: strong}]}
"""
    register(database, text)
    engine = engine_of(database)
    (doubt,) = engine.review().items
    assert doubt.kind == "annotation_doubt"
    engine.settle(doubt.id, "right", by="eva", why="names are unique here")
    assert engine.review().items == ()
    register(database, text.replace("city: {dtype: string}", "town: {dtype: string}"))
    assert engine_of(database).review().items == ()


def test_an_answer_that_fails_changes_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    item = duplicate(engine)
    before: Any = final_state(engine.database)
    monkeypatch.setattr("memreg.operations.review.answering.judge", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        engine.settle(item.id, "merge", by="eva")
    assert final_state(engine.database) == before
    assert [each.id for each in engine.review().items] == [item.id]
