"""How memories of earlier versions are read under a newer one: column by column and step by step. Pure.

Every step is compiled once for a class and a version and kept; running it does what the columns' `from:` say, fits
values to a column whose type or normalizers have changed, and gives defaults. Two steps at once are the same as one
after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from memreg.registry.before import class_after
from memreg.registry.inverse import inverse
from memreg.registry.meant import class_meant
from memreg.registry.models import ClassSpec, SchemaSpec
from memreg.registry.upcast import Problem, Step, step
from memreg.registry.version_path import Ancestor, Hop, Way, hops_to_newest

__all__ = ["Ancestor", "Lineage", "Place", "Problem", "Upcast"]


@dataclass(frozen=True, slots=True)
class Upcast:
    """A memory in the form of the newer version; `class_name` None: its class is gone."""

    class_name: str | None
    payload: dict[str, Any]
    originals: dict[str, Any]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Under which name the memories of a class are stored by the versions from `first` to `last`."""

    class_name: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """The steps of a class from one version to the newest; `class_name` None: some version has it no more."""

    class_name: str | None
    steps: tuple[Step, ...] = ()

    def renamed(self, column: str) -> str | None:
        """What a column is called in the end, where it was only renamed on the way."""
        for each in self.steps:
            names = each.renamed(column)
            if len(names) != 1:
                return None
            column = names[0]
        return column


class Lineage:
    """A version and those before it, whose memories it can read."""

    def __init__(self, newest: Ancestor, earlier: Iterable[Ancestor]) -> None:
        self.newest = newest
        self.earlier = tuple(earlier)
        self._plans: dict[tuple[str, int], _Plan] = {}
        self._former: dict[str, Mapping[str, str]] = {}

    def upcast(self, class_name: str, version: int, payload: Mapping[str, Any], originals: Mapping[str, Any]) -> Upcast:
        """A memory that is stored under a version, as the newest version has it.

        What does not fit is left out and told in `problems`. A memory of the newest version comes back unchanged, and
        one of a class that is gone as it is.
        """
        plan = self._plan(class_name, version)
        if not plan.steps or plan.class_name is None:
            return Upcast(plan.class_name, dict(payload), dict(originals))
        problems: list[Problem] = []
        for each in plan.steps:
            payload, originals = each.run(payload, originals, problems)
        return Upcast(plan.class_name, dict(payload), dict(originals), tuple(problems))

    def translate(self, class_name: str, version: int, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """A proposal that was made under a version, in the words of the newest one; its values are not checked."""
        made_under = self._versions.get(version)
        meant = class_meant(made_under.spec, class_name) if made_under is not None else None
        plan = self._plan(class_name if meant is None else meant.name, version)
        if plan.class_name is None:
            return class_name, dict(values)
        for each in plan.steps:
            values = each.raw(values)
        return plan.class_name, dict(values)

    def class_now(self, class_name: str, version: int) -> str | None:
        """The newest name of a class stored under a version; None where it is gone."""
        return self._plan(class_name, version).class_name

    def places(self, class_name: str) -> tuple[Place, ...]:
        """Under which names memories of a class may be stored, newest first."""
        return self._places.get(class_name, ())

    @cached_property
    def former_classes(self) -> Mapping[str, str]:
        """What classes were called in earlier versions, and what they are called now; names that are in use are not
        told, nor those that several classes had."""
        found: dict[str, set[str]] = {}
        for name, places in self._places.items():
            for place in places:
                found.setdefault(place.class_name, set()).add(name)
        names = self.newest.spec.by_name
        return {old: next(iter(now)) for old, now in found.items() if len(now) == 1 and old not in names}

    def former_columns(self, class_name: str) -> Mapping[str, str]:
        """What columns of a class were called in earlier versions before they were renamed, and are called now."""
        found = self._former.get(class_name)
        if found is None:
            found = self._former[class_name] = self._former_columns(class_name)
        return found

    def changes_payload(self, class_name: str, version: int) -> bool:
        """Whether a memory of the version may look different under the newest one, its class's name included."""
        return bool(self._plan(class_name, version).steps)

    def moves(self, class_name: str, version: int) -> Mapping[str, str]:
        """The columns of a class stored under a version whose values are unchanged in the newest, with their names."""
        plan = self._plan(class_name, version)
        stored = self._versions[version].spec.by_name.get(class_name) if version in self._versions else None
        if plan.class_name is None or stored is None:
            return {}
        names = {column.name: column.name for column in stored.columns}
        for each in plan.steps:
            names = {old: each.moves[name] for old, name in names.items() if name in each.moves}
        return names

    def can_fail(self, class_name: str, version: int) -> bool:
        """Whether a memory of the version may have a value that does not fit."""
        return any(each.can_fail for each in self._plan(class_name, version).steps)

    def steps(self, class_name: str, version: int) -> tuple[Step, ...]:
        """The steps of a memory from a version to the newest one, those that change nothing left out."""
        return self._plan(class_name, version).steps

    @cached_property
    def _versions(self) -> Mapping[int, Ancestor]:
        return {each.version: each for each in (*self.earlier, self.newest)}

    @cached_property
    def _hops(self) -> Mapping[int, Hop]:
        return hops_to_newest(self.newest, self.earlier)

    @cached_property
    def _places(self) -> Mapping[str, tuple[Place, ...]]:
        found: dict[str, list[Place]] = {}
        for number in sorted(self._versions, reverse=True):
            for spec in self._versions[number].spec.classes:
                now = self.class_now(spec.name, number)
                if now is None:
                    continue
                places = found.setdefault(now, [])
                if places and places[-1].class_name == spec.name and not self._is_other(now, spec.name, number, places):
                    places[-1] = Place(spec.name, number, places[-1].last)
                else:
                    places.append(Place(spec.name, number, number))
        return {name: tuple(places) for name, places in found.items()}

    def _former_columns(self, class_name: str) -> Mapping[str, str]:
        spec = self.newest.spec.by_name.get(class_name)
        found: dict[str, set[str]] = {}
        for place in self.places(class_name) if spec is not None else ():
            for number in range(place.first, place.last + 1):
                stored = self._versions[number].spec.by_name.get(place.class_name) if number in self._versions else None
                for column in stored.columns if stored is not None else ():
                    now = self._plan(place.class_name, number).renamed(column.name)
                    if now is not None:
                        found.setdefault(column.name, set()).add(now)
        names = spec.by_name if spec is not None else {}
        return {old: next(iter(now)) for old, now in found.items() if len(now) == 1 and old not in names}

    def _is_other(self, now: str, name: str, number: int, places: list[Place]) -> bool:
        """Whether the name was that of another class in a version between."""
        return any(
            name in self._versions[between].spec.by_name and self.class_now(name, between) != now
            for between in range(number + 1, places[-1].first)
            if between in self._versions
        )

    def _plan(self, class_name: str, version: int) -> _Plan:
        found = self._plans.get((class_name, version))
        return self._compiled(class_name, version) if found is None else found

    def _compiled(self, class_name: str, version: int) -> _Plan:
        """The plan of a class; those of the versions that it comes by are found as well, and known ones are gone on
        with, so that a long line of versions is compiled once."""
        newest = self.newest.version
        spec = self._versions.get(version, self.newest).spec.by_name.get(class_name)
        if spec is None or version >= newest or version not in self._versions:
            return _Plan(None if spec is None else spec.name)
        steps: list[Step] = []
        passed: list[tuple[str, int, int]] = []
        number, is_gone, is_own = version, False, True
        while number != newest:
            if is_own and not is_gone:
                if (spec.name, number) in self._plans:
                    break
                passed.append((spec.name, number, len(steps)))
            hop = self._hops[number]
            number = hop.end
            following = self._again(spec, hop) if is_gone else self._step(spec, hop)
            is_gone = following is None
            if following is not None:
                own = self._versions[number].spec.by_name[following.after.name]
                spec = following.carried_to(own)
                is_own = spec is own
                if following.changes_payload:
                    steps.append(following)
        rest = _Plan(None if is_gone else spec.name) if number == newest else self._plans[spec.name, number]
        for name, at, done in passed:
            found = rest.class_name
            self._plans[name, at] = _Plan(found, () if found is None else (*steps[done:], *rest.steps))
        return self._plans[class_name, version]

    def _step(self, spec: ClassSpec, hop: Hop) -> Step | None:
        """The step of a class on a hop; None where the class ends there."""
        start, end = self._versions[hop.start], self._versions[hop.end]
        if hop.way is Way.SAME:
            same = end.spec.by_name.get(spec.name)
            return None if same is None else step(spec, same, end.version, by_name=True)
        literal = hop.way is Way.BACK or end.restores is not None
        target = self._back(start, end) if hop.way is Way.BACK else end.spec
        after = class_after(spec.name, start.spec, target, literal=literal)
        return None if after is None else step(spec, after, end.version, literal=literal)

    def _again(self, spec: ClassSpec, hop: Hop) -> Step | None:
        """The step of a class that was gone to a version that has its name anew."""
        start, end = self._versions[hop.start], self._versions[hop.end]
        again = end.spec.by_name.get(spec.name)
        if again is None or again.source is not None or spec.name in start.spec.by_name:
            return None
        return step(spec, again, end.version)

    def _back(self, start: Ancestor, end: Ancestor) -> SchemaSpec:
        return inverse(end.spec, start.spec, literal=start.restores is not None)[0]
