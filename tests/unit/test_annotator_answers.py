"""Reading a model's annotations: what is taken over, and every reason why one is refused."""

from __future__ import annotations

from typing import Any

import pytest

from memreg.annotator.answers import annotations_of
from memreg.registry.models import ClassAnnotation, ClassSpec, Column, Dtype, IdentityKey, Kind, SchemaSpec

PERSON = ClassSpec(
    "Person",
    (Column("name", Dtype(Kind.STRING)), Column("email", Dtype(Kind.STRING)), Column("born", Dtype(Kind.DATE))),
)
SPEC = SchemaSpec("s", (PERSON,))
GOOD: dict[str, Any] = {
    "class": "Person",
    "searchable": {"name": 3},
    "compare": ["born"],
    "identity": [{"columns": ["email"], "strength": "strong", "confidence": 0.9, "rationale": "unique"}],
    "confidence": 0.8,
    "rationale": "plain",
}


def test_a_good_answer() -> None:
    classes, reasons = annotations_of(SPEC, [GOOD])
    assert reasons == []
    assert classes["Person"] == ClassAnnotation(
        {"name": 3.0}, ("born",), (IdentityKey(("email",), "strong", 0.9, "unique"),), 0.8, "plain", "llm"
    )


def test_left_out_parts_are_empty_and_strong_keys_come_first() -> None:
    keys = [
        {"columns": ["name", "email"], "strength": "shared", "confidence": 1},
        {"columns": ["email"], "strength": "strong", "confidence": 0.9},
    ]
    answer = {"class": "Person", "searchable": {"name": 3}, "identity": keys, "confidence": 1}
    classes, reasons = annotations_of(SPEC, [answer])
    assert reasons == []
    assert [key.strength for key in classes["Person"].identity] == ["strong", "shared"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"class": "Robot"}, "item 1 is for 'Robot'; the classes are Person"),
        ({"class": None}, "item 1 is for no class"),
        ({"searchable": {"nick": 3}}, "'nick', which is not a column"),
        ({"searchable": {"born": 3}}, "'born' is a date and cannot be searchable"),
        ({"searchable": ["name"]}, "searchable must be an object"),
        ({"searchable": {"name": "high"}}, "searchable must be an object of columns and boosts"),
        ({"searchable": {"name": 99}}, "boost of 'name' is 99"),
        ({"compare": "born"}, "compare must be a list"),
        ({"compare": ["name"]}, "'name' is a string and cannot be compared"),
        ({"identity": {"columns": ["email"]}}, "identity must be a list"),
        ({"identity": ["email"]}, "each identity key must be an object"),
        ({"identity": [{"columns": ["email"], "strength": 1, "confidence": 1}]}, "must be strong or shared"),
        ({"identity": [{"columns": ["email"], "strength": "weak", "confidence": 1}]}, "strength 'weak'"),
        ({"identity": [{"columns": ["id"], "strength": "strong", "confidence": 1}]}, "'id', which is not a column"),
        ({"identity": [{"columns": [], "strength": "strong", "confidence": 1}]}, "has no columns"),
        ({"identity": [{"columns": ["email"], "strength": "strong"}]}, "confidence of a key must be a number"),
        ({"confidence": "high"}, "confidence must be a number between 0 and 1"),
        ({"confidence": 7}, "confidence 7"),
    ],
)
def test_reasons(change: dict[str, Any], reason: str) -> None:
    _, reasons = annotations_of(SPEC, [{**GOOD, **change}])
    assert any(reason in each for each in reasons), reasons


def test_missing_doubled_and_shapeless_items() -> None:
    assert annotations_of(SPEC, [])[1] == ["Person: its item is missing"]
    assert annotations_of(SPEC, [GOOD, GOOD])[1] == ["Person: it is given twice; give one item for each class"]
    assert len(annotations_of(SPEC, [3, GOOD])[1]) == 1


def test_reasons_are_bounded() -> None:
    assert len(annotations_of(SPEC, [3] * 10_000)[1]) == 21
