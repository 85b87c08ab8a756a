"""What a backfill leads to: a version, and how its identity and its index differ from those of the version in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from memreg.core.queries import Queries
from memreg.core.steps import Row, Steps, fetch_rows
from memreg.engine.identity import KeyValue
from memreg.engine.state import MemoryState, in_form
from memreg.registry import versions
from memreg.registry.lineage import Ancestor, Lineage
from memreg.registry.models import ClassAnnotation, ClassSpec, SchemaVersion

SQL = Queries.load("memreg.operations.backfill", "life.sql", "parts.sql", "index.sql", "collisions.sql", "rewrite.sql")
Lookups = tuple[list[tuple[str, float]], list[str]]
"""Searchable columns with their boosts, and compare columns."""
CHUNK = 500
"""Memories a transaction."""


@dataclass(frozen=True, slots=True)
class Read:
    """A memory in the form of the version, without what does not fit it; `unfit` says what that is, if there is any."""

    state: MemoryState
    unfit: str | None = None


@dataclass(frozen=True)
class Target:
    """The version that memories are taken to, and the one in force (None: no version is)."""

    version: SchemaVersion
    active: SchemaVersion | None
    _found_alike: dict[tuple[str, int], bool] = field(default_factory=dict)

    @property
    def lineage(self) -> Lineage:
        """How memories of earlier versions are read."""
        lineage = self.version.lineage
        return lineage if lineage is not None else Lineage(_as_ancestor(self.version), ())

    @cached_property
    def stored_classes(self) -> list[str]:
        """The names under which memories of its classes may be stored."""
        lineage = self.lineage
        names = {place.class_name for name in self.version.spec.by_name for place in lineage.places(name)}
        return sorted(names | set(self.version.spec.by_name))

    @cached_property
    def held(self) -> frozenset[tuple[str, str]]:
        """Every class and key under which its memories hold digests."""
        return self.version.held_keys

    @cached_property
    def moved(self) -> frozenset[tuple[str, str]]:
        """Those that memories do not hold by what the version in force has made of them."""
        return self.held - (self.active.held_keys if self.active is not None else frozenset())

    @cached_property
    def dropped(self) -> frozenset[tuple[str, str]]:
        """Those of the version in force that it has no more."""
        return (self.active.held_keys if self.active is not None else frozenset()) - self.held

    @cached_property
    def refers(self) -> bool:
        """Whether its memories refer to others, or did in an earlier version."""
        specs = [self.version.spec, *(each.spec for each in self.lineage.earlier)]
        return any(spec.referring for spec in specs)

    def annotation_of(self, class_name: str) -> ClassAnnotation:
        """The annotation of one of its classes."""
        return self.version.annotation_of(class_name)

    def spec_of(self, class_name: str) -> ClassSpec:
        """One of its classes."""
        return self.version.spec.by_name[class_name]

    def is_found_alike(self, class_name: str, version: int) -> bool:
        """Whether memories stored so are found by the same words and candidate keys under it."""
        place = class_name, version
        if place not in self._found_alike:
            self._found_alike[place] = self._finds_alike(class_name, version)
        return self._found_alike[place]

    @cached_property
    def all_found_alike(self) -> bool:
        """Whether that is so for all memories of earlier versions."""
        return all(
            self.is_found_alike(name, each.version)
            for each in self.lineage.earlier
            for name in each.spec.by_name
            if self.lineage.class_now(name, each.version) is not None
        )

    def is_alike(self, class_name: str, version: int) -> bool:
        """Whether all that memories stored so are found by is the same under it, identity keys too."""
        return self.is_found_alike(class_name, version) and not any(
            name == class_name for name, _ in self.moved | self.dropped
        )

    def needs_index(self, class_name: str, version: int) -> bool:
        """Whether memories stored so have to be looked at before it is in force."""
        if self.lineage.class_now(class_name, version) is None:
            return False
        is_current = self.active is not None and version == self.active.version
        return not (is_current and self.is_alike(class_name, version)) or self.lineage.can_fail(class_name, version)

    def needs_rewrite(self, class_name: str, version: int) -> bool:
        """Whether the form of memories stored so is another one; if not, only their number changes."""
        return self.lineage.changes_payload(class_name, version) or not self.is_alike(class_name, version)

    def read(self, row: Row) -> Read | None:
        """A memory in its form; None where its class is gone."""
        read = in_form(row, self.lineage)
        if read.class_name is None:
            return None
        problems = (f"{read.class_name}.{each.column}: {each.reason}" for each in read.problems)
        return Read(MemoryState.from_row(row, self.lineage, read), "; ".join(problems) or None)

    def moved_keys(self, state: MemoryState) -> tuple[KeyValue, ...]:
        """The keys that a memory completes and that only it has."""
        found = state.complete_keys(self.annotation_of(state.class_name))
        return tuple(each for each in found if (state.class_name, each.key.held_as) in self.moved)

    def _finds_alike(self, class_name: str, version: int) -> bool:
        then = next((each for each in self.lineage.earlier if each.version == version), None)
        if then is None or self.lineage.class_now(class_name, version) != class_name:
            return False
        moves = self.lineage.moves(class_name, version)
        before = _lookups(then.annotations.get(class_name, ClassAnnotation()), moves)
        after = _lookups(self.annotation_of(class_name), {name: name for name in moves.values()})
        return before is not None and before == after


def read_target(schema: str, number: int) -> Steps[Target]:
    """The target of a backfill to a version. Raises VersionNotFound, SchemaNotFound."""
    version = yield from versions.load_version(schema, number)
    rows = yield from fetch_rows(SQL["active_version"](schema=schema))
    active = (yield from versions.load_version(schema, rows[0]["version"])) if rows else None
    return Target(version, active)


def _as_ancestor(version: SchemaVersion) -> Ancestor:
    return Ancestor(version.spec, version.version, version.base, version.restores, version.annotations)


def read_dropped(target: Target) -> Steps[list[tuple[str, str]]]:
    """Every class and key under which memories of its classes may hold digests that no version in force has a use for.

    A class that is gone keeps its own: its memories stay as they are.
    """
    found: set[tuple[str, str]] = set()
    for each in target.lineage.earlier:
        version = yield from versions.load_version(target.version.name, each.version)
        found |= {place for place in version.held_keys if target.lineage.class_now(place[0], each.version) is not None}
    return sorted(found - target.held)


def _lookups(annotation: ClassAnnotation, names: Mapping[str, str]) -> Lookups | None:
    """What words and candidate keys are made of; None where a column's values change, which has no name in `names`."""
    alone = {key.columns[0] for key in annotation.identity if len(key.columns) == 1}
    searchable, compare = annotation.searchable, [name for name in annotation.compare if name not in alone]
    if any(name not in names for name in (*searchable, *compare)):
        return None
    return [(names[name], boost) for name, boost in searchable.items()], [names[name] for name in compare]
