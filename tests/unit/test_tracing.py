"""Tracing by itself: nothing without a provider, attributes that hold no value, parents from elsewhere, odd ends."""

from __future__ import annotations

import contextvars
import subprocess
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode, TraceFlags

from memreg.core import tracing
from memreg.core.tracing import NOTHING, attributes, is_traceparent, span, step, traceparent, whole
from tests.support.spans import Traces, facts, reset

SOMEBODY = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ID = UUID("01890000-0000-7000-8000-000000000001")


class Colour(StrEnum):
    """A name."""

    RED = "red"


# Without a provider


def test_nothing_is_made_without_a_provider() -> None:
    reset()
    with span("message", schema="s") as whole_one, step("look_up") as one:
        assert whole_one is one is whole() is NOTHING
        one.tell(candidates=1)
        one.fail(ValueError())
    assert traceparent() is None


def test_opentelemetry_is_not_even_imported() -> None:
    code = """
import sys
import memreg.api.engine, memreg.api.engine_async, memreg.engine.turn
from memreg.core.tracing import span, step, traceparent
with span("message"), step("look_up"):
    assert traceparent() is None
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_module_that_is_just_being_imported_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", object())
    assert span("message") is step("look_up") is whole() is NOTHING
    assert traceparent() is None


# Attributes


def test_a_value_is_left_out_whatever_it_is() -> None:
    told = {
        "email": "ana@x.org",
        "reasons": ["ana@x.org"],
        "values": {"name": "Ana"},
        "score": 0.5,
        "audit_id": ID,
        "class_": "Person",
        "action": Colour.RED,
        "said": Colour.RED,
        "candidates": 3,
        "is_new": True,
        "nothing": None,
        "model": "m" * 1000,
    }
    assert attributes(told) == {
        "memreg.score": 0.5,
        "memreg.audit_id": str(ID),
        "memreg.class": "Person",
        "memreg.action": "red",
        "memreg.candidates": 3,
        "memreg.is_new": True,
        "memreg.model": "m" * 200,
    }


@given(st.dictionaries(st.text(min_size=1, max_size=12), st.one_of(st.text(), st.binary(), st.lists(st.text()))))
def test_no_text_passes_under_a_key_that_holds_no_names(told: dict[str, Any]) -> None:
    found = attributes(told)
    assert {name.removeprefix(tracing.PREFIX) for name in found} <= tracing._NAMES


# Parents


def test_a_step_is_only_in_something_whole(traces: Traces) -> None:
    with traces.tracer.start_as_current_span("request"), step("commit"):
        assert whole() is NOTHING
    assert [each.name for each in traces.spans] == ["request"]


def test_what_is_whole_is_told_of_inside_of_its_steps(traces: Traces) -> None:
    with span("message"), step("accept"), step("commit"):
        whole().tell(version=3)
    assert facts(traces.one("memreg.message")) == {"version": 3}
    assert whole() is NOTHING


def test_a_parent_of_elsewhere(traces: Traces) -> None:
    with span("message", parent=SOMEBODY) as one:
        assert whole() is one
        inside = traceparent()
    made = traces.one("memreg.message")
    assert made.parent is not None
    assert f"{made.parent.trace_id:032x}" == SOMEBODY.split("-")[1]
    assert f"{made.parent.span_id:016x}" == SOMEBODY.split("-")[2]
    assert inside == f"00-{made.context.trace_id:032x}-{made.context.span_id:016x}-01"


@pytest.mark.parametrize("text", [None, "", "x", SOMEBODY[:-1], SOMEBODY.upper(), "ff" + SOMEBODY[2:], SOMEBODY + "-0"])
def test_a_parent_that_is_none_is_nobodys(text: str | None, traces: Traces) -> None:
    assert not is_traceparent(text)
    with span("message", parent=text):
        pass
    assert traces.one("memreg.message").parent is None


def test_a_span_that_began_before(traces: Traces) -> None:
    with span("message", start=1_000), step("accept", start=2_000):
        pass
    assert [each.start_time for each in traces.spans] == [1_000, 2_000]


# Ends


def plan(inside: Callable[[], None] = lambda: None) -> Iterator[int]:
    with step("lock"):
        inside()
        yield 1
        yield 2


def test_what_a_plan_is_in_is_current_between_its_steps(traces: Traces) -> None:
    with span("message"):
        for _ in plan():
            assert getattr(trace.get_current_span(), "name", None) == "memreg.lock"
        assert getattr(trace.get_current_span(), "name", None) == "memreg.message"
    assert traces.one("memreg.lock").status.status_code is StatusCode.UNSET


def test_a_plan_that_is_closed_for_an_error_tells_which(traces: Traces) -> None:
    with span("message"):
        steps = plan()
        next(steps)
        try:
            raise KeyError("ana@x.org")
        except KeyError:
            steps.close()  # type: ignore[attr-defined]
    told = traces.one("memreg.lock")
    assert (told.status.status_code, told.status.description) == (StatusCode.ERROR, None)
    assert facts(told) == {"error.type": "KeyError"}
    assert "ana" not in traces.told()


def test_a_plan_that_ends_elsewhere_leaves_what_is_current_there(
    traces: Traces, caplog: pytest.LogCaptureFixture
) -> None:
    with span("message"):
        steps = plan()
        elsewhere = contextvars.copy_context()
        elsewhere.run(next, steps)
        before = trace.get_current_span()
        steps.close()  # type: ignore[attr-defined]
        assert trace.get_current_span() is before
    assert [each.name for each in traces.spans] == ["memreg.message", "memreg.lock"]
    assert not caplog.records


def test_another_provider_is_found(traces: Traces) -> None:
    with span("message"):
        pass
    reset()
    other = Traces()
    trace.set_tracer_provider(other.provider)
    with span("message"):
        pass
    assert (len(traces.spans), len(other.spans)) == (1, 1)


def test_what_is_not_sampled_is_not_told_and_says_so_onward() -> None:
    reset()
    trace.set_tracer_provider(TracerProvider(sampler=ALWAYS_OFF))
    with span("message", schema="people") as one, step("lock"):
        one.tell(status="decided")
        one.fail("Nothing")
        onward = traceparent()
    assert onward is not None
    assert not int(onward[-2:], 16) & TraceFlags.SAMPLED
    other = Traces()
    reset()
    trace.set_tracer_provider(other.provider)
    with span("message", parent=onward):
        pass
    assert other.spans == []
