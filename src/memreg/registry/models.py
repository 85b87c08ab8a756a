"""The registry's values: schemas, classes, columns, annotations and versions, all immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from memreg.registry.lineage import Lineage

Operation = Literal["upsert", "delete"]
Strength = Literal["strong", "shared"]


class Kind(StrEnum):
    """What one value of a column is."""

    STRING = "string"
    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    ENUM = "enum"
    REF = "ref"


class OnDelete(StrEnum):
    """What becomes of a reference when the memory that it refers to is deleted."""

    KEEP = "keep"
    CLEAR = "clear"
    REFUSE = "refuse"
    CASCADE = "cascade"


class Otherwise(Enum):
    """What is no value: a value that does not fit is refused, and its row does not convert."""

    REFUSE = "refuse"


REFUSE: Final = Otherwise.REFUSE


class Merge(StrEnum):
    """How an UPDATE joins a new value with the old one."""

    REPLACE = "replace"
    UNION = "union"
    KEEP = "keep"
    MIN = "min"
    MAX = "max"
    APPEND = "append"


class Status(StrEnum):
    """Where a schema version stands."""

    DRAFT = "draft"
    PENDING = "pending"
    APPROVED = "approved"
    ACTIVE = "active"
    RETIRED = "retired"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Dtype:
    """The type of a column: one kind, or a list of that kind; of a reference, also the class that it refers to."""

    kind: Kind
    is_list: bool = False
    target: str | None = None

    def __str__(self) -> str:
        inner = f"ref[{self.target}]" if self.target else str(self.kind)
        return f"list[{inner}]" if self.is_list else inner


@dataclass(frozen=True, slots=True)
class Normalizer:
    """One step of normalisation: trim, casefold, collapse, nfkc, email, phone, url or digits; `region` is phone's
    default."""

    name: str
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What the values of a column are made of: the `from:` of a schema file. Columns are those of the base's class.

    One column, or several that are joined by `join`. Of the text of one column, split at `split`, `part` is taken (1 is
    the first, -1 the last; with `rest`, also all after it). `map`: old values to new ones. `cast`: a named conversion.
    `otherwise`: what takes the place of a value that does not fit; None leaves it out, REFUSE keeps the row from
    converting. No columns at all: a new column, although the base has one of its name. `at`: line and column in a file.
    """

    columns: tuple[str, ...]
    split: str | None = None
    part: int | None = None
    rest: bool = False
    join: str | None = None
    map: tuple[tuple[str, Any], ...] = ()
    cast: str | None = None
    otherwise: Any = REFUSE
    at: tuple[int, int] = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True)
class Column:
    """A field of a class. `source`: what it is made of in memories of older versions, where that is not the column of
    the same name; `default`: its value where a new memory has none."""

    name: str
    dtype: Dtype
    desc: str = ""
    values: tuple[str, ...] = ()
    required: bool = False
    pii: bool = False
    normalize: tuple[Normalizer, ...] = ()
    merge: Merge = Merge.REPLACE
    examples: tuple[object, ...] = ()
    source: Source | None = None
    default: Any = None
    on_delete: OnDelete = OnDelete.KEEP

    @cached_property
    def is_reference(self) -> bool:
        """Whether it refers to memories."""
        return self.dtype.kind is Kind.REF

    @cached_property
    def is_text(self) -> bool:
        """Whether its values, or the items of these, are any text."""
        return self.dtype.kind in (Kind.STRING, Kind.TEXT)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A sentence with `{column}` places that the patterns extractor reads."""

    text: str
    operation: Operation = "upsert"


@dataclass(frozen=True)
class IdentityKey:
    """Columns that together identify an object. Strong: unique among live memories; shared: also needs an equal
    name token. `since`: the version that made it anew, where an earlier one had another key of the same columns."""

    columns: tuple[str, ...]
    strength: Strength = "strong"
    confidence: float = 1.0
    rationale: str = ""
    since: int = field(default=0, compare=False)

    @cached_property
    def name(self) -> str:
        """The columns joined by `+`, in declared order."""
        return "+".join(self.columns)

    @cached_property
    def held_as(self) -> str:
        """The name that memories hold it under: with the version that made it anew, so that it never meets digests of
        another meaning."""
        return f"{self.name}@{self.since}" if self.since else self.name


@dataclass(frozen=True)
class ClassAnnotation:
    """Which columns of a class are searched (with boosts in (0, 10]), compared, and identify an object, in
    declared order."""

    searchable: Mapping[str, float] = field(default_factory=dict)
    compare: tuple[str, ...] = ()
    identity: tuple[IdentityKey, ...] = ()
    confidence: float = 1.0
    rationale: str = ""
    source: str = "declared"

    @cached_property
    def name_columns(self) -> tuple[str, ...]:
        """The searchable columns of the highest boost that no key is made of alone: where a shared key looks for
        an equal token."""
        alone = {key.columns[0] for key in self.identity if len(key.columns) == 1}
        boosts = {column: boost for column, boost in self.searchable.items() if column not in alone}
        highest = max(boosts.values(), default=0.0)
        return tuple(column for column, boost in boosts.items() if boost == highest)

    @cached_property
    def identity_columns(self) -> frozenset[str]:
        """Every column of every key."""
        return frozenset(column for key in self.identity for column in key.columns)


_NO_ANNOTATION = ClassAnnotation()


@dataclass(frozen=True)
class ClassSpec:
    """A typed record kind as registered. `declared` is the annotation its author wrote, if any; `source` the class of
    the base that it was until now, under another name; `aliases`: other names under which proposals may arrive; `at`:
    line and column of `source` in a file."""

    name: str
    columns: tuple[Column, ...]
    description: str = ""
    patterns: tuple[Pattern, ...] = ()
    declared: ClassAnnotation | None = None
    source: str | None = None
    aliases: tuple[str, ...] = ()
    at: tuple[int, int] = field(default=(0, 0), compare=False, repr=False)

    @cached_property
    def by_name(self) -> Mapping[str, Column]:
        """The columns by name."""
        return {column.name: column for column in self.columns}

    @cached_property
    def references(self) -> tuple[Column, ...]:
        """The columns that refer to memories."""
        return tuple(column for column in self.columns if column.is_reference)

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The columns without which there is no memory: those that must have a value, and have no default."""
        return tuple(column.name for column in self.columns if column.required and column.default is None)

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """The values of a new memory where nothing is said, by column."""
        return {column.name: column.default for column in self.columns if column.default is not None}


@dataclass(frozen=True)
class SchemaSpec:
    """A named set of classes as registered. `models` names the Pydantic class (`module:Class`) of a class that
    came from one."""

    name: str
    classes: tuple[ClassSpec, ...]
    compatibility: str = "backward"
    models: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def by_name(self) -> Mapping[str, ClassSpec]:
        """The classes by name."""
        return {spec.name: spec for spec in self.classes}

    @cached_property
    def referring(self) -> Mapping[str, tuple[tuple[str, Column], ...]]:
        """Who refers to a class: the classes with their columns, by the name of the class referred to."""
        found: dict[str, tuple[tuple[str, Column], ...]] = {}
        for spec in self.classes:
            for column in spec.references:
                target = column.dtype.target or ""
                found[target] = (*found.get(target, ()), (spec.name, column))
        return found


@dataclass(frozen=True)
class SchemaVersion:
    """A version of a schema with the annotation in force (`annotation` is its ordinal, 0 when it has none yet).

    `base`: the version that its `from:` speak of; `restores`: an earlier one that has the same content, which it brings
    back; `lineage`: how memories of earlier versions are read under it.
    """

    spec: SchemaSpec
    version: int
    status: Status
    fingerprint: str
    annotations: Mapping[str, ClassAnnotation] = field(default_factory=dict)
    annotation: int = 0
    base: int | None = None
    restores: int | None = None
    lineage: Lineage | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The schema's name."""
        return self.spec.name

    def annotation_of(self, class_name: str) -> ClassAnnotation:
        """The annotation of a class; empty when it has none."""
        return self.annotations.get(class_name, _NO_ANNOTATION)

    @cached_property
    def held_keys(self) -> frozenset[tuple[str, str]]:
        """Every class and name under which memories hold identity keys of this version."""
        return frozenset((name, key.held_as) for name, each in self.annotations.items() for key in each.identity)

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"
