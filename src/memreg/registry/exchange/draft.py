"""What an import knows before names, types and keys are settled: classes as their author wrote them, and notes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from memreg.registry.models import Dtype, Normalizer, OnDelete, SchemaSpec
from memreg.registry.yaml_tree import Place

NoteKind = Literal["left out", "changed", "not understood"]


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that an import did not carry over as it was, in one sentence, with its place (from 1, 0: unknown).

    `left out`: nothing of it is in the schema; `changed`: it is there in another form; `not understood`: it could not
    be read at all.
    """

    text: str
    line: int = 0
    column: int = 0
    kind: NoteKind = "left out"


@dataclass(frozen=True, slots=True)
class Imported:
    """A schema read from another format, and everything that is not in it as it was there, in the order of the file."""

    spec: SchemaSpec
    notes: tuple[Note, ...] = ()

    @property
    def not_understood(self) -> tuple[Note, ...]:
        """The notes on what could not be read."""
        return tuple(note for note in self.notes if note.kind == "not understood")


class _NoDefault:
    pass


NO_DEFAULT = _NoDefault()


@dataclass(slots=True)
class DraftRef:
    """That the values of some columns are those of columns of another class."""

    columns: tuple[str, ...]
    target: tuple[str, str]
    target_columns: tuple[str, ...]
    place: Place
    on_delete: OnDelete | None = None


@dataclass(slots=True)
class DraftKey:
    """Columns (as written) that are unique together."""

    columns: tuple[str, ...]
    place: Place
    primary: bool = False


@dataclass(slots=True)
class DraftColumn:
    """A column as written. `wide`: a text of any length, where the format does not tell names from long texts.

    `made`: its value comes from the database (a sequence, an identity, a fresh UUID); `filled`: a default that is
    computed. `dtype` None: what it holds cannot be carried over. `extra`: keys of a schema file as they are given.
    """

    name: str
    place: Place
    dtype: Dtype | None = None
    type_text: str = ""
    wide: bool = False
    desc: str = ""
    values: tuple[str, ...] = ()
    required: bool = False
    default: Any = NO_DEFAULT
    made: str = ""
    filled: str = ""
    normalize: tuple[Normalizer, ...] = ()
    on_delete: OnDelete | None = None
    examples: tuple[Any, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class DraftClass:
    """A class as written; `space` is what stands before its name (a schema, a dataset), `columns` go by folded name."""

    name: str
    place: Place
    space: str = ""
    desc: str = ""
    columns: dict[str, DraftColumn] = field(default_factory=dict)
    keys: list[DraftKey] = field(default_factory=list)
    refs: list[DraftRef] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def column(self, name: str) -> DraftColumn | None:
        """The column of a name, case ignored."""
        return self.columns.get(name.casefold())


@dataclass(slots=True)
class Draft:
    """Classes and notes while a file is read."""

    classes: list[DraftClass] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def left_out(self, place: Place, text: str) -> None:
        """Note what is not carried over."""
        self.notes.append(Note(text, place.line, place.column))

    def changed(self, place: Place, text: str) -> None:
        """Note what is carried over in another form."""
        self.notes.append(Note(text, place.line, place.column, "changed"))

    def not_understood(self, place: Place, text: str) -> None:
        """Note what cannot be read."""
        self.notes.append(Note(text, place.line, place.column, "not understood"))

    def find(self, space: str, name: str) -> DraftClass | None:
        """The class of a name, case ignored; of several with that name the one in the same space, or none."""
        found = [each for each in self.classes if each.name.casefold() == name.casefold()]
        if space or len(found) > 1:
            exact = [each for each in found if each.space.casefold() == space.casefold()]
            if exact:
                return exact[0]
            return found[0] if len(found) == 1 else None
        return found[0] if found else None
