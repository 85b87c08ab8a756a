"""JSON between Python and the database: the values that the standard library's codec gives, several times as fast."""

from __future__ import annotations

import json
from typing import Any

from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Loader
from psycopg.types.json import Jsonb, JsonbDumper
from pydantic_core import PydanticSerializationError, from_json, to_json


def loads(data: str | bytes | bytearray) -> Any:
    """A JSON text's value, as `json.loads` gives it; raises ValueError likewise."""
    try:
        return from_json(data, cache_strings="none")  # they may be a person's: nothing holds on to them
    except ValueError:
        # Some texts only the standard library takes: those nested deeper, and with halves of surrogate pairs.
        return json.loads(data)


def dumps(value: Any) -> bytes:
    """A JSON text of a value, in UTF-8.

    It reads as the one that `json.dumps` gives for what JSON has: None, booleans, numbers, text, lists, tuples, and
    dicts with keys of text, whole numbers and booleans. More is taken than there, and written as Pydantic does: dates,
    times, Decimal, UUID, paths and bytes as text, dataclasses and models as objects, sets and generators as lists. So
    is any key: bytes, tuples and dates as text, and None as "None", which `json.dumps` calls "null".

    Raises TypeError for anything else.
    """
    try:
        return to_json(value)
    except (PydanticSerializationError, ValueError, RecursionError):
        return json.dumps(value).encode()


class _JsonLoader(Loader):
    def load(self, data: Buffer) -> Any:
        return loads(data if isinstance(data, bytes) else bytes(data))


class _JsonbDumper(JsonbDumper):
    def dump(self, obj: Any) -> Buffer | None:
        if isinstance(obj, Jsonb) and obj.dumps is None:
            return dumps(obj.obj)
        return super().dump(obj)


def use_codec(context: AdaptContext) -> None:
    """Have a connection read `json` and `jsonb` by `loads`, and write `Jsonb` by `dumps`, except where one names a
    function of its own. `Json` is written as psycopg does."""
    adapters = context.adapters
    adapters.register_loader("json", _JsonLoader)
    adapters.register_loader("jsonb", _JsonLoader)
    adapters.register_dumper(Jsonb, _JsonbDumper)
