"""The rules by which a kill switch trips by itself: functions of one shape, each from what was seen. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from memreg.operations.interval import wilson
from memreg.operations.monitor.rates import Rate
from memreg.operations.monitor.window import Window


@dataclass(frozen=True, slots=True)
class Limit:
    """What a rule trips by: `limit` is what must be passed, `minimum` how many must have been counted."""

    limit: float
    minimum: int
    is_on: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a class in a version since its switch was last reset. `keys`: by identity key, the answers that
    nothing contradicted, of all its newest ones."""

    window: Window
    keys: Mapping[str, Rate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: `value` was measured, from `low` to `high` it may really be; `said` is that in words.

    `counted` of `of` is what it was measured by. `passes`: the limit is passed, by enough that were counted.
    """

    rule: str
    passes: bool
    value: float | None
    low: float | None
    high: float | None
    limit: float
    minimum: int
    counted: int
    of: int
    said: str


Rule = Callable[[Seen, Limit], Finding]


def false_updates(seen: Seen, limit: Limit) -> Finding:
    """Updates, upserts and deletes that were undone, split, corrected or judged wrong, of all of them: the lower end of
    the interval is above the limit."""
    rate = seen.window.false_updates
    said = f"{rate.count:,} of {rate.of:,} updates turned out wrong"
    return _above("false_updates", rate, limit, said)


def contradictions(seen: Seen, limit: Limit) -> Finding:
    """Of the newest 100 identity updates, those that the rest of what was said contradicts: the lower end of the
    interval is above the limit. A wrong key shows here before any person complains."""
    rate = seen.window.contradictions
    said = f"{rate.count:,} of {rate.of:,} identity updates are contradicted by the rest of what was said"
    return _above("contradictions", rate, limit, said)


def identity_confidence(seen: Seen, limit: Limit) -> Finding:
    """The observed precision of the worst identity key, over its newest answers: the upper end of the interval is below
    the limit. An answer counts against it where the text or another key contradicts."""
    worst = min(
        (item for item in seen.keys.items() if item[1].of >= limit.minimum),
        key=lambda item: (item[1].interval.high, item[0]),
        default=None,
    )
    key, rate = worst if worst is not None else ("", Rate(0, max((each.of for each in seen.keys.values()), default=0)))
    passes = worst is not None and rate.interval.high < limit.limit
    said = "no identity key answered often enough"
    if worst is not None:
        said = f"{rate.of - rate.count:,} of {rate.of:,} answers of the key {key} are contradicted"
    known = worst is not None
    return Finding(
        "identity_confidence",
        passes,
        rate.share if known else None,
        rate.interval.low if known else None,
        rate.interval.high if known else None,
        limit.limit,
        limit.minimum,
        rate.count,
        rate.of,
        said,
    )


def drift(seen: Seen, limit: Limit) -> Finding:
    """The population stability index between the scores of the newest 300 merges and those of the ones before, less
    what chance explains, is above the limit."""
    found = seen.window.drift
    if found is None:
        return Finding("drift", False, None, None, None, limit.limit, limit.minimum, 0, 0, "there are too few merges")
    fewest = min(found.recent, found.reference)
    said = f"the scores of the newest {found.recent:,} merges are far from those of the {found.reference:,} before"
    passes = fewest >= limit.minimum and found.beyond_chance > limit.limit
    return Finding(
        "drift",
        passes,
        found.index,
        found.beyond_chance,
        None,
        limit.limit,
        limit.minimum,
        found.recent,
        found.reference,
        said,
    )


def candidate_failures(seen: Seen, limit: Limit) -> Finding:
    """The share of searches that found no candidate at all rose, from those before to the newest 300, by more than the
    limit, whatever of both intervals is true."""
    recent, before = seen.window.zero_hits_of(newest=True), seen.window.zero_hits_of(newest=False)
    fewest = min(recent.of, before.of)
    said = f"{recent.count:,} of the newest {recent.of:,} searches found no candidate"
    said += f", {before.count:,} of {before.of:,} before"
    if not fewest:
        return Finding(
            "candidate_failures", False, None, None, None, limit.limit, limit.minimum, recent.count, recent.of, said
        )
    rise = recent.count / recent.of - before.count / before.of
    surely = recent.interval.low - before.interval.high
    passes = fewest >= limit.minimum and surely > limit.limit
    return Finding(
        "candidate_failures",
        passes,
        round(rise, 4),
        round(surely, 4),
        None,
        limit.limit,
        limit.minimum,
        recent.count,
        recent.of,
        said,
    )


RULES: tuple[Rule, ...] = (false_updates, contradictions, identity_confidence, drift, candidate_failures)
NAMES: tuple[str, ...] = tuple(rule.__name__ for rule in RULES)
DEFAULTS: Mapping[str, Limit] = {
    "false_updates": Limit(0.05, 30),
    "contradictions": Limit(0.15, 20),
    "identity_confidence": Limit(0.70, 20),
    "drift": Limit(2.0, 300),
    "candidate_failures": Limit(0.50, 300),
}


def findings(seen: Seen, limits: Mapping[str, Limit]) -> tuple[Finding, ...]:
    """What each rule that is on found, in their order."""
    return tuple(rule(seen, limits[rule.__name__]) for rule in RULES if limits[rule.__name__].is_on)


def rule_sentence(name: str) -> str:
    """What a rule looks at, from its docstring."""
    rule = next(each for each in RULES if each.__name__ == name)
    return " ".join((rule.__doc__ or "").split())


def _above(name: str, rate: Rate, limit: Limit, said: str) -> Finding:
    interval = wilson(rate.count, rate.of)
    passes = rate.of >= limit.minimum and interval.low > limit.limit
    known = rate.of > 0
    return Finding(
        name,
        passes,
        rate.share,
        interval.low if known else None,
        interval.high if known else None,
        limit.limit,
        limit.minimum,
        rate.count,
        rate.of,
        said,
    )
