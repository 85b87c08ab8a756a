"""What tracing costs: nobody's tracing beside one decision, and a decision with a tracer provider beside one without.

Run it by itself: `python bench/tracing.py`. The decisions with and without a provider take turns in one run.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench.stage import Show, database, perform, prepare
from memreg import Engine, Proposal
from memreg.core.tracing import span, step

CALLS = 300
REPEATED = 20_000
STEPS = 6
"""The steps of a message with one proposal that is given."""
MOST = 0.01
"""The share of a decision that nobody's tracing may be."""


def nobodys() -> float:
    """Seconds that the spans of one message take where no provider is set: as many, with as much to tell."""
    started = time.perf_counter()
    for _ in range(REPEATED):
        with span("message", schema="s") as whole:
            for _ in range(STEPS):
                with step("a step", classes=1, proposals=1) as one:
                    one.tell(action="CREATE", basis="new", score=None, audit_id=None)
            whole.tell(status="decided", decisions=1)
    return (time.perf_counter() - started) / REPEATED


def main(show: Show) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    taken: dict[bool, list[float]] = {False: [], True: []}
    with database() as dsn:
        prepare(dsn)
        alone = nobodys()
        with Engine.connect(dsn) as engine:
            for number in range(2 * CALLS):
                traced = number % 2 == 1
                # Only a private name lets go of a provider again.
                trace._TRACER_PROVIDER = provider if traced else None
                proposal = Proposal("Person", {"name": f"Ana {number}", "email": f"ana{number}@x.org"})
                started = time.perf_counter()
                engine.ingest(proposals=[proposal])
                taken[traced].append(time.perf_counter() - started)
    provider.force_flush()
    spans = len(exporter.get_finished_spans()) / CALLS
    without, within = statistics.median(taken[False]), statistics.median(taken[True])
    show.figures |= {
        "calls": CALLS,
        "spans_of_a_message": round(spans, 1),
        "share_without_a_provider": round(alone / without, 5),
        "ratio_with_a_provider": round(within / without, 3),
    }
    show.claim(f"a message has {STEPS + 1} spans, some one of due statistics", 0 <= spans - STEPS - 1 < 1, spans)
    show.claim(f"without a provider, tracing is less than {MOST:.0%} of a decision", alone < MOST * without)
    provider.shutdown()


if __name__ == "__main__":
    perform("tracing", main)
