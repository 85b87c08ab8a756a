"""What lint says of a schema file, and what its rules look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from memreg.annotator import heuristic
from memreg.registry.models import ClassAnnotation, ClassSpec, Column, SchemaSpec
from memreg.registry.yaml_tree import Branch, Fork, Place, Tree

Severity = Literal["error", "warning", "note"]
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a file that keeps all else as it is: a key of the mapping at a path gets a value, as YAML text."""

    path: Path
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule found: where (1-based line and column), what, and what to write instead.

    `edit` is a change that is safe to make without asking: it loosens nothing and loses nothing.
    """

    code: str
    severity: Severity
    where: str
    text: str
    line: int
    column: int
    edit: Edit | None = None


@dataclass(frozen=True)
class Sight:
    """A schema file as the rules see it; `base`: the schema that it is to follow, where one was given."""

    spec: SchemaSpec
    tree: Tree
    base: SchemaSpec | None = None

    @cached_property
    def annotations(self) -> Mapping[str, ClassAnnotation]:
        """What is searched and what identifies: as declared, else as memreg would propose it by itself."""
        proposed = heuristic.annotate(self.spec).classes
        return {each.name: each.declared or proposed[each.name] for each in self.spec.classes}

    def place(self, *path: str | int) -> Place:
        """Where the part of a path is; where it is not written, where the next bigger part is."""
        tree, place = self.tree, self.tree.place
        for step in path:
            found: Tree | None = None
            if isinstance(tree, Fork):
                for key, value in tree.entries:
                    if key.raw == step:
                        place, found = key.place, value
            elif isinstance(tree, Branch) and isinstance(step, int) and step < len(tree.items):
                found = tree.items[step]
                place = found.place
            if found is None:
                return place
            tree = found
        return place


Found = tuple[str, Path, str, Edit | None]
"""Of which part (as `Person.email`), its path in the file, what is said, and a safe change."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: how grave it is, whether it knows a safe change, and the function that finds; its docstring says what and
    why."""

    look: Callable[[Sight], Iterable[Found]]
    severity: Severity
    fixes: bool = False

    @property
    def code(self) -> str:
        """Its name, as `description-missing`."""
        return self.look.__name__.replace("_", "-")

    @property
    def help(self) -> str:
        """What it says, and why."""
        return " ".join((self.look.__doc__ or "").split())

    def findings(self, sight: Sight) -> Iterable[Finding]:
        """What it finds in a file."""
        for where, path, text, edit in self.look(sight):
            place = sight.place(*path)
            yield Finding(self.code, self.severity, where, text, place.line, place.column, edit)


def rule(severity: Severity, *, fixes: bool = False) -> Callable[[Callable[[Sight], Iterable[Found]]], Rule]:
    """Makes a rule of a function; one without a docstring is refused."""

    def made(look: Callable[[Sight], Iterable[Found]]) -> Rule:
        if not (look.__doc__ or "").strip():
            raise TypeError(f"{look.__name__} has no docstring to tell what it is for")
        return Rule(look, severity, fixes)

    return made


def columns(sight: Sight) -> Iterable[tuple[ClassSpec, Column, Path]]:
    """Every column with its class and its path."""
    for spec in sight.spec.classes:
        for column in spec.columns:
            yield spec, column, ("classes", spec.name, "columns", column.name)
