"""Helpers that users import in their tests: a scripted language model server."""

from memreg.testing.llm_server import (
    Reply,
    Request,
    ScriptedServer,
    answer,
    content,
    delay,
    disconnect,
    error,
    raw,
    tool_call,
)

__all__ = [
    "Reply",
    "Request",
    "ScriptedServer",
    "answer",
    "content",
    "delay",
    "disconnect",
    "error",
    "raw",
    "tool_call",
]
