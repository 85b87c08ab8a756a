"""One step of an upcast: a memory of a class, from one version to the next one. Compiled once, run for every memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from memreg.registry.before import source_before
from memreg.registry.models import REFUSE, ClassSpec, Column, Source
from memreg.registry.normalize import ValueRefused
from memreg.registry.upcast_column import Making, making

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """A column whose value does not fit the newer version, and why; the reason shows no value of a `pii` column."""

    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    """From `before` to `after`: `moves` are columns that go over as they are, by their old names; `defaults` are given
    where nothing else gave a value."""

    before: ClassSpec
    after: ClassSpec
    version: int
    moves: Mapping[str, str]
    makings: tuple[Making, ...]
    defaults: tuple[tuple[str, Any], ...]

    @property
    def changes_payload(self) -> bool:
        """Whether a memory may look different afterwards."""
        if self.makings or self.defaults or self.before.name != self.after.name:
            return True
        return len(self.moves) < len(self.before.columns) or any(old != new for old, new in self.moves.items())

    @property
    def can_fail(self) -> bool:
        """Whether a memory may have a value that does not fit."""
        return any(each.can_fail for each in self.makings)

    def renamed(self, name: str) -> tuple[str, ...]:
        """The columns that are the one of a name, as it is or in another type."""
        moved = (self.moves[name],) if name in self.moves else ()
        return (*moved, *(each.column.name for each in self.makings if each.original == name))

    def carried_to(self, spec: ClassSpec) -> ClassSpec:
        """The class afterwards, in which what is made of a personal column is personal: a reason for a later step must
        not show it either. The very same where nothing is."""
        personal = {new for old, new in self.moves.items() if self.before.by_name[old].pii}
        personal |= {each.column.name for each in self.makings if each.column.pii}
        if all(spec.by_name[name].pii for name in personal):
            return spec
        return replace(spec, columns=tuple(replace(c, pii=c.pii or c.name in personal) for c in spec.columns))

    def run(
        self, payload: Mapping[str, Any], originals: Mapping[str, Any], problems: list[Problem]
    ) -> tuple[Payload, Payload]:
        """The payload and the originals afterwards; what does not fit is left out and told in `problems`."""
        moves = self.moves
        made: Payload = {}
        for name, value in payload.items():
            new = moves.get(name)
            if new is not None and value is not None:
                made[new] = value
        said = {moves[name]: text for name, text in originals.items() if name in moves} if originals else {}
        failed: set[str] = set()
        for each in self.makings:
            name = each.column.name
            try:
                value = each.make(payload)
            except ValueRefused as refused:
                otherwise = each.source.otherwise
                if otherwise is REFUSE:
                    problems.append(Problem(name, self._reason(each, refused)))
                    failed.add(name)
                    continue
                value = _copied(otherwise)
            else:
                if value is not None and each.original is not None and each.original in originals:
                    said[name] = originals[each.original]
            if value is not None:
                made[name] = value
        for name, default in self.defaults:
            if name not in made and name not in failed:
                made[name] = _copied(default)
        return made, said

    def raw(self, values: Mapping[str, Any]) -> Payload:
        """The values of a proposal under the names of the newer version; what they are is not looked at."""
        made: Payload = {}
        used: set[str] = set()
        for name, value in values.items():
            if name in self.moves:
                used.add(name)
                if value is not None:
                    made[self.moves[name]] = value
        for each in self.makings:
            used.update(each.source.columns)
            value = each.raw(self.before, values)
            if value is not None:
                made[each.column.name] = value
        for name, value in values.items():
            # Unknown then or gone since: the validator is to say so, unless the name means another thing now.
            if name not in used and (name not in self.before.by_name or name not in self.after.by_name):
                made.setdefault(name, value)
        return made

    def _reason(self, each: Making, refused: ValueRefused) -> str:
        made_of = [name for name in each.source.columns if name != each.column.name]
        return f"{refused.reason}, as made of {' and '.join(made_of)}" if made_of else refused.reason


def step(before: ClassSpec, after: ClassSpec, version: int, *, literal: bool = False, by_name: bool = False) -> Step:
    """The step of a class to a version. `literal`: a `from:` that stands in both is done again; `by_name`: none is done
    and no default is given, since both are of the same content."""
    moves: dict[str, str] = {}
    if before.columns == after.columns and not literal:
        return Step(before, after, version, {name: name for name in after.by_name}, (), ())
    makings: list[Making] = []
    defaults: list[tuple[str, Any]] = []
    for column in after.columns:
        if by_name:
            source = Source((column.name,)) if column.name in before.by_name else None
        else:
            source = source_before(column, before, literal=literal)
        if source is not None:
            made = making(column, source, before)
            if made is None and source.columns[0] in moves:
                made = _copy(column, source)
            if made is None:
                moves[source.columns[0]] = column.name
            else:
                makings.append(made)
        same = before.by_name.get(source.columns[0]) if source is not None and source.columns else None
        if column.default is not None and not by_name and (same is None or same.default != column.default):
            defaults.append((column.name, column.default))
    return Step(before, after, version, moves, tuple(makings), tuple(defaults))


def _copy(column: Column, source: Source) -> Making:
    name = source.columns[0]
    return Making(column, source, lambda values: _copied(values.get(name)), False, name)


def _copied(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value
