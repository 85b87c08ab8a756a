"""Where the command sends traces: nowhere, unless the setting `traces` says where to."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Literal

from memreg.core.errors import TracesUnavailable

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

SERVICE = "memreg"
_PATIENCE = 3.0
"""Seconds that a command waits at its end for a collector that does not answer."""
_TIMEOUTS = {"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"}


def configure(where: Literal["otlp", "console"]) -> None:
    """Set up tracing for this process, unless somebody did (as `opentelemetry-instrument` does).

    `otlp`: to a collector by HTTP, configured by OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_ENDPOINT, …);
    `console`: to stderr, one line of JSON a span. The service is named by OTEL_SERVICE_NAME, else `memreg`. Raises
    TracesUnavailable without the extra `traces`.
    """
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
    except ImportError as exc:
        raise TracesUnavailable from exc
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return
    named = Resource.create({"service.name": SERVICE}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=named)
    if where == "console":
        provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stderr, formatter=_line)))
    else:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        except ImportError as exc:
            raise TracesUnavailable from exc
        logging.getLogger("opentelemetry").setLevel(logging.ERROR)  # it warns of each try to reach a collector
        patience = None if _TIMEOUTS & os.environ.keys() else _PATIENCE
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=patience)))
    trace.set_tracer_provider(provider)


def _line(span: ReadableSpan) -> str:
    return f"{span.to_json(indent=None)}\n"
