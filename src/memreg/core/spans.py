"""Spans that OpenTelemetry records, imported only where a tracer provider was set up."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Token
from importlib.metadata import version
from types import TracebackType
from typing import Self

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode, Tracer, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from memreg.core.tracing import PREFIX, Kind, Span, attributes, is_traceparent

ERROR = "error.type"
"""The attribute that OpenTelemetry's conventions give to what a failure was."""

_KINDS: dict[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_OURS = contexts.create_key("memreg")
_ONWARD = TraceContextTextMapPropagator()  # not the application's: its baggage may hold what is a person's
_tracers: dict[TracerProvider, Tracer] = {}


class Recorded(Span):
    """A span that somebody may look at.

    A plan is a generator that is driven by one task or thread from its start to its end, so that what is current there
    between two of its steps is the span that it is in: a database's instrumentation finds it.
    """

    __slots__ = (
        "_context",
        "_facts",
        "_is_step",
        "_kind",
        "_name",
        "_parent",
        "_provider",
        "_span",
        "_start",
        "_token",
    )
    is_recorded = True

    def __init__(
        self,
        provider: TracerProvider,
        name: str,
        kind: Kind,
        parent: str | None,
        start: int | None,
        facts: Mapping[str, object],
        *,
        is_step: bool = False,
    ) -> None:
        self._provider, self._name, self._kind = provider, name, kind
        self._parent, self._start, self._facts, self._is_step = parent, start, facts, is_step
        self._token: Token[Context] | None = None

    def tell(self, **facts: object) -> None:
        """Add facts as attributes."""
        self._span.set_attributes(attributes(facts))

    def fail(self, error: BaseException | str) -> None:
        """Say that it failed, and by which kind of error."""
        self._span.set_status(StatusCode.ERROR)
        self._span.set_attribute(ERROR, error if isinstance(error, str) else type(error).__name__)

    def __enter__(self) -> Self:
        above = contexts.get_current()
        if is_traceparent(self._parent):
            above = _ONWARD.extract({"traceparent": str(self._parent)}, above)
        self._span = _tracer(self._provider).start_span(
            PREFIX + self._name,
            above,
            _KINDS[self._kind],
            attributes(self._facts),
            start_time=self._start,
        )
        self._context = trace.set_span_in_context(self._span, above)
        if not self._is_step:
            self._context = contexts.set_value(_OURS, self, self._context)
        self._token = contexts.attach(self._context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Of a plan that nobody drives to its end, the garbage collector makes an end wherever it happens to run.
        if self._token is not None and contexts.get_current() is self._context:
            contexts.detach(self._token)
        if exc is not None:
            # A plan is closed where the database refuses a statement of it: that error is why.
            why = exc.__context__ if isinstance(exc, GeneratorExit) else None
            self.fail(why or exc)
        self._span.end()


def whole_one() -> Recorded | None:
    """The span of memreg's that is open here, inside of its steps."""
    found = contexts.get_value(_OURS)
    return found if isinstance(found, Recorded) else None


def current_traceparent() -> str | None:
    """The current span as W3C's `traceparent`; None without one."""
    carrier: dict[str, str] = {}
    _ONWARD.inject(carrier)
    return carrier.get("traceparent")


def _tracer(provider: TracerProvider) -> Tracer:
    found = _tracers.get(provider)
    if found is None:
        _tracers.clear()
        found = _tracers[provider] = provider.get_tracer("memreg", version("memreg"))
    return found
