"""The command with a language model, over HTTP: what fails is kept, told, and tried again."""

from __future__ import annotations

from typing import Any

from memreg.testing import ScriptedServer, answer, content
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
    script = [content("Sure! Ana lives in Oslo."), answer({"items": []}), answer({"items": [item]})]
    with ScriptedServer(script) as server:
        command = asking(people, server)
        done = command.json("ingest", stdin=said, status=1)
        assert [each["status"] for each in done["results"]] == ["dead", "decided"]
        (question,) = command.json("review")["items"]
        assert (question["kind"], question["message_id"]) == ("dead_letter", "a1")
        assert "message a1" in command("review").stdout
        again = command("ingest", stdin=said).stdout
        assert "CREATE new" in again
        assert "1 replayed" in again
    assert people.json("review")["items"] == []
