"""Helpers that users import in their tests: a scripted model server with faults, extractors by rule, recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memreg.testing.faults import FaultSchedule
from memreg.testing.llm_server import ScriptedServer
from memreg.testing.reply import Reply, answer, content, delay, disconnect, error, raw, tool_call
from memreg.testing.request import Request
from memreg.testing.rules import answers_by, item
from memreg.testing.scripted_extractor import AsyncScriptedExtractor, ScriptedExtractor

if TYPE_CHECKING:
    from memreg.testing.database import temporary_database
    from memreg.testing.extractor_recorder import ExtractorRecorder
    from memreg.testing.extractor_recorder_async import AsyncExtractorRecorder
    from memreg.testing.recorded_extractor import RecordedExtractor
    from memreg.testing.recorded_extractor_async import AsyncRecordedExtractor
    from memreg.testing.recorder import Recorder, Replayer
    from memreg.testing.recorder_async import AsyncRecorder, AsyncReplayer
    from memreg.testing.recording import NotRecorded, Recording, RecordingInvalid

__all__ = [
    "AsyncExtractorRecorder",
    "AsyncRecordedExtractor",
    "AsyncRecorder",
    "AsyncReplayer",
    "AsyncScriptedExtractor",
    "ExtractorRecorder",
    "FaultSchedule",
    "NotRecorded",
    "RecordedExtractor",
    "Recorder",
    "Recording",
    "RecordingInvalid",
    "Replayer",
    "Reply",
    "Request",
    "ScriptedExtractor",
    "ScriptedServer",
    "answer",
    "answers_by",
    "content",
    "delay",
    "disconnect",
    "error",
    "item",
    "raw",
    "temporary_database",
    "tool_call",
]

_HOMES = {
    "AsyncExtractorRecorder": "extractor_recorder_async",
    "AsyncRecordedExtractor": "recorded_extractor_async",
    "AsyncRecorder": "recorder_async",
    "AsyncReplayer": "recorder_async",
    "ExtractorRecorder": "extractor_recorder",
    "NotRecorded": "recording",
    "RecordedExtractor": "recorded_extractor",
    "Recorder": "recorder",
    "Recording": "recording",
    "RecordingInvalid": "recording",
    "Replayer": "recorder",
    "temporary_database": "database",
}


def __getattr__(name: str) -> Any:
    """Import what needs more of memreg when it is first used, so that the rest stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'memreg.testing' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"memreg.testing.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
