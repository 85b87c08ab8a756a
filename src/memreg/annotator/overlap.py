"""Classes of a schema that may take the same objects: the same columns, equal identity keys, similar names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations

from memreg.annotator.keys import LINKS, PHONES
from memreg.annotator.words import NOTES, PEOPLE, TAGS, head, vocabulary, words
from memreg.registry.models import ClassAnnotation, ClassSpec, Column, Kind, SchemaSpec

# A third of the columns may well be the same by chance (a name, a town, a note); half of them hardly.
SAME_COLUMNS, SAME_SHARE = 3, 0.5
FEWEST = 2
ALIKE = 0.85

Sign = tuple[str, ...]

_SAME = {
    **dict.fromkeys(PHONES, "phone"),
    **dict.fromkeys(LINKS, "link"),
    **dict.fromkeys(vocabulary("email mail"), "email"),
    **dict.fromkeys(vocabulary("born birthday birthdate dob"), "born"),
    **dict.fromkeys(vocabulary("city town"), "city"),
    **dict.fromkeys(vocabulary("employer company organization organisation org"), "organization"),
}
# Columns of nearly any class: that two classes have them says nothing.
_ANYWHERE = NOTES | TAGS | vocabulary("id uuid guid created updated modified version status")
_FILLERS = vocabulary("full own main primary")


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two classes that a message may as well be about, and why."""

    one: str
    other: str
    reasons: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The overlap in one line, with what to do."""
        return (
            f"{self.one} and {self.other} overlap: {'; '.join(self.reasons)}. One object may end up in both: say in"
            " their descriptions what tells them apart, or make them one class"
        )


def overlaps(spec: SchemaSpec, annotations: Mapping[str, ClassAnnotation]) -> tuple[Overlap, ...]:
    """The pairs of classes that overlap, in the schema's order, each with its reasons.

    Two classes overlap where they share three columns or more that are half of the smaller one's, or two columns and
    an identity key or a name for the same thing. Columns that any class has (an id, notes, tags) do not count.
    """
    found = []
    for one, other in combinations(spec.classes, 2):
        mine, theirs = ({sign: name for name, sign in signs(each).items()} for each in (one, other))
        shared = [name for sign, name in mine.items() if sign in theirs]
        smaller = min(len(mine), len(theirs))
        keys = _equal_keys(one, other, annotations)
        names = _similar_names(one.name, other.name)
        same = len(shared) >= SAME_COLUMNS and len(shared) >= SAME_SHARE * smaller
        if same or (len(shared) >= FEWEST and (keys or names)):
            reasons = [f"{len(shared)} of {smaller} columns are the same ({', '.join(shared)})"]
            reasons += [f"both are identified by {key}" for key in keys]
            reasons += [names] if names else []
            found.append(Overlap(one.name, other.name, tuple(reasons)))
    return tuple(found)


def signs(spec: ClassSpec) -> dict[str, Sign]:
    """What each column holds, by name, however it is called; without those of any class."""
    own = frozenset(words(spec.name))
    held = {column.name: _sign(column, own) for column in spec.columns}
    return {name: sign for name, sign in held.items() if sign and sign[-2] not in _ANYWHERE}


def _sign(column: Column, own: frozenset[str]) -> Sign:
    """The words of a column's name, without those of its class, and what kind of value it has."""
    before, last = head(tuple(word for word in words(column.name) if word not in own) or words(column.name))
    if not last:
        return ()
    kind = "text" if column.dtype.kind in (Kind.STRING, Kind.TEXT, Kind.ENUM) else str(column.dtype.kind)
    return (*(word for word in before if word not in _FILLERS), _SAME.get(last, last), kind)


def _equal_keys(one: ClassSpec, other: ClassSpec, annotations: Mapping[str, ClassAnnotation]) -> list[str]:
    """The keys of one class, by name, that are made of the same columns as one of the other's."""
    theirs = {made_of for _, made_of in _key_signs(other, annotations)}
    return [name for name, made_of in _key_signs(one, annotations) if made_of in theirs]


def _key_signs(spec: ClassSpec, annotations: Mapping[str, ClassAnnotation]) -> list[tuple[str, frozenset[Sign]]]:
    held = signs(spec)
    keys = annotations[spec.name].identity if spec.name in annotations else ()
    return [(key.name, frozenset(held[c] for c in key.columns)) for key in keys if set(key.columns) <= held.keys()]


def _similar_names(one: str, other: str) -> str:
    """Why the names of two classes are similar; empty where they are not."""
    mine, theirs = frozenset(words(one)), frozenset(words(other))
    if mine <= theirs or theirs <= mine:
        return "one name is a part of the other"
    if mine <= PEOPLE and theirs <= PEOPLE:
        return "both names stand for people"
    if SequenceMatcher(None, one.lower(), other.lower()).ratio() >= ALIKE:
        return "the names are nearly the same"
    return ""
