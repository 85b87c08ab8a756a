"""The figures for a monitor, from the real tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from memreg.api.engine import Engine
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.errors import ExtractionFailed, MetricsUnavailable, SchemaNotFound
from memreg.core.ids import uuid7
from memreg.core.queries import Query
from memreg.engine.inbox import see_worker
from memreg.engine.model import Call, Message, Proposal
from memreg.operations.kill_switch import switch
from memreg.operations.metrics import Metric, metrics, prometheus_text
from memreg.operations.review import KINDS
from tests.support.engines import register
from tests.support.replay import rows
from tests.support.scripted import Scripted, named

DOWN = ExtractionFailed(extractor="scripted", reason="it is down", calls=(Call("http 500", "m", 9, None, 1.0),))
QUEUED = Query(
    "queued",
    "Have messages be left to the workers.",
    "update memreg.messages set status = 'accepted', queued = true, next_attempt_at = now() + interval '1 hour',"
    " received_at = received_at - interval '1 hour' where tenant = %(tenant)s and status = 'dead' returning id",
)


def answer(message: Message) -> Sequence[Proposal]:
    if "trouble" in message.text:
        raise DOWN
    return named(message)


def values(found: Sequence[Metric], name: str) -> dict[tuple[str, ...], float]:
    """The values of a metric by those of its labels."""
    (metric,) = (each for each in found if each.name == name)
    return {tuple(sample.labels.values()): sample.value for sample in metric.samples}


@pytest.fixture
def engine(database: Database) -> Engine:
    register(database)
    return Engine(database, schema="people", extractor=Scripted(answer))


def test_where_nothing_is_wrong_every_figure_is_there_with_0(database: Database, engine: Engine) -> None:  # noqa: ARG001
    found = metrics(database)
    assert values(found, "memreg_inbox_messages") == {
        ("people", status): 0 for status in ("accepted", "extracting", "dead")
    }
    for name in ("memreg_inbox_oldest_seconds", "memreg_queue_utilisation", "memreg_model_failures_last_hour"):
        assert values(found, name) == {("people",): 0}
    assert values(found, "memreg_workers") == {(): 0}
    assert len(values(found, "memreg_review_items")) == len(KINDS)
    assert values(found, "memreg_model_requests_last_hour") == {}


def test_what_is_wrong_is_seen(database: Database, engine: Engine) -> None:
    engine.ingest(Message("Ana Lopez", "fine"))
    for number in range(3):
        engine.ingest(Message("trouble", f"m{number}"))
    engine.for_tenant("acme").ingest(Message("trouble", "m"))
    assert rows(database, QUEUED, "default")
    database.run_admin(lambda: see_worker(uuid7(), "one", 7, 4, utc_now))
    database.run_admin(lambda: see_worker(uuid7(), "two", 7, 9, lambda: utc_now() - timedelta(minutes=1)))
    switch(database, "*", "people", on=True, by="ana")
    found = metrics(database)
    by_status = values(found, "memreg_inbox_messages")
    assert by_status == {("people", "accepted"): 3, ("people", "extracting"): 0, ("people", "dead"): 1}
    assert 3600 <= values(found, "memreg_inbox_oldest_seconds")["people",] < 3900
    assert values(found, "memreg_inbox_retrying_messages") == {("people",): 3}
    assert values(found, "memreg_queue_utilisation") == {("people",): 3 / 10_000}
    assert values(found, "memreg_model_requests_last_hour") == {
        ("people", "m", "http 500"): 4,
        ("people", "scripted", "ok"): 1,
    }
    assert values(found, "memreg_model_tokens_last_hour")["people", "m", "http 500", "in"] == 36
    assert values(found, "memreg_model_failures_last_hour") == {("people",): 4}
    assert values(found, "memreg_workers") == {(): 1}
    assert values(found, "memreg_worker_slots") == {(): 4}
    assert values(found, "memreg_review_items")["people", "dead_letter"] == 4
    assert values(found, "memreg_kill_switches_on") == {(): 1}
    later = metrics(database, clock=lambda: utc_now() + timedelta(hours=2))
    assert values(later, "memreg_model_failures_last_hour") == {("people",): 0}


def test_one_tenant_and_one_schema(database: Database, engine: Engine) -> None:
    engine.for_tenant("acme").ingest(Message("trouble", "m"))
    assert values(metrics(database, tenant="acme"), "memreg_model_failures_last_hour") == {("people",): 1}
    assert values(metrics(database, tenant="default"), "memreg_model_failures_last_hour") == {("people",): 0}
    assert values(metrics(database, schema="people"), "memreg_inbox_messages")["people", "dead"] == 1
    with pytest.raises(SchemaNotFound):
        metrics(database, schema="nowhere")


def test_no_tenant_and_no_word_of_a_message_is_told(database: Database, engine: Engine) -> None:
    engine.for_tenant("acme").ingest(Message("trouble of Ana Lopez", "m1", session="s1"))
    text = prometheus_text(metrics(database))
    for word in ("acme", "Lopez", "m1", "s1", "default"):
        assert word not in text.replace("http", "")


def test_prometheus_reads_it(database: Database, engine: Engine) -> None:
    engine.ingest(Message("trouble", "m1"))
    found = metrics(database)
    read: dict[str, Any] = {family.name: family for family in text_string_to_metric_families(prometheus_text(found))}
    assert set(read) == {metric.name for metric in found}
    assert {family.type for family in read.values()} == {"gauge"}
    dead = [sample for sample in read["memreg_inbox_messages"].samples if sample.labels["status"] == "dead"]
    assert [(sample.labels["schema"], sample.value) for sample in dead] == [("people", 1.0)]
    assert all(family.documentation for family in read.values())


def test_without_the_extra_it_is_told(database: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    found = metrics(database)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MetricsUnavailable, match="memreg\\[metrics\\]"):
        prometheus_text(found)
