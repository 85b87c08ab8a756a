"""What a rule of compatibility says of a reading: one reason, for or against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from memreg.registry.reading import Reading

Direction = Literal["backward", "forward"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that changed, where (`Person.age`), and whether what was written can then not be read.

    `kind`: the change from the older to the newer side; `rule`: the name of the rule that says it; `direction`:
    backward where the newer side reads what the older wrote; `against`: the number of the older version.
    """

    where: str
    kind: str
    text: str
    breaks: bool
    rule: str = ""
    direction: Direction = "backward"
    against: int | None = None


Rule = Callable[[Reading], Iterator[Reason]]


def breaking(where: str, kind: str, text: str) -> Reason:
    """Something that was written may be refused or lost."""
    return Reason(where, kind, text, True)


def note(where: str, kind: str, text: str) -> Reason:
    """Something to know, which breaks nothing."""
    return Reason(where, kind, text, False)
