"""The laws of compatibility, tried on one schema and two changes of it, as often as wanted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

from bench.schemas_that_change import changed, payload, schema
from memreg.registry.compatibility import Reason, can_read, judge, verdict
from memreg.registry.lineage import Ancestor, Lineage
from memreg.registry.models import ClassSpec, Kind, SchemaSpec
from memreg.registry.reading import Side

REFLEXIVE = "a schema reads itself, in either direction, and nothing is to be said of it"
MIRRORED = "BACKWARD(a, b) = FORWARD(b, a): what breaks and what is told is the same, whichever came later"
FULL = "FULL is BACKWARD and FORWARD"
NONE = "with the mode none everything is allowed, and what breaks is told all the same"
SYMMETRIC = "a changed identity breaks in both directions, unless a `from:` of one side carries the key over"
READABLE = "what is called readable is read: no value is refused, and no required one is missing"
TRANSITIVE = "what a transitive mode allows, its plain mode allows"
_MEMORIES = 4
_HINT = "looks_renamed"
"""Advice to whoever writes the later version: the one thing that is only told in one direction."""


class Laws:
    """What came of the attempts: `broken` by law, and counts."""

    def __init__(self) -> None:
        laws = (REFLEXIVE, MIRRORED, FULL, NONE, SYMMETRIC, READABLE, TRANSITIVE)
        self.broken: dict[str, list[str]] = {law: [] for law in laws}
        self.heard: Counter[str] = Counter()
        self.pairs = self.compatible = self.read = 0

    def attempt(self, chance: random.Random) -> None:
        """Try every law on a schema and two changes of it, one after the other."""
        first = schema(chance)
        second = changed(chance, first)
        third = changed(chance, second)
        for each in (first, second, third):
            self._hold(REFLEXIVE, not can_read(each, each) and not can_read(each, each, "writer"), each)
        for old, new in ((first, second), (second, third), (first, third)):
            self._pair(old, new)
        self._readable(chance, [first], second)
        self._readable(chance, [first, second], third)
        self._transitive(first, second, third)

    def _pair(self, old: SchemaSpec, new: SchemaSpec) -> None:
        self.pairs += 1
        backward = can_read(new, old, "reader")
        self.heard.update(reason.rule for reason in backward)
        self.compatible += not any(reason.breaks for reason in backward)
        # The old one comes later now, and the new one is read by it: the same reading, told the other way.
        mirrored = can_read(new, old, "writer")
        self._hold(MIRRORED, _content(backward) == _content(mirrored), old, new)
        one = verdict("backward", Side(new), [(1, Side(old), Side(old))])
        other = verdict("forward", Side(old), [(1, Side(new), Side(new))])
        self._hold(MIRRORED, one.compatible == other.compatible, old, new)
        forward = verdict("forward", Side(new), [(1, Side(old), Side(old))])
        full = verdict("full", Side(new), [(1, Side(old), Side(old))])
        self._hold(FULL, full.compatible == (one.compatible and forward.compatible), old, new)
        free = verdict("none", Side(new), [(1, Side(old), Side(old))])
        self._hold(NONE, free.compatible and free.breaking == one.breaking, old, new)
        made = {
            name for spec in (old, new) for each in spec.classes if _is_made(each) for name in (each.name, each.source)
        }
        keys, again = (
            {each.where for each in reasons if each.rule == "identity"} - made
            for reasons in (backward, can_read(old, new))
        )
        self._hold(SYMMETRIC, keys == again, old, new)

    def _readable(self, chance: random.Random, earlier: list[SchemaSpec], new: SchemaSpec) -> None:
        """Memories of the first of some versions under a later one, where the mode says that it reads them all."""
        known = [Ancestor(spec, number, base=number - 1 or None) for number, spec in enumerate(earlier, 1)]
        newest = Ancestor(new, len(known) + 1, base=len(known))
        numbers = [each.version for each in known]
        if not judge(_moded(new, "backward_transitive"), known, len(known), numbers).compatible:
            return
        lineage = Lineage(newest, known)
        for spec in earlier[0].classes:
            if lineage.class_now(spec.name, 1) is None and len(earlier) > 1:
                continue  # removed on the way, and told by the version that removed it
            for _ in range(_MEMORIES):
                values = payload(chance, spec)
                found = lineage.upcast(spec.name, 1, values, {})
                self.read += 1
                now = new.by_name.get(found.class_name or "")
                lacks = [
                    each.name
                    for each in (now.columns if now else ())
                    if each.required and each.name not in found.payload and each.dtype.kind is not Kind.REF
                ]
                if found.problems and len(earlier) > 1:
                    continue  # it does not fit a version between, as was told when that one was registered
                self._hold(
                    READABLE, not found.problems and now is not None and not lacks, earlier, new, values, found, lacks
                )

    def _transitive(self, first: SchemaSpec, second: SchemaSpec, third: SchemaSpec) -> None:
        earlier = [Ancestor(first, 1), Ancestor(second, 2, base=1)]
        for mode in ("backward", "forward", "full"):
            plain = judge(_moded(third, mode), earlier, 2, (1, 2))
            every = judge(_moded(third, f"{mode}_transitive"), earlier, 2, (1, 2))
            holds = plain.against == (2,) and every.against == (2, 1) and every.compatible <= plain.compatible
            self._hold(TRANSITIVE, holds, first, second, third)

    def _hold(self, law: str, holds: bool, *facts: object) -> None:
        if not holds:
            self.broken[law].append(" | ".join(map(str, facts)))


def _content(reasons: Iterable[Reason]) -> set[tuple[str, str, bool]]:
    return {(each.where, each.rule, each.breaks) for each in reasons if each.rule != _HINT}


def _is_made(spec: ClassSpec) -> bool:
    return spec.source is not None or any(column.source is not None for column in spec.columns)


def _moded(spec: SchemaSpec, mode: str) -> SchemaSpec:
    return SchemaSpec(spec.name, spec.classes, mode)
