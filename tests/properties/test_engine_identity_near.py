"""Near-equal identity is evidence, never identity: one wrong letter or digit makes no key equal, nor a part of one."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from memreg.engine.identity import canonical, key_values, partial_identity
from memreg.registry.models import ClassAnnotation, Column, Dtype, IdentityKey, Kind, Normalizer
from memreg.registry.normalize import ValueRefused, normalize

ANNOTATION = ClassAnnotation(
    searchable={"name": 3},
    identity=(
        IdentityKey(("email",)),
        IdentityKey(("phone",), "shared"),
        IdentityKey(("model",), "shared"),
        IdentityKey(("name", "model")),
    ),
)
COLUMNS = {
    name: Column(name, Dtype(Kind.STRING), normalize=tuple(Normalizer(step) for step in steps))
    for name, steps in {"name": (), "email": ("email",), "phone": ("digits",), "model": ("trim",)}.items()
}
WORDS = st.from_regex(re.compile(r"[a-z]{2,8}([._][a-z0-9]{1,6})?"), fullmatch=True)
VALUES = {
    "email": st.builds("{}@{}.org".format, WORDS, st.from_regex(re.compile(r"[a-z]{2,8}"), fullmatch=True)),
    "phone": st.from_regex(re.compile(r"[1-9][0-9]{6,11}"), fullmatch=True),
    "model": st.from_regex(re.compile(r"[A-Z]{1,4}-?[0-9]{1,5}[A-Z]?"), fullmatch=True),
}


@st.composite
def near_values(draw: st.DrawFn) -> tuple[str, str, str]:
    """A column, a value of it, and the same with one place changed, lost, added or swapped with its neighbour."""
    column = draw(st.sampled_from(sorted(VALUES)))
    value = draw(VALUES[column])
    place = draw(st.integers(0, len(value) - 1))
    put = draw(st.sampled_from("0123456789" if column == "phone" else "abcxyz0189"))
    other = draw(
        st.sampled_from(
            [
                value[:place] + put + value[place + 1 :],
                value[:place] + value[place + 1 :],
                value[:place] + put + value[place:],
                value[:place] + value[place : place + 2][::-1] + value[place + 2 :],
            ]
        )
    )
    return column, value, other


def stored(column: str, value: str) -> Any:
    try:
        return normalize(COLUMNS[column], value).value
    except ValueRefused:  # the change made something that is no value at all
        return None


@given(near_values())
@example(("email", "ana.lopez@mail.org", "ana.lopes@mail.org"))
@example(("email", "ana@mail.org", "ana@mail.com"))
@example(("email", "ana.lopez@mail.org", "analopez@mail.org"))
@example(("phone", "4722334455", "4722334456"))
@example(("phone", "4722334455", "04722334455"))
@example(("model", "WH-1000XM4", "WH-1000XM5"))
@example(("model", "WH-1000XM4", "WH1000XM4"))
@example(("model", "UA123", "UA124"))
def test_a_near_value_is_another_key(case: tuple[str, str, str]) -> None:
    column, value, other = case
    left, right = stored(column, value), stored(column, other)
    assume(left and right and canonical(left) != canonical(right))
    mine = {each.key.name: each.digest for each in key_values({"name": "Ana", column: left}, ANNOTATION)}
    theirs = {each.key.name: each.digest for each in key_values({"name": "Ana", column: right}, ANNOTATION)}
    assert mine.keys() == theirs.keys()
    assert column in mine
    assert [name for name in mine if mine[name] == theirs[name]] == []


@given(near_values(), st.sampled_from(["email", "phone", "model", ""]))
def test_a_near_value_is_no_part_of_an_identity(case: tuple[str, str, str], equal: str) -> None:
    """Not by itself, and where another column is equal it even stands against it."""
    column, value, other = case
    left, right = stored(column, value), stored(column, other)
    assume(left and right and canonical(left) != canonical(right) and equal != column)
    shared = {equal: "the same"} if equal else {}
    assert not partial_identity({column: canonical(left), **shared}, {column: right, **shared}, ANNOTATION)


def test_the_same_in_another_writing_is_equal() -> None:
    """So that the properties above could fail: normal forms do meet."""
    for column, value, other in (
        ("email", "Ana.Lopez@Mail.ORG ", "ana.lopez@mail.org"),
        ("phone", "+47 22 33-44 55", "4722334455"),
        ("model", " wh-1000xm4", "WH-1000XM4 "),
    ):
        left, right = stored(column, value), stored(column, other)
        (mine, *_), (theirs, *_) = (key_values({column: each}, ANNOTATION) for each in (left, right))
        assert mine == theirs
        assert partial_identity({column: canonical(left)}, {column: right, "name": "x"}, ANNOTATION)
