"""A scripted, OpenAI-compatible server on 127.0.0.1, to test code that asks a language model, over real HTTP.

    from memreg.testing import ScriptedServer, answer, error

    with ScriptedServer([error(500), answer({"items": []})]) as server:
        client = openai.OpenAI(base_url=server.base_url, api_key="none")
        ...
        assert server.requests[-1].user == "what the model was asked"

A script is a list of replies, given one after the other, or a function from Request to Reply, called by several threads
at once. A list that is used up and a function that raises answer HTTP 400, which no client repeats. Standard library
only.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from memreg.testing.reply import Reply, completion, error, text_of
from memreg.testing.request import Request

PATH = "/v1/chat/completions"
MODELS = "/v1/models"
DISCONNECTED = 0
_BACKLOG = 256

Script = Sequence[Reply] | Callable[[Request], Reply]


class ScriptedServer:
    """The server; a context manager. Safe to ask from many threads at once.

    `base_url` is where it listens, `requests` what arrived, in order (questions only), `statuses` how many replies had
    which HTTP status (0: disconnected), and `peak` how many questions were open at the same time at most.
    """

    def __init__(self, script: Script = (), model: str = "scripted-model") -> None:
        """Make a server that plays a script and calls itself `model`; it listens once started."""
        self.model = model
        self.requests: list[Request] = []
        self.statuses: Counter[int] = Counter()
        self.peak = 0
        self._open = 0
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
        """Play another script from its start; the requests and the counters stay."""
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

    def _reply_to(self, request: Request) -> Reply:
        """What the script has for a question; streaming is refused, and takes no reply from the script."""
        with self._lock:
            self.requests.append(request)
            if request.body.get("stream"):
                return _refusal("the scripted server does not stream; ask without `stream`")
            if callable(self._script):
                script = self._script
            elif self._played < len(self._script):
                self._played += 1
                return self._script[self._played - 1]
            else:
                return _refusal("the script has no more replies")
        try:
            return script(request)
        except Exception as exc:  # a user's function: what is wrong with it must reach the test
            return _refusal(f"the script raised {type(exc).__name__}: {exc}")

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._open += 1
            self.peak = max(self.peak, self._open)
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1

    def _count(self, status: int) -> None:
        with self._lock:
            self.statuses[status] += 1

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self._closing.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = _BACKLOG

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is part of the play."""


def _handler_of(owner: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # a body follows its headers at once

        def do_POST(self) -> None:
            request = self._request()
            if self.path != PATH:
                self._send(404, error(404).body, {})
                return
            with owner._counted():
                reply = owner._reply_to(request)
                owner._wait(reply.seconds)
                owner._count(DISCONNECTED if reply.kind == "disconnect" else reply.status)
            if reply.kind == "disconnect":
                self.close_connection = True
                with contextlib.suppress(OSError):
                    self.connection.shutdown(2)
            elif reply.kind == "raw":
                self._send(reply.status, reply.body, reply.headers)
            else:
                self._send(reply.status, completion(request, reply, owner.model), reply.headers)

        def do_GET(self) -> None:
            model = {"id": owner.model, "object": "model", "created": 0, "owned_by": "memreg"}
            if self.path == MODELS:
                self._send(200, {"object": "list", "data": [model]}, {})
            elif self.path == f"{MODELS}/{owner.model}":
                self._send(200, model, {})
            else:
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
            sent = body if isinstance(body, bytes) else text_of(body).encode("utf-8", "surrogatepass")
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(sent)

    return Handler


def _refusal(message: str) -> Reply:
    return error(400, {"error": {"message": message, "type": "scripted", "code": None}})
