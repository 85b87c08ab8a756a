"""What was merged, split or corrected is erased wherever acts wrote it down."""

from __future__ import annotations

from typing import Any

import pytest

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.queries import Query
from memreg.core.steps import Rows, fetch_rows
from tests.support.engines import people, say

EVERYTHING = Query(
    "everything",
    "Every row of what an act writes, as text.",
    """
    select 'audit' as place, audit_values::text as said from memreg.audit_values where tenant = %(tenant)s
    union all select 'memories', memories::text from memreg.memories where tenant = %(tenant)s
    union all select 'revisions', memory_revisions::text from memreg.memory_revisions where tenant = %(tenant)s
    union all select 'messages', messages::text from memreg.messages where tenant = %(tenant)s
    """,
)


def said(database: Database, word: str) -> list[str]:
    def plan() -> Any:
        return fetch_rows(EVERYTHING(tenant="default"))

    found: Rows = database.run("default", plan)
    return [row["place"] for row in found if word in row["said"]]


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


def test_the_new_memory_of_a_split(engine: Engine, database: Database) -> None:
    ana = say(engine, name="Ana Lopez", email="a@x.io", city="Trondheim").memory_id
    assert ana is not None
    made = engine.split(ana, columns=["city"], values={"name": "Quentin Zweig"}, by="eva").made
    assert made is not None
    assert said(database, "Quentin")
    engine.erase(made, by="eva")
    assert said(database, "Quentin") == []


def test_what_a_person_corrected_in_it(engine: Engine, database: Database) -> None:
    ana = say(engine, name="Ana Lopez", email="a@x.io").memory_id
    assert ana is not None
    engine.correct(ana, {"city": "Trondheim"}, by="eva")
    engine.correct(ana, {"city": "Bergen"}, by="eva")
    engine.erase(ana, by="eva")
    assert said(database, "Trondheim") == said(database, "Bergen") == []


def test_what_went_into_it(engine: Engine, database: Database) -> None:
    ana = say(engine, name="Ana Lopez", email="a@x.io").memory_id
    other = say(engine, name="Quentin Zweig", email="q@x.io", city="Trondheim").memory_id
    assert ana is not None
    assert other is not None
    engine.merge(ana, other, prefer={"name": "other"}, by="eva")
    engine.erase(ana, by="eva")
    assert [said(database, word) for word in ("Quentin", "Trondheim", "Lopez")] == [[], [], []]
