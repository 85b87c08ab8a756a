"""The endpoint that Prometheus scrapes: the gauges over HTTP, measured anew for a scrape, at most every few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6

from memreg.core.errors import ArgumentInvalid, MemregError
from memreg.core.logs import get_logger

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FRESH = 5.0
"""Seconds for which what was measured is given out again, so that many scrapers cost no more than one."""
_log = get_logger(__name__)


def address_of(text: str) -> tuple[str, int]:
    """`HOST:PORT` (an IPv6 host in brackets) as a pair. Raises ArgumentInvalid."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ArgumentInvalid(name="listen", value=repr(text)[:80], reason="write HOST:PORT, as 127.0.0.1:9464")
    return host, int(port)


class Measured:
    """The text of the gauges, measured by `read` when it is asked for and the last one is no longer fresh."""

    def __init__(self, read: Callable[[], str], *, tick: Callable[[], float] = time.monotonic) -> None:
        self._read, self._tick = read, tick
        self._lock = threading.Lock()
        self._last: tuple[float, str] | None = None

    def text(self) -> str:
        """The gauges. Raises MemregError."""
        with self._lock:
            if self._last is None or self._tick() - self._last[0] >= FRESH:
                self._last = None
                text = self._read()
                self._last = (self._tick(), text)
            return self._last[1]


class Endpoint:
    """A server of `GET /metrics` in threads of its own. It asks for no password: listen where only the scraper is."""

    def __init__(self, host: str, port: int, read: Callable[[], str]) -> None:
        self._server = _listen(host, port, Measured(read))
        self._thread = threading.Thread(target=self._server.serve_forever, name="memreg metrics", daemon=True)

    @property
    def url(self) -> str:
        """Where it is."""
        host, port = self._server.server_address[:2]
        name = host.decode() if isinstance(host, bytes | bytearray) else str(host)
        return f"http://{f'[{name}]' if ':' in name else name}:{port}/metrics"

    def __enter__(self) -> Endpoint:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _listen(host: str, port: int, measured: Measured) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        """Answers GET and HEAD of /metrics."""

        timeout = 30
        server_version = "memreg"
        sys_version = ""

        def do_GET(self) -> None:
            """The gauges, or in a sentence why there are none."""
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            """The same without the text."""
            self._answer(with_body=False)

        def _answer(self, *, with_body: bool) -> None:
            if self.path.partition("?")[0] not in ("/metrics", "/"):
                self._send(HTTPStatus.NOT_FOUND, "there is only /metrics\n", with_body)
                return
            try:
                self._send(HTTPStatus.OK, measured.text(), with_body)
            except MemregError as error:
                _log.warning("metrics_not_read", error=type(error).__name__)
                # Not the error's text: it may name the database.
                self._send(HTTPStatus.SERVICE_UNAVAILABLE, "the database cannot be read now\n", with_body)

        def _send(self, status: HTTPStatus, text: str, with_body: bool) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Scrapes are not told of."""

    class Server(ThreadingHTTPServer):
        """Over IPv4 or IPv6, by the host."""

        daemon_threads = True
        address_family = AF_INET6 if ":" in host else ThreadingHTTPServer.address_family

    try:
        return Server((host, port), Handler)
    except (OSError, OverflowError) as exc:
        reason = f"nothing can listen there: {exc.strerror if isinstance(exc, OSError) and exc.strerror else exc}"
        raise ArgumentInvalid(name="listen", value=f"{host}:{port}", reason=reason) from exc
