"""From a model's raw reply to a JSON object, or the reason why there is none. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

LONGEST_REPLY = 1_000_000
"""Characters of a reply that are read and kept."""

_FENCE = re.compile(r"```[a-zA-Z]*[ \t]*\n(.*?)```", re.DOTALL)
_SURROGATES = re.compile("[\ud800-\udfff\x00]")


class Unreadable(ValueError):
    """A reply that holds no usable object; the text is the reason."""


def clean(text: str) -> str:
    """A text without what a database cannot store: NUL and lone surrogates become the replacement character."""
    return _SURROGATES.sub("\ufffd", text)


def read_object(text: str, field: str, *, cut_off: bool = False) -> dict[str, Any]:
    """The JSON object with the list `field` in a reply: the whole reply, or the last one in it between prose.

    Raises Unreadable: too long, empty, prose, half a JSON, the schema instead of data, not an object, without `field`.
    """
    if len(text) > LONGEST_REPLY:
        raise Unreadable(f"its reply is {len(text):,} characters long, and at most {LONGEST_REPLY:,} are read")
    if not text.strip():
        raise Unreadable("its reply is empty" + (", cut off at its output limit" if cut_off else ""))
    if cut_off:
        raise Unreadable("its reply was cut off at its output limit: half a JSON")
    value = _decode(text)
    if not isinstance(value, dict):
        raise Unreadable(f"its reply is {_kind(value)} instead of an object with {field!r}")
    if not isinstance(value.get(field), list):
        if "properties" in value or "$defs" in value:
            raise Unreadable("it gave back the schema instead of data")
        if field in value:
            raise Unreadable(f"{field!r} in its reply is {_kind(value[field])} instead of a list")
        raise Unreadable(f"its reply is an object without {field!r}")
    return value


def _decode(text: str) -> Any:
    candidates = [text.strip()]
    if fenced := _FENCE.findall(text):
        candidates.append(fenced[-1].strip())
    start, end = text.find("{"), text.rfind("}")
    if 0 <= start < end:
        candidates.append(text[start : end + 1])
    for candidate in candidates:
        try:
            return json.loads(candidate)
        except RecursionError:
            raise Unreadable("its reply is nested too deep") from None
        except ValueError:
            continue
    begins = text.lstrip().removeprefix("```json").removeprefix("```").lstrip()[:1]
    raise Unreadable("its reply is half a JSON" if begins in ("{", "[") else "its reply is prose instead of JSON")


def _kind(value: Any) -> str:
    names = {str: "a text", list: "a list", dict: "an object", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
