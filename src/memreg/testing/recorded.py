"""Questions and answers as a recording keeps them: what makes questions the same, what of an answer is kept. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from memreg.annotator.extract_prompt import question as question_text
from memreg.annotator.failure import ModelFailed
from memreg.annotator.prompt import prompt_hash
from memreg.annotator.wire import Ask, Reply
from memreg.core.errors import ExtractionFailed
from memreg.engine.model import Extraction, Message
from memreg.registry.models import SchemaVersion
from memreg.testing.recording import Question, Recording, RecordingInvalid
from memreg.testing.request import message_in

FAILED = "failed"
T = TypeVar("T")

_REPLY = TypeAdapter(Reply)
_EXTRACTION = TypeAdapter(Extraction)
# Different in every run, and nothing that an answer depends on.
_FLEETING: Any = {"latency_ms": True, "calls": {"__all__": {"latency_ms"}}}
_FLEETING_FACTS = frozenset({"latency_ms", "calls", "retry_after", "extractor"})
# The line of facts that the extractor's prompt puts before a message.
_TIME = re.compile(r"^(role: [^\n]*), time: \d{4}-\d\d-\d\dT[^\n]*\)$", re.MULTILINE)


def question_of(ask: Ask) -> Question:
    """A question to a model, without the time of the message."""
    asked = _TIME.sub(r"\1", ask.user)
    return Question(asked, prompt_hash(ask.system, ask.shape), message_in(asked))


def question_about(message: Message, version: SchemaVersion, before: Sequence[Message] = ()) -> Question:
    """A message for an extractor, without its time: the same for as long as the schema is."""
    asked = question_text(replace(message, at=None), before)
    return Question(asked, f"{version.name} {version.fingerprint}", message.text)


def reply_kept(reply: Reply) -> dict[str, Any]:
    """What is kept of a model's answer: the object, the text where it is not that object, and the cost in tokens."""
    kept = _dumped(_REPLY, reply)
    if _read(reply.raw) == reply.value:
        del kept["raw"]
    return kept


def reply_from(kept: Mapping[str, Any], recording: Recording) -> Reply:
    """The answer that was kept. Raises ModelFailed where that was none, RecordingInvalid for something else."""
    if FAILED in kept:
        raise ModelFailed(**_facts(kept, recording))
    return _loaded(_REPLY, {"raw": json.dumps(kept.get("value"), ensure_ascii=False), **kept}, recording)


def extraction_kept(extraction: Extraction) -> dict[str, Any]:
    """What is kept of an extraction: everything but durations."""
    return _dumped(_EXTRACTION, extraction)


def extraction_from(kept: Mapping[str, Any], extractor: str, recording: Recording) -> Extraction:
    """The extraction that was kept. Raises ExtractionFailed where that was none, RecordingInvalid."""
    if FAILED in kept:
        raise ExtractionFailed(extractor=extractor, **_facts(kept, recording))
    return _loaded(_EXTRACTION, kept, recording)


def failure_kept(error: ModelFailed | ExtractionFailed) -> dict[str, Any] | None:
    """What is kept of a failure; None for one that says nothing about the question: a network's, a limit's, a key's."""
    if error.facts.get("transient") or error.facts.get("reply") is None:
        return None
    facts = {name: value for name, value in error.facts.items() if value and name not in _FLEETING_FACTS}
    return {FAILED: facts}


def _dumped(adapter: TypeAdapter[Any], value: Any) -> dict[str, Any]:
    dumped = adapter.dump_python(value, mode="json", exclude=_FLEETING, exclude_defaults=True, fallback=str)
    return dict(dumped)


def _loaded(adapter: TypeAdapter[T], kept: Mapping[str, Any], recording: Recording) -> T:
    try:
        return adapter.validate_python(dict(kept))
    except ValidationError as exc:
        raise RecordingInvalid(file=recording.file.name, reason=_reason(exc)) from exc


def _facts(kept: Mapping[str, Any], recording: Recording) -> dict[str, Any]:
    facts = kept[FAILED]
    if not isinstance(facts, Mapping) or not isinstance(facts.get("reason"), str):
        raise RecordingInvalid(file=recording.file.name, reason="a failure must have a `reason`")
    return dict(facts)


def _reason(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    return f"an answer's {'.'.join(map(str, problem['loc'])) or 'whole'}: {problem['msg']}"


def _read(raw: str) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None
