"""`memreg inbox`: listing, showing, retrying and dropping, as a person and as a script does it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memreg.testing import ScriptedServer, answer, content, error
from tests.support.command import Command

ITEM = {
    "class": "Person", "operation": "upsert", "values": {"name": "Ana Lopez", "email": "ana@lopez.io"},
    "evidence": "Ana Lopez is in Oslo", "confidence": 0.9,
}  # fmt: skip
TEXT = "Ana Lopez is in Oslo, ana@lopez.io"
DOWN = error(401, {"error": {"message": "no such key"}})


def said(*ids: str) -> str:
    return "".join(json.dumps({"text": TEXT, "id": each, "session": "talk"}) + "\n" for each in ids)


def asking(memreg: Command, server: ScriptedServer) -> Command:
    """The command with the server as its model; nothing is waited for."""
    model = {"MEMREG_LLM_BASE_URL": server.base_url, "MEMREG_LLM_MODEL": "m", "MEMREG_LLM_MAX_RETRIES": "0"}
    return Command(memreg.folder, {**memreg.settings, **model, "MEMREG_BREAKER_FAILURES": "100"})


def died(people: Command, *ids: str) -> None:
    """Messages that a model refused."""
    with ScriptedServer(lambda _: DOWN) as server:
        asking(people, server)("ingest", stdin=said(*ids), status=1)


def test_an_empty_inbox(people: Command) -> None:
    people("ingest", stdin="Ana Lopez lives in Oslo, ana@lopez.io\n")
    assert people("inbox").stdout == "The inbox is empty: every message is decided, or dropped.\n"
    assert people.json("inbox") == {"counts": {}, "total": 0, "oldest": None, "items": []}
    assert "nothing to retry" in people("inbox", "retry", "--all-dead").stdout


def test_what_is_not_decided_is_listed_with_the_reason(people: Command) -> None:
    died(people, "a1", "a2", "a3")
    told = people("inbox", "--limit", "2").stdout
    assert told.startswith("3 not decided: 3 dead.\n")
    assert "failed once: " in told
    assert "HTTP 401: no such key" in told
    assert "The oldest 2 of 3 are shown" in told
    assert "a3" not in told
    assert "memreg inbox retry ID" in told
    found = people.json("inbox", "--status", "dead")
    assert [item["id"] for item in found["items"]] == ["a1", "a2", "a3"]
    assert found["counts"] == {"dead": 3}
    first = found["items"][0]
    assert (first["session"], first["role"], first["attempts"], first["queued"]) == ("talk", "user", 1, False)
    assert 0 <= first["age"] < 3600
    assert "no such key" in first["reason"] and "no such key" in first["sentence"]
    assert people("inbox", "--status", "accepted").stdout == "3 not decided: 3 dead.\nNone is accepted.\n"


def test_one_message_in_full(people: Command) -> None:
    with ScriptedServer(lambda _: content("Sure! Ana lives in Oslo.")) as server:
        asking(people, server)("ingest", stdin=said("a1"), status=1)
    told = people("inbox", "show", "a1").stdout
    assert told.startswith("message a1, dead: failed once: ")
    for words in (TEXT, "talk", "Sure! Ana lives in Oslo.", "unreadable", "scripted-model"):
        assert words in told
    found = people.json("inbox", "show", "a1")
    assert (found["text"], found["decisions"]) == (TEXT, [])
    assert found["reply"].startswith("Sure! Ana lives in Oslo.")
    assert {call["outcome"] for call in found["calls"]} == {"unreadable"}
    assert found["calls"][0]["tokens_in"] == 100

    people("ingest", "--proposals", stdin='{"class": "Person", "values": {"name": "Bo"}, "message_id": "b1"}')
    assert "CREATE new" in people("inbox", "show", "b1").stdout
    assert people.json("inbox", "show", "b1")["decisions"][0]["action"] == "CREATE"


def test_retrying_tells_what_became_of_each(people: Command) -> None:
    died(people, "a1", "a2")
    with ScriptedServer([answer({"items": [ITEM]}), DOWN]) as server:
        told = asking(people, server)("inbox", "retry", "a1", "a2", "a1", status=1)
    assert "message a1 decided\n  CREATE new  Person" in told.stdout
    assert "message a2 dead: " in told.stdout
    assert "2 messages, 1 decided, 1 dead" in told.stdout
    assert [item["id"] for item in people.json("inbox")["items"]] == ["a2"]
    assert people.json("inbox")["items"][0]["attempts"] == 2
    with ScriptedServer([answer({"items": [ITEM]})]) as server:
        done = asking(people, server).json("inbox", "retry", "--all-dead")
    assert [(each["message_id"], each["status"]) for each in done["results"]] == [("a2", "decided")]
    assert (done["problems"], done["counts"]["decided"]) == ([], 1)
    assert people.json("inbox")["total"] == 0
    assert people.json("review")["items"] == []
    assert len(people.json("memories")) == 1
    assert people.json("inbox", "retry", "a2")["results"][0]["status"] == "replayed"


def test_retrying_what_is_not_there_or_was_dropped(people: Command) -> None:
    died(people, "a1", "a2")
    people("inbox", "drop", "a2", "--why", "spam")
    with ScriptedServer([answer({"items": [ITEM]})]) as server:
        told = asking(people, server)("inbox", "retry", "nobody", "a2", "a1", status=1)
    assert "No message 'nobody' was taken in tenant 'default'." in told.stderr
    assert "'a2' cannot be retried: it is dropped" in told.stderr
    assert "message a1 decided" in told.stdout


def test_leaving_them_to_the_workers(people: Command) -> None:
    died(people, "a1", "a2")
    people("inbox", "drop", "a2", "--why", "spam")
    told = people("inbox", "retry", "a1", "a2", "nobody", "--queue", status=1)
    assert told.stdout.startswith("1 left to the workers. Next: memreg worker")
    assert "'a2' is dropped, so there is nothing to retry." in told.stderr
    assert "No message 'nobody'" in told.stderr
    assert people.json("inbox")["items"][0]["queued"] is True
    with ScriptedServer([answer({"items": [ITEM]})]) as server:
        asking(people, server)("worker", "--until-empty")
    assert people.json("inbox")["total"] == 0
    assert len(people.json("memories")) == 1
    assert people.json("inbox", "retry", "--all-dead", "--queue") == {"queued": [], "problems": []}
    assert people("inbox", "retry", "--all-dead", "--queue").stdout == "Nothing to do.\n"


def test_dropping_keeps_the_reason_and_who(people: Command) -> None:
    died(people, "a1")
    told = people("inbox", "drop", "a1", "--why", "it is spam", "--by", "ana").stdout
    assert told == "Dropped 'a1'; it stays kept, with the reason.\n"
    assert "given up by ana: it is spam" in people("inbox", "show", "a1").stdout
    assert people.json("review")["total"] == 0
    assert people.json("inbox")["items"] == []
    assert [item["id"] for item in people.json("inbox", "--status", "dropped")["items"]] == ["a1"]
    again = people("inbox", "drop", "a1", "--why", "again", "--by", "bo").stdout
    assert again == "The message 'a1' was dropped before, by ana: it is spam.\n"


def test_dropped_ones_beyond_the_limit(people: Command) -> None:
    died(people, "a1", "a2", "a3")
    people("inbox", "drop", "a1", "a2", "a3", "--why", "spam")
    told = people("inbox", "--status", "dropped", "--limit", "2").stdout
    assert "a2" in told and "a3" not in told
    assert "The oldest 2 are shown" in told
    assert "are shown" not in people("inbox", "--status", "dropped").stdout


def test_a_very_long_message_is_shown_in_part(people: Command) -> None:
    long = "Ana Lopez lives in Oslo, ana@lopez.io " + "x" * 30_000
    people("ingest", stdin=json.dumps({"text": long, "id": "a1"}))
    told = people("inbox", "show", "a1").stdout
    assert "… (10,038 characters more; --json has all)" in told
    assert people.json("inbox", "show", "a1")["text"] == long


def test_dropping_what_is_decided_is_refused(people: Command) -> None:
    people("ingest", stdin=json.dumps({"text": "Ana Lopez lives in Oslo, ana@lopez.io", "id": "a1"}))
    told = people("inbox", "drop", "a1", "nobody", "--why", "spam", status=1)
    assert told.stdout == ""
    assert "The message 'a1' is decided, so there is nothing to give up" in told.stderr
    assert "No message 'nobody'" in told.stderr
    found = people.json("inbox", "drop", "a1", "nobody", "--why", "spam", status=1)
    assert [each["verdict"] for each in found["messages"]] == ["refused", "unknown"]
    assert len(people.json("memories")) == 1


def test_tenants_are_apart(people: Command) -> None:
    died(people, "a1")
    assert people.json("inbox", "--tenant", "acme")["total"] == 0
    assert "in tenant 'acme'" in people("inbox", "show", "a1", "--tenant", "acme", status=1).stderr
    assert "in tenant 'acme'" in people("inbox", "retry", "a1", "--tenant", "acme", status=1).stderr
    assert "in tenant 'acme'" in people("inbox", "drop", "a1", "--why", "x", "--tenant", "acme", status=1).stderr
    assert people.json("inbox")["counts"] == {"dead": 1}


def test_a_message_cannot_steer_the_terminal(people: Command) -> None:
    with ScriptedServer(lambda _: content("\x1b[31mred\x1b[0m")) as server:
        hostile = json.dumps({"text": "\x1b]0;owned\x07 Ana", "id": "m\x1b[2J", "session": "s\x1b[1m"})
        asking(people, server)("ingest", stdin=hostile, status=1)
    for arguments in (("inbox",), ("inbox", "show", "m\x1b[2J"), ("inbox", "drop", "m\x1b[2J", "--why", "x\x1b[1m")):
        told = people(*arguments)
        assert "\x1b" not in told.stdout + told.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("inbox", "--status", "decided"), 2, "'decided' is not one of"),
        (("inbox", "--limit", "0"), 1, "from 1 to 10,000"),
        (("inbox", "--limit", "many"), 2, "not a valid integer"),
        (("inbox", "show"), 2, "Missing argument"),
        (("inbox", "show", "nobody"), 1, "No message 'nobody' was taken in tenant 'default'."),
        (("inbox", "retry"), 2, "Name the messages by ID, or give --all-dead."),
        (("inbox", "retry", "a1", "--all-dead"), 2, "Name the messages by ID, or give --all-dead."),
        (("inbox", "drop", "--why", "spam"), 2, "Name the messages to drop by ID."),
        (("inbox", "drop", "a1"), 2, "Missing option"),
        (("inbox", "drop", "a1", "--why", " "), 1, "say the reason"),
        (("inbox", "drop", "a1", "--why", "spam", "--by", ""), 1, "say who gives it up"),
        (("inbox", "--tenant", "acme", "show", "a1"), 2, "Give --tenant after show: memreg inbox show --tenant"),
        (("inbox", "--json", "drop", "a1", "--why", "x"), 2, "Give --json after drop"),
        (("inbox", "--schema", "nowhere"), 1, "No schema named 'nowhere'"),
        (("inbox", "forget", "a1"), 2, "No such command"),
    ],
)
def test_wrong_input_is_told_in_a_sentence(people: Command, arguments: Any, status: int, words: str) -> None:
    assert words in " ".join(people(*arguments, status=status).stderr.split())


def test_tables_fit_100_columns(people: Command) -> None:
    died(people, "a1")
    assert max(map(len, people("inbox", COLUMNS="100").stdout.splitlines())) <= 100
