"""A person's annotation is refused exactly where a model's is; sample rows and examples never hold a pii value."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memreg.annotator.check import check
from memreg.annotator.disagreement import disagreements
from memreg.annotator.heuristic import annotate
from memreg.annotator.overlap import overlaps, signs
from memreg.annotator.question import question
from memreg.annotator.samples import shown_row, take
from memreg.core.errors import AnnotationInvalid
from memreg.engine.statistics import Statistics
from memreg.operations.examples import hide_pii
from memreg.operations.match_examples import examples_of
from memreg.registry.annotation_file import dump_annotation, parse_annotation
from memreg.registry.fingerprint import fingerprint
from memreg.registry.models import (
    ClassAnnotation,
    ClassSpec,
    Column,
    Dtype,
    IdentityKey,
    Kind,
    SchemaSpec,
    SchemaVersion,
    Status,
)
from memreg.registry.parse import parse_schema

SPEC = parse_schema(
    """\
schema: s
classes:
  Person:
    columns:
      name: {dtype: string}
      email: {dtype: string, pii: true}
      born: {dtype: date}
      vip: {dtype: boolean}
      mood: {dtype: enum, values: [good, bad]}
      rate: {dtype: number}
      notes: {dtype: text}
      tags: {dtype: "list[string]"}
      marks: {dtype: "list[number]"}
""",
    "test",
)
PERSON = SPEC.by_name["Person"]
NAMES = st.sampled_from([*PERSON.by_name, "gone"])
KEYS = st.builds(
    IdentityKey,
    columns=st.lists(NAMES, min_size=1, max_size=3).map(tuple),
    strength=st.sampled_from(["strong", "shared"]),
    confidence=st.sampled_from([0.0, 0.4, 1.0, 1.5]),
)
ANNOTATIONS = st.builds(
    ClassAnnotation,
    searchable=st.dictionaries(NAMES, st.sampled_from([0.0, 0.5, 3.0, 10.0, 11.0]), max_size=3),
    compare=st.lists(NAMES, max_size=3).map(tuple),
    identity=st.lists(KEYS, max_size=3).map(tuple),
    source=st.just("person"),
)


def version(annotation: ClassAnnotation) -> SchemaVersion:
    return SchemaVersion(SPEC, 1, Status.PENDING, fingerprint(SPEC), {"Person": annotation}, 1)


@given(ANNOTATIONS)
def test_a_person_is_refused_exactly_where_a_model_is(annotation: ClassAnnotation) -> None:
    text = dump_annotation(version(annotation))
    proposed = version(ClassAnnotation({"name": 1.25}))
    reasons = check(PERSON, annotation)
    # Without the check that stands behind the reading: it must find the same, and name the line.
    if not reasons:
        assert parse_annotation(text, "edited.yaml", proposed)["Person"].identity == annotation.identity
        return
    with pytest.raises(AnnotationInvalid) as caught:
        parse_annotation(text, "edited.yaml", proposed)
    assert all(mistake.line > 0 for mistake in caught.value.mistakes)


WORDS = st.sampled_from(
    "name email phone id number isbn url customer owner title notes tags date full person contact home".split()
)
CLASSES = st.lists(
    st.builds(
        ClassSpec,
        name=st.lists(WORDS, min_size=1, max_size=2).map(lambda parts: "".join(map(str.title, parts))),
        columns=st.lists(
            st.builds(
                Column,
                name=st.lists(WORDS, min_size=1, max_size=2).map("_".join),
                dtype=st.builds(Dtype, st.sampled_from(Kind), st.booleans()),
            ),
            max_size=5,
            unique_by=lambda column: column.name,
        ).map(tuple),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda spec: spec.name,
)


@given(CLASSES)
def test_rules_never_disagree_with_themselves_and_overlap_is_mutual(classes: list[ClassSpec]) -> None:
    spec = SchemaSpec("s", tuple(classes))
    said = {name: replace(each, source="llm") for name, each in annotate(spec).classes.items()}
    assert all(not disagreements(spec, name, annotation) for name, annotation in said.items())
    found = {frozenset((each.one, each.other)) for each in overlaps(spec, said)}
    turned = SchemaSpec("s", tuple(reversed(classes)))
    assert found == {frozenset((each.one, each.other)) for each in overlaps(turned, said)}
    for each in classes:
        twin = replace(each, name=f"{each.name}Copy")
        shared = len(overlaps(SchemaSpec("s", (each, twin)), said | {twin.name: said[each.name]}))
        assert shared == (len({*signs(each).values()}) >= 2)


SECRET = "s3cr3t"
VALUES = st.one_of(st.text("ab @.", max_size=6), st.integers(0, 9), st.booleans(), st.lists(st.text("ab", max_size=3)))
ROWS = st.fixed_dictionaries(
    {"email": st.text("xyz@.", max_size=4).map(lambda text: f"{text}{SECRET}{text}")},
    optional={name: VALUES for name in PERSON.by_name if name != "email"},
)


@given(st.lists(ROWS, max_size=4))
def test_no_question_holds_a_pii_value(rows: list[dict[str, Any]]) -> None:
    samples = take(SPEC, [("Person", shown_row(PERSON, row)) for row in rows])
    assert SECRET not in question(SPEC, samples).user


@given(st.lists(ROWS, max_size=4))
def test_no_hidden_example_holds_a_pii_value_and_each_side_is_computed(rows: list[dict[str, Any]]) -> None:
    keys = (IdentityKey(("email",)), IdentityKey(("name", "email"), "shared"))
    annotation = ClassAnnotation({"name": 3.0, "notes": 1.0}, ("born", "vip", "rate"), keys)
    found = hide_pii(examples_of(PERSON, version(annotation), rows, Statistics()), PERSON)
    every = [*found.text, *(example for examples in found.keys.values() for example in examples)]
    assert SECRET not in json.dumps([[each.said, each.known] for each in every]).lower()
    for examples in (found.text, *found.keys.values()):
        assert sum(each.outcome == "match" for each in examples) <= 3
        assert sum(each.outcome != "match" for each in examples) <= 3
