"""Review: the open questions, oldest first, with what their memories say now."""

from __future__ import annotations

from datetime import timedelta

import pytest

from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, SchemaNotFound
from memreg.operations.review import review
from tests.support.people import SCHEMA, engine_of, forget, person, register, say


@pytest.fixture(autouse=True)
def _people(database: Database) -> None:
    register(database)
    engine = engine_of(database)
    say(engine, "1", person(email="nobody@x.org"))
    say(engine, "2", person(name="Ana Lopez", email="ana@lopez.io", city="Lisbon"))
    say(engine, "3", person(name="Zoe Quist", email="ana@lopez.io", city="Ystad"))


def test_open_questions_with_their_memories(database: Database) -> None:
    found = review(database, "default", SCHEMA, clock=lambda: utc_now() + timedelta(days=2))
    assert [item.kind for item in found.items] == ["dead_letter", "identity_contradiction"]
    dead, contradiction = found.items
    assert dead.memories == ()
    assert "required" in dead.reason
    assert contradiction.memories[0].values["name"] == "Zoe Quist"
    assert contradiction.age >= timedelta(days=2)
    assert contradiction.message_id == "3"
    assert found.counts == {("dead_letter", "Person"): 1, ("identity_contradiction", "Person"): 1}
    assert found.total == 2


def test_a_memory_is_shown_as_it_is_now(database: Database) -> None:
    say(engine_of(database), "4", forget(email="ana@lopez.io"))
    (item,) = review(database, "default", SCHEMA, kind="identity_contradiction").items
    assert item.memories[0].is_deleted


def test_filters_and_limit(database: Database) -> None:
    assert [item.kind for item in review(database, "default", SCHEMA, kind="dead_letter").items] == ["dead_letter"]
    assert review(database, "default", SCHEMA, class_name="Place").items == ()
    first = review(database, "default", SCHEMA, limit=1)
    assert len(first.items) == 1
    assert first.total == 2
    assert review(database, "acme", SCHEMA).items == ()


def test_wrong_filters_are_refused(database: Database) -> None:
    with pytest.raises(ArgumentInvalid, match="possible_duplicate, identity_conflict"):
        review(database, "default", SCHEMA, kind="doubt")
    with pytest.raises(ArgumentInvalid, match="no version of the schema"):
        review(database, "default", SCHEMA, class_name="Nobody")
    with pytest.raises(ArgumentInvalid, match="1 to 10,000"):
        review(database, "default", SCHEMA, limit=0)
    with pytest.raises(SchemaNotFound):
        review(database, "default", "nowhere")
