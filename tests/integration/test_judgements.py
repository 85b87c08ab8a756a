"""What is found out about decisions is kept once, only where it can be said, and withdrawn with what found it out."""

from __future__ import annotations

from uuid import UUID

import pytest

from memreg.api.engine import Engine
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.ids import uuid7
from memreg.core.queries import Query
from memreg.core.steps import Row, Steps, fetch_rows
from memreg.engine.model import Decision
from memreg.operations.monitor.judgements import Judged, JudgementKind, judge, withdraw
from tests.support.engines import people, say

KEPT = Query(
    "kept",
    "Every judgement.",
    "select * from memreg.judgements where tenant = %(tenant)s order by created_at, id",
)


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


def kept(database: Database) -> list[Row]:
    return database.run("default", lambda: fetch_rows(KEPT(tenant="default")))


def standing(database: Database) -> list[tuple[UUID, str]]:
    return [(row["audit_id"], row["kind"]) for row in kept(database) if row["withdrawn_at"] is None]


def tell(database: Database, kind: JudgementKind, *decisions: Decision, act_id: UUID | None = None) -> None:
    entries = [Judged(each.audit_id, kind) for each in decisions]

    def plan() -> Steps[None]:
        yield tuple(judge("default", entries, act_id=act_id, by="ana", now=utc_now()))

    database.run("default", plan)


def test_a_judgement_knows_the_decision(database: Database, engine: Engine) -> None:
    say(engine, name="Ana Lopez", email="ana@lopez.io")
    updated = say(engine, name="Ana Lopez", email="ana@lopez.io", city="Oslo")
    act = uuid7()
    tell(database, "false_update", updated, act_id=act)
    (row,) = kept(database)
    assert (row["schema"], row["class"], row["version"]) == ("people", "Person", 1)
    assert (row["audit_id"], row["act_id"], row["judged_by"]) == (updated.audit_id, act, "ana")
    assert row["decided_at"] == engine.audit(limit=1)[0].created_at


def test_only_what_can_be_said_of_a_decision_is_kept(database: Database, engine: Engine) -> None:
    created = say(engine, name="Ana Lopez", email="ana@lopez.io")
    updated = say(engine, name="Ana Lopez", email="ana@lopez.io", city="Oslo")
    refused = say(engine, "Nobody", name="Ana")
    tell(database, "false_update", created, updated, refused)
    tell(database, "missed_update", created, refused)
    assert standing(database) == [(updated.audit_id, "false_update"), (created.audit_id, "missed_update")]


def test_the_same_is_kept_once_and_the_opposite_takes_its_place(database: Database, engine: Engine) -> None:
    say(engine, name="Ana Lopez", email="ana@lopez.io")
    updated = say(engine, name="Ana Lopez", email="ana@lopez.io", city="Oslo")
    tell(database, "right", updated)
    tell(database, "right", updated)
    assert standing(database) == [(updated.audit_id, "right")]
    tell(database, "false_update", updated)
    assert standing(database) == [(updated.audit_id, "false_update")]
    assert len(kept(database)) == 2


def test_it_is_withdrawn_with_the_act(database: Database, engine: Engine) -> None:
    say(engine, name="Ana Lopez", email="ana@lopez.io")
    updated = say(engine, name="Ana Lopez", email="ana@lopez.io", city="Oslo")
    act = uuid7()
    tell(database, "false_update", updated, act_id=act)

    def plan() -> Steps[None]:
        yield tuple(withdraw("default", [act], utc_now()))

    database.run("default", plan)
    assert standing(database) == []
    tell(database, "false_update", updated, act_id=uuid7())
    assert standing(database) == [(updated.audit_id, "false_update")]


def test_nothing_is_asked_for_nothing() -> None:
    assert judge("default", [], act_id=None, by="ana", now=utc_now()) == []
    assert withdraw("default", [], utc_now()) == []
