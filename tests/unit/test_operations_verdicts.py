"""What a doctor says of the state of things."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from memreg.core.settings import Settings
from memreg.operations.check import Check, span, worst
from memreg.operations.doctor import extractor_check, schema_check, usable_of
from memreg.operations.kill_switch import Switch
from memreg.operations.server import Server, server_checks
from memreg.operations.state import Backlog, Calls, Failure, InboxCount, Jobs, State, Worker
from memreg.operations.verdicts import verdicts
from memreg.registry.models import Status
from memreg.registry.records import VersionRecord
from tests.support.engines import people_version

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HEALTHY = State(
    now=NOW,
    lease=timedelta(minutes=9),
    schemas=("people",),
    inbox=(),
    fullest={},
    failure=None,
    calls=(),
    workers=(),
    jobs=(Jobs("inbox", 0, 0, 0), Jobs("backfill", 0, 0, 0)),
    reviews=(),
    switches=(),
)
DEAD = Failure("default", "people", "m1", "dead", "The extractor llm gave nothing usable: it is down.")


def ago(**units: float) -> datetime:
    return NOW - timedelta(**units)


def count(status: str, messages: int = 1, **facts: Any) -> InboxCount:
    known: dict[str, Any] = {"queued": 0, "failed_before": 0, "left": 0, "oldest": ago(minutes=1), "oldest_due": None}
    return InboxCount("people", status, messages, **{**known, **facts})


def calls(outcome: str, requests: int) -> Calls:
    return Calls("people", "m", outcome, requests, 10, 1)


def worker(seen: float = 2.0, host: str = "one") -> Worker:
    return Worker(UUID(int=1), host, 7, 4, ago(hours=1), ago(seconds=seen))


def said(name: str, **facts: Any) -> list[Check]:
    """What is said under a name of a healthy state with other facts."""
    return [check for check in verdicts(replace(HEALTHY, **facts), 100) if check.name == name]


def found_in(**facts: Any) -> list[Check]:
    """What is said of the inbox after its first line, which counts."""
    first, *rest = said("inbox", **facts)
    assert first.health == "ok"
    return rest


def test_where_all_is_well_each_thing_has_its_line() -> None:
    found = list(verdicts(HEALTHY, 100))
    assert [check.name for check in found] == [
        "inbox",
        "requests",
        "workers",
        "jobs",
        "backfill",
        "kill switch",
        "review",
    ]
    assert worst(found) == "ok"
    assert {check.advice for check in found} == {None}


def test_what_waits_a_short_while_is_well() -> None:
    (check,) = said("inbox", inbox=(count("accepted", 2, oldest_due=ago(minutes=1)), count("extracting")))
    assert check.health == "ok"
    assert check.text == "2 accepted, 1 extracting; the oldest of those that wait came 1 minute ago"


def test_of_dead_messages_alone_none_waits() -> None:
    assert said("inbox", inbox=(count("dead", 2),), failure=DEAD)[0].text == "2 dead"
    assert said("inbox")[0].text == "it is empty"


def test_dead_messages_are_told_with_the_last_reason() -> None:
    (check,) = found_in(inbox=(count("dead", 2),), failure=DEAD)
    assert check.health == "warn"
    assert check.text == "2 messages are dead; last, 'm1' of people in tenant default: it is down"
    assert "memreg inbox retry --all-dead" in (check.advice or "")


def test_messages_that_are_tried_again_are_told_with_the_last_reason() -> None:
    waiting = replace(DEAD, status="accepted", reason="http 429")
    (check,) = found_in(inbox=(count("accepted", 5, failed_before=4),), failure=waiting)
    assert (check.health, check.text) == (
        "warn",
        "4 messages failed and wait for another try; last, 'm1' of people in tenant default: http 429",
    )


@pytest.mark.parametrize(("minutes", "health"), [(14, "ok"), (16, "warn")])
def test_a_message_that_waits_too_long(minutes: int, health: str) -> None:
    found = found_in(inbox=(count("accepted", oldest_due=ago(minutes=minutes)),), workers=(worker(),))
    assert [check.health for check in found] == ([] if health == "ok" else [health])


def test_a_message_that_was_left_is_told() -> None:
    (check,) = found_in(inbox=(count("extracting", left=1),))
    assert check.health == "warn"
    assert "more than 9 minutes ago and did not end" in check.text


@pytest.mark.parametrize(("queued", "health"), [(79, "ok"), (80, "warn"), (100, "warn")])
def test_a_queue_that_is_nearly_full(queued: int, health: str) -> None:
    assert [check.health for check in found_in(fullest={"people": queued})] == ([] if health == "ok" else [health])


def test_every_finding_of_the_inbox_has_a_line() -> None:
    inbox = (
        count("accepted", 3, failed_before=1, oldest_due=ago(hours=1)),
        count("extracting", left=1),
        count("dead"),
    )
    found = found_in(inbox=inbox, failure=DEAD, fullest={"people": 99})
    assert len(found) == 5
    assert {check.health for check in found} == {"warn"}
    assert all(check.advice for check in found)


@pytest.mark.parametrize(
    ("seen", "health"),
    [
        ((calls("ok", 5), calls("timeout", 2)), "ok"),
        ((calls("ok", 500), calls("timeout", 3)), "warn"),
        ((calls("timeout", 2),), "ok"),
        ((calls("timeout", 2), calls("http 500", 2)), "fail"),
    ],
)
def test_repeated_failures_of_the_model(seen: tuple[Calls, ...], health: str) -> None:
    (check,) = said("requests", calls=seen)
    assert check.health == health
    if health != "ok":
        assert "timeout" in check.text
        assert "--ask" in (check.advice or "")


def test_waiting_messages_without_a_worker_fail() -> None:
    waiting = (count("accepted", 2, queued=2),)
    (check,) = said("workers", inbox=waiting)
    assert (check.health, check.text) == ("fail", "2 messages wait for a worker, and none is alive")
    assert said("workers", inbox=(count("accepted", 1, queued=1),))[0].text.startswith("1 message waits for")
    (check,) = said("workers", inbox=waiting, workers=(worker(), worker(9.0, "two"), worker()))
    assert (check.health, check.text) == ("ok", "3 workers on 2 machines, 12 slots, last seen 2 seconds ago")


def test_what_waits_for_nobody_needs_no_worker() -> None:
    inbox = (count("dead", 3, queued=3), count("extracting", 1))
    assert said("workers", inbox=inbox, failure=DEAD)[0].health == "ok"


def test_jobs_without_a_worker() -> None:
    (check,) = said("jobs", jobs=(Jobs("inbox", 5, 2, 1), Jobs("backfill", 0, 2, 2)))
    assert (check.health, check.text) == ("warn", "1 job of the inbox, 2 jobs of the backfill: the worker is gone")
    assert check.advice == "memreg worker or memreg backfill NAME --to N takes over"
    assert said("jobs", jobs=(Jobs("inbox", 5, 2, 0),))[0].health == "ok"


def test_kill_switches() -> None:
    switch = Switch("*", "people", "*", True, "scores look odd.", "ana", ago(days=1))
    (check,) = said("kill switch", switches=(switch, switch))
    assert check.health == "warn"
    assert "every class of people for every tenant since 2026-11-20, by ana: scores look odd, and 1 more" in check.text


@pytest.mark.parametrize(
    ("items", "age", "health"), [(99, 6.9, "ok"), (100, 1, "warn"), (1, 7.1, "warn")], ids=["few", "many", "old"]
)
def test_questions_to_a_person(items: int, age: float, health: str) -> None:
    reviews = (Backlog("people", "dead_letter", items, ago(days=age)),)
    (check,) = said("review", reviews=reviews)
    assert check.health == health
    assert f"({items} dead_letter)" in check.text


# The server

SERVER = Server("u@h/d", 180_004, "18.4", "memreg", False, False, None, {"pg_trgm": None})


def checks(**facts: Any) -> dict[str, Check]:
    from memreg.migrations import runner

    server = replace(SERVER, **{"migration": runner.expected(), **facts})
    return {check.name: check for check in server_checks(server, embedded=False)}


def test_a_server_that_is_well() -> None:
    found = checks()
    assert worst(found.values()) == "ok"
    assert list(found) == ["database", "postgres", "role", "extensions", "migrations"]
    assert found["extensions"].text == "it could have pg_trgm, not btree_gist, unaccent, vector; none is needed"
    assert checks(extensions={})["extensions"].text == "it has none of those that memreg may use; none is needed"


@pytest.mark.parametrize(
    ("name", "facts", "health", "words"),
    [
        ("postgres", {"number": 140_010, "version": "14.10"}, "fail", "14.10 is older"),
        ("postgres", {"number": 150_000, "version": "15.0"}, "ok", "15.0"),
        ("postgres", {"number": 190_001, "version": "19.1"}, "warn", "newer"),
        ("role", {"superuser": True}, "warn", "memreg is a superuser"),
        ("database", {"standby": True}, "fail", "u@h/d is a standby"),
        ("migrations", {"migration": None}, "fail", "at none, and this memreg needs"),
        ("migrations", {"migration": "0001"}, "fail", "at 0001"),
        ("migrations", {"migration": "9999"}, "fail", "newer than this memreg knows"),
    ],
)
def test_what_is_wrong_with_a_server(name: str, facts: dict[str, Any], health: str, words: str) -> None:
    check = checks(**facts)[name]
    assert check.health == health
    assert words in check.text
    assert bool(check.advice) == (health != "ok")


def test_the_embedded_server_has_a_superuser_and_that_is_well() -> None:
    server = replace(SERVER, superuser=True)
    found = {check.name: check for check in server_checks(server, embedded=True)}
    assert found["role"].health == "ok"
    assert found["database"].text == "the embedded Postgres answers"


# Schemas and the extractor


def records(*statuses: Status) -> list[VersionRecord]:
    return [
        VersionRecord(replace(people_version(), version=number, status=status), NOW, "ana")
        for number, status in enumerate(statuses, 1)
    ]


@pytest.mark.parametrize(
    ("statuses", "health", "words"),
    [
        ((Status.ACTIVE,), "ok", "version 1 is active"),
        ((Status.RETIRED, Status.ACTIVE), "ok", "version 2 is active"),
        ((Status.ACTIVE, Status.REJECTED), "ok", "version 1 is active"),
        ((Status.PENDING,), "warn", "memories are only created"),
        ((Status.ACTIVE, Status.PENDING), "warn", "version 1 is active, 2 is pending"),
        ((Status.ACTIVE, Status.DRAFT), "warn", "2 has no annotation"),
        ((Status.DRAFT,), "warn", "no version is in force"),
        ((Status.ACTIVE, Status.APPROVED), "warn", "waits for its backfill"),
        ((Status.REJECTED,), "warn", "was rejected"),
    ],
)
def test_schemas(statuses: tuple[Status, ...], health: str, words: str) -> None:
    check = schema_check("people", records(*statuses))
    assert check.health == health
    assert words in check.text
    assert bool(check.advice) == (health != "ok")


def test_the_version_in_use_is_the_active_one() -> None:
    found = usable_of(records(Status.ACTIVE, Status.PENDING))
    assert found is not None
    assert found.version == 1
    assert usable_of(records(Status.DRAFT, Status.REJECTED)) is None


@pytest.mark.parametrize(
    ("settings", "health", "words"),
    [
        ({}, "warn", "people declares no patterns"),
        ({"llm_base_url": "http://user:secret@models:1/v1", "llm_model": "m"}, "ok", "model m at http://models:1/v1"),
        ({"llm_api_key": "k"}, "ok", "the model gpt-4.1-mini at https://api.openai.com/v1, with a key"),
        ({"llm_base_url": "http://models:1/v1"}, "fail", "no model"),
        ({"llm_base_url": "https://api.openai.com/v1", "llm_model": "m"}, "fail", "without a key"),
        ({"llm_api_key": "né", "llm_model": "m"}, "fail", "characters that no key has"),
    ],
)
def test_the_extractor(settings: dict[str, Any], health: str, words: str) -> None:
    version = people_version()
    bare = replace(
        version, spec=replace(version.spec, classes=tuple(replace(c, patterns=()) for c in version.spec.classes))
    )
    check = extractor_check(Settings(**settings), [bare])
    assert check.health == health
    assert words in check.text
    assert "secret" not in f"{check}"


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=-5), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=119), "1 minute"),
        (timedelta(hours=5), "5 hours"),
        (timedelta(days=1000), "1,000 days"),
    ],
)
def test_spans(age: timedelta, words: str) -> None:
    assert span(age) == words
