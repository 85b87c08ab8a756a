"""The schema of an evaluation: the JSON beside a stream, a memreg schema, and how fields become values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from memreg.core.errors import AnnotationInvalid, EvaluationRefused, SchemaInvalid
from memreg.evaluation.given_schema import read_subject
from memreg.evaluation.stream_schema import read_stream_schema
from memreg.evaluation.subject import Subject
from memreg.registry.annotation_file import dump_annotation
from memreg.registry.fingerprint import fingerprint
from memreg.registry.models import SchemaVersion, Status
from memreg.registry.parse import parse_schema

SONG: dict[str, Any] = {
    "dataset": "songs 2",
    "class": "Song",
    "domain": "music",
    "dirty_sources": ["A"],
    "identity": ["phone", "modelno", "email", "soc_sec_id", ["title", "released"]],
    "fields": {
        "title": {"kind": "name", "boost": 2.5, "searchable": True},
        "genre": {"kind": "enum", "boost": 7, "searchable": True},
        "notes": {"kind": "text", "boost": 1, "searchable": True},
        "hidden": {"kind": "text", "boost": 1, "searchable": False},
        "released": {"kind": "date", "boost": 2, "searchable": True},
        "price": {"kind": "number", "boost": 0, "searchable": True},
        "phone": {"kind": "identity", "boost": 0, "searchable": False},
        "modelno": {"kind": "identity", "boost": 0, "searchable": False},
        "email": {"kind": "identity", "boost": 0, "searchable": False},
        "soc_sec_id": {"kind": "identity", "boost": 0, "searchable": False},
    },
}
PEOPLE = """\
schema: people
classes:
  Person:
    description: Somebody
    columns:
      name: {dtype: string, desc: Name}
      email: {dtype: string, desc: E-mail, normalize: [email]}
    annotation:
      searchable: {name: 3}
      identity: [{columns: [email], strength: strong}]
"""
TWO = PEOPLE + "  Place:\n    description: Somewhere\n    columns:\n      title: {dtype: string, desc: Name}\n"


def song(**changes: Any) -> Subject:
    return read_stream_schema(json.dumps(SONG | changes), "songs.schema.json")


def write(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def test_the_mapping_of_kinds() -> None:
    subject = song()
    assert subject.spec.name == "songs_2"
    assert subject.class_name == "Song"
    assert dict(subject.annotation.searchable) == {"title": 2.5, "genre": 2.0, "notes": 1.0}
    assert subject.annotation.compare == ("released", "price")
    assert subject.dirty_sources == {"A"}
    dtypes = {column.name: str(column.dtype) for column in subject.of_class.columns}
    assert {name for name, dtype in dtypes.items() if dtype == "text"} == {"notes", "hidden"}
    assert set(dtypes.values()) == {"string", "text"}
    assert not any(column.values or column.required or column.normalize for column in subject.of_class.columns)


def test_a_key_has_the_strength_of_its_name() -> None:
    strengths = {key.name: key.strength for key in song().annotation.identity}
    assert strengths == {
        "phone": "shared",
        "modelno": "shared",
        "email": "strong",
        "soc_sec_id": "strong",
        "title+released": "strong",
    }


@pytest.mark.parametrize("name", ["Order", "User", "9", "Werk ü"])
def test_a_class_may_be_called_what_a_stream_calls_it(name: str) -> None:
    assert song(**{"class": name}).class_name == name


def test_without_identity_there_is_no_key_and_all_else_stays() -> None:
    subject = song().without_identity()
    assert subject.annotation.identity == ()
    assert subject.annotation.searchable == song().annotation.searchable


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("phone", "212/249-8484", "2122498484"),
        ("phone", "none", "none"),
        ("email", "Ana@Lopez.IO", "ana@lopez.io"),
        ("email", "aeexanderthomas@reylscom", "aeexanderthomas@reylscom"),
        ("modelno", " KP-36 IP ", "kp-36 ip"),
        ("title", "Fake", "Fake"),
        ("released", "22-Feb-11", "22-Feb-11"),
        ("price", "$ 1.29", "$ 1.29"),
        ("price", 1.29, "1.29"),
        ("genre", ["Rock", "Pop"], "Rock Pop"),
        ("notes", {"a": True}, '{"a": true}'),
        ("title", "a\0b\ud800", "a b\ufffd"),
        ("title", "x" * 20_000, "x" * 10_000),
        ("notes", "x" * 200_000, "x" * 100_000),
    ],
)
def test_nothing_is_refused_for_its_value(field: str, value: object, expected: str) -> None:
    assert song().values({field: value}) == {field: expected}


def test_what_says_nothing_is_left_out() -> None:
    assert song().values({"title": None, "genre": "  ", "notes": [], "colour": "red"}) == {}
    assert song().unknown({"title": "x", "colour": "red"}) == ("colour",)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"class": "x" * 64}, "at most 63 characters"),
        ({"class": "a\nb"}, "in one line"),
        ({"class": None}, "class is missing"),
        ({"fields": {}}, "fields is missing"),
        ({"fields": {"a": {"kind": "colour"}}}, "the kind of 'a' is 'colour'"),
        ({"fields": {"a": "name"}}, "the field 'a' must be an object"),
        ({"fields": {"a": {"kind": "name", "boost": 11}}}, "the boost of 'a' is 11"),
        ({"fields": {"a": {"kind": "name", "boost": "much"}}}, "the boost of 'a' is 'much'"),
        ({"fields": {"a": {"kind": "name", "weight": 1}}}, "unknown key 'weight'"),
        ({"identity": ["colour"]}, "identity names 'colour', which is no field"),
        ({"identity": "phone"}, "identity must be a list"),
        ({"name": "x"}, "unknown key 'name'"),
    ],
)
def test_a_wrong_schema_is_refused_in_words(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(SchemaInvalid, match=told):
        song(**changes)


@pytest.mark.parametrize("text", ["{", "[]", "\ufeff{", "[" * 100_000])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(SchemaInvalid):
        read_stream_schema(text, "x.schema.json")


def test_forty_searchable_fields(tmp_path: Path) -> None:
    fields = {f"f{number}": {"kind": "name", "boost": 3, "searchable": True} for number in range(40)}
    path = write(tmp_path / "x.json", json.dumps({"class": "Wide", "fields": fields}))
    assert len(read_subject(path).annotation.searchable) == 40


def test_a_class_in_which_nothing_can_be_found(tmp_path: Path) -> None:
    fields = {"born": {"kind": "date"}, "email": {"kind": "identity"}, "phone": {"kind": "identity"}}
    path = write(tmp_path / "x.json", json.dumps({"class": "Person", "fields": fields, "identity": ["phone"]}))
    with pytest.raises(EvaluationRefused, match="has no searchable field and no strong identity key"):
        read_subject(path)
    path = write(tmp_path / "y.json", json.dumps({"class": "Person", "fields": fields, "identity": ["email"]}))
    assert read_subject(path).annotation.searchable == {}
    with pytest.raises(EvaluationRefused, match="mark a field searchable"):
        read_subject(path, with_identity=False)


def test_a_memreg_schema(tmp_path: Path) -> None:
    path = write(tmp_path / "people.yaml", PEOPLE)
    subject = read_subject(path)
    assert (subject.class_name, subject.is_open) == ("Person", False)
    assert [key.name for key in subject.annotation.identity] == ["email"]
    assert read_subject(path, with_identity=False).annotation.identity == ()
    # the engine's validator is to see what came
    assert subject.values({"name": 3, "email": "no address", "other": 1}) == {"name": 3, "email": "no address"}


def test_one_class_of_several(tmp_path: Path) -> None:
    path = write(tmp_path / "two.yaml", TWO)
    with pytest.raises(EvaluationRefused, match=r"several classes \(Person, Place\): say which .* --class"):
        read_subject(path)
    with pytest.raises(EvaluationRefused, match="'Ship' is no class of it"):
        read_subject(path, class_name="Ship")
    place = read_subject(path, class_name="Place")
    assert place.annotation.searchable == {"title": 3.0}  # by the heuristic annotator, as it declares none
    assert place.annotation.source == "heuristic"


def test_an_annotation_file(tmp_path: Path) -> None:
    path = write(tmp_path / "people.yaml", PEOPLE)
    spec = parse_schema(PEOPLE, "people.yaml")
    declared = spec.by_name["Person"].declared
    assert declared is not None
    version = SchemaVersion(spec, 4, Status.PENDING, fingerprint(spec), {"Person": declared}, 1)
    text = dump_annotation(version)
    edited = write(tmp_path / "a.yaml", text.replace("name: 3", "name: 1.5"))
    assert edited.read_text() != text
    assert read_subject(path, annotation=edited).annotation.searchable == {"name": 1.5}
    foreign = write(tmp_path / "b.yaml", text.replace(version.fingerprint, "0" * 8))
    with pytest.raises(AnnotationInvalid, match="fingerprint"):
        read_subject(path, annotation=foreign)
    stream_schema = write(tmp_path / "s.json", json.dumps(SONG))
    with pytest.raises(EvaluationRefused, match="leave the annotation file out"):
        read_subject(stream_schema, annotation=edited)
    with pytest.raises(EvaluationRefused, match="its class is Song, not Person"):
        read_subject(stream_schema, class_name="Person")
