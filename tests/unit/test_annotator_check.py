"""The check of an annotation against its class names every column and reason."""

from __future__ import annotations

from typing import cast

import pytest

from memreg.annotator.check import check
from memreg.registry.models import (
    ClassAnnotation,
    ClassSpec,
    Column,
    Dtype,
    IdentityKey,
    Kind,
    Strength,
)

SPEC = ClassSpec(
    "Person",
    (
        Column("name", Dtype(Kind.STRING)),
        Column("email", Dtype(Kind.STRING)),
        Column("born", Dtype(Kind.DATE)),
        Column("age", Dtype(Kind.NUMBER)),
        Column("vip", Dtype(Kind.BOOLEAN)),
        Column("mood", Dtype(Kind.ENUM), values=("good", "bad")),
        Column("notes", Dtype(Kind.TEXT)),
        Column("tags", Dtype(Kind.STRING, is_list=True)),
        Column("marks", Dtype(Kind.NUMBER, is_list=True)),
    ),
)
WEAK = cast("Strength", "weak")
GOOD = ClassAnnotation(
    searchable={"name": 3, "tags": 2, "mood": 2, "notes": 0.5},
    compare=("born", "age", "vip"),
    identity=(
        IdentityKey(("email",)),
        IdentityKey(("name", "born")),
        IdentityKey(("born",), "shared"),
    ),
)


def test_a_good_annotation_has_no_reasons() -> None:
    assert check(SPEC, GOOD) == []
    assert check(SPEC, ClassAnnotation()) == []


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (ClassAnnotation(searchable={"nam": 3}), "'nam', which is not a column"),
        (ClassAnnotation(compare=("nam",)), "'nam', which is not a column"),
        (
            ClassAnnotation(identity=(IdentityKey(("nam",)),)),
            "'nam', which is not a column",
        ),
        (
            ClassAnnotation(searchable={"born": 3}),
            "'born' is a date and cannot be searchable; compare it instead",
        ),
        (
            ClassAnnotation(searchable={"marks": 3}),
            "'marks' is a list[number] and cannot be searchable; leave it out",
        ),
        (ClassAnnotation(searchable={"name": 0}), "boost of 'name' is 0"),
        (ClassAnnotation(searchable={"name": 11}), "boost of 'name' is 11"),
        (ClassAnnotation(searchable={"name": float("nan")}), "boost of 'name' is nan"),
        (
            ClassAnnotation(compare=("name",)),
            "'name' is a string and cannot be compared; make it searchable instead",
        ),
        (
            ClassAnnotation(compare=("marks",)),
            "'marks' is a list[number] and cannot be compared",
        ),
        (ClassAnnotation(compare=("age", "age")), "names 'age' twice"),
        (ClassAnnotation(identity=(IdentityKey(()),)), "has no columns"),
        (
            ClassAnnotation(identity=(IdentityKey(("email", "email")),)),
            "names a column twice",
        ),
        (
            ClassAnnotation(identity=(IdentityKey(("name", "born")), IdentityKey(("born", "name")))),
            "is given twice",
        ),
        (ClassAnnotation(identity=(IdentityKey(("email",), WEAK),)), "strength 'weak'"),
        (ClassAnnotation(identity=(IdentityKey(("notes",)),)), "uses 'notes', a text"),
        (
            ClassAnnotation(identity=(IdentityKey(("tags",)),)),
            "uses 'tags', a list[string]",
        ),
        (ClassAnnotation(identity=(IdentityKey(("born",)),)), "is a date alone"),
        (ClassAnnotation(identity=(IdentityKey(("mood",)),)), "is an enum alone"),
        (ClassAnnotation(identity=(IdentityKey(("vip",), "shared"),)), "is a boolean"),
        (
            ClassAnnotation(identity=(IdentityKey(("vip", "mood")),)),
            "only enums and booleans",
        ),
        (
            ClassAnnotation(identity=(IdentityKey(("email",), "shared"),)),
            "also needs an equal name",
        ),
        (
            ClassAnnotation(identity=(IdentityKey(("email",), confidence=1.2),)),
            "confidence 1.2",
        ),
        (ClassAnnotation(confidence=-1), "confidence -1"),
    ],
)
def test_reasons(annotation: ClassAnnotation, expected: str) -> None:
    reasons = check(SPEC, annotation)
    assert any(expected in reason for reason in reasons), reasons
    assert all(reason.startswith("Person") for reason in reasons)


def test_all_reasons_at_once() -> None:
    assert len(check(SPEC, ClassAnnotation(searchable={"a": 1, "born": 20}, compare=("b",)))) == 4
