"""Learning a class's calibration from its own decisions, without labels: expectation maximisation, refreshed between
decisions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memreg.core.json_codec import loads
from memreg.engine.calibration import (
    CAPPED,
    MATCHES,
    REPEATS,
    RIVALS,
    SIBLINGS,
    Calibration,
    ColumnShares,
)
from memreg.engine.kept import levels_told
from memreg.engine.level import LEVELS
from memreg.engine.record import Role

LEARNED_FROM = 2_000
"""The newest decisions of a class that count."""
ROUNDS = 15
MATCH_STRENGTH, SIBLING_STRENGTH, STRANGER_STRENGTH = 30.0, 100.0, 30.0
"""How many pairs what a role promises counts for, beside those seen."""
REPEAT_STRENGTH, SIBLING_SHARE_STRENGTH = 10.0, 50.0
TELLING_STRENGTH = 10.0
IDENTIFIED = 0.95
CLIP = 60.0


@dataclass(frozen=True, slots=True)
class Observed:
    """The candidates that one decision was held against, best first: the level of each column by `role:column`.
    `identified`: an identity key decided it, so that one of them is almost surely the same object."""

    candidates: tuple[Mapping[str, int], ...]
    identified: bool = False


def learn(decisions: Sequence[Observed], names: Sequence[str], before: Calibration) -> Calibration:
    """The calibration that makes the decisions likeliest, near what the columns' roles promise.

    Each decision has at most one match among its candidates (5 at most count); every other is a sibling or a stranger.
    `names`: the columns that name an object; a sibling differs in one of them. `before`: its shift is kept.
    """
    import numpy as np

    rows = [(number, levels) for number, seen in enumerate(decisions) for levels in seen.candidates[:RIVALS]]
    if not rows:
        return Calibration(shift=before.shift, fixed=before.fixed)
    alike: dict[int, Mapping[str, int]] = {id(levels): levels for _, levels in rows}
    places = sorted({name for levels in alike.values() for name in levels})
    index = {name: position * LEVELS for position, name in enumerate(places)}
    kinds = np.zeros((len(alike), len(places) * LEVELS), dtype=np.float64)
    for kind, levels in zip(kinds, alike.values(), strict=True):
        kind[[index[name] + level for name, level in levels.items()]] = 1.0
    kind_of = {each: number for number, each in enumerate(alike)}
    one = kinds[[kind_of[id(levels)] for _, levels in rows]]
    decision = np.array([number for number, _ in rows])
    identified = np.array([seen.identified for seen in decisions])

    roles = [_role(name) for name in places]
    expected = [ColumnShares.expected(role) for role in roles]
    promised = [np.array([getattr(e, of) for e in expected]) for of in ("matches", "siblings", "strangers")]
    strengths = (MATCH_STRENGTH, SIBLING_STRENGTH, STRANGER_STRENGTH)
    most = np.ones((len(places), LEVELS))
    for position, role in enumerate(roles):
        lowest = CAPPED.get(role, 0)
        most[position, :lowest] = MATCHES[role][:lowest]

    naming = [position for position, role in enumerate(roles) if role is Role.NAME]
    of_name = [places[position].split(":", 1)[1] for position in naming]
    telling = np.full(max(1, len(naming)), 1 / max(1, len(naming)))
    seen = one.reshape(len(rows), len(places), LEVELS)
    shares = [each.copy() for each in promised]
    repeats, sibling_share = REPEATS, SIBLINGS
    for _ in range(ROUNDS):
        match, stranger = (one @ np.log(shares[number]).ravel() for number in (0, 2))
        like_sibling = np.einsum("rpl,pl->rp", seen, np.log(shares[1] / shares[0]))
        sibling = match + like_sibling.sum(1)
        told_by = np.ones((len(rows), 0))
        if naming:  # one of the columns that name differs, the others are like a match's
            apart = like_sibling[:, naming] + np.log(telling)
            together = np.logaddexp.reduce(apart, axis=1)
            told_by = np.exp(apart - together[:, None])
            sibling = sibling - like_sibling[:, naming].sum(1) + together
        other = np.logaddexp(math.log(sibling_share) + sibling, math.log(1 - sibling_share) + stranger)
        odds = np.exp(np.clip(match - other, -CLIP, CLIP)) / RIVALS
        known = np.where(identified, IDENTIFIED, repeats)
        weight = odds * known[decision]
        total = np.bincount(decision, weights=weight, minlength=len(decisions)) + (1 - known)
        is_match = weight / total[decision]
        is_sibling = np.exp(math.log(sibling_share) + sibling - other) * (1 - is_match)
        is_stranger = 1 - is_match - is_sibling
        for number, belongs in enumerate((is_match, is_sibling, is_stranger)):
            counted = (belongs @ one).reshape(len(places), LEVELS)
            if number == 1 and naming:
                counted[naming] = np.einsum("rp,rpl->pl", belongs[:, None] * told_by, seen[:, naming, :])
            strength = strengths[number]
            shares[number] = (counted + strength * promised[number]) / (counted.sum(1, keepdims=True) + strength)
        shares[0] = np.minimum(shares[0], most)
        if naming:
            shares[1][naming, -1] = np.minimum(shares[1][naming, -1], promised[1][naming, -1])
            telling = (is_sibling[:, None] * told_by).sum(0) + TELLING_STRENGTH
            telling = telling / telling.sum()
        repeats = (float(is_match.sum()) + REPEATS * REPEAT_STRENGTH) / (len(decisions) + REPEAT_STRENGTH)
        repeats = min(repeats, IDENTIFIED)
        apart = float((1 - is_match).sum())
        sibling_share = (float(is_sibling.sum()) + SIBLINGS * SIBLING_SHARE_STRENGTH) / (apart + SIBLING_SHARE_STRENGTH)
    return Calibration(
        columns={
            name: ColumnShares(*(tuple(float(share) for share in each[position]) for each in shares))
            for position, name in enumerate(places)
        },
        telling=_telling(names, dict(zip(of_name, (float(share) for share in telling), strict=False))),
        repeats=float(repeats),
        siblings=float(sibling_share),
        shift=before.shift,
        fixed=before.fixed,
        decisions=len(decisions),
    )


def _telling(names: Sequence[str], learned: Mapping[str, float]) -> dict[str, float]:
    """The weights of all columns that name; one never seen weighs as little as the least."""
    least = min(learned.values(), default=1.0)
    weights = {name: learned.get(name, least) for name in names}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def observed_from(row: Mapping[str, Any]) -> Observed:
    """A decision as the audit keeps it: its best `candidates` (JSON, or its text), and whether a key decided it.

    A key's columns count there too: how often they are equal among all repeats is what a difference is measured by.
    """
    kept = row["candidates"]
    return Observed(tuple(levels_told(loads(kept) if isinstance(kept, str) else kept)), row["identified"])


def _role(name: str) -> Role:
    return Role(name.split(":", 1)[0])
