"""What a pass tells when it is over: errors explained, keys by the gold, other thresholds; by a few queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from memreg.core.database import Database
from memreg.core.queries import Queries, Statement
from memreg.core.steps import Rows, Steps, fetch_rows
from memreg.engine.audit import KEPT_CANDIDATES
from memreg.engine.kept import candidates_told
from memreg.evaluation.errors import ErrorCase, explain_error
from memreg.evaluation.judge import Judged
from memreg.evaluation.key_truth import KeyTruth, key_truths
from memreg.evaluation.run import TENANT, Pass
from memreg.evaluation.subject import Subject
from memreg.evaluation.sweep import Point, scores_by_truth, sweep, trials

_SQL = Queries.load("memreg.evaluation")
_CHUNK = 500


@dataclass(frozen=True)
class Study:
    """Every wrong decision explained, in order; the keys; the thresholds; the best scores by what the best candidate
    was ("the same", "another", "unknown")."""

    errors: tuple[ErrorCase, ...]
    keys: tuple[KeyTruth, ...]
    thresholds: tuple[Point, ...]
    scores: dict[str, list[float]]


def study(database: Database, subject: Subject, done: Pass, judged: Sequence[Judged]) -> Study:
    """Ask the audit about a pass that is over. Raises DatabaseError."""
    schema = subject.spec.name
    best_rows = _ask(database, _SQL["best_candidates"](tenant=TENANT, schema=schema))
    firsts = ((row["message_id"], candidates_told(row["candidates"])[0]) for row in best_rows)
    best = {message_id: (each["memory_id"], float(each["score"])) for message_id, each in firsts}
    key_rows = _ask(database, _SQL["answers_of_keys"](tenant=TENANT, schema=schema))
    tried = list(trials(done.outcomes, best, subject.dirty_sources))
    return Study(
        tuple(_explained(database, schema, done, judged)),
        key_truths(done.outcomes, {row["message_id"]: row["keys"] for row in key_rows}, subject.dirty_sources),
        sweep(tried),
        scores_by_truth(tried),
    )


def _explained(database: Database, schema: str, done: Pass, judged: Sequence[Judged]) -> Iterator[ErrorCase]:
    wrong = [(position, each) for position, each in enumerate(judged) if each.is_wrong]
    for start in range(0, len(wrong), _CHUNK):
        chunk = wrong[start : start + _CHUNK]
        ids = [str(done.audit_ids[position]) for position, _ in chunk]
        rows = _ask(database, _SQL["entries_to_explain"](tenant=TENANT, schema=schema, ids=ids))
        entries = {row["message_id"]: row for row in rows}
        for position, each in chunk:
            entry: dict[str, Any] = entries[each.outcome.record_id]
            yield explain_error(each, entry, line=done.records[position].line, kept=KEPT_CANDIDATES)


def _ask(database: Database, statement: Statement) -> Rows:
    def plan() -> Steps[Rows]:
        return (yield from fetch_rows(statement))

    return database.run(TENANT, plan)
