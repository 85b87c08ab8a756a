"""The result of an evaluation as one value: what was measured, the figures, the latency."""

from __future__ import annotations

from typing import Any

from memreg import __version__
from memreg.engine.text import value_tokens
from memreg.evaluation.judge import Judged, judge
from memreg.evaluation.metrics import measure, percentile
from memreg.evaluation.run import Pass
from memreg.evaluation.subject import Subject


def judged_pass(done: Pass, subject: Subject) -> list[Judged]:
    """The outcomes of a pass with their verdicts."""
    columns = subject.text_columns

    def text_of(position: int) -> tuple[tuple[str, ...], ...]:
        fields = done.records[position].fields
        return tuple(tuple(sorted(value_tokens(fields.get(column) or ""))) for column in columns)

    return list(judge(done.outcomes, dirty_sources=subject.dirty_sources, text_of=text_of))


def result_of(done: Pass, subject: Subject) -> dict[str, Any]:
    """The figures of a pass as JSON has them."""
    from dataclasses import asdict

    figures = measure(judged_pass(done, subject), subject.dirty_sources)
    return {
        "schema": subject.spec.name,
        "class": subject.class_name,
        "memreg": __version__,
        "records": len(done.records),
        **asdict(figures),
        "latency_ms": {
            "p50": round(1000 * percentile(done.latencies, 0.50), 3),
            "p95": round(1000 * percentile(done.latencies, 0.95), 3),
        },
        "seconds": round(done.seconds, 2),
    }
