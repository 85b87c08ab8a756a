"""Review: the open questions, oldest first, with what their memories say now."""

from __future__ import annotations

from datetime import timedelta

import pytest

from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, SchemaNotFound
from memreg.operations.kill_switch import switch
from memreg.operations.resolve import resolve
from memreg.operations.review import review
from tests.support.people import SCHEMA, engine_of, forget, person, register, rows, say


@pytest.fixture(autouse=True)
def _people(database: Database) -> None:
    register(database)
    engine = engine_of(database)
    say(engine, "1", person(email="nobody@x.org"))
    say(engine, "2", person(name="Ana Lopez", email="ana@lopez.io", city="Lisbon"))
    say(engine, "3", person(name="Zoe Quist", email="ana@lopez.io", city="Ystad"))


def test_open_questions_with_their_memories(database: Database) -> None:
    found = review(database, "default", SCHEMA, clock=lambda: utc_now() + timedelta(days=2))
    assert [item.kind for item in found.items] == ["dead_letter", "identity_contradiction", "annotation_doubt"]
    dead, contradiction, doubt = found.items
    assert dead.memories == ()
    assert "required" in dead.reason
    assert contradiction.memories[0].values["name"] == "Zoe Quist"
    assert contradiction.age >= timedelta(days=2)
    assert contradiction.message_id == "3"
    assert (contradiction.action, contradiction.basis) == ("UPDATE", "identity")
    assert contradiction.verdicts == ("right", "wrong")
    assert (doubt.class_name, doubt.memories, doubt.audit_id) == ("Place", (), None)
    assert "the key 'name' is the name of the object" in doubt.reason
    assert found.counts == {
        ("dead_letter", "Person"): 1,
        ("identity_contradiction", "Person"): 1,
        ("annotation_doubt", "Place"): 1,
    }
    assert found.total == 3


def test_a_memory_is_shown_as_it_is_now(database: Database) -> None:
    say(engine_of(database), "4", forget(email="ana@lopez.io"))
    (item,) = review(database, "default", SCHEMA, kind="identity_contradiction").items
    assert item.memories[0].is_deleted


def test_filters_and_limit(database: Database) -> None:
    assert [item.kind for item in review(database, "default", SCHEMA, kind="dead_letter").items] == ["dead_letter"]
    assert [item.kind for item in review(database, "default", SCHEMA, class_name="Place").items] == ["annotation_doubt"]
    first = review(database, "default", SCHEMA, limit=1)
    assert len(first.items) == 1
    assert first.total == 3
    assert [item.kind for item in review(database, "acme", SCHEMA).items] == ["annotation_doubt"]


def test_wrong_filters_are_refused(database: Database) -> None:
    with pytest.raises(ArgumentInvalid, match="possible_duplicate, identity_conflict"):
        review(database, "default", SCHEMA, kind="doubts")
    with pytest.raises(ArgumentInvalid, match="no version of the schema"):
        review(database, "default", SCHEMA, class_name="Nobody")
    with pytest.raises(ArgumentInvalid, match="1 to 10,000"):
        review(database, "default", SCHEMA, limit=0)
    with pytest.raises(SchemaNotFound):
        review(database, "default", "nowhere")


def test_the_same_question_is_asked_once_and_counted(database: Database) -> None:
    engine = engine_of(database)
    say(engine, "4", person(name="Zacharias Bo", email="ana@lopez.io", city="Kiruna"))
    (item,) = review(database, "default", SCHEMA, kind="identity_contradiction").items
    assert item.times == 2
    assert item.last_asked_at is not None
    assert item.last_asked_at > item.created_at
    assert item.message_id == "3"


def test_memories_that_wait_are_one_question_that_answers_itself(database: Database) -> None:
    switch(database, "default", SCHEMA, "Person", on=True, by="ana")
    engine = engine_of(database)
    for number in range(3):
        say(engine, f"w{number}", person(name=f"Waiting {number}", email=f"w{number}@x.org"))
    (item,) = review(database, "default", SCHEMA, kind="unresolved").items
    assert (item.class_name, item.times, item.verdicts) == ("Person", 3, ())
    assert item.reason.startswith("3 memories wait to be resolved")
    assert item.created_at == min(m["created_at"] for m in rows(database, "memories") if m["unresolved"])
    say(engine, "w3", person(name="Waiting 3", email="w3@x.org"))
    (again,) = review(database, "default", SCHEMA, kind="unresolved").items
    assert (again.id, again.times) == (item.id, 4)
    switch(database, "default", SCHEMA, "Person", on=False, by="ana")
    resolve(database, "default", SCHEMA)
    assert review(database, "default", SCHEMA, kind="unresolved").items == ()
    assert [row["verdict"] for row in rows(database, "reviews") if row["kind"] == "unresolved"] == ["settled"]


def test_looking_twice_writes_nothing_the_second_time(database: Database) -> None:
    review(database, "default", SCHEMA)
    before = rows(database, "reviews")
    review(database, "default", SCHEMA)
    assert rows(database, "reviews") == before
