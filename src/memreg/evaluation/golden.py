"""The golden-set harness: every case is told to the real engine, in an empty tenant and in one that knows others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as changed
from typing import Any, Literal
from uuid import UUID

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.errors import MemregError
from memreg.core.ids import uuid7
from memreg.core.queries import Queries
from memreg.core.steps import Rows, Steps, fetch_rows
from memreg.engine.cache import Cache
from memreg.engine.model import Action, Decision, Proposal
from memreg.evaluation.golden_file import Case, Expected, GoldenSet, Values
from memreg.evaluation.rehearsal import rehearse
from memreg.registry.models import Status

Setting = Literal["cold", "warm"]

SQL = Queries.load("memreg.evaluation", "golden.sql")
WHO = "memreg eval"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One part of the score of the last record against the memory before it, and the tokens or values that met."""

    name: str
    amount: float
    met: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case in one setting: `got` in the words of `expect`, or a sentence where none of them fits.

    `score` is that of the last record's best candidate; `evidence` its parts, noted where the case failed.
    """

    case: Case
    setting: Setting
    got: str
    passed: bool
    action: str = ""
    basis: str = ""
    score: float | None = None
    reviews: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class GoldenReport:
    """The outcomes of a golden set, in the order of its file, cold before warm; `background`: class → memories made."""

    golden: GoldenSet
    outcomes: tuple[Outcome, ...]
    background: Mapping[str, int] = field(default_factory=dict)

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The outcomes that are not as expected."""
        return tuple(outcome for outcome in self.outcomes if not outcome.passed)


Told = Callable[[Outcome], None]


def run_golden(golden: GoldenSet, database: Database, *, warm: bool = True, tell: Told | None = None) -> GoldenReport:
    """Run every case of a golden set in an open, throwaway database; `tell` is called with each outcome.
    `warm` False leaves the background out.

    The set's schema is registered under its own name and approved; another schema of that name must not be there.
    Each case is taken back before the next, so that none sees another. Raises MemregError where the setting up fails.
    """
    run, known = uuid7().hex, Cache()
    engine = Engine(database, schema=golden.schema.name, extractor="patterns", cache=known, trips=False)
    version = engine.registry.register(golden.schema, annotate="heuristic", by=WHO).version
    if version.status is Status.PENDING:
        engine.registry.approve(golden.schema.name, version.version, by=WHO)
    known_records = golden.background if warm else {}
    background = {name: _learn(engine.for_tenant(f"{run} {name}"), name, each) for name, each in known_records.items()}
    outcomes = []
    for case in golden.cases:
        settings: tuple[Setting, ...] = ("cold", "warm") if case.class_name in background else ("cold",)
        for setting in settings:
            tenant = f"{run} {case.class_name}" if setting == "warm" else f"{run} cold"
            outcome = _run_case(case, setting, golden, database, tenant, known)
            outcomes.append(outcome)
            if tell is not None:
                tell(outcome)
    return GoldenReport(golden, tuple(outcomes), background)


def _learn(engine: Engine, class_name: str, records: Sequence[Values]) -> int:
    """Ingest the background of a class; how many memories came of it."""
    made: set[UUID | None] = set()
    for values in records:
        made.update(d.memory_id for d in engine.ingest(proposals=[Proposal(class_name, values)]).decisions)
    return len(made - {None})


def _run_case(
    case: Case, setting: Setting, golden: GoldenSet, database: Database, tenant: str, known: Cache
) -> Outcome:
    with rehearse(database, tenant) as rehearsal:
        # Statistics of its own: what one case learned of the tenant is taken back with it. The schema stays as it is.
        cache = Cache(versions=known.versions)
        engine = Engine(
            rehearsal, tenant=tenant, schema=golden.schema.name, extractor="patterns", cache=cache, trips=False
        )
        try:
            return _judge(case, setting, engine)
        except MemregError as error:
            return Outcome(case, setting, "error", passed=False, reasons=(str(error),))


def _decided(engine: Engine, proposal: Proposal) -> Decision:
    """The decision on a proposal, after those on what it refers to."""
    decisions = engine.ingest(proposals=[proposal]).decisions
    return next((each for each in reversed(decisions) if each.class_name == proposal.class_name), decisions[0])


def _judge(case: Case, setting: Setting, engine: Engine) -> Outcome:
    decisions = [_decided(engine, Proposal(case.class_name, values)) for values in case.records]
    last = decisions[-1]
    reviews = _reviews(engine, last)
    got = _got(decisions, reviews)
    outcome = Outcome(
        case,
        setting,
        got,
        passed=got == case.expect or (case.expect == "apart" and got == "review" and last.action is Action.CREATE),
        action=str(last.action),
        basis=str(last.basis),
        score=last.score,
        reviews=tuple(row["kind"] for row in reviews),
        reasons=tuple(_named(reason, decisions[:-1]) for reason in last.reasons),
    )
    if outcome.passed:
        return outcome
    evidence = tuple(_evidence(engine, last, decisions[-2].memory_id))
    return changed(outcome, evidence=evidence)


def _named(reason: str, decisions: Sequence[Decision]) -> str:
    """A reason with the records in the place of the ids of their memories."""
    for number, decision in reversed(list(enumerate(decisions, start=1))):
        for name in (f"memory {decision.memory_id}", str(decision.memory_id)):
            reason = reason.replace(name, f"record {number}")
    return reason


def _got(decisions: Sequence[Decision], reviews: Rows) -> Expected | str:
    """What became of the records, in the words of a case."""
    memories: list[UUID] = []
    for number, decision in enumerate(decisions, start=1):
        if decision.memory_id is None:
            return f"record {number} made no memory ({decision.basis})"
        if decision.action is not Action.CREATE and decision.memory_id not in memories:
            return f"record {number} was taken for one of the background"
        memories.append(decision.memory_id)
    *before, last = memories
    if len(set(memories)) == 1:
        return "together"
    asked = any(set(row["memory_ids"]) & set(before) for row in reviews)
    kept = len(set(before)) == len(before)
    conflict = any(row["kind"] == "identity_conflict" for row in reviews)
    if kept and asked and (last not in before or conflict):
        return "review"
    if kept and last not in before:
        return "apart"
    return f"{len(set(memories))} memories of {len(memories)} records"


def _reviews(engine: Engine, decision: Decision) -> Rows:
    where = {"tenant": engine.tenant, "schema": engine.schema(), "audit_ids": [str(decision.audit_id)]}

    def plan() -> Steps[Rows]:
        return (yield from fetch_rows(SQL["reviews_of"](**where)))

    return engine.database.run(engine.tenant, plan)


def _evidence(engine: Engine, decision: Decision, memory_id: UUID | None) -> Iterator[Evidence]:
    """The parts of the score against a memory, or against the best candidate where that memory was none."""
    candidates: Sequence[Mapping[str, Any]] = engine.explain(decision.audit_id).facts["candidates"]
    chosen = [each for each in candidates if each["memory_id"] == str(memory_id)] or candidates[:1]
    for part in chosen[0]["parts"] if chosen else ():
        yield Evidence(part["name"], float(part["amount"]), tuple(part["met"]))


def counts(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    """How many cases passed and failed by kind, in order; a case passes where it passes in every setting."""
    failed = {(each.case.kind, each.case.line) for each in outcomes if not each.passed}
    cases = dict.fromkeys((each.case.kind, each.case.line) for each in outcomes)
    total = Counter(kind for kind, _ in cases)
    lost = Counter(kind for kind, _ in failed)
    return {kind: {"passed": total[kind] - lost[kind], "failed": lost[kind]} for kind in total}
