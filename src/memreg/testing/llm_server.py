"""A scripted, OpenAI-compatible server on 127.0.0.1, to test code that asks a language model, over real HTTP.

    from memreg.testing import ScriptedServer, answer, error

    with ScriptedServer([error(500), answer({"items": []})]) as server:
        client = openai.OpenAI(base_url=server.base_url, api_key="none")
        ...
        assert server.requests[-1].user == "what the model was asked"

A script is a list of replies, given one after the other, or a function from Request to Reply. A list that is used up
answers HTTP 400, which no client repeats. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived: its path, headers (names in lower case) and decoded body."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def mode(self) -> str:
        """How structure was asked for: `tools`, `json_schema`, or `text` when only the prompt says so."""
        if self.body.get("tools"):
            return "tools"
        return "json_schema" if self.body.get("response_format") else "text"

    @property
    def system(self) -> str:
        """The text of the first system message; empty when there is none."""
        return self._text("system")

    @property
    def user(self) -> str:
        """The text of the first user message; empty when there is none."""
        return self._text("user")

    def _text(self, role: str) -> str:
        texts = (message.get("content") for message in self.body.get("messages", ()) if message.get("role") == role)
        return str(next(texts, None) or "")


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
    return Reply(_text(value), "answer", usage=usage)


def tool_call(arguments: Any, usage: tuple[int, int] | None = (100, 20)) -> Reply:
    """A call of the first tool of the request, whose arguments are a text as it is, or a value as JSON."""
    return Reply(_text(arguments), "tool_call", usage=usage)


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
    then = then or answer({"items": []})
    return Reply(then.text, then.kind, then.status, then.body, then.headers, seconds, then.usage, then.finish_reason)


def disconnect() -> Reply:
    """Close the connection without a word."""
    return Reply(kind="disconnect")


Script = Sequence[Reply] | Callable[[Request], Reply]


class ScriptedServer:
    """The server; a context manager. `base_url` is where it listens, `requests` is what arrived, in order."""

    def __init__(self, script: Script = (), model: str = "scripted-model") -> None:
        """Make a server that plays a script and calls itself `model`; it listens once started."""
        self.model = model
        self.requests: list[Request] = []
        self._script = script
        self._played = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """The base URL for a client, with the path /v1."""
        if self._server is None:
            raise RuntimeError("the scripted server is not started; use it in a with statement")
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def script(self, script: Script) -> None:
        """Play another script from its start; the requests stay."""
        with self._lock:
            self._script, self._played = script, 0

    def start(self) -> Self:
        """Listen on a free port of 127.0.0.1."""
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """End waiting replies, stop listening and close the port."""
        self._closing.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _next(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            if callable(self._script):
                script = self._script
            elif self._played < len(self._script):
                self._played += 1
                return self._script[self._played - 1]
            else:
                return error(400, {"error": {"message": "the script has no more replies", "type": "scripted"}})
        return script(request)

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self._closing.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is part of the play."""


def _handler_of(owner: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = self._request()
            reply = owner._next(request) if self.path == PATH else error(404)
            owner._wait(reply.seconds)
            if reply.kind == "disconnect":
                self.close_connection = True
                with contextlib.suppress(OSError):
                    self.connection.shutdown(2)
            elif reply.kind == "raw":
                self._send(reply.status, reply.body, reply.headers)
            else:
                self._send(200, completion(request, reply, owner.model), reply.headers)

        def do_GET(self) -> None:
            self._send(404, error(404).body, {})

        def log_message(self, format: str, *args: Any) -> None:
            """Tests stay quiet."""

        def _request(self) -> Request:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                body = json.loads(sent)
            except ValueError:
                body = {}
            headers = {name.lower(): value for name, value in self.headers.items()}
            return Request(self.path, headers, body if isinstance(body, dict) else {})

        def _send(self, status: int, body: Any, headers: Mapping[str, str]) -> None:
            sent = body if isinstance(body, bytes) else _text(body).encode("utf-8", "surrogatepass")
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(sent)

    return Handler


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


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
