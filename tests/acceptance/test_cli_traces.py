"""The command with tracing switched on: a message that one process leaves and another decides is one trace."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.command import Command


def spans(told: str) -> list[dict[str, Any]]:
    """The spans that a command printed."""
    return [json.loads(line) for line in told.splitlines() if line.startswith('{"name": "memreg.')]


def test_a_worker_process_goes_on_with_the_trace_of_the_one_that_submitted(people: Command) -> None:
    line = json.dumps({"id": "m1", "text": "Ana Lopez lives in Oslo, ana@lopez.io"})
    kept = people("ingest", "--queue", stdin=line, MEMREG_TRACES="console")
    (submit,) = (span for span in spans(kept.stderr) if span["name"] == "memreg.submit")
    done = people("worker", "--until-empty", "--json", MEMREG_TRACES="console", OTEL_SERVICE_NAME="night shift")
    assert json.loads(done.stdout)["jobs"] == 1
    (message,) = (span for span in spans(done.stderr) if span["name"] == "memreg.message")
    assert message["parent_id"] == submit["context"]["span_id"]
    assert {span["context"]["trace_id"] for span in spans(done.stderr)} == {submit["context"]["trace_id"]}
    assert submit["resource"]["attributes"]["service.name"] == "memreg"
    assert message["resource"]["attributes"]["service.name"] == "night shift"
    assert not spans(people("memories", MEMREG_TRACES="none").stderr)


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A collector's address, and what was sent to it: path and body."""
    sent: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", sent
        finally:
            server.shutdown()
            thread.join()


def test_a_command_sends_its_spans_to_a_collector_before_it_ends(people: Command) -> None:
    with collector() as (address, sent):
        asked = people.settings | {"MEMREG_TRACES": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": address}
        replace(people, settings=asked)("ingest", stdin="Ana Lopez lives in Oslo, ana@lopez.io")
    assert {path for path, _ in sent} == {"/v1/traces"}
    names = []
    for _, body in sent:
        (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
        names += [span.name for scope in resource.scope_spans for span in scope.spans]
        assert b"lopez" not in body
    assert {"memreg.messages", "memreg.decide", "memreg.write"} <= set(names)
