"""Python's type annotations to dtypes."""

from __future__ import annotations

import types
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from inspect import isclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

if TYPE_CHECKING:
    from pydantic import BaseModel


class NoDtype(Exception):
    """An annotation that no dtype can hold; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class FoundType:
    """What an annotation comes to: a dtype, an enum's values, the normalizers of its format; of a reference, the class
    that is referred to."""

    dtype: str
    values: tuple[str, ...] = ()
    normalize: tuple[str, ...] = ()
    optional: bool = False
    model: type[BaseModel] | None = None


_PLAIN: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (Decimal, "number"),
    (datetime, "datetime"),
    (date, "date"),
    (UUID, "string"),
)
_LISTS = frozenset({list, set, frozenset, tuple})
_NAMED_DTYPES = {
    "PastDate": "date",
    "FutureDate": "date",
    "PastDatetime": "datetime",
    "FutureDatetime": "datetime",
    "AwareDatetime": "datetime",
    "NaiveDatetime": "datetime",
}


def read_type(annotation: Any) -> FoundType:
    """The dtype of an annotation. Raises NoDtype, which says what to write instead."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            break
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return _union(annotation)
    if origin is Literal:
        return _enum(get_args(annotation), annotation)
    if origin in _LISTS or (isclass(origin) and issubclass(origin, Iterable) and origin is not dict):
        return _list(annotation)
    if isclass(annotation) and origin is None:
        return _class(annotation)
    raise NoDtype(
        f"{_name(annotation)} has no dtype: write str, int, float, bool, date, datetime, Literal or list[...]"
    )


def _union(annotation: Any) -> FoundType:
    members = [member for member in get_args(annotation) if member is not type(None)]
    if len(members) > 1:
        # A reference may be the object itself or the id of its memory.
        members = (
            [member for member in members if member not in (UUID, str)] if any(map(_is_model, members)) else members
        )
    if len(members) != 1:
        raise NoDtype(f"{_name(annotation)} can be of several types: write one of them")
    return replace(read_type(members[0]), optional=type(None) in get_args(annotation))


def _list(annotation: Any) -> FoundType:
    members = [member for member in get_args(annotation) if member is not Ellipsis]
    if get_origin(annotation) is dict or len(members) != 1:
        raise NoDtype(f"{_name(annotation)} has no dtype: write list[...] of one type")
    inner = read_type(members[0])
    if inner.dtype.startswith("list["):
        raise NoDtype(f"{_name(annotation)} is a list of lists: write list[...] of single values")
    return replace(inner, dtype=f"list[{inner.dtype}]", optional=False)


def _enum(values: Iterable[Any], annotation: Any) -> FoundType:
    found = tuple(value.value if isinstance(value, Enum) else value for value in values)
    if not all(isinstance(value, str) for value in found):
        raise NoDtype(f"{_name(annotation)} has values that are no strings: write strings")
    return FoundType("enum", tuple(dict.fromkeys(str(value) for value in found)))


def _class(kind: type) -> FoundType:
    from pydantic import AnyUrl, BaseModel, EmailStr, NameEmail, RootModel

    if issubclass(kind, Enum):
        return _enum(tuple(kind), kind)
    if kind is EmailStr:
        return FoundType("string", normalize=("email",))
    if issubclass(kind, AnyUrl) or kind.__name__ in ("HttpUrl", "AnyHttpUrl", "AnyUrl", "Url"):
        return FoundType("string", normalize=("url",))
    if kind.__module__ == "pydantic.types" and kind.__name__ in _NAMED_DTYPES:
        return FoundType(_NAMED_DTYPES[kind.__name__])
    if issubclass(kind, str):
        return FoundType("string")
    for plain, dtype in _PLAIN:
        if issubclass(kind, plain):
            return FoundType(dtype)
    if kind in _LISTS:
        return FoundType("list[string]") if kind is not tuple else _no_dtype(kind, "write list[str]")
    if issubclass(kind, RootModel):
        return read_type(kind.model_fields["root"].annotation)
    if issubclass(kind, BaseModel):
        return FoundType(f"ref[{kind.__name__}]", model=kind)
    if issubclass(kind, dict):
        return _no_dtype(kind, "write a field for each key")
    if kind is NameEmail:
        return _no_dtype(kind, "write EmailStr")
    return _no_dtype(kind, "write str, int, float, bool, date, datetime, Literal or list[...]")


def _is_model(member: Any) -> bool:
    from pydantic import BaseModel

    return isclass(member) and issubclass(member, BaseModel)


def _no_dtype(kind: type, advice: str) -> FoundType:
    raise NoDtype(f"{_name(kind)} has no dtype: {advice}")


def _name(annotation: Any) -> str:
    text = annotation.__name__ if isclass(annotation) and get_origin(annotation) is None else str(annotation)
    return text.replace("typing.", "")[:100]
