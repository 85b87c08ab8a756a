"""Golden files are read strictly: every mistake with its place; and what the repository's own set holds."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from memreg.core.errors import GoldenInvalid, SchemaInvalid
from memreg.evaluation.golden_file import load_golden
from tests.support.golden import FILES

SCHEMA = """\
schema: rooms
classes:
  Room:
    columns:
      name: {dtype: string, required: true}
      floor: {dtype: integer}
      names: {dtype: "list[string]"}
    annotation: {searchable: {name: 3}, compare: [floor]}
"""
INLINE = "schema:\n" + "".join(f"  {line}\n" for line in SCHEMA.splitlines())
KINDS = {
    "room numbers", "flight numbers", "years", "same surname", "account kinds", "names a letter or two apart",
    "generations", "twins at one address", "editions", "sizes", "colours", "software versions", "negations",
    "transliterations", "initials", "nicknames, declared", "reordered names", "accents", "chinese", "japanese", "thai",
    "empty text", "one word", "equal text, other identity", "keyword stuffing", "units", "doses", "account numbers",
    "volumes and chapters", "seasons and episodes", "takes and remixes", "conference and journal", "companies",
    "typing errors, same day of birth", "married and double names", "models", "abbreviated addresses", "extra words",
    "same name, other city", "same name and nothing else", "phone extensions", "quarters and months",
}  # fmt: skip


def written(folder: Path, text: str, name: str = "rooms.golden.yaml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def mistakes(path: Path, schema: Path | None = None) -> list[tuple[int, int, str]]:
    with pytest.raises(GoldenInvalid) as caught:
        load_golden(path, schema)
    return [(each.line, each.column, each.text) for each in caught.value.mistakes]


def test_a_file_with_its_schema_inside(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f"{INLINE}class: Room\nbackground:\n  Room: [{{name: Room 7}}]\ncases:\n  numbers:\n"
        "    - {expect: apart, records: [{name: Room 1}, {name: Room 2}], why: two rooms}\n"
        "    - {expect: together, memory: {name: 3.10, names: [1, yes]}, record: {name: 3.10, floor: 2}}\n",
    )
    golden = load_golden(path)
    assert (golden.name, golden.schema.name, golden.kinds, golden.outcomes) == (
        "rooms.golden",
        "rooms",
        ("numbers",),
        4,
    )
    first, second = golden.cases
    assert (first.class_name, first.expect, first.why, first.line) == ("Room", "apart", "two rooms", 15)
    assert first.records == ({"name": "Room 1"}, {"name": "Room 2"})
    assert second.records == ({"name": "3.10", "names": ["1", "yes"]}, {"name": "3.10", "floor": 2})
    assert golden.background == {"Room": ({"name": "Room 7"},)}


def test_the_schema_and_the_background_may_be_files_beside_it(tmp_path: Path) -> None:
    written(tmp_path, SCHEMA, "schema.yaml")
    written(tmp_path, '{"name": "Room 7"}\n\n{"name": "Room 8", "floor": 1}\n', "rooms.jsonl")
    cases = "cases:\n  k: [{expect: apart, records: [{name: a}, {name: b}]}]\n"
    text = f"background: {{Room: rooms.jsonl}}\nclass: Room\n{cases}"
    golden = load_golden(written(tmp_path, f"golden: halls\nschema: schema.yaml\n{text}"))
    assert golden.name == "halls"
    assert golden.background == {"Room": ({"name": "Room 7"}, {"name": "Room 8", "floor": 1})}
    given = load_golden(written(tmp_path, text), tmp_path / "schema.yaml")
    assert (given.schema, given.background) == (golden.schema, golden.background)


def test_every_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f"{INLINE}clas: Room\nbackground:\n  Rom: [{{name: x}}]\n  Room: none.jsonl\ncases:\n  numbers:\n"
        "    - {expect: appart, class: Room, records: [{name: a}, {nam: b}]}\n"
        "    - {expect: apart, records: [{name: a}, {name: b}]}\n"
        "    - {expect: apart, class: Room, records: [{name: a}]}\n"
        "    - {expect: apart, class: Room, record: {name: a}}\n"
        "    - {expect: apart, class: Room, records: [{floor: 1}, {floor: high}]}\n"
        "    - {class: Room, records: [a, {name: b}], because: x}\n"
        "  empty: nothing\n",
    )
    found = mistakes(path)
    words = [
        (10, "unknown key 'clas'; did you mean class?"),
        (12, "unknown class 'Rom'; did you mean Room?"),
        (13, "none.jsonl cannot be read"),
        (16, "must be one of apart, together, review, not 'appart'; did you mean apart?"),
        (16, "Room has no column 'nam'; did you mean name?"),
        (17, "class is missing"),
        (18, "from 2 to 20 records, not 1"),
        (19, "write records: [{...}, {...}], or memory: {...} and record: {...}"),
        (20, "name is required for a new Room"),
        (20, "floor: 'high' "),
        (21, "expect is missing"),
        (21, "a record is a mapping of columns"),
        (21, "unknown key 'because'"),
        (22, "must be a list, not 'nothing'"),
    ]
    assert len(found) == len(words), found
    for line, text in words:
        assert any(each[0] == line and each[1] > 0 and text in each[2] for each in found), (line, text, found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cases: {}\n", "schema is missing"),
        (f"{INLINE}cases: {{}}\n", "there are none"),
        (f"{INLINE}", "cases is missing"),
        ("schema: nowhere.yaml\ncases: {k: []}\n", "nowhere.yaml: it cannot be read"),
        ("schema: {schema: rooms}\ncases: {k: []}\n", "classes is missing"),
        ("[1, 2]\n", "must be a mapping with the keys golden"),
        ("cases: [\n", "broken YAML"),
        (f"{INLINE}background: {{Room: lines.jsonl}}\ncases: {{k: []}}\n", "line 1 of lines.jsonl is no JSON object"),
        (f"{INLINE}background: {{Room: lines.jsonl}}\ncases: {{k: []}}\n", "line 2 of lines.jsonl has 'nam'"),
        (
            f"{INLINE}background: {{Room: lines.jsonl}}\ncases: {{k: []}}\n",
            "line 3 of lines.jsonl cannot be kept: floor",
        ),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    written(tmp_path, '{"name"\n{"nam": "x"}\n{"name": "x", "floor": "high"}\n', "lines.jsonl")
    found = mistakes(written(tmp_path, text))
    assert any(words in each[2] for each in found), found


def test_a_broken_schema_beside_it_is_told_by_its_own_places(tmp_path: Path) -> None:
    broken = written(tmp_path, SCHEMA.replace("integer", "intger"), "schema.yaml")
    path = written(
        tmp_path, "schema: schema.yaml\ncases: {k: [{class: Room, expect: apart, records: [{name: a}, {}]}]}\n"
    )
    assert any("schema.yaml:6:" in text for _, _, text in mistakes(path))
    with pytest.raises(SchemaInvalid):
        load_golden(path, broken)


# The repository's own set


def test_the_set_is_large_and_has_every_kind() -> None:
    sets = [load_golden(path) for path in FILES]
    cases = [case for each in sets for case in each.cases]
    assert len(cases) >= 300
    assert {case.kind for case in cases} >= KINDS
    expected = Counter(case.expect for case in cases)
    assert min(expected["apart"], expected["together"]) >= 100
    assert expected["review"] >= 10


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_case_is_there_twice_or_known_to_the_background(path: Path) -> None:
    golden = load_golden(path)
    told = [json.dumps([case.class_name, *map(dict, case.records)], sort_keys=True) for case in golden.cases]
    assert [each for each, count in Counter(told).items() if count > 1] == []
    known = {json.dumps(values, sort_keys=True) for records in golden.background.values() for values in records}
    assert not [v for case in golden.cases for v in case.records if json.dumps(dict(v), sort_keys=True) in known]
    assert {case.class_name for case in golden.cases} == set(golden.background)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_kind_is_one_pair_with_other_names(path: Path) -> None:
    golden = load_golden(path)
    assert max(Counter(case.kind for case in golden.cases).values()) <= 20
