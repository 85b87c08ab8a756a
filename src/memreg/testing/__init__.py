"""Helpers that users import in their tests: a scripted language model server, faults, rules, and extractors by rule."""

from memreg.testing.faults import FaultSchedule
from memreg.testing.llm_server import ScriptedServer
from memreg.testing.reply import Reply, answer, content, delay, disconnect, error, raw, tool_call
from memreg.testing.request import Request
from memreg.testing.rules import answers_by, item
from memreg.testing.scripted_extractor import AsyncScriptedExtractor, ScriptedExtractor

__all__ = [
    "AsyncScriptedExtractor",
    "FaultSchedule",
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
    "tool_call",
]
