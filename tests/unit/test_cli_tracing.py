"""Where the command sends traces: what it sets up, what it leaves alone, what it needs."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from opentelemetry import trace

from memreg.cli.tracing import configure
from memreg.core.errors import TracesUnavailable
from memreg.core.tracing import span
from tests.support.spans import Traces, reset


def test_a_span_is_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    reset()
    configure("console")
    with span("message", schema="people"):
        pass
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert '"memreg.schema": "people"' in err


def test_what_was_set_up_already_is_left_alone(traces: Traces, capsys: pytest.CaptureFixture[str]) -> None:
    configure("console")
    with span("message"):
        pass
    assert trace.get_tracer_provider() is traces.provider
    assert [each.name for each in traces.spans] == ["memreg.message"]
    assert capsys.readouterr().err == ""


def test_a_collector_is_named_by_opentelemetrys_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    reset()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example:4318")
    configure("otlp")
    provider: Any = trace.get_tracer_provider()
    (processor,) = provider._active_span_processor._span_processors
    try:
        assert processor.span_exporter._endpoint == "http://collector.example:4318/v1/traces"
    finally:
        provider.shutdown()


@pytest.mark.parametrize(
    ("where", "missing"),
    [("console", "opentelemetry.sdk.trace"), ("otlp", "opentelemetry.exporter.otlp.proto.http.trace_exporter")],
)
def test_without_the_extra_it_says_what_to_install(where: Any, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reset()
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(TracesUnavailable, match=r"memreg\[traces\]"):
        configure(where)
