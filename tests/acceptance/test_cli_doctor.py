"""`memreg doctor`: a line a thing, an exit status that a script can rely on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memreg.testing import ScriptedServer, answer, error
from tests.support.command import Command


def health_of(document: Any) -> dict[str, str]:
    """How each thing is, by name; its worst line counts."""
    order = ("ok", "warn", "fail")
    found: dict[str, str] = {}
    for check in document["checks"]:
        found[check["name"]] = max(found.get(check["name"], "ok"), check["health"], key=order.index)
    return found


def asking(memreg: Command, server: ScriptedServer, **settings: str) -> Command:
    """The command with the server as its model."""
    model = {"MEMREG_LLM_BASE_URL": server.base_url, "MEMREG_LLM_MODEL": "m"}
    return Command(memreg.folder, {**memreg.settings, **model, **settings})


def test_a_memreg_that_is_well(people: Command) -> None:
    told = people("doctor").stdout.splitlines()
    assert all(line.split()[0] in ("ok", "warn") for line in told[:-1])
    assert told[-1].startswith(f"{len(told) - 1} checks: ")
    found = people.json("doctor")
    assert found["health"] != "fail"
    assert {name for name, health in health_of(found).items() if health != "ok"} <= {"role"}
    assert set(found["checks"][0]) == {"name", "health", "text", "advice"}


def test_a_line_stays_one_line_whatever_the_terminal(people: Command) -> None:
    lines = people("doctor", COLUMNS="40").stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == [
        line.split()[0] for line in people("doctor").stdout.splitlines()[:-1]
    ]


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    memreg = Command(tmp_path, {"MEMREG_DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/x"})
    done = memreg("doctor", status=1)
    assert "fail  database" in done.stdout
    assert "secret" not in done.stdout + done.stderr
    assert memreg.json("doctor", status=1)["health"] == "fail"


def test_a_database_that_is_not_migrated(empty_database_url: str, tmp_path: Path) -> None:
    memreg = Command(tmp_path, {"MEMREG_DATABASE_URL": empty_database_url})
    assert "→ run memreg migrate" in memreg("doctor", status=1).stdout
    memreg("migrate")
    found = health_of(memreg.json("doctor"))
    assert (found["migrations"], found["schemas"]) == ("ok", "warn")


def test_settings_that_cannot_be_read(people: Command) -> None:
    found = people.json("doctor", status=1, MEMREG_POOL_SIZE="many")
    (check,) = found["checks"]
    assert (check["name"], check["health"]) == ("settings", "fail")
    assert "MEMREG_POOL_SIZE" in check["text"]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("doctor", "--tenant", ""), 1, "--tenant cannot be empty"),
        (("doctor", "--schema", "nowhere"), 1, ""),
        (("doctor", "everything"), 2, "unexpected extra argument"),
    ],
)
def test_wrong_input(people: Command, arguments: Any, status: int, words: str) -> None:
    assert words in people(*arguments, status=status).stderr


def test_a_dead_extractor_is_told_for_every_tenant_and_for_one(people: Command) -> None:
    with ScriptedServer(lambda _: error(401)) as server:
        command = asking(people, server, MEMREG_LLM_API_KEY="key-1")
        command("ingest", "--tenant", "acme", stdin="Ana moved\n" * 4, status=1)
        found = command.json("doctor", status=1)
        told = command("doctor", "--ask", status=1).stdout
    assert (health_of(found)["inbox"], health_of(found)["requests"]) == ("warn", "fail")
    assert "4 messages are dead; last, " in told
    assert "HTTP 401" in told
    (asked,) = [line for line in told.splitlines() if line.split()[1] == "model"]
    assert asked.startswith("fail  model        http://127.0.0.1:")
    assert "key-1" not in told
    assert health_of(people.json("doctor", "--tenant", "default"))["inbox"] == "ok"
    assert health_of(people.json("doctor", "--tenant", "acme", status=1))["inbox"] == "warn"
    assert health_of(people.json("doctor", "--tenant", "*", status=1))["inbox"] == "warn"


def test_asking_the_model_once(people: Command) -> None:
    with ScriptedServer(lambda _: answer({"words": ["ok"]}, usage=(40, 5))) as server:
        command = asking(people, server, MEMREG_LLM_PRICE_IN="2")
        told = command("doctor").stdout
        assert server.requests == []
        assert "the model m at http://127.0.0.1:" in told
        told = command("doctor", "--ask").stdout
        assert len(server.requests) == 1
    assert "40 tokens in and 5 out, for 0.000080" in told


def test_messages_that_wait_for_a_worker(people: Command) -> None:
    with ScriptedServer(lambda _: error(401)) as server:
        asking(people, server)("ingest", stdin="Ana moved\n", status=1)
    people("inbox", "retry", "--all-dead", "--queue")
    told = people("doctor", status=1).stdout
    assert "fail  workers      1 message waits for a worker, and none is alive → run memreg worker" in told
