"""What goes wrong on the way to a model: what may pass, for how long a server is left alone, and what it costs."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from memreg.annotator.client import OpenAIClient
from memreg.annotator.failure import ModelFailed
from memreg.annotator.shapes import Annotations
from memreg.annotator.transit import MOST_RETRY_AFTER
from memreg.annotator.wire import Ask
from memreg.api.engine import Engine
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.settings import Settings
from memreg.engine.model import Message
from memreg.testing import Reply, ScriptedServer, answer, delay, disconnect, error, item
from tests.support.engines import register
from tests.support.replay import rows
from tests.support.scripted import CALLS, inbox

ASK = Ask(Annotations, "system", "user")


def failure(reply: Reply, **settings: Any) -> ModelFailed:
    """How the client fails at one reply."""
    with ScriptedServer([reply]) as server:
        given = Settings(**{"llm_base_url": server.base_url, "llm_model": "m", "llm_timeout": 5.0, **settings})
        with OpenAIClient.of(given) as client, pytest.raises(ModelFailed) as failed:
            client.ask(ASK)
        assert len(server.requests) == 1
    return failed.value


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_what_a_server_may_do_better_later_is_worth_another_try(status: int) -> None:
    failed = failure(error(status))
    assert (failed.transient, failed.outcome, failed.retry_after) == (True, f"http {status}", None)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_what_is_wrong_with_the_request_is_not(status: int) -> None:
    assert not failure(error(status)).transient


def test_a_used_up_budget_is_told_as_a_rate_limit_and_does_not_pass() -> None:
    body = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
    failed = failure(error(429, body))
    assert not failed.transient
    assert "exceeded your current quota" in str(failed)


def test_a_time_out_and_a_lost_connection_may_pass() -> None:
    slow = failure(delay(5, answer({"classes": []})), llm_timeout=0.2)
    assert (slow.transient, slow.outcome) == (True, "timeout")
    lost = failure(disconnect())
    assert (lost.transient, lost.outcome) == (True, "unreachable")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "Retry-After": "9"}, 0.25),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "86400"}, MOST_RETRY_AFTER),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({}, None),
    ],
)
def test_how_long_a_server_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert failure(error(429, headers=headers)).retry_after == seconds


def test_it_may_name_a_time_instead() -> None:
    asked = failure(error(503, headers={"Retry-After": format_datetime(utc_now() + timedelta(seconds=40))})).retry_after
    assert asked is not None
    assert 30 < asked <= 40
    past = failure(error(503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}))
    assert past.retry_after == 0.0


# A server that fails again and again


def engine_of(database: Database, server: ScriptedServer, **settings: Any) -> Engine:
    given = {"llm_base_url": server.base_url, "llm_model": "m", "llm_max_retries": 0, "workers": 2, **settings}
    other = Database(database.settings.model_copy(update=given))
    return Engine(other, schema="people", extractor="llm", owns_database=True)


def test_it_is_left_alone_and_the_message_says_so(database: Database) -> None:
    register(database)
    with ScriptedServer(lambda _request: error(500)) as server, engine_of(database, server) as engine:
        for number in range(5):
            assert "HTTP 500" in str(engine.ingest(Message("Ana", f"m{number}")).error)
        result = engine.ingest(Message("Ana", "m5"))
        assert len(server.requests) == 5
    assert result.status == "dead"
    assert "failed 5 times in a row, so it is left alone for 30 s" in str(result.error)
    assert [call["message_id"] for call in rows(database, CALLS, "default")] == [f"m{number}" for number in range(5)]


def test_a_queued_message_waits_for_it_and_loses_no_try(database: Database) -> None:
    register(database)
    works: list[bool] = []
    said = answer({"items": [item("Person", {"name": "Ana Lopez"}, "Ana Lopez")]})
    script = ScriptedServer(lambda _request: said if works else error(500))
    with script as server, engine_of(database, server, breaker_failures=1, breaker_seconds=0.3) as engine:
        engine.submit(Message("Ana Lopez", "m1"))
        while not server.requests:
            pass
        engine.submit(Message("Ana Lopez again", "m2"))
        works.append(True)
        assert [engine.wait(each).status for each in ("m1", "m2")] == ["decided", "decided"]
        assert len(server.requests) == 3
    assert {row["id"]: row["attempts"] for row in inbox(database)} == {"m1": 2, "m2": 1}
