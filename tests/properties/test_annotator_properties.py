"""For any schema the heuristic annotation fits its class; for any text the patterns quote it in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memreg.annotator.check import check
from memreg.annotator.heuristic import annotate
from memreg.annotator.items import Source, read
from memreg.annotator.mask import Mask
from memreg.annotator.reading import Unreadable, read_object
from memreg.annotator.salvage import read_items
from memreg.engine.patterns import extract, sentences
from memreg.engine.validate import validate
from memreg.registry.models import ClassSpec, Column, Dtype, Kind, Pattern, SchemaSpec
from tests.support.engines import people_version

WORDS = st.sampled_from(
    "name email phone id code number sku isbn url model customer owner title notes tags date zip user manager".split()
)
NAMES = st.one_of(
    st.lists(WORDS, min_size=1, max_size=3).map("_".join),
    st.lists(WORDS, min_size=1, max_size=3).map(lambda parts: parts[0] + "".join(map(str.title, parts[1:]))),
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True),
)
COLUMNS = st.builds(
    Column,
    name=NAMES,
    dtype=st.builds(Dtype, st.sampled_from(Kind), st.booleans()),
    desc=st.one_of(st.just(""), st.lists(WORDS, max_size=6).map(" ".join)),
    pii=st.booleans(),
    examples=st.lists(st.one_of(st.just("ana@lopez.io"), st.text(max_size=5), st.integers()), max_size=2).map(tuple),
)
CLASSES = st.builds(
    ClassSpec,
    name=st.from_regex(r"[A-Z][A-Za-z0-9_]{0,8}", fullmatch=True),
    columns=st.lists(COLUMNS, min_size=1, max_size=6, unique_by=lambda column: column.name).map(tuple),
)
SCHEMAS = st.lists(CLASSES, min_size=1, max_size=3, unique_by=lambda spec: spec.name).map(
    lambda classes: SchemaSpec("s", tuple(classes))
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["class", "values", "operation", "evidence", "confidence"]) | st.text(max_size=3), inner
        )
    ),
    max_leaves=10,
)
PATTERNS = SchemaSpec(
    "s",
    (
        ClassSpec(
            "P",
            (Column("a", Dtype(Kind.STRING)), Column("b", Dtype(Kind.STRING))),
            patterns=(Pattern("{a} x {b}"), Pattern("y {a} y"), Pattern("x {a}", "delete"), Pattern("{b} y")),
        ),
    ),
)


@given(SCHEMAS)
def test_a_heuristic_annotation_fits_its_class_and_is_the_same_every_time(schema: SchemaSpec) -> None:
    found = annotate(schema)
    assert annotate(schema) == found
    assert list(found.classes) == [spec.name for spec in schema.classes]
    for spec in schema.classes:
        annotation = found.classes[spec.name]
        assert check(spec, annotation) == []
        assert not set(annotation.searchable) & annotation.identity_columns
        assert all("name" not in key.columns for key in annotation.identity)
        assert 0 < annotation.confidence < 0.9
        strengths = [key.strength for key in annotation.identity]
        assert strengths == sorted(strengths, reverse=True)


@given(st.text(alphabet="xyXY a.b!\n\t?,", max_size=80))
def test_patterns_quote_the_text_in_its_order_and_trim_their_places(text: str) -> None:
    found = extract(text, PATTERNS)
    read = "\n".join(sentences(text))
    at = 0
    for proposal in found.proposals:
        assert proposal.evidence is not None
        place = read.find(proposal.evidence, at)
        assert place >= 0
        at = place + len(proposal.evidence)  # matches of one class share no words
        for value in proposal.values.values():
            assert value and value == value.strip() and value in proposal.evidence
    assert extract(text, PATTERNS) == found


@given(JSON, st.sampled_from(["Ana Lopez", "", "Ana was here\non 3 May"]))
def test_every_item_is_a_proposal_or_has_a_reason_why_not(item: object, text: str) -> None:
    found = read(item, Source(text, (), None, people_version(), Mask()))
    assert (found.proposal is not None) or found.refusals
    for refused in found.refusals:
        assert refused.reason
    if found.proposal is not None:
        assert validate(found.proposal, people_version()).refusal is None
        assert found.proposal.evidence


@given(st.text(alphabet='{}[]":, itemsx`\n', max_size=60))
def test_any_reply_is_read_or_refused(text: str) -> None:
    try:
        found = read_object(text, "items")
    except Unreadable:
        return
    assert isinstance(found["items"], list)


@given(st.lists(st.text(alphabet='{}[]":, itemsx1`\n', max_size=60), max_size=3), st.booleans())
def test_any_answer_gives_its_items_or_the_reason_why_there_are_none(texts: list[str], cut_off: bool) -> None:
    try:
        found = read_items(texts, "items", cut_off=cut_off)
    except Unreadable:
        return
    assert isinstance(found.items, tuple | list)
