"""How often each identity key was right, by the gold. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from memreg.evaluation.judge import Outcome, Verdict, walk


@dataclass(frozen=True, slots=True)
class KeyTruth:
    """A key: on how many records its value was held by a memory, and how often that was the entity; on how many it
    answered (a shared key needs an equal name token too), and how often rightly. Precisions are in [0, 1], None of
    none."""

    key: str
    strength: str
    held: int
    held_right: int
    answered: int
    answered_right: int

    @property
    def precision(self) -> float | None:
        """Of the answers, the share that was right."""
        return self.answered_right / self.answered if self.answered else None

    @property
    def held_precision(self) -> float | None:
        """Of the equal values, the share that was the same entity."""
        return self.held_right / self.held if self.held else None

    def facts(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "key": self.key,
            "strength": self.strength,
            "answered": self.answered,
            "right": self.answered_right,
            "precision": self.precision,
            "held": self.held,
            "held_right": self.held_right,
            "held_precision": self.held_precision,
        }


@dataclass
class _Count:
    strength: str
    counts: dict[str, int] = field(default_factory=lambda: {"held": 0, "holders": 0, "answered": 0, "answers": 0})


def key_truths(
    outcomes: Iterable[Outcome],
    keys_of: Mapping[str, Sequence[Mapping[str, Any]]],
    dirty_sources: Collection[str] = (),
) -> tuple[KeyTruth, ...]:
    """The keys of a pass by name. `keys_of`: by record id, the keys of the audit entry (`key`, `strength`, `holders`,
    `answers`); a key that several memories hold is right when one of them is the entity."""
    found: dict[str, _Count] = {}
    for _, outcome, ledger in walk(outcomes, dirty_sources):
        for key in keys_of.get(outcome.record_id, ()):
            count = found.setdefault(key["key"], _Count(key["strength"])).counts
            for memories, whole, part in ((key["holders"], "held", "holders"), (key["answers"], "answered", "answers")):
                verdicts = {ledger.verdict_of_update(outcome.entity_id, outcome.source, each) for each in memories}
                if verdicts and verdicts != {Verdict.UNKNOWN}:
                    count[whole] += 1
                    count[part] += Verdict.RIGHT in verdicts
    return tuple(
        KeyTruth(name, each.strength, *(each.counts[part] for part in ("held", "holders", "answered", "answers")))
        for name, each in sorted(found.items())
    )
