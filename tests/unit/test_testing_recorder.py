"""Recorders: a question is asked once and answered from the file ever after; nothing of the network gets into it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from memreg.annotator.extract_prompt import question
from memreg.annotator.failure import ModelFailed
from memreg.annotator.wire import Ask, Reply
from memreg.core.errors import ExtractionFailed
from memreg.engine.extract import AsyncContextual, Contextual
from memreg.engine.model import Call, Extraction, Message, Proposal, Refused
from memreg.registry.models import SchemaVersion, Status
from memreg.registry.parse import parse_schema
from memreg.testing import (
    AsyncExtractorRecorder,
    AsyncRecorder,
    AsyncReplayer,
    ExtractorRecorder,
    NotRecorded,
    RecordedExtractor,
    Recorder,
    RecordingInvalid,
    Replayer,
    ScriptedExtractor,
)

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
MESSAGE = Message("Ana moved to Oslo", at=AT)
VERSION = SchemaVersion(
    parse_schema("schema: s\nclasses: {Person: {columns: {name: {dtype: string}}}}", "s.yaml"), 1, Status.ACTIVE, "f1"
)
ITEMS = {"items": [{"class": "Person", "values": {"name": "Ana"}}]}
REPLY = Reply(ITEMS, '{"items": [{"class": "Person", "values": {"name": "Ana"}}]}', "tiny", 10, 3, 12.5)


class Items(BaseModel):
    """A shape."""

    items: list[dict[str, Any]]


def ask_about(message: Message = MESSAGE, before: Sequence[Message] = (), system: str = "extract") -> Ask:
    return Ask(Items, system, question(message, before))


class Client:
    """A client that gives one answer, and counts."""

    def __init__(self, reply: Reply | Exception = REPLY) -> None:
        self.reply = reply
        self.asked = 0
        self.closed = False

    def ask(self, ask: Ask) -> Reply:
        assert ask.system
        self.asked += 1
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply

    def close(self) -> None:
        self.closed = True


class AsyncClient(Client):
    async def ask(self, ask: Ask) -> Reply:  # type: ignore[override]
        return super().ask(ask)

    async def aclose(self) -> None:
        self.close()


def test_recorded_once_and_replayed_without_a_client(tmp_path: Path) -> None:
    file, client = tmp_path / "r.yaml", Client()
    recorder = Recorder(client, file, "record")
    assert recorder.ask(ask_about()) == REPLY
    assert Replayer(file).ask(ask_about()) == replace(REPLY, latency_ms=None)
    assert recorder.ask(ask_about()).value == ITEMS
    assert client.asked == 1
    recorder.close()
    assert client.closed
    assert "latency" not in file.read_text()
    assert "raw" not in file.read_text(), "the text is not told twice"


def test_an_answer_that_is_more_than_its_object_keeps_its_text(tmp_path: Path) -> None:
    reply = replace(REPLY, raw="Here you are:\n```json\n{}\n```")
    Recorder(Client(reply), tmp_path / "r.yaml", "record").ask(ask_about())
    assert Replayer(tmp_path / "r.yaml").ask(ask_about()).raw == reply.raw


def test_the_time_of_the_message_makes_no_other_question(tmp_path: Path) -> None:
    Recorder(Client(), tmp_path / "r.yaml", "record").ask(ask_about())
    replayer = Replayer(tmp_path / "r.yaml")
    for at in (AT + timedelta(days=400), AT.astimezone(), None):
        assert replayer.ask(ask_about(replace(MESSAGE, at=at))).value == ITEMS
    assert "2026" not in (tmp_path / "r.yaml").read_text()


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (ask_about(Message("Ana moved to Bergen", at=AT)), "never recorded"),
        (ask_about(replace(MESSAGE, role="assistant")), "never recorded"),
        (ask_about(before=[Message("Who moved?")]), "never recorded"),
        (ask_about(system="extract more"), "another prompt"),
    ],
)
def test_what_was_not_recorded_is_named_with_what_to_do(tmp_path: Path, other: Ask, reason: str) -> None:
    Recorder(Client(), tmp_path / "r.yaml", "record").ask(ask_about())
    with pytest.raises(NotRecorded, match="MEMREG_RECORDING=record") as raised:
        Replayer(tmp_path / "r.yaml").ask(other)
    assert "Ana moved to" in str(raised.value)
    assert "<message-" not in str(raised.value)
    assert reason in str(raised.value)


def test_auto_asks_only_what_is_new(tmp_path: Path) -> None:
    file, client = tmp_path / "r.yaml", Client()
    Recorder(Client(), file, "record").ask(ask_about())
    recorder = Recorder(client, file, "auto")
    recorder.ask(ask_about())
    assert client.asked == 0
    recorder.ask(ask_about(Message("Bo moved")))
    assert client.asked == 1
    assert Replayer(file).ask(ask_about(Message("Bo moved"))).value == ITEMS


@pytest.mark.parametrize("mode", ["record", "auto"])
def test_without_a_model_a_new_question_is_not_recorded_rather_than_unavailable(tmp_path: Path, mode: Any) -> None:
    with pytest.raises(NotRecorded, match="there is no such file"):
        Recorder(None, tmp_path / "r.yaml", mode).ask(ask_about())


def test_an_unusable_answer_is_an_answer(tmp_path: Path) -> None:
    failed = ModelFailed("its reply is prose", reply="I am sorry", model="tiny", tokens_in=5, latency_ms=7.5)
    with pytest.raises(ModelFailed):
        Recorder(Client(failed), tmp_path / "r.yaml", "record").ask(ask_about())
    with pytest.raises(ModelFailed, match="its reply is prose") as raised:
        Replayer(tmp_path / "r.yaml").ask(ask_about())
    again = raised.value
    assert (again.reply, again.model, again.tokens_in, again.latency_ms) == ("I am sorry", "tiny", 5, None)
    assert (again.outcome, again.transient) == (failed.outcome, False)


@pytest.mark.parametrize(
    "failed",
    [
        ModelFailed("http://user@host answered HTTP 401: wrong key sk-123", outcome="http 401"),
        ModelFailed("it answered HTTP 429", reply="slow down", outcome="http 429", transient=True),
    ],
)
def test_a_failure_of_the_network_is_not_recorded(tmp_path: Path, failed: ModelFailed) -> None:
    with pytest.raises(ModelFailed):
        Recorder(Client(failed), tmp_path / "r.yaml", "record").ask(ask_about())
    assert not (tmp_path / "r.yaml").exists()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [("model: tiny", "model: [1]", "model"), ("value:", "values:", "value"), ("tokens_in: 10", "failed: 1", "reason")],
)
def test_an_answer_that_is_none(tmp_path: Path, old: str, new: str, reason: str) -> None:
    file = tmp_path / "r.yaml"
    Recorder(Client(), file, "record").ask(ask_about())
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(RecordingInvalid, match=reason):
        Replayer(file).ask(ask_about())


def test_the_asynchronous_one(tmp_path: Path) -> None:
    async def run() -> None:
        client = AsyncClient()
        recorder = AsyncRecorder(client, tmp_path / "r.yaml", "record")
        assert await recorder.ask(ask_about()) == REPLY
        await recorder.aclose()
        assert client.closed
        assert (await AsyncReplayer(tmp_path / "r.yaml").ask(ask_about())).value == ITEMS

    asyncio.run(run())
    assert Replayer(tmp_path / "r.yaml").ask(ask_about()).value == ITEMS


EXTRACTION = Extraction(
    (Proposal("Person", {"name": "Ana"}, "delete", "Ana", 0.5),),
    extractor="mine",
    refused=(Refused("it has no class", {"x": [1]}, dead_letter=False),),
    model="tiny",
    tokens_in=4,
    latency_ms=8.5,
    calls=(Call("ok", "tiny", 4, 2, 8.5),),
)


class Mine:
    """An extractor of a user's own, which looks at earlier messages."""

    name = "mine"
    context_turns = 2

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    def extract(self, message: Message, version: SchemaVersion) -> Extraction:
        return self.extract_in_context(message, version, ())

    def extract_in_context(self, message: Message, version: SchemaVersion, before: Sequence[Message]) -> Extraction:
        assert version.name == "s"
        self.seen.append((message.text, len(before)))
        if message.text == "boom":
            raise ExtractionFailed(extractor=self.name, reason="it is prose", reply="I am sorry")
        return EXTRACTION


class AsyncMine:
    name = "mine"

    async def extract(self, message: Message, version: SchemaVersion) -> Extraction:
        assert (message.text, version.name) == (MESSAGE.text, "s")
        return EXTRACTION


def test_an_extractor_of_ones_own(tmp_path: Path) -> None:
    file, mine = tmp_path / "r.yaml", Mine()
    recorder = ExtractorRecorder(mine, file, "record")
    assert isinstance(recorder, Contextual)
    assert (recorder.name, recorder.context_turns) == ("mine", 2)
    before = [Message("Bo called")]
    assert recorder.extract_in_context(MESSAGE, VERSION, before) == EXTRACTION
    with pytest.raises(ExtractionFailed):
        recorder.extract(Message("boom"), VERSION)
    assert mine.seen == [("Ana moved to Oslo", 1), ("boom", 0)]

    replayed = ExtractorRecorder(mine, file, "replay")
    again = replayed.extract_in_context(replace(MESSAGE, at=None), VERSION, before)
    assert again == replace(EXTRACTION, latency_ms=None, calls=(Call("ok", "tiny", 4, 2),))
    with pytest.raises(ExtractionFailed, match="it is prose"):
        replayed.extract(Message("boom"), VERSION)
    with pytest.raises(NotRecorded, match="never recorded"):
        replayed.extract(MESSAGE, VERSION)
    with pytest.raises(NotRecorded, match="another prompt"):
        replayed.extract_in_context(MESSAGE, replace(VERSION, fingerprint="f2"), before)
    assert len(mine.seen) == 2


def test_an_extractor_without_context_is_given_none(tmp_path: Path) -> None:
    recorder = ExtractorRecorder(ScriptedExtractor({"Ana": [Proposal("Person", {"name": "Ana"})]}), tmp_path / "r.yaml")
    assert recorder.context_turns == 0
    assert recorder.recording.mode == "replay"


def test_an_asynchronous_extractor_of_ones_own(tmp_path: Path) -> None:
    recorder = AsyncExtractorRecorder(AsyncMine(), tmp_path / "r.yaml", "record")
    assert isinstance(recorder, AsyncContextual)
    assert asyncio.run(recorder.extract(MESSAGE, VERSION)) == EXTRACTION
    replayed = AsyncExtractorRecorder(AsyncMine(), tmp_path / "r.yaml", "replay")
    assert asyncio.run(replayed.extract(MESSAGE, VERSION)).proposals == EXTRACTION.proposals
    asyncio.run(replayed.aclose())


def test_the_models_extractor_on_a_recording_needs_no_key(tmp_path: Path) -> None:
    extractor = RecordedExtractor(tmp_path / "r.yaml")
    with pytest.raises(NotRecorded, match="Ana moved to Oslo"):
        extractor.extract(MESSAGE, VERSION)
    extractor.close()
