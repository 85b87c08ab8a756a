"""Why a decision was wrong, from its audit entry: the tokens that met and stood against each other, or what kept the
true memory from being met. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from memreg.engine.decide import THRESHOLDS
from memreg.engine.kept import candidates_told
from memreg.evaluation.judge import Judged, Verdict

SHOWN_TOKENS = 12


class Cause(StrEnum):
    """What an error came from; the value is what a report prints."""

    KEY = "an identity key answered with another entity"
    IDENTICAL = "the texts are equal"
    SCORE = "the score of another entity reached the threshold"
    NO_CANDIDATE = "the true memory was no candidate"
    NOT_KEPT = "the true memory was not among the best candidates"
    BELOW = "the true memory scored below 0.55"
    REVIEW = "the true memory scored from 0.55 to below 0.80, so a person is asked"
    OUTRANKED = "the true memory was to be updated, but another rule stood before"


@dataclass(frozen=True, slots=True)
class PartFact:
    """One feature of a score: what it added or took, and the tokens or values it saw. `bounds`: it decided the score by
    itself."""

    name: str
    amount: float
    met: tuple[str, ...] = ()
    bounds: bool = False


@dataclass(frozen=True, slots=True)
class CandidateFact:
    """A candidate as the audit kept it; `values` is its payload then."""

    memory_id: str
    score: float
    parts: tuple[PartFact, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def costliest(self) -> PartFact | None:
        """The feature that held the score down: one that decides by itself, else the one that took most, of those that
        saw anything."""
        bounding = [part for part in self.parts if part.bounds]
        against = [part for part in self.parts if part.amount < 0 and part.met]
        return next(iter(bounding), None) or min(against, key=lambda part: part.amount, default=None)


@dataclass(frozen=True, slots=True)
class ErrorCase:
    """One wrong decision explained. `about`: the candidate that the explanation is about: the wrong target of a false
    update, the true memory of a missed one; None where the audit has no score of it."""

    judged: Judged
    line: int
    cause: Cause
    values: Mapping[str, Any]
    about: CandidateFact | None = None
    reasons: tuple[str, ...] = ()

    @property
    def cost(self) -> str | None:
        """The feature that cost a missed update most of its score."""
        if self.judged.verdict is not Verdict.MISSED_UPDATE or self.about is None:
            return None
        part = self.about.costliest
        return part.name if part else None

    @property
    def weight(self) -> tuple[int, float]:
        """The worst first: false updates before missed ones; the surest false ones, the farthest missed ones."""
        score = self.about.score if self.about else 0.0
        return (0, -score) if self.judged.verdict is Verdict.FALSE_UPDATE else (1, score)


def candidates_of(entry: Mapping[str, Any]) -> tuple[CandidateFact, ...]:
    """The candidates that an audit entry kept, best first."""
    details = entry["details"]
    met, payloads = details.get("met", {}), details.get("compared_with", {})
    return tuple(
        CandidateFact(
            each["memory_id"],
            float(each["score"]),
            tuple(_part(part, met.get(each["memory_id"], {})) for part in each["parts"]),
            payloads.get(each["memory_id"], {}),
        )
        for each in candidates_told(entry["candidates"])
    )


def explain_error(judged: Judged, entry: Mapping[str, Any], *, line: int, kept: int) -> ErrorCase:
    """Why a wrong decision was made, by its audit entry, which keeps at most `kept` candidates."""
    candidates = candidates_of(entry)
    by_id = {each.memory_id: each for each in candidates}
    if judged.verdict is Verdict.FALSE_UPDATE:
        about = by_id.get(judged.outcome.memory_id or "")
        by_key = judged.outcome.basis in ("identity", "identity_conflict")
        cause = Cause.KEY if by_key else Cause.IDENTICAL if judged.identical else Cause.SCORE
    else:
        about = max((by_id[home] for home in judged.homes if home in by_id), key=lambda c: c.score, default=None)
        cause = _cause_of_miss(about, complete=len(candidates) < kept)
    values = entry["details"].get("values") or {}
    return ErrorCase(judged, line, cause, values, about, tuple(entry["reasons"]))


def causes(cases: Iterable[ErrorCase]) -> dict[str, int]:
    """How many errors each cause has, most first."""
    return {str(cause): count for cause, count in Counter(case.cause for case in cases).most_common()}


def costs(cases: Iterable[ErrorCase]) -> dict[str, int]:
    """Of the missed updates whose true memory was scored: which feature cost most, how often."""
    return dict(Counter(case.cost for case in cases if case.cost is not None).most_common())


def worst(cases: Sequence[ErrorCase], count: int) -> tuple[ErrorCase, ...]:
    """The worst errors: at least half of the places for false updates, where there are so many."""
    ordered = sorted(cases, key=lambda case: (case.weight, case.line))
    false = [case for case in ordered if case.judged.verdict is Verdict.FALSE_UPDATE]
    missed = [case for case in ordered if case.judged.verdict is not Verdict.FALSE_UPDATE]
    room = max(count - len(missed), (count + 1) // 2)
    chosen = false[:room]
    return (*chosen, *missed[: count - len(chosen)])


def told(part: PartFact) -> str:
    """A feature as a line: its name, what it did, the tokens that it saw."""
    sign = "+" if part.amount >= 0 else "−"
    amount = "decides:" if part.bounds else f"{sign}{abs(part.amount):.3f}"
    shown = "; ".join(part.met[:SHOWN_TOKENS]) + (" …" if len(part.met) > SHOWN_TOKENS else "")
    return f"{amount} {part.name}" + (f" [{shown}]" if shown else "")


def _cause_of_miss(about: CandidateFact | None, *, complete: bool) -> Cause:
    if about is None:
        return Cause.NO_CANDIDATE if complete else Cause.NOT_KEPT
    if about.score < THRESHOLDS.possible:
        return Cause.BELOW
    return Cause.REVIEW if about.score < THRESHOLDS.update else Cause.OUTRANKED


def _part(part: Mapping[str, Any], met: Mapping[str, Sequence[str]]) -> PartFact:
    name = part["name"]
    return PartFact(name, float(part["amount"]), tuple(met.get(name, ())), bool(part.get("bounds")))
