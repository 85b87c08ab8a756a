"""`memreg usage` and `memreg metrics`: what models cost, and the figures for a monitor."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from memreg.testing import ScriptedServer, answer, error
from tests.support.command import Command

ITEM = {
    "class": "Person", "operation": "upsert", "values": {"name": "Ana Lopez", "email": "ana@lopez.io"},
    "evidence": "Ana Lopez is in Oslo", "confidence": 0.9,
}  # fmt: skip


@pytest.fixture
def asked(people: Command) -> Command:
    """Three messages: one decided, one with nothing in it, one dead."""
    script = [answer({"items": [ITEM]}, usage=(1000, 50)), answer({"items": []}, usage=(900, 10)), error(401)]
    said = "".join(json.dumps({"text": "Ana Lopez is in Oslo, ana@lopez.io", "id": f"m{n}"}) + "\n" for n in range(3))
    with ScriptedServer(script) as server:
        people("ingest", stdin=said, status=1, MEMREG_LLM_BASE_URL=server.base_url, MEMREG_LLM_MODEL="m")
    return people


def test_where_no_model_was_asked(people: Command) -> None:
    assert people("usage").stdout.startswith("No model was asked from ")
    assert people.json("usage")["lines"] == []


def test_by_day_and_model_with_money(asked: Command) -> None:
    priced = Command(asked.folder, {**asked.settings, "MEMREG_LLM_PRICE_IN": "2", "MEMREG_LLM_PRICE_OUT": "10"})
    told = priced("usage").stdout
    today = datetime.now(UTC).date().isoformat()
    (row,) = [line for line in told.splitlines() if "scripted-model" in line]
    assert row.split()[:7] == ["messages", today, "scripted-model", "2", "0", "1,900", "60"]
    assert row.split()[-1] == "0.0044"
    assert "messages: 3 requests (1 failed), 1,900 tokens in, 60 out, which cost 0.0044." in told
    found = priced.json("usage")
    assert found["by"] == ["day", "model"]
    assert found["messages"]["cost"] == pytest.approx(0.0044)
    assert sum(line["requests"] for line in found["lines"]) == found["messages"]["requests"] == 3
    assert asked.json("usage")["messages"]["cost"] is None


def test_by_class(asked: Command) -> None:
    found = asked.json("usage", "--by", "class")
    lines = {line["class_name"]: line for line in found["lines"]}
    assert {name: line["tokens_in"] for name, line in lines.items()} == {"Person": 1000, "-": 900}
    assert lines["-"]["failed"] == 1
    told = asked("usage", "--by", "class, model ,class").stdout
    assert "Person" in told and "scripted-model" in told
    assert "cost" not in told


def test_periods_and_tenants(asked: Command) -> None:
    today = datetime.now(UTC).date().isoformat()
    assert asked.json("usage", "--since", "1")["messages"]["requests"] == 3
    assert asked.json("usage", "--since", today, "--until", today)["messages"]["requests"] == 3
    assert asked.json("usage", "--until", "2020-01-31")["messages"]["requests"] == 0
    assert "No model was asked from 2020-01-02 to 2020-01-31." in asked("usage", "--until", "2020-01-31").stdout
    assert asked.json("usage", "--tenant", "acme")["messages"]["requests"] == 0
    assert asked.json("usage", "--tenant", "*", "--schema", "*")["messages"]["requests"] == 3


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--since", "yesterday"), 2, "'yesterday' is not a number of days, or a day as 2026-11-20."),
        (("--since", "0"), 1, "from 1 to 100,000"),
        (("--since", "2026-13-01"), 2, "not a number of days"),
        (("--until", "7"), 2, "'7' is not a day as 2026-11-20."),
        (("--since", "2020-02-01", "--until", "2020-01-01"), 1, "after the last day, 2020-01-01"),
        (("--by", "week"), 2, "'week' is none of day, class, model."),
        (("--by", ""), 2, "'' is none of day, class, model."),
        (("--schema", "nowhere"), 1, "No schema named 'nowhere'"),
    ],
)
def test_wrong_input(people: Command, arguments: Any, status: int, words: str) -> None:
    assert words in " ".join(people("usage", *arguments, status=status).stderr.split())


def test_metrics_are_what_prometheus_reads(asked: Command) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    told = asked("metrics").stdout
    read = {family.name: family for family in text_string_to_metric_families(told)}
    dead = {sample.labels["status"]: sample.value for sample in read["memreg_inbox_messages"].samples}
    assert dead == {"accepted": 0, "extracting": 0, "dead": 1}
    assert [sample.value for sample in read["memreg_model_failures_last_hour"].samples] == [1.0]
    document = asked.json("metrics")
    assert {metric["name"] for metric in document["metrics"]} == set(read)
    assert (document["tenant"], document["schema"]) == ("*", "*")


def test_metrics_of_one_tenant(asked: Command) -> None:
    assert 'memreg_inbox_messages{schema="people",status="dead"} 0.0' in asked("metrics", "--tenant", "acme").stdout
    assert 'memreg_inbox_messages{schema="people",status="dead"} 1.0' in asked("metrics", "--tenant", "*").stdout
    assert "No schema named 'nowhere'" in asked("metrics", "--schema", "nowhere", status=1).stderr
