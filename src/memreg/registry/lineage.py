"""How memories of earlier versions are read under a newer one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from memreg.registry.models import ClassAnnotation, SchemaSpec
from memreg.registry.normalize import ValueRefused, normalize


@dataclass(frozen=True)
class Ancestor:
    """A version of the schema, with the number of the version that its `from:` speak of."""

    spec: SchemaSpec
    version: int
    base: int | None = None
    restores: int | None = None
    annotations: Mapping[str, ClassAnnotation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """A column whose value does not fit the newer version, and why."""

    column: str
    reason: str


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


class Lineage:
    """The versions that lead to a newest one."""

    def __init__(self, newest: Ancestor, earlier: Iterable[Ancestor]) -> None:
        self.newest = newest
        self.earlier = tuple(earlier)

    def upcast(
        self, class_name: str, version: int, payload: Mapping[str, Any], originals: Mapping[str, Any]
    ) -> Upcast:
        """The memory as the newest version has it."""
        if version == self.newest.version:
            return Upcast(class_name, dict(payload), dict(originals))
        spec = self.newest.spec.by_name.get(class_name)
        if spec is None:
            return Upcast(None, dict(payload), dict(originals))
        values, problems = {}, []
        for name, value in payload.items():
            if name not in spec.by_name or value is None:
                continue
            try:
                values[name] = normalize(spec.by_name[name], value).value
            except ValueRefused as refused:
                problems.append(Problem(name, f"{spec.name}.{name}: {refused}"))
        return Upcast(class_name, values, {n: v for n, v in originals.items() if n in values}, tuple(problems))

    def class_now(self, class_name: str, version: int) -> str | None:
        """The newest name of a class stored under a version."""
        return class_name if class_name in self.newest.spec.by_name else None

    def places(self, class_name: str) -> tuple[Place, ...]:
        """Where the memories of a class are."""
        return (Place(class_name, 1, self.newest.version),)
