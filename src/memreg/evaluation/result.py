"""The result of an evaluation as one value, and as the JSON document that another run can be compared with."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from memreg import __version__
from memreg.engine.text import value_tokens
from memreg.evaluation.errors import ErrorCase, causes, costs, told, worst
from memreg.evaluation.judge import Judged, judge
from memreg.evaluation.metrics import Figures, measure, percentile
from memreg.evaluation.run import Pass
from memreg.evaluation.study import Study
from memreg.evaluation.subject import Subject

PLACES = 6
WORST = 20


@dataclass(frozen=True)
class Result:
    """A pass, judged. `study` is None where the decisions were read from a file, so that there is no audit to ask."""

    stream: str
    subject: Subject
    done: Pass
    judged: tuple[Judged, ...]
    figures: Figures
    study: Study | None = None

    def worst(self, count: int = WORST) -> tuple[ErrorCase, ...]:
        """The worst errors, explained."""
        return worst(self.study.errors, count) if self.study else ()


def judge_pass(done: Pass, subject: Subject) -> tuple[Judged, ...]:
    """The outcomes of a pass with their verdicts."""
    columns = subject.text_columns

    def text_of(position: int) -> tuple[tuple[str, ...], ...]:
        values = subject.values(done.records[position].fields)
        return tuple(tuple(sorted(value_tokens(values[c]))) if values.get(c) is not None else () for c in columns)

    return tuple(judge(done.outcomes, dirty_sources=subject.dirty_sources, text_of=text_of))


def result_of(stream: str, subject: Subject, done: Pass, judged: tuple[Judged, ...], study: Study | None) -> Result:
    """The result of a judged pass."""
    return Result(stream, subject, done, judged, measure(judged, subject.dirty_sources), study)


def latency_ms(done: Pass) -> dict[str, float]:
    """How long a decision on a record took that was taken alone, in milliseconds: median and 95th percentile."""
    return {name: round(1000 * percentile(done.latencies, share), 3) for name, share in (("p50", 0.5), ("p95", 0.95))}


def result_data(result: Result) -> dict[str, Any]:
    """The result as JSON has it; rates and agreements are shares in [0, 1]."""
    subject, done, study = result.subject, result.done, result.study
    data: dict[str, Any] = {
        "stream": result.stream,
        "schema": subject.spec.name,
        "class": subject.class_name,
        "memreg": __version__,
        "annotation": {
            "searchable": dict(subject.annotation.searchable),
            "compare": list(subject.annotation.compare),
            "identity": [{"key": key.name, "strength": key.strength} for key in subject.annotation.identity],
        },
        "records": len(done.records),
        **_rounded(asdict(result.figures)),
    }
    if done.latencies:
        data |= {"latency_ms": latency_ms(done), "timed": len(done.latencies), "seconds": round(done.seconds, 2)}
    if study is not None:
        data |= {
            "causes": causes(study.errors),
            "missed_by_feature": costs(study.errors),
            "keys": [_rounded(key.facts()) for key in study.keys],
            "sweep": [_rounded(asdict(point)) for point in study.thresholds],
            "worst": [error_data(case) for case in result.worst()],
        }
    data["problems"] = [asdict(problem) for problem in done.problems]
    data["unknown_fields"] = [
        {"field": name, "line": line, "records": count} for name, (line, count) in done.unknown_fields.items()
    ]
    return data


def error_data(case: ErrorCase) -> dict[str, Any]:
    """One error explained, as JSON has it."""
    outcome = case.judged.outcome
    return {
        "record_id": outcome.record_id,
        "line": case.line,
        "verdict": str(case.judged.verdict),
        "action": outcome.action,
        "basis": outcome.basis,
        "score": outcome.score,
        "cause": str(case.cause),
        "entity": outcome.entity_id,
        "entity_of_memory": case.judged.majority,
        "values": dict(case.values),
        "against": None if case.about is None else {"score": case.about.score, "values": dict(case.about.values)},
        "parts": [told(part) for part in case.about.parts if part.met or part.bounds] if case.about else [],
        "reasons": list(case.reasons),
    }


def _rounded(data: dict[str, Any]) -> dict[str, Any]:
    def rounded(value: Any) -> Any:
        if isinstance(value, float):
            return round(value, PLACES)
        return _rounded(value) if isinstance(value, dict) else value

    return {name: rounded(value) for name, value in data.items()}
