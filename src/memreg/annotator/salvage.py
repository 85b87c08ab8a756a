"""From a model's raw reply to the items in it, as many as are whole, whatever is around them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memreg.annotator.reading import LONGEST_REPLY, Unreadable, clean

# The opening tag is often a part of the server's template, so that a reply begins with the thought itself.
_THOUGHT = re.compile(r"\A\s*(?:<think(?:ing)?>|(?![\s{\[`\"])).*?</think(?:ing)?>", re.DOTALL)
_FENCE = re.compile(r"```[a-zA-Z]*[ \t]*\n(.*?)```", re.DOTALL)
_COMMA_TOO_MANY = re.compile(r'("(?:[^"\\]|\\.)*+")|,(?=\s*[\]}])', re.DOTALL)
_BETWEEN = re.compile(r"[\s,]*")
_SCHEMA = frozenset({"properties", "$defs", "$schema"})
_ITEM = frozenset({"class", "class_name"})
_CALL = ("arguments", "parameters")  # of a tool, where its call is written as text
_ECHO = "it gave back the schema instead of data"
_DEEPEST = 3  # wrappers about a list
_LONGEST_NUMBER = 300


@dataclass(frozen=True, slots=True)
class Found:
    """The items of a reply, in its order; `whole`: none can be missing."""

    items: tuple[Any, ...]
    whole: bool = True


def read_items(texts: Sequence[str], field: str, *, cut_off: bool = False) -> Found:
    """The items in a reply's texts, of which there are several when a model calls its tool several times.

    A list under `field`, under another name, or bare; one item alone; items one after the other; what is whole of a
    reply that breaks off. Raises Unreadable with the reason when there is nothing of all that.
    """
    texts = [text for text in texts if text.strip()]
    if not texts:
        raise Unreadable("its reply is empty" + (", cut off at its output limit" if cut_off else ""))
    items: list[Any] = []
    whole, reason = not cut_off, ""
    read = 0
    for text in texts:
        try:
            found = _read(text, field)
        except Unreadable as exc:
            whole, reason = False, reason or str(exc)
        else:
            read += 1
            items += found.items
            whole = whole and found.whole
    if not read or (cut_off and not items):
        raise Unreadable("its reply was cut off at its output limit" if cut_off else reason)
    return Found(tuple(items), whole)


def _read(text: str, field: str) -> Found:
    too_long = len(text) > LONGEST_REPLY
    text = _THOUGHT.sub("", clean(text[:LONGEST_REPLY]))
    reason = ""
    if not too_long:
        for value, within in _decoded(text):
            if within and isinstance(value, list) and not (value and all(isinstance(each, Mapping) for each in value)):
                continue  # brackets in prose
            items, reason = _listed(value, field)
            if items is not None:
                return Found(tuple(items))
            if reason == _ECHO:
                raise Unreadable(reason)
    found = _salvaged(text, field)
    if found.items:
        return Found(found.items, found.whole and not too_long)
    if too_long:
        reason = f"its reply is more than {LONGEST_REPLY:,} characters long, without one whole item"
    if not reason:
        begins = text.lstrip().removeprefix("```json").removeprefix("```").lstrip()[:1]
        reason = "its reply is half a JSON" if begins in ("{", "[") else "its reply is prose instead of JSON"
    raise Unreadable(reason)


def _decoded(text: str) -> Iterator[tuple[Any, bool]]:
    """The JSON values that a reply may be meant to be: the whole, what stands in the last fence, and what is in
    brackets, which is within other text."""
    candidates = [(text, False), *((fenced, False) for fenced in _FENCE.findall(text)[-1:])]
    for opening, closing in ("{}", "[]"):
        start, end = text.find(opening), text.rfind(closing)
        if 0 <= start < end:
            candidates.append((text[start : end + 1], True))
    for candidate, within in candidates:
        for form in (candidate, _COMMA_TOO_MANY.sub(r"\1", candidate)):
            try:
                yield _DECODER.decode(form.strip()), within
                break
            except (ValueError, RecursionError):
                continue


def _listed(value: Any, field: str, depth: int = 0) -> tuple[list[Any] | None, str]:
    """The list of items in a value, or the reason why there is none."""
    if isinstance(value, str) and depth == 0 and value.lstrip()[:1] in ("{", "["):
        for inner, _ in _decoded(value):
            return _listed(inner, field, depth + 1)
    if isinstance(value, list):
        return value, ""
    if not isinstance(value, Mapping):
        return None, f"its reply is {_kind(value)} instead of an object with {field!r}"
    if isinstance(value.get(field), list):
        return value[field], ""
    if _SCHEMA & value.keys():
        return None, _ECHO
    if _ITEM & value.keys():
        return [value], ""
    lists = [each for each in value.values() if isinstance(each, list)]
    if len(lists) == 1 and all(isinstance(each, Mapping) for each in lists[0]):
        return lists[0], ""
    called = [value[name] for name in _CALL if name in value]
    inside = [value[field]] if field in value else called or list(value.values())
    if len(inside) == 1 and isinstance(inside[0], Mapping | str) and depth < _DEEPEST:
        found, _ = _listed(inside[0], field, depth + 1 if isinstance(inside[0], Mapping) else 0)
        if found is not None:
            return found, ""
    if field in value:
        return None, f"{field!r} in its reply is {_kind(value[field])} instead of a list"
    return None, f"its reply is an object without {field!r}"


def _salvaged(text: str, field: str) -> Found:
    """What is whole of a list that breaks off or has something unreadable in it, or of objects without a list."""
    named = text.find(f'"{field}"')
    start, first = text.find("[", max(named, 0)), text.find("{")
    bare = start < 0 or (named < 0 and 0 <= first < start)
    at = first if bare else start + 1
    if not bare and named < 0 and not text.startswith("{", _between(text, at)):
        return Found((), whole=False)  # brackets in prose
    items: list[Any] = []
    while at >= 0:
        at = _between(text, at)
        if not bare and text.startswith("]", at):
            return Found(tuple(items))
        if at >= len(text) or (bare and text[at] != "{"):
            break
        try:
            item, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return Found(tuple(items), whole=False)
        if bare and not (_ITEM & item.keys()):
            break
        if isinstance(item, int | float) and at >= len(text):
            break  # a number at the end may have had more digits
        items.append(item)
    return Found(tuple(items), whole=bare and at >= len(text))


def _between(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else digits  # Python reads no longer ones than 4,300


def _kind(value: Any) -> str:
    names = {str: "a text", list: "a list", dict: "an object", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


# Not strict: some models break lines within a text.
_DECODER = json.JSONDecoder(parse_int=_integer, strict=False)
