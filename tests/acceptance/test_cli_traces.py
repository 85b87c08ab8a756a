"""The command with tracing switched on: a message that one process leaves and another decides is one trace."""

from __future__ import annotations

import json
from typing import Any

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
