"""Does an annotation fit its class? Every reason why not, in words that a person or a model can act on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from memreg.registry.models import ClassAnnotation, ClassSpec, Column, IdentityKey, Kind

SEARCHABLE = frozenset({Kind.STRING, Kind.TEXT, Kind.ENUM})
COMPARED = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN, Kind.DATE, Kind.DATETIME, Kind.REF})
ALONE_TOO_WEAK = frozenset({Kind.DATE, Kind.DATETIME, Kind.ENUM, Kind.NUMBER})
FEW_VALUES = frozenset({Kind.ENUM, Kind.BOOLEAN})
HIGHEST_BOOST = 10.0


def is_searchable(column: Column) -> bool:
    """Strings, texts, enums and lists of them."""
    return column.dtype.kind in SEARCHABLE


def is_compared(column: Column) -> bool:
    """Single numbers, booleans, dates, datetimes and references."""
    return column.dtype.kind in COMPARED and not column.dtype.is_list


def check(spec: ClassSpec, annotation: ClassAnnotation) -> list[str]:
    """Why an annotation does not fit its class: sentences that name the column; none when it fits."""
    return [reason for rule in RULES for reason in rule(spec, annotation)]


def known_columns(spec: ClassSpec, annotation: ClassAnnotation) -> Iterator[str]:
    """Every column named is a column of the class."""
    places: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("searchable", tuple(annotation.searchable)),
        ("compare", annotation.compare),
        *((f"identity {key.name or '[]'}", key.columns) for key in annotation.identity),
    )
    have = ", ".join(column.name for column in spec.columns)
    for place, names in places:
        for name in dict.fromkeys(names):
            if name not in spec.by_name:
                yield f"{spec.name}: {place} names {name!r}, which is not a column; it has {have}"


def searchable_text(spec: ClassSpec, annotation: ClassAnnotation) -> Iterator[str]:
    """Only text is searchable, and a boost is above 0 and at most 10."""
    for name, boost in annotation.searchable.items():
        column = spec.by_name.get(name)
        if column is not None and not is_searchable(column):
            advice = "compare it instead" if is_compared(column) else "leave it out"
            yield f"{spec.name}: {name!r} is {_a(column)} and cannot be searchable; {advice}"
        if not (math.isfinite(boost) and 0 < boost <= HIGHEST_BOOST):
            yield f"{spec.name}: the boost of {name!r} is {boost:g}; write a number above 0 and at most 10"


def compared_values(spec: ClassSpec, annotation: ClassAnnotation) -> Iterator[str]:
    """Only single numbers, booleans, dates, datetimes and references are compared, each once."""
    for name in dict.fromkeys(annotation.compare):
        column = spec.by_name.get(name)
        if column is not None and not is_compared(column):
            advice = "make it searchable instead" if is_searchable(column) else "leave it out"
            yield f"{spec.name}: {name!r} is {_a(column)} and cannot be compared; {advice}"
        if annotation.compare.count(name) > 1:
            yield f"{spec.name}: compare names {name!r} twice; name it once"


def identity_keys(spec: ClassSpec, annotation: ClassAnnotation) -> Iterator[str]:
    """A key has columns, each once and with one short value; it is strong or shared; no key is given twice."""
    seen: set[frozenset[str]] = set()
    for key in annotation.identity:
        where = f"{spec.name}: the key {key.name!r}"
        if not key.columns:
            yield f"{spec.name}: an identity key has no columns; name at least one or leave the key out"
        if len(set(key.columns)) < len(key.columns):
            yield f"{where} names a column twice; name it once"
        if frozenset(key.columns) in seen:
            yield f"{where} is given twice; give it once"
        seen.add(frozenset(key.columns))
        if key.strength not in ("strong", "shared"):
            yield f"{where} has the strength {key.strength!r}; write strong or shared"
        for name in dict.fromkeys(key.columns):
            column = spec.by_name.get(name)
            if column is not None and (column.dtype.is_list or column.dtype.kind is Kind.TEXT):
                yield f"{where} uses {name!r}, {_a(column)}; a key needs columns with one short value"


def telling_keys(spec: ClassSpec, annotation: ClassAnnotation) -> Iterator[str]:
    """A key must be able to tell objects apart: not a boolean alone, and not strong by a date, enum or number alone."""
    for key in annotation.identity:
        columns = [spec.by_name[name] for name in dict.fromkeys(key.columns) if name in spec.by_name]
        if len(columns) < len(set(key.columns)) or not columns or any(column.dtype.is_list for column in columns):
            continue
        kinds = [column.dtype.kind for column in columns]
        where = f"{spec.name}: the key {key.name!r}"
        if all(column.default is not None for column in columns):
            yield f"{where} has only columns with a default, which all objects without a value share; leave the key out"
        elif kinds == [Kind.BOOLEAN]:
            yield f"{where} is a boolean, which cannot identify anything; leave the key out"
        elif key.strength == "strong" and len(kinds) == 1 and kinds[0] in ALONE_TOO_WEAK:
            yield f"{where} is {_a(columns[0])} alone, which many objects have; add a column or call it shared"
        elif key.strength == "strong" and len(kinds) > 1 and all(kind in FEW_VALUES for kind in kinds):
            yield f"{where} has only enums and booleans, which many objects can share; add a column to the key"


def shared_keys(spec: ClassSpec, annotation: ClassAnnotation) -> Iterator[str]:
    """A shared key also needs an equal name token, so a searchable column that is not itself a key must be there."""
    for key in annotation.identity:
        if key.strength == "shared" and not annotation.name_columns:
            yield (
                f"{spec.name}: the key {key.name!r} is shared, which also needs an equal name, and no searchable column"
                " is there for it; make a name column searchable or call the key strong"
            )


def confidences(spec: ClassSpec, annotation: ClassAnnotation) -> Iterator[str]:
    """A confidence is between 0 and 1."""
    named: Mapping[str, IdentityKey | ClassAnnotation] = {
        f"{spec.name}": annotation,
        **{f"{spec.name}: the key {key.name!r}": key for key in annotation.identity},
    }
    for where, holder in named.items():
        if not 0 <= holder.confidence <= 1:
            yield f"{where} has the confidence {holder.confidence:g}; write a number between 0 and 1"


RULES: tuple[Callable[[ClassSpec, ClassAnnotation], Iterator[str]], ...] = (
    known_columns,
    searchable_text,
    compared_values,
    identity_keys,
    telling_keys,
    shared_keys,
    confidences,
)


def _a(column: Column) -> str:
    dtype = str(column.dtype)
    return f"an {dtype}" if dtype[0] in "aeiou" else f"a {dtype}"
