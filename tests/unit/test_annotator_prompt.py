"""What prompts share: a golden text of the annotator's, the tag that a text cannot close, the hash."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from memreg.annotator.prompt import annotate_user, prompt_hash, tag_for
from memreg.annotator.question import question
from memreg.annotator.response import response_model
from memreg.annotator.shapes import Annotations
from memreg.registry.models import ClassAnnotation, ClassSpec, Column, Dtype, IdentityKey, Kind, Pattern, SchemaSpec

GOLDEN = Path(__file__).resolve().parents[2] / "fixtures" / "replies" / "prompts"
SPEC = SchemaSpec(
    "assistant",
    (
        ClassSpec(
            "Person",
            (
                Column("name", Dtype(Kind.STRING), "Full name", required=True),
                Column("email", Dtype(Kind.STRING), "E-mail", pii=True),
                Column("born", Dtype(Kind.DATE)),
                Column("mood", Dtype(Kind.ENUM), values=("good", "bad")),
                Column("tags", Dtype(Kind.STRING, is_list=True), "Labels", examples=(("friend", "work"), "ü")),
            ),
            "Somebody   the user\nknows",
            patterns=(Pattern("{name} was born on {born}"),),
            declared=ClassAnnotation({"name": 7}, identity=(IdentityKey(("email",), rationale="secret"),)),
        ),
        ClassSpec("Place", (Column("name", Dtype(Kind.STRING)),)),
    ),
)


def test_golden() -> None:
    ask = question(SPEC, {"Place": ({"name": "Oslo"}, {"name": "Ålesund"})})
    shape = json.dumps(ask.shape.model_json_schema(), indent=1)
    text = f"{ask.system}\n\n=== user ===\n{ask.user}\n\n=== shape ===\n{shape}\n"
    assert text == (GOLDEN / "annotate.txt").read_text("utf-8")


def test_the_prompt_holds_no_annotation_and_no_pattern() -> None:
    text = annotate_user(SPEC)
    assert "secret" not in text
    assert "searchable" not in text
    assert "was born on" not in text


def test_a_long_schema_is_shortened() -> None:
    values = tuple(f"v{at}" for at in range(500))
    column = Column("c", Dtype(Kind.ENUM), "d" * 5000, values=values, examples=("e" * 5000,))
    text = annotate_user(SchemaSpec("s", (ClassSpec("A", (column,), "x" * 5000),)))
    assert len(text) < 1_500


@given(st.text())
def test_a_tag_is_not_in_its_text(text: str) -> None:
    assert tag_for(text) not in text
    assert tag_for(text) == tag_for(text)


def test_the_hash_is_of_what_is_told_and_of_the_shape() -> None:
    other = response_model(SPEC.classes)
    assert prompt_hash("a", other) == prompt_hash("a", other)
    assert len({prompt_hash("a", other), prompt_hash("b", other), prompt_hash("a", Annotations)}) == 3
    assert len(prompt_hash("a", other)) == 64
