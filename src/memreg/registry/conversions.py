"""Whether every value of one column can be read as a value of another: what widens and what narrows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from memreg.registry.casts import CASTS
from memreg.registry.models import REFUSE, ClassSpec, Column, Dtype, Kind, Source
from memreg.registry.normalize import ValueRefused, normalize
from memreg.registry.upcast_column import making

WIDENS: Mapping[Kind, frozenset[Kind]] = MappingProxyType(
    {
        Kind.STRING: frozenset({Kind.TEXT}),
        Kind.TEXT: frozenset(),
        Kind.INTEGER: frozenset({Kind.NUMBER, Kind.STRING, Kind.TEXT}),
        Kind.NUMBER: frozenset({Kind.STRING, Kind.TEXT}),
        Kind.BOOLEAN: frozenset(),
        Kind.DATE: frozenset({Kind.STRING, Kind.TEXT}),
        Kind.DATETIME: frozenset({Kind.STRING, Kind.TEXT}),
        Kind.ENUM: frozenset({Kind.STRING, Kind.TEXT}),
        Kind.REF: frozenset(),
    }
)
"""The kinds as which every value of a kind can be read, beside itself."""
REFUSING = frozenset({"email", "phone", "url", "digits"})
"""The normalizers that refuse some text."""

_SEEKING = {"number": "not every text has one number in it", "digits": "not every text has a digit in it"}


def narrows(reader: Dtype, writer: Dtype) -> str:
    """Why a value of the writer's type may be none of the reader's; empty where every one is. Enum values and the
    classes that references lead to are looked at elsewhere."""
    if writer.is_list and not reader.is_list:
        return f"a {writer} may have several items, and a {reader} has one"
    if reader.kind is writer.kind or reader.kind in WIDENS[writer.kind]:
        return ""
    if writer.kind is Kind.TEXT and reader.kind is Kind.STRING:
        return "a text may be longer than the 10,000 characters of a string"
    return f"not every {writer.kind} is {'an' if str(reader.kind)[0] in 'aeiou' else 'a'} {reader.kind}"


def unfit_values(reader: Column, writer: Column, source: Source | None) -> tuple[str, ...]:
    """The enum values of the writer that the reader refuses, after what its `from:` maps."""
    mapped = dict(source.map) if source else {}
    return tuple(value for value in writer.values if not _fits(reader, mapped.get(value, value)))


def made_badly(reader: Column, source: Source, writer: ClassSpec) -> str:
    """Why a value that the reader makes of columns of the writer's class may not fit; empty where it always does.

    For a `from:` that does more than rename.
    """
    made_of = [writer.by_name[name] for name in source.columns if name in writer.by_name]
    if source.otherwise is not REFUSE or not made_of:
        return ""
    given = made_of[0].dtype
    if len(source.columns) == 1 and not given.is_list and given.kind in (Kind.ENUM, Kind.BOOLEAN):
        if given.kind is Kind.ENUM and reader.dtype.kind is Kind.ENUM:
            return ""  # told by value
        made = making(reader, source, writer)
        return "not every value of it comes out as one of the column" if made is not None and made.can_fail else ""
    if source.cast in _SEEKING and given.kind in (Kind.STRING, Kind.TEXT, Kind.ENUM):
        return _SEEKING[source.cast]
    if source.cast is not None:
        given = _after_cast(source, given)
    elif source.split is not None:
        given = Dtype(Kind.TEXT if given.kind is Kind.TEXT else Kind.STRING, source.part is None)
    elif source.join is not None:
        given = Dtype(Kind.STRING)
    if any(not _fits(reader, value) for _, value in source.map):
        return "a value that its `from:` maps to is none of the column"
    return narrows(reader.dtype, given)


def _after_cast(source: Source, given: Dtype) -> Dtype:
    cast = CASTS[source.cast or ""]
    if cast.takes and given.kind not in cast.takes:
        return given
    kind = cast.gives or given.kind
    if kind is Kind.TEXT and given.kind is not Kind.TEXT:
        kind = Kind.STRING  # no value of another kind is too long for one
    return Dtype(kind, given.is_list and not cast.of_list)


def _fits(reader: Column, value: object) -> bool:
    try:
        normalize(reader, value)
    except ValueRefused:
        return False
    return True
