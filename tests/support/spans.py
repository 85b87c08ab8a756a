"""What was traced, as tests ask about it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer
from opentelemetry.util._once import Once


class Traces:
    """The spans that have ended."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def tracer(self) -> Tracer:
        """An application's own."""
        return self.provider.get_tracer("application")

    @property
    def spans(self) -> list[ReadableSpan]:
        """Those that have ended, in the order of their starts."""
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def named(self, name: str) -> list[ReadableSpan]:
        """Those of a name."""
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        """The only one of a name."""
        (span,) = self.named(name)
        return span

    def below(self, span: ReadableSpan) -> list[ReadableSpan]:
        """Those whose parent a span is."""
        return [each for each in self.spans if each.parent is not None and each.parent.span_id == span.context.span_id]

    def steps(self, span: ReadableSpan) -> list[str]:
        """The names of those below a span, without our prefix."""
        return [each.name.removeprefix("memreg.") for each in self.below(span)]

    def told(self) -> str:
        """Everything that anybody could read in them."""
        return "\n".join(span.to_json() for span in self.spans)


def facts(span: ReadableSpan) -> dict[str, Any]:
    """The attributes of a span, without our prefix."""
    return {name.removeprefix("memreg."): value for name, value in (span.attributes or {}).items()}


def reset() -> None:
    """No tracer provider is set in this process."""
    trace._TRACER_PROVIDER = None
    trace._TRACER_PROVIDER_SET_ONCE = Once()


@contextmanager
def tracing() -> Iterator[Traces]:
    """An application that has set up tracing."""
    traces = Traces()
    reset()
    trace.set_tracer_provider(traces.provider)
    try:
        yield traces
    finally:
        reset()
        traces.provider.shutdown()


def left_by_a_test() -> bool:
    """Whether somebody has set up tracing in this process, and not taken it back."""
    api = sys.modules.get("opentelemetry.trace")
    return getattr(api, "_TRACER_PROVIDER", None) is not None
