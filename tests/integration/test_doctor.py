"""A doctor on real databases: well, not there, not migrated, with a model that is down, without workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from memreg.api.engine import Engine
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.errors import ExtractionFailed
from memreg.core.ids import uuid7
from memreg.core.queries import Query
from memreg.core.settings import Settings
from memreg.engine import inbox as plans
from memreg.engine.cache import Cache
from memreg.engine.ingest import Walk
from memreg.engine.model import Call, Message, Proposal
from memreg.migrations import runner
from memreg.operations.check import Check, worst
from memreg.operations.doctor import examine
from memreg.operations.kill_switch import switch
from memreg.testing import ScriptedServer, answer, content, error
from tests.support.engines import people_spec, register
from tests.support.people import register as register_version
from tests.support.replay import rows
from tests.support.scripted import Scripted, named

DOWN = ExtractionFailed(
    extractor="scripted", reason="the server is down", calls=(Call("http 500", "m"), Call("http 500", "m"))
)
STALL = Query(
    "stall",
    "Have every job be done by somebody who is gone.",
    "update memreg.procrastinate_jobs set status = 'doing' where %(tenant)s::text is not null returning id",
)


def said(settings: Settings, name: str | None = None, **options: Any) -> list[Check]:
    """What the doctor says, under a name where one is given."""
    return [check for check in examine(settings, **options) if name in (None, check.name)]


def failing(message: Message) -> Sequence[Proposal]:
    if "trouble" in message.text:
        raise DOWN
    return named(message)


def engine_of(database: Database, tenant: str = "default") -> Engine:
    return Engine(database, tenant=tenant, schema="people", extractor=Scripted(failing))


def queue(database: Database, message_id: str, tenant: str = "default") -> None:
    """Leave a message to workers, of which none is started."""
    walk = Walk(tenant, "people", Cache(), utc_now, uuid7)
    message = Message("Ana Lopez", message_id)
    assert database.run(tenant, lambda: plans.submit(walk, message, 100))


def test_everything_that_is_looked_at_has_a_line(database: Database, settings: Settings) -> None:
    register(database)
    found = said(settings)
    names = (
        "settings,database,postgres,role,extensions,migrations,roles,policies,grants,clock,disk,versions,schemas,inbox,"
        "requests,workers,jobs,backfill,kill switch"
    )
    rest = ["review", "audit", "upkeep", "decisions", "keys", "extractor"]
    assert [check.name for check in found] == [*names.split(","), *rest]
    assert worst(check for check in found if check.name != "role") == "ok"


def test_a_database_that_is_not_there() -> None:
    settings = Settings(database_url="postgresql://u:secret@127.0.0.1:1/nowhere", connect_timeout=2)
    found = said(settings)
    assert [check.health for check in found if check.name == "database"] == ["fail"]
    assert [check.name for check in found] == ["settings", "database", "extractor"]
    assert "secret" not in f"{found}"
    assert "Start it, or correct MEMREG_DATABASE_URL" in found[1].text


def test_a_connection_string_that_is_none() -> None:
    found = said(Settings(database_url="nonsense=1"))
    assert [(check.name, check.health) for check in found][:2] == [("settings", "ok"), ("settings", "fail")]
    assert "MEMREG_DATABASE_URL" in found[1].text


def test_a_database_that_is_not_migrated(empty_database_url: str) -> None:
    found = said(Settings(database_url=empty_database_url))
    assert found[-2] == Check(
        "migrations", "fail", f"at none, and this memreg needs {runner.expected()}", "run memreg migrate"
    )
    with psycopg.connect(empty_database_url) as conn:
        row = conn.execute("select to_regnamespace('memreg')").fetchone()
    assert row == (None,), "the doctor changed the database"


def test_a_database_of_a_newer_memreg(database: Database, settings: Settings) -> None:
    with psycopg.connect(database.conninfo) as conn:
        conn.execute("update memreg.alembic_version set version_num = '9999'")
    (check,) = said(settings, "migrations")
    assert (check.health, check.advice) == ("fail", "upgrade memreg")


def test_an_embedded_postgres_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    from memreg.core import embedded
    from memreg.core.errors import EmbeddedUnavailable

    def refuse(*_: Any, **__: Any) -> None:
        raise EmbeddedUnavailable(reason="its extra is not installed")

    monkeypatch.setattr(embedded, "acquire", refuse)
    (check,) = said(Settings(), "database")
    assert (check.health, "its extra is not installed" in check.text) == ("fail", True)


def test_schemas(database: Database, settings: Settings) -> None:
    (check,) = said(settings, "schemas")
    assert (check.health, check.text) == ("warn", "none is registered")
    register(database)
    register(database, replace(people_spec(), name="others"), approve=False)
    first, second = said(settings, "schemas")
    assert first.health == "warn"
    assert first.text == "others: version 1 is pending; until a person approves it, memories are only created"
    assert (second.health, second.text) == ("ok", "people: version 1 is active")
    (only,) = said(settings, "schemas", schema="people")
    assert only == second
    (missing,) = said(settings, "schemas", schema="nowhere")
    assert missing.health == "fail"


def test_a_dead_extractor_is_never_quiet(database: Database, settings: Settings) -> None:
    register(database)
    engine_of(database, "acme").ingest(Message("trouble", "m1"))
    counted, inbox = said(settings, "inbox")
    assert (counted.health, counted.text) == ("ok", "1 dead")
    assert inbox.health == "warn"
    assert inbox.text == "1 message is dead; last, 'm1' of people in tenant acme: the server is down"
    assert said(settings, "requests")[0].health == "ok"
    engine_of(database).ingest(Message("trouble", "m2"))
    (requests,) = said(settings, "requests")
    assert (requests.health, "4 failed (4 http 500)" in requests.text) == ("fail", True)
    engine_of(database).ingest(Message("Ana Lopez", "m3"))
    assert said(settings, "requests")[0].health == "warn"
    assert [check.text for check in said(settings, "inbox", tenant="nobody")] == ["it is empty"]
    assert said(settings, "requests", clock=lambda: utc_now() + timedelta(hours=2))[0].health == "ok"


def test_a_model_that_is_down_while_workers_try_is_not_quiet_either(database: Database, settings: Settings) -> None:
    register(database)
    queue(database, "m1")
    with psycopg.connect(database.conninfo) as conn:
        conn.execute("update memreg.messages set attempts = 2, error = 'http 429', next_attempt_at = now() + '1 hour'")
    _, check = said(settings, "inbox")
    assert (check.health, check.text) == (
        "warn",
        "1 message failed and waits for another try; last, 'm1' of people in tenant default: http 429",
    )


def test_messages_that_wait_without_a_worker(database: Database, settings: Settings) -> None:
    register(database)
    queue(database, "m1", "acme")
    (check,) = said(settings, "workers")
    assert (check.health, check.advice) == ("fail", "run memreg worker")
    assert said(settings, "workers", tenant="default")[0].health == "ok"
    database.run_admin(lambda: plans.see_worker(uuid7(), "one", 7, 4, utc_now))
    (check,) = said(settings, "workers")
    assert check.health == "ok"
    assert "1 worker on 1 machine, 4 slots" in check.text
    later = said(settings, clock=lambda: utc_now() + timedelta(minutes=20))
    assert {check.name: check.health for check in later}["workers"] == "fail"
    assert {check.name: check.health for check in later}["inbox"] == "warn"


def test_jobs_whose_worker_is_gone(database: Database, settings: Settings) -> None:
    register(database)
    queue(database, "m1")
    assert said(settings, "jobs")[0].health == "ok"
    assert rows(database, STALL, "default")
    (check,) = said(settings, "jobs")
    assert (check.health, "1 job of the inbox" in check.text) == ("warn", True)


def test_switches_and_questions(database: Database, settings: Settings) -> None:
    register(database)
    switch(database, "acme", "people", "Person", on=True, by="ana", reason="odd")
    engine_of(database).ingest(Message("trouble", "m1"))
    assert said(settings, "kill switch")[0].health == "warn"
    assert said(settings, "kill switch", tenant="default")[0].health == "ok"
    (check,) = said(settings, "review")
    assert (check.health, check.text.startswith("1 question open (1 dead_letter)")) == ("ok", True)
    (check,) = said(settings, "review", clock=lambda: utc_now() + timedelta(days=8))
    assert check.health == "warn"


def test_a_key_that_contradicts_too_often(database: Database, settings: Settings) -> None:
    register_version(database)
    engine = Engine(database, schema="people")
    names = ("Ana Lopez", "Zoe Quist", "Per Hagen", "Mia Wong", "Ivo Babic", "Kim Stone")
    for number, name in enumerate(names):
        values = {"name": name, "email": "office@acme.org", "city": f"Town{number}"}
        engine.ingest(proposals=[Proposal("Person", values)])
    (check,) = said(settings, "keys")
    assert check.health == "warn"
    assert "key email of Person contradicts too often" in check.text
    assert check.advice is not None and check.advice.startswith("make it shared")
    assert said(settings, "keys", tenant="nobody")[0].health == "ok"


# The model

MODEL: dict[str, Any] = {"llm_model": "m", "llm_api_key": "key-1", "llm_price_in": 2.0, "llm_price_out": 8.0}


def asked(script: Sequence[Any], **settings: Any) -> tuple[Check, int]:
    """What the doctor says of a model that answers so, and how many requests it made."""
    with ScriptedServer(script) as server:
        found = said(
            Settings(database_url="nonsense=1", llm_base_url=server.base_url, **{**MODEL, **settings}), ask=True
        )
        assert found[-1].name == "model"
        return found[-1], len(server.requests)


def test_the_model_is_asked_only_on_demand(database: Database) -> None:
    with ScriptedServer([]) as server:
        settings = Settings(database_url=database.conninfo, llm_base_url=server.base_url, **MODEL)
        assert [check.text for check in said(settings, "extractor")] == [
            f"the model m at {server.base_url}, with a key"
        ]
        assert said(settings, "model") == []
        assert server.requests == []


def test_one_tiny_request_tells_what_came_back_and_what_it_cost() -> None:
    check, requests = asked([answer({"words": ["ok"]}, usage=(40, 5))])
    assert (check.health, requests) == ("ok", 1)
    assert check.text.startswith("scripted-model answered in ")
    assert check.text.endswith(" ms, 40 tokens in and 5 out, for 0.000120")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (error(401), "HTTP 401"),
        (error(500), "HTTP 500"),
        (content("I am sorry."), "prose"),
    ],
)
def test_a_model_that_does_not_answer_fails_at_once(reply: Any, words: str) -> None:
    check, requests = asked([reply, answer({"words": ["ok"]})])
    assert (check.health, requests) == ("fail", 1)
    assert words in check.text
    assert "key-1" not in f"{check}"


def test_a_model_that_is_not_configured_cannot_be_asked() -> None:
    check = said(Settings(database_url="nonsense=1"), ask=True)[-1]
    assert (check.name, check.health) == ("model", "fail")
    assert "MEMREG_LLM_MODEL" in check.text
