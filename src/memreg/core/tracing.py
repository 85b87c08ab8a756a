"""Traces: a span for a message, an act or a part of a backfill, and one for each of its steps; no value is in any.

The library never configures tracing. A process in which nobody has set up a tracer provider pays for a look-up in a
dict; it does not even import OpenTelemetry.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self
from uuid import UUID

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

Kind = Literal["internal", "producer", "consumer"]
Attribute = bool | int | float | str

PREFIX = "memreg."
_NAMES = frozenset("schema class action basis operation status mode extractor model verb stage error".split())
_LONGEST = 200
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Span:
    """A stretch of work to be entered with `with`. This one is of nobody's interest: it does nothing."""

    __slots__ = ()
    is_recorded = False
    """Whether somebody wants to know; what is costly to find out is told only then."""

    def tell(self, **facts: object) -> None:
        """Add facts as attributes `memreg.<fact>`: numbers, flags, UUIDs, and the text of what holds names (schema,
        class, action, basis, …). Any other is left out, because it may be a person's. A trailing `_` is not part of
        the name."""

    def fail(self, error: BaseException | str) -> None:
        """What it was about failed, by an error or by the name of one. Of an error only the type is kept: its text may
        quote."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


NOTHING = Span()


def span(
    name: str, *, kind: Kind = "internal", parent: str | None = None, start: int | None = None, **facts: object
) -> Span:
    """A span `memreg.<name>` under what is current, or under a `parent` of another thread or process (see
    `traceparent`).

    `start`: when it began (nanoseconds since 1970, as `time.time_ns`), where that was before now.
    """
    provider = _provider()
    if provider is None:
        return NOTHING
    from memreg.core.spans import Recorded

    return Recorded(provider, name, kind, parent, start, facts)


def step(name: str, *, start: int | None = None, **facts: object) -> Span:
    """A span like `span`, where one of memreg's is open; elsewhere nothing: a read is no trace of its own."""
    provider = _provider()
    if provider is None:
        return NOTHING
    from memreg.core.spans import Recorded, whole_one

    return Recorded(provider, name, "internal", None, start, facts, is_step=True) if whole_one() else NOTHING


def whole() -> Span:
    """The span of the message, act or part that is being worked on, inside of its steps."""
    if _provider() is None:
        return NOTHING
    from memreg.core.spans import whole_one

    return whole_one() or NOTHING


def traceparent() -> str | None:
    """The current span, anybody's, as W3C's `traceparent`, for what goes on elsewhere; None without one."""
    api = sys.modules.get("opentelemetry.trace")
    if not hasattr(api, "get_current_span"):
        return None
    from memreg.core.spans import current_traceparent

    return current_traceparent()


def is_traceparent(text: str | None) -> bool:
    """Whether a text is a `traceparent` of the version that there is."""
    return text is not None and _TRACEPARENT.fullmatch(text) is not None


def attributes(facts: Mapping[str, object]) -> dict[str, Attribute]:
    """Facts as attributes; what may be a person's is left out."""
    found = {}
    for name, fact in facts.items():
        key = name.rstrip("_")
        value = _safe(key, fact)
        if value is not None:
            found[PREFIX + key] = value
    return found


def _safe(key: str, fact: object) -> Attribute | None:
    if isinstance(fact, bool | int | float):
        return fact
    if isinstance(fact, UUID):
        return str(fact)
    if isinstance(fact, Enum):
        fact = fact.value
    return fact[:_LONGEST] if isinstance(fact, str) and key in _NAMES else None


def _provider() -> TracerProvider | None:
    """Who makes spans in this process, if somebody set that up: whoever did has imported OpenTelemetry."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None or not hasattr(api, "get_tracer_provider"):  # it is just being imported
        return None
    provider: TracerProvider = api.get_tracer_provider()
    return None if isinstance(provider, api.ProxyTracerProvider) else provider
