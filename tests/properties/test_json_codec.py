"""JSON is read and written as the standard library's codec does it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from memreg.core.json_codec import dumps, loads

TEXTS = st.text(st.characters(exclude_categories=()), max_size=12)  # lone surrogates, too
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.integers(min_value=10**300, max_value=10**310)
    | st.floats()
    | TEXTS
)
VALUES = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=5) | st.dictionaries(TEXTS, below, max_size=5), max_leaves=30
)
PIECES = st.sampled_from(
    [*'{}[],:"\\-+.01 \n\t\0\x7fé\ufeff', '"a"', '"a":', "\\u", "\\ud83d", "\\ude00", "\\/"]
    + ["e", "E5", "1e400", "0.1", "true", "false", "null", "NaN", "-Infinity"]
)
Codec = Callable[[Any], Any]


def outcome(codec: Codec, given: Any) -> str:
    """What comes of it, in a form that tells 1 of 1.0 and of True, -0.0 of 0.0, and the order of keys."""
    try:
        return repr(codec(given))
    except ValueError:
        return "ValueError"


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_what_is_written_anywhere_is_read_alike(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    assert outcome(loads, text) == outcome(json.loads, text)


@given(st.lists(PIECES | st.text(max_size=3), max_size=8).map("".join))
@example('{"a": 1, "a": 2}')
@example("[1e400, -1e400, 1e-400, 5e-324, 2.2250738585072011e-308, -0, -0.0]")
@example("1" * 4_301)
@example("1" * 400 + ".5")
@example("[" * 300 + "]" * 300)
def test_any_text_is_read_or_refused_alike(text: str) -> None:
    assert outcome(loads, text) == outcome(json.loads, text)
    assert outcome(loads, text.encode("utf-8", "surrogatepass")) == outcome(
        json.loads, text.encode("utf-8", "surrogatepass")
    )


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_numbers_are_read_to_the_last_bit(text: str) -> None:
    assert outcome(loads, text) == outcome(json.loads, text)


@given(VALUES)
def test_what_is_written_reads_as_what_the_standard_library_writes(value: Any) -> None:
    assert outcome(json.loads, dumps(value)) == outcome(json.loads, json.dumps(value))


def test_whole_numbers_and_flags_are_keys_as_there() -> None:
    value = {2: "a", 2**70: "b", True: "c", "x": (1, [2])}
    assert json.loads(dumps(value)) == json.loads(json.dumps(value))


@pytest.mark.parametrize("depth", [50, 130, 200, 400])
def test_depth_makes_no_difference(depth: int) -> None:
    value: Any = "end"
    for _ in range(depth):
        value = {"below": [value]}
    assert outcome(json.loads, dumps(value)) == outcome(json.loads, json.dumps(value))
    assert outcome(loads, dumps(value)) == outcome(json.loads, dumps(value))


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError):
        dumps({"a": object()})
