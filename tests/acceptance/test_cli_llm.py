"""The command with a language model, over HTTP: what fails is kept, told, and tried again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memreg.testing import ScriptedServer, answer, content, delay, error, tool_call
from tests.support.command import Command


def asking(memreg: Command, server: ScriptedServer, **settings: str) -> Command:
    """The command with the server as its model."""
    model = {"MEMREG_LLM_BASE_URL": server.base_url, "MEMREG_LLM_MODEL": "m", "MEMREG_LLM_MAX_RETRIES": "0"}
    return Command(memreg.folder, {**memreg.settings, **model, **settings})


NOTE: dict[str, Any] = {
    "class": "Note", "searchable": {"title": 3}, "compare": [], "confidence": 0.9, "rationale": "titles name it",
    "identity": [{"columns": ["code"], "strength": "strong", "confidence": 0.8, "rationale": "a code is unique"}],
}  # fmt: skip
NOTES = "schema: notes\nclasses: {Note: {columns: {title: {dtype: string, required: true}, code: {dtype: string}}}}\n"


def test_an_annotation_by_a_model(memreg: Command) -> None:
    (memreg.folder / "notes.yaml").write_text(NOTES)
    with ScriptedServer([content("I am afraid I cannot."), answer({"classes": [NOTE]})]) as server:
        command = asking(memreg, server)
        told = command("register", "notes.yaml", "--annotate", "llm", status=1).stderr
        assert "memreg annotate notes" in told
        assert command.json("schemas")[0]["status"] == "draft"
        annotated = command.json("annotate", "notes", "--annotate", "llm")
    assert annotated["annotation"]["Note"]["source"] == "llm"
    assert annotated["annotation"]["Note"]["identity"][0]["columns"] == ["code"]
    assert "a code is unique" in memreg("annotations", "notes").stdout


def test_a_dead_message_is_kept_told_and_taken_again(people: Command) -> None:
    said = '{"text": "Ana Lopez is in Oslo, ana@lopez.io", "id": "a1"}\n{"text": "Nothing", "id": "a2"}\n'
    item = {
        "class": "Person", "operation": "upsert", "values": {"name": "Ana Lopez", "email": "ana@lopez.io"},
        "evidence": "Ana Lopez is in Oslo", "confidence": 0.9,
    }  # fmt: skip
    prose = content("Sure! Ana lives in Oslo.")
    script = [prose, prose, answer({"items": []}), answer({"items": [item]})]
    with ScriptedServer(script) as server:
        command = asking(people, server)
        done = command.json("ingest", stdin=said, status=1)
        assert [each["status"] for each in done["results"]] == ["dead", "decided"]
        assert "prose instead of JSON" in done["results"][0]["error"]
        (question,) = command.json("review")["items"]
        assert (question["kind"], question["message_id"]) == ("dead_letter", "a1")
        assert "memreg inbox show a1" in command("review").stdout
        again = command("ingest", stdin=said).stdout
        assert "CREATE new" in again
        assert "1 replayed" in again
    assert people.json("review")["items"] == []


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (content("I am sorry."), "prose instead of JSON"),
        (tool_call('{"items": [{"class": "Per'), "half a JSON"),
        (tool_call({"type": "object", "properties": {"items": {}}}), "the schema instead of data"),
        (delay(60), "did not answer within 1 s; raise MEMREG_LLM_TIMEOUT"),
        (error(401), "correct MEMREG_LLM_API_KEY"),
    ],
    ids=["prose", "half a JSON", "schema echo", "slow", "401"],
)
def test_what_is_wrong_with_the_model_is_told_where_it_is_met(people: Command, reply: Any, words: str) -> None:
    with ScriptedServer([reply, reply]) as server:  # what cannot be read is asked for once more
        command = asking(people, server, MEMREG_LLM_TIMEOUT="1")
        told = command("ingest", stdin=json.dumps({"text": "Ana Lopez moved", "id": "a1"}), status=1).stdout
    (line,) = (line for line in told.splitlines() if line.startswith("message a1 dead: "))
    assert words in line
    assert line.endswith("It is kept: memreg inbox retry a1 tries again.")


def test_a_model_that_is_not_there(people: Command) -> None:
    with ScriptedServer([]) as server:
        command = asking(people, server)
    told = command("ingest", stdin="Ana Lopez moved\n" * 7, status=1)
    assert "7 messages, 0 decided, 7 dead (kept: memreg inbox tells why)." in told.stdout
    assert told.stderr.count("start the server or correct MEMREG_LLM_BASE_URL") == 1
    assert len(people.json("review")["items"]) == 7
    (people.folder / "notes.yaml").write_text(NOTES)
    assert "cannot be reached" in command("register", "notes.yaml", status=1).stderr
    assert [each["status"] for each in people.json("schemas")] == ["draft", "active"]


@pytest.mark.parametrize(
    ("reply", "status", "words"),
    [
        (answer({"items": []}), 0, "nothing to remember in it"),
        (
            answer({"items": [{"class": "Ship", "operation": "upsert", "values": {"name": "R"}, "evidence": "R"}]}),
            0,
            "its class is none of the schema; the classes are Person",
        ),
    ],
    ids=["an empty list", "an unknown class"],
)
def test_an_answer_of_little_use_is_decided(people: Command, reply: Any, status: int, words: str) -> None:
    with ScriptedServer([reply]) as server:
        assert words in asking(people, server)("ingest", stdin="Hello", status=status).stdout
    assert people.json("memories") == []
