"""What memories said: every value that they ever had, and which of them are looked for in the texts of others. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from memreg.engine.codes import is_code
from memreg.engine.record import NAME_BOOST
from memreg.engine.references import naming_column
from memreg.engine.text import tokens
from memreg.operations.masking import texts_in
from memreg.registry.coerce import is_id
from memreg.registry.models import Column, Kind, SchemaVersion

LEAST_WORDS = 3
"""From so many words on, a text is looked for although it is in no column that tells who somebody is."""
LEAST_DIGITS = 6
MOST_NAMES = 4
LEAST_NAME, LEAST_NUMBER = 3, 5
"""How many letters and digits, or digits alone, tell who somebody is: a number of two digits is in every text."""

Place = tuple[str, str]
"""A class, as it is called now, and a column."""
_UNTOLD = frozenset({Kind.BOOLEAN, Kind.REF})
_PLAIN = frozenset({Kind.STRING, Kind.TEXT})


@dataclass
class Said:
    """The texts that memories said, by place. `identifying`: those of columns that tell who or what it is: identity
    keys, names, columns marked `pii`. `telling`: those that are long enough to be about nobody else.
    `spelled`: what texts are other words for."""

    identifying: dict[str, set[Place]] = field(default_factory=dict)
    telling: dict[str, set[Place]] = field(default_factory=dict)
    spelled: dict[str, set[str]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)

    def take(self, values: Any, class_name: str, version: SchemaVersion, now: str) -> None:
        """Take in values of a class under a version; `now`: what the class is called now."""
        if not isinstance(values, Mapping):
            return
        spec = version.spec.by_name.get(class_name)
        columns = {} if spec is None else spec.by_name
        identifying = _identifying(version, class_name)
        for name, value in values.items():
            column = columns.get(name)
            for text in _texts(value):
                self.tokens.update(tokens(text))
                if is_id(text) or (column is not None and column.dtype.kind in _UNTOLD):
                    continue
                place = now, name
                if name in identifying and tells_who(text):
                    self.identifying.setdefault(text, set()).add(place)
                    for spelling in spellings(text, column):
                        self.spelled.setdefault(spelling, set()).add(text)
                        self.identifying.setdefault(spelling, set()).add(place)
                elif _is_plain(column) and is_telling(text):
                    self.telling.setdefault(text, set()).add(place)

    @property
    def texts(self) -> list[str]:
        """All that may be looked for."""
        return [*self.identifying, *self.telling]

    def places_of(self, text: str) -> set[Place]:
        """The columns that had a text."""
        return self.identifying.get(text, set()) | self.telling.get(text, set())

    def without(self, shared: Iterable[str]) -> list[str]:
        """The texts that are looked for, without those that others have too, and other words for these."""
        out = set(shared)
        return [text for text in self.texts if text not in out and not (self.spelled.get(text, set()) & out)]


def spellings(text: str, column: Column | None) -> Iterator[str]:
    """Other words for an identifying value: a name with the last word first, a phone number without its country."""
    words = text.split()
    if 1 < len(words) <= MOST_NAMES and all(word[0].isalpha() for word in words):
        yield " ".join([words[-1], *words[:-1]])
    region = next((step.region for step in column.normalize if step.name == "phone"), None) if column else None
    if column is not None and any(step.name == "phone" for step in column.normalize):
        yield from _without_country(text, region)


def _without_country(text: str, region: str | None) -> Iterator[str]:
    import phonenumbers  # only where there are phone numbers: it takes long to import

    try:
        national = str(phonenumbers.parse(text, region).national_number)
    except phonenumbers.NumberParseException:
        return
    if len(national) >= LEAST_DIGITS:
        yield national


def tells_who(text: str) -> bool:
    """Whether a value of an identifying column is long enough to be looked for in texts."""
    signs = [character for character in text if character.isalnum()]
    if all(map(str.isdigit, signs)):
        return len(signs) >= LEAST_NUMBER
    return len(signs) >= LEAST_NAME or (bool(signs) and not "".join(signs).isascii())


def is_telling(text: str) -> bool:
    """Whether a text is about one thing alone, most likely: several words, a code, or a long number."""
    words = tokens(text)
    if len(words) >= LEAST_WORDS or any(is_code(word) for word in words):
        return True
    return sum(map(str.isdigit, text)) >= LEAST_DIGITS


def same(one: object, other: str) -> bool:
    """Whether a value is a text, whatever its case, width and spaces."""
    return any(_plain(text) == _plain(other) for text in _texts(one))


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    else:
        yield from texts_in(value)


def _identifying(version: SchemaVersion, class_name: str) -> frozenset[str]:
    """The columns of a class that tell who or what an object is: those marked `pii`, keys, and what it is called by.
    A date or a number that is only part of a key tells it to nobody."""
    spec = version.spec.by_name.get(class_name)
    if spec is None:
        return frozenset()
    annotation = version.annotation_of(class_name)
    found = {column.name for column in spec.columns if column.pii}
    for key in annotation.identity:
        found.update(c for c in key.columns if len(key.columns) == 1 or _is_plain(spec.by_name.get(c)))
    found.update(column for column in annotation.name_columns if annotation.searchable[column] >= NAME_BOOST)
    if (naming := naming_column(spec, annotation)) is not None:
        found.add(naming)
    return frozenset(found)


def _is_plain(column: Column | None) -> bool:
    return column is None or column.dtype.kind in _PLAIN
