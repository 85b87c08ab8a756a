"""Two schemas of which one reads what was written under the other: their classes and columns in pairs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeVar

from memreg.registry.before import class_after, class_before, is_plain, source_before
from memreg.registry.models import ClassAnnotation, ClassSpec, Column, IdentityKey, SchemaSpec, SchemaVersion, Source

Newer = Literal["reader", "writer"]
Fact = TypeVar("Fact")


@dataclass(frozen=True)
class Side:
    """A schema with the annotations in force (of a file: those that it declares), and what a reason calls it."""

    spec: SchemaSpec
    name: str = "the new version"
    annotations: Mapping[str, ClassAnnotation] = field(default_factory=dict)

    def annotation(self, spec: ClassSpec) -> ClassAnnotation | None:
        """The annotation of one of its classes; None where it is not known yet."""
        return self.annotations.get(spec.name, spec.declared)


def side_of(version: SchemaVersion) -> Side:
    """A registered version as a side, with its annotations in force, called as `notes@2`."""
    return Side(version.spec, str(version), version.annotations)


@dataclass(frozen=True, slots=True)
class ColumnPair:
    """A column of a class that both sides have. `reader` None: nothing reads it; `writer` None: nothing was written.

    `source`: what the reader makes it of, in columns of the writer (`made_of`); `writer` is the first of them.
    """

    reader: Column | None
    writer: Column | None
    source: Source | None = None
    made_of: tuple[Column, ...] = ()

    @property
    def name(self) -> str:
        """The name that the reader has for it, else the writer's."""
        return self.reader.name if self.reader else self.writer.name if self.writer else ""

    @property
    def is_plain(self) -> bool:
        """Whether the values are read as they were written, under this name or another."""
        return self.source is not None and is_plain(self.source)

    @property
    def may_lack(self) -> bool:
        """Whether something may have been written without a value of it."""
        whole = self.source is None or (self.source.split is None and self.source.otherwise is not None)
        return not (whole and any(column.required for column in self.made_of))


@dataclass(frozen=True)
class ClassPair:
    """A class that the reader reads what the writer wrote of, with its columns: the reader's in order, then those that
    it does not read."""

    reader: ClassSpec
    writer: ClassSpec

    @cached_property
    def columns(self) -> tuple[ColumnPair, ...]:
        """The columns of both sides in pairs."""
        pairs: list[ColumnPair] = []
        used: set[str] = set()
        for column in self.reader.columns:
            source = source_before(column, self.writer)
            made_of = (
                [self.writer.by_name[name] for name in source.columns if name in self.writer.by_name] if source else []
            )
            is_new = source is not None and not source.columns
            if not made_of and not is_new and column.name in self.writer.by_name:
                source, made_of = Source((column.name,)), [self.writer.by_name[column.name]]
            used.update(each.name for each in made_of)
            pairs.append(
                ColumnPair(column, made_of[0], source, tuple(made_of)) if made_of else ColumnPair(column, None)
            )
        left = [ColumnPair(None, column) for column in self.writer.columns if column.name not in used]
        return (*pairs, *left)

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What the reader calls the writer's columns that it reads as they are."""
        return {
            pair.writer.name: pair.reader.name for pair in self.columns if pair.is_plain and pair.reader and pair.writer
        }

    @cached_property
    def shared(self) -> frozenset[str]:
        """The columns that are read and were written, by the reader's names."""
        return frozenset(pair.name for pair in self.columns if pair.reader and pair.writer)

    def same_key(self, key: IdentityKey) -> tuple[str | None, ...]:
        """The columns of a key of the writer by the reader's names; None for one that it does not read as it is."""
        return tuple(self.names.get(column) for column in key.columns)


@dataclass(frozen=True)
class Reading:
    """What the reader makes of what the writer wrote. `newer`: which of the two came later; a reason is told as the
    change from the older to the newer."""

    reader: Side
    writer: Side
    newer: Newer = "reader"

    def change(self, where_reader_has: str, where_writer_has: str) -> str:
        """The first word where the reader is the newer side, else the second."""
        return where_reader_has if self.newer == "reader" else where_writer_has

    def in_time(self, of_reader: Fact, of_writer: Fact) -> tuple[Fact, Fact]:
        """What holds of the older and of the newer side."""
        return (of_writer, of_reader) if self.newer == "reader" else (of_reader, of_writer)

    @cached_property
    def classes(self) -> tuple[ClassPair, ...]:
        """The classes that the reader reads, in its order."""
        return tuple(self._pairs())

    @cached_property
    def unread(self) -> tuple[ClassSpec, ...]:
        """The classes of the writer that no class of the reader takes over."""
        read = {pair.writer.name for pair in self.classes}
        return tuple(spec for spec in self.writer.spec.classes if spec.name not in read)

    @cached_property
    def unwritten(self) -> tuple[ClassSpec, ...]:
        """The classes of the reader of which the writer wrote nothing."""
        paired = {pair.reader.name for pair in self.classes}
        return tuple(spec for spec in self.reader.spec.classes if spec.name not in paired)

    @cached_property
    def class_names(self) -> Mapping[str, str]:
        """What the reader calls the writer's classes that it reads."""
        return {pair.writer.name: pair.reader.name for pair in self.classes}

    def columns(self) -> Iterator[tuple[ClassPair, ColumnPair]]:
        """Every column of every class that is read."""
        for each in self.classes:
            for column in each.columns:
                yield each, column

    def both(self) -> Iterator[tuple[str, ColumnPair, Column, Column]]:
        """Every column that is read and was written: where it is, the pair, the reader's and the writer's column."""
        for each, pair in self.columns():
            if pair.reader is not None and pair.writer is not None:
                yield f"{each.reader.name}.{pair.name}", pair, pair.reader, pair.writer

    def _pairs(self) -> Iterator[ClassPair]:
        for spec in self.reader.spec.classes:
            before = class_before(spec, self.writer.spec)
            if before is None:
                continue
            after = class_after(before.name, self.writer.spec, self.reader.spec)
            if after is not None and after.name == spec.name:
                yield ClassPair(spec, before)
