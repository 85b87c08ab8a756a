"""The heuristic annotator: offline, deterministic, by dtypes, names and formats, with an honest confidence."""

from __future__ import annotations

from collections.abc import Sequence

from memreg.annotator.check import is_compared, is_searchable
from memreg.annotator.keys import (
    Place,
    find_key,
    is_reference,
    place_of,
    points_elsewhere,
)
from memreg.annotator.model import Annotated
from memreg.annotator.words import NAMES, NOTES, TAGS
from memreg.registry.models import (
    ClassAnnotation,
    ClassSpec,
    Column,
    IdentityKey,
    Kind,
    SchemaSpec,
)

SOURCE = "heuristic"
NAME, SHORT, LONG = 3.0, 2.0, 1.0

# How sure a class's annotation can be. A wrong key merges what it must not, so the least sure key bounds it.
WITH_NAME, WITH_TEXT, WITHOUT_TEXT = 0.85, 0.6, 0.3
WITHOUT_KEY = 0.6


def annotate(spec: SchemaSpec) -> Annotated:
    """The annotation of every class of a schema, by rules alone: pure, the same every time, never fails."""
    return Annotated(
        {each.name: annotate_class(each, spec.classes) for each in spec.classes},
        source=SOURCE,
    )


def annotate_class(spec: ClassSpec, all_classes: Sequence[ClassSpec] = ()) -> ClassAnnotation:
    """The annotation of one class; `all_classes` of its schema tell which columns name an object of another class."""
    places = [place_of(spec, column, all_classes) for column in spec.columns]
    keys = [key for place in places if (key := find_key(place)) is not None]
    alone = {key.columns[0] for key in keys}
    rest = [place for place in places if place.column.name not in alone and not is_reference(place)]
    searchable = {place.column.name: boost_of(place) for place in rest if is_searchable(place.column)}
    # To whom an object belongs says little about which one it is, unless somebody declares that it does.
    compared = (place.column for place in rest if place.column.dtype.kind is not Kind.REF)
    compare = tuple(column.name for column in compared if is_compared(column))
    if not searchable:  # a shared key needs a name beside it
        keys = [key for key in keys if key.strength == "strong"]
    identity = tuple(sorted(keys, key=lambda key: (key.strength != "strong", -key.confidence)))
    return ClassAnnotation(
        searchable=searchable,
        compare=compare,
        identity=identity,
        confidence=confidence_of(searchable, identity),
        rationale=rationale_of(searchable, compare, identity),
        source=SOURCE,
    )


def boost_of(place: Place) -> float:
    """How much a column's words tell: names and titles 3, enums, tags and short strings 2, notes and long texts 1."""
    column: Column = place.column
    tail = place.name[-1] if place.name else ""
    if column.dtype.kind is Kind.ENUM:
        return SHORT
    if column.dtype.is_list:
        return SHORT if column.dtype.kind is Kind.STRING else LONG
    if tail in NOTES:
        return LONG
    if tail in NAMES and tail not in TAGS - NAMES:
        return LONG if points_elsewhere(place) else NAME
    if column.dtype.kind is Kind.TEXT or points_elsewhere(place):
        return LONG
    return SHORT


def confidence_of(searchable: dict[str, float], identity: Sequence[IdentityKey]) -> float:
    """How sure a class's annotation is: no surer than its text allows, nor than its least sure key."""
    boosts = searchable.values()
    by_text = WITH_NAME if NAME in boosts else WITH_TEXT if boosts else WITHOUT_TEXT
    by_keys = min((key.confidence for key in identity), default=WITHOUT_KEY)
    return min(by_text, by_keys)


def rationale_of(
    searchable: dict[str, float],
    compare: Sequence[str],
    identity: Sequence[IdentityKey],
) -> str:
    """The annotation in one sentence."""
    parts = []
    if searchable:
        parts.append("searches " + ", ".join(f"{name} ({boost:g})" for name, boost in searchable.items()))
    else:
        parts.append("finds no text to search")
    if compare:
        parts.append("compares " + ", ".join(compare))
    if identity:
        parts.append("identifies by " + ", ".join(f"{key.name} ({key.strength})" for key in identity))
    else:
        parts.append("finds no column that surely identifies, so none is a key")
    return "By name and type: " + "; ".join(parts) + "."
