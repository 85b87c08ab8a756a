"""Whether a version of a schema can read what another wrote, rule by rule, and the verdict by the schema's mode.
Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from memreg.registry.carried import carried
from memreg.registry.compatibility_annotation import ANNOTATION_RULES
from memreg.registry.compatibility_classes import CLASS_RULES
from memreg.registry.compatibility_columns import COLUMN_RULES
from memreg.registry.compatibility_reason import Direction, Reason, Rule
from memreg.registry.lineage import Ancestor
from memreg.registry.models import SchemaSpec
from memreg.registry.reading import Newer, Reading, Side

__all__ = ["RULES", "Reason", "Verdict", "annotation_reasons", "can_read", "judge", "line", "path_from", "verdict"]

RULES: tuple[Rule, ...] = (*CLASS_RULES, *COLUMN_RULES, *ANNOTATION_RULES)
"""Every rule, in the order in which reasons are told."""
_DIRECTIONS: dict[str, tuple[Direction, ...]] = {
    "none": ("backward",),
    "backward": ("backward",),
    "forward": ("forward",),
    "full": ("backward", "forward"),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a version may be registered by the schema's mode, every reason, and the versions it was compared with."""

    mode: str
    compatible: bool
    reasons: tuple[Reason, ...] = ()
    against: tuple[int, ...] = ()

    @property
    def breaking(self) -> tuple[Reason, ...]:
        """The reasons that speak against it."""
        return tuple(reason for reason in self.reasons if reason.breaks)


def can_read(reader: Side | SchemaSpec, writer: Side | SchemaSpec, newer: Newer = "reader") -> tuple[Reason, ...]:
    """Why the reader cannot read what the writer wrote, and what else is to be known; empty where nothing changed.

    `newer`: which of the two came later, for the words; what breaks does not depend on it.
    """
    one = reader if isinstance(reader, Side) else Side(reader, "the reader")
    other = writer if isinstance(writer, Side) else Side(writer, "the writer")
    direction: Direction = "backward" if newer == "reader" else "forward"
    reading = Reading(one, other, newer)
    return tuple(replace(reason, rule=rule.__name__, direction=direction) for rule in RULES for reason in rule(reading))


def annotation_reasons(new: Side, old: Side) -> tuple[Reason, ...]:
    """What the annotation of a version changes against an earlier one, by the rules about annotations alone."""
    reading = Reading(new, old, "reader")
    return tuple(replace(reason, rule=rule.__name__) for rule in ANNOTATION_RULES for reason in rule(reading))


def line(reason: Reason) -> str:
    """A reason in a line: where, what, why."""
    return f"{reason.where}, {reason.kind}: {reason.text}"


def verdict(
    mode: str, new: Side, earlier: Sequence[tuple[int, Side, Side]], *, binding: Collection[int] | None = None
) -> Verdict:
    """The verdict on a new version. `earlier`: the versions to compare with, the newest first; of each its number, what
    it wrote as the new one's base has it (for backward), and itself (for forward).

    What breaks is told in any case. It counts for versions that are `binding` (None: every one), unless the mode is
    none.
    """
    reasons: list[Reason] = []
    told: set[tuple[str, str]] = set()
    directions = _DIRECTIONS[mode.removesuffix("_transitive")]
    for number, written, itself in earlier:
        for direction in directions:
            found = can_read(new, written, "reader") if direction == "backward" else can_read(itself, new, "writer")
            # What breaks nothing is told once, of the newest version and in the first direction.
            again = {(each.where, each.rule) for each in found}
            reasons += [
                replace(each, against=number) for each in found if each.breaks or (each.where, each.rule) not in told
            ]
            told |= again
    compatible = mode == "none" or not any(
        reason.breaks and (binding is None or reason.against in binding) for reason in reasons
    )
    return Verdict(mode, compatible, tuple(reasons), tuple(number for number, _, _ in earlier))


def judge(spec: SchemaSpec, earlier: Collection[Ancestor], base: int | None, in_force: Collection[int]) -> Verdict:
    """The verdict on a schema that is to become the next version, by its mode.

    It is compared with its base, and with a transitive mode with every version that was ever in force. A version that
    never was does not bind: what changed against it is told.
    """
    by_number = {each.version: each for each in earlier}
    numbers = [] if base is None else [base]
    if spec.compatibility.endswith("_transitive"):
        numbers += sorted(set(in_force) - {base}, reverse=True)
    sides = [(number, *_sides(by_number, number, base, spec)) for number in numbers if number in by_number]
    return verdict(spec.compatibility, Side(spec), sides, binding=in_force)


def path_from(earlier: Mapping[int, Ancestor], number: int, base: int | None) -> list[SchemaSpec]:
    """The versions from the one after `number` to a base, the oldest first, by which what `number` wrote is read."""
    path: list[SchemaSpec] = []
    at = base
    while at is not None and at > number and at in earlier and earlier[at].restores != number:
        path.append(earlier[at].spec)
        at = earlier[at].base
    return path[::-1]


def _sides(by_number: dict[int, Ancestor], number: int, base: int | None, newest: SchemaSpec) -> tuple[Side, Side]:
    found = by_number[number]
    itself = Side(found.spec, f"version {number}", found.annotations)
    steps = path_from(by_number, number, base)
    if not steps:
        return itself, itself
    spec, annotations = carried(found.spec, found.annotations, steps, newest)
    return Side(spec, f"version {number}", annotations), itself
