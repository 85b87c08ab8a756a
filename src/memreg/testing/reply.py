"""The replies that a script is made of, and the chat completion that one becomes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from memreg.testing.request import Request


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted reply; make it with answer, tool_call, content, error, delay or disconnect."""

    text: str = ""
    kind: str = "answer"
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    usage: tuple[int, int] | None = (100, 20)
    finish_reason: str | None = None


def answer(value: Any, usage: tuple[int, int] | None = (100, 20)) -> Reply:
    """The way the request asked for it: a call of its tool, else the text. A value that is no text is sent as JSON."""
    return Reply(text_of(value), "answer", usage=usage)


def tool_call(arguments: Any, usage: tuple[int, int] | None = (100, 20)) -> Reply:
    """A call of the first tool of the request, whose arguments are a text as it is, or a value as JSON."""
    return Reply(text_of(arguments), "tool_call", usage=usage)


def content(text: str, usage: tuple[int, int] | None = (100, 20), finish_reason: str = "stop") -> Reply:
    """A plain text, whatever the request asked for; `finish_reason="length"` says that it was cut off."""
    return Reply(text, "content", usage=usage, finish_reason=finish_reason)


def error(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
    """An HTTP error; without a body, one of OpenAI's shape."""
    shape = {"error": {"message": f"scripted error {status}", "type": "scripted", "code": None}}
    return Reply(kind="raw", status=status, body=shape if body is None else body, headers=headers or {})


def raw(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Any HTTP response: a text or bytes as they are, or a value as JSON."""
    return Reply(kind="raw", status=status, body=body, headers=headers or {})


def delay(seconds: float, then: Reply | None = None) -> Reply:
    """Wait, then give a reply (an empty answer if none is said); closing the server ends the wait."""
    return replace(then or answer({"items": []}), seconds=seconds)


def disconnect() -> Reply:
    """Close the connection without a word."""
    return Reply(kind="disconnect")


def completion(request: Request, reply: Reply, model: str) -> dict[str, Any]:
    """The chat completion that a reply is, in the shape of OpenAI's API."""
    tools: Sequence[Any] = request.body.get("tools") or []
    called = bool(tools) and reply.kind in ("answer", "tool_call")
    message: dict[str, Any] = {"role": "assistant", "content": None if called else reply.text}
    if called:
        function = {"name": tools[0]["function"]["name"], "arguments": reply.text}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
    body: dict[str, Any] = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": reply.finish_reason or ("tool_calls" if called else "stop"),
            }
        ],
    }
    if reply.usage is not None:
        tokens_in, tokens_out = reply.usage
        body["usage"] = {
            "prompt_tokens": tokens_in,
            "completion_tokens": tokens_out,
            "total_tokens": tokens_in + tokens_out,
        }
    return body


def text_of(value: Any) -> str:
    """A text as it is, any other value as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
