"""The fields of an item of an answer, however a model calls, wraps and spells them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from memreg.annotator.evidence import grounded
from memreg.annotator.whole import names_a_column
from memreg.registry.meant import class_meant
from memreg.registry.models import ClassSpec, Column, Kind, Operation, SchemaVersion

_KEYS = ("class", "operation", "values", "evidence", "forget", "stated", "confidence")
_NAMES = {**{key: key for key in _KEYS}, "classname": "class", "quote": "evidence"}
_VALUES_TOO = ("columns", "fields", "attributes", "properties", "data")
_OPERATIONS: Mapping[str, Operation] = {
    **dict.fromkeys("upsert create insert update add set save remember correct".split(), "upsert"),
    **dict.fromkeys(("delete", "remove"), "delete"),
}
_PAIR = {"column", "value"}
_BETWEEN = re.compile(r"\s*[,;/]\s*|\s+and\s+")
# What a model writes where it has been told to leave a column out.
_NOTHING = frozenset(
    "null,none,nil,n/a,na,unknown,undefined,unspecified,not specified,not provided,not mentioned,not stated,not given,"
    "not available,not applicable,no information,-,?".split(",")
)


def fields_of(item: Mapping[Any, Any], version: SchemaVersion) -> dict[str, Any]:
    """The item with its fields under the names that it was asked for: whatever the case and joining signs."""
    found = {str(name): value for name, value in item.items()}
    for name in list(found):
        known = _NAMES.get(_bare(name))
        if known is not None and known not in found:
            found[known] = found.pop(name)
    if "class" not in found and isinstance(found.get("type"), str) and class_of(found["type"], version)[0]:
        found["class"] = found.pop("type")
    return found


def class_of(given: object, version: SchemaVersion) -> tuple[ClassSpec | None, str]:
    """The class that is meant, or the reason why there is none."""
    if not isinstance(given, str) or not given.strip():
        return None, "it has no class"
    known = version.spec.by_name
    meant = class_meant(version.spec, given.strip())
    named = [meant] if meant is not None else _alike(given, known)
    if len(named) != 1:
        return None, f"its class is none of the schema; the classes are {', '.join(known)}"
    return named[0], ""


def operation_of(given: object) -> Operation | None:
    """What is to be done: upsert where nothing is said, None where it is neither upsert nor delete."""
    if not given:
        return "upsert"
    return _OPERATIONS.get(given.strip().casefold()) if isinstance(given, str) else None


def values_of(
    fields: Mapping[str, Any], spec: ClassSpec, text: str, version: SchemaVersion
) -> tuple[dict[str, Any], str]:
    """The values by column, or the reason why there are none; those of an object in a column of references alike.

    Some models write the columns beside the class, as JSON in a text, in pairs, or once more under the class's name.
    A word for nothing, such as `unknown`, is a value only where the message says it.
    """
    values = _as_json(fields.get("values"))
    if values is None:
        values = next((fields[name] for name in _VALUES_TOO if isinstance(fields.get(name), Mapping)), None)
    if values is None and any(name in fields for name in spec.by_name if name not in _KEYS):
        values = {name: value for name, value in fields.items() if _bare(name) not in _NAMES}
    if isinstance(values, list) and values and all(isinstance(each, Mapping) for each in values):
        if all(each.keys() == _PAIR for each in values):
            values = {str(each["column"]): each["value"] for each in values}
        elif len(values) == 1:
            values = values[0]
    if not isinstance(values, Mapping):
        return {}, f"its values are {kind_of(values)}, not an object"
    if len(values) == 1:
        ((name, inner),) = values.items()
        if name not in spec.by_name and _bare(name) == _bare(spec.name) and isinstance(inner, Mapping):
            values = inner
    found: dict[str, Any] = {}
    for name, value in values.items():
        alike = [] if name in spec.by_name else _alike(name, spec.by_name)
        column = spec.by_name.get(name) or (alike[0] if len(alike) == 1 and alike[0].name not in values else None)
        found[str(name) if column is None else column.name] = (
            value if column is None else _value(value, column, text, version)
        )
    return found, ""


def forgotten_of(given: object, spec: ClassSpec) -> tuple[tuple[str, ...], str]:
    """The columns to be forgotten, in declared order, or the reason why it cannot be told which."""
    if given is True:
        return (), "its forget names no columns: list them, or give the operation delete for the whole object"
    if isinstance(given, str):
        given = _BETWEEN.split(given)
    elif isinstance(given, Mapping):
        given = [name for name, value in given.items() if value]
    found = set()
    for name in given if isinstance(given, list) else ():
        if isinstance(name, str) and (columns := _alike(name, spec.by_name) or [names_a_column(name, spec)]):
            found |= {column.name for column in columns if column is not None}
    return tuple(column.name for column in spec.columns if column.name in found), ""


def confidence_of(value: object) -> float | None:
    """A number between 0 and 1; anything else a model may say about how sure it is means that it did not say."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return float(value)


def kind_of(value: object) -> str:
    """What a JSON value is, for a reason."""
    names = {str: "a text", list: "a list", dict: "an object", bool: "a boolean", type(None): "missing"}
    return names.get(type(value), "a number")


def _value(value: Any, column: Column, text: str, version: SchemaVersion) -> Any:
    if column.dtype.kind is Kind.REF:
        return _referred(_as_json(value), column, text, version)
    if isinstance(value, Mapping) and "value" in value:
        value = value["value"]
    if column.dtype.is_list:
        given = _as_json(value)
        if not isinstance(given, list):
            return _or_nothing(value, column, text)
        kept = [each for each in given if not (isinstance(each, str) and not each.strip())]
        return [each for each in kept if each is None or _or_nothing(each, column, text) is not None]
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return _or_nothing(value, column, text)


def _referred(value: Any, column: Column, text: str, version: SchemaVersion) -> Any:
    """What a reference leads to, as it is told: a name, an object of values, or several of them."""
    if isinstance(value, list):
        kept = [each for item in value if (each := _referred(item, column, text, version)) not in (None, {})]
        return kept if column.dtype.is_list or len(kept) != 1 else kept[0]
    if not isinstance(value, Mapping):
        return _or_nothing(value, column, text)
    target = version.spec.by_name.get(column.dtype.target or "")
    if target is None:
        return value
    if "values" in value and "values" not in target.by_name:  # some models write it as an item
        value = value["values"]
    values, problem = values_of({"values": value}, target, text, version)
    return value if problem else {name: each for name, each in values.items() if each is not None}


def _or_nothing(value: Any, column: Column, text: str) -> Any:
    """The value, or None where it is a word for nothing that neither the column knows nor the message says."""
    word = value.strip().casefold() if isinstance(value, str) else ""
    if word not in _NOTHING or word in (each.casefold() for each in column.values):
        return value
    return value if grounded(word, (text,)) else None


def _as_json(value: Any) -> Any:
    """The object or list that a text is, where it is one."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _alike(name: str, known: Mapping[str, Any]) -> list[Any]:
    """What is called the same but for case, white space and joining signs."""
    return [each for key, each in known.items() if _bare(key) == _bare(name)]


def _bare(name: str) -> str:
    return "".join(char for char in str(name).casefold() if char.isalnum())
