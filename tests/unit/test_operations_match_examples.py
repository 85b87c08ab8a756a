"""Examples of what would match are the engine's own verdicts on rows that are there, declared, or plainly invented."""

from __future__ import annotations

import json
from typing import Any

from memreg.engine.statistics import Statistics
from memreg.operations.example_rows import rows_of
from memreg.operations.examples import ClassExamples, hide_pii
from memreg.operations.match_examples import MOST, examples_of
from memreg.registry.fingerprint import fingerprint
from memreg.registry.models import ClassAnnotation, IdentityKey, SchemaVersion, Status
from memreg.registry.parse import parse_schema
from tests.support.offices import offices_version

SPEC = parse_schema(
    """\
schema: s
classes:
  Person:
    columns:
      name:  {dtype: string, required: true}
      email: {dtype: string, pii: true, normalize: [email]}
      phone: {dtype: string, pii: true, normalize: [phone]}
      fax:   {dtype: string}
      born:  {dtype: date}
      mood:  {dtype: enum, values: [good, bad]}
  Book:
    columns:
      title: {dtype: string, examples: [Momo, The Neverending Story]}
      isbn:  {dtype: string, examples: ["3-522-17750-0"]}
      pages: {dtype: integer}
  Mark: {columns: {on: {dtype: boolean}, at: {dtype: datetime}}}
""",
    "test",
)
ANNOTATIONS = {
    "Person": ClassAnnotation(
        {"name": 3.0, "mood": 1.0},
        ("born",),
        (
            IdentityKey(("email",)),
            IdentityKey(("phone",), "shared"),
            IdentityKey(("fax",)),
            IdentityKey(("name", "born")),
        ),
    ),
    "Book": ClassAnnotation({"title": 3.0}, ("pages",), (IdentityKey(("isbn",)),)),
    "Mark": ClassAnnotation({}, ("on",), (IdentityKey(("at", "on")),)),
}
VERSION = SchemaVersion(SPEC, 1, Status.PENDING, fingerprint(SPEC), ANNOTATIONS, 1)
ANA = {"name": "Ana Lopez", "email": "ana@lopez.io", "phone": "+12025550123", "born": "1990-04-01"}
ZOE = {"name": "Zoe Quist", "email": "zoe@quist.io", "phone": "+12025550123", "fax": "555 010"}
ANNA = {"name": "Anna Lopes", "email": "anna@lopez.io", "born": "1990-04-02"}


def of(class_name: str, *stored: dict[str, Any]) -> ClassExamples:
    return examples_of(SPEC.by_name[class_name], VERSION, stored, Statistics())


def told(found: ClassExamples, key: str) -> list[tuple[str, str]]:
    """What comes of a key's examples, and why."""
    return [(example.outcome, example.why) for example in found.keys[key]]


def test_a_strong_key_matches_however_it_is_written_and_nothing_near_it() -> None:
    found = of("Person", ANA, ANNA)
    assert found.origin == "stored" and not found.invented
    same = [example for example in found.keys["email"] if example.outcome == "match"]
    apart = [example for example in found.keys["email"] if example.outcome == "apart"]
    assert len(same) == len(apart) == MOST
    assert (same[0].said, same[0].known) == ({"email": "ANA@LOPEZ.IO"}, {"email": "ana@lopez.io"})
    assert (apart[0].said, apart[0].known) == ({"email": "ana@lopez.io"}, {"email": "anna@lopez.io"})
    assert apart[0].why == "email differs (another one)"
    assert apart[1].said == {"email": "anb@lopez.io"}


def test_a_shared_key_needs_the_name_too() -> None:
    found = of("Person", ANA, ZOE)
    assert ("apart", "phone is equal, but the names do not agree") in told(found, "phone")
    (example,) = (each for each in found.keys["phone"] if each.said["phone"] == ZOE["phone"] and each.known == {
        "phone": ANA["phone"], "name": "Ana Lopez"} and each.outcome == "apart")  # fmt: skip
    assert example.said["name"] == "Zoe Quist"
    assert ("match", "phone is equal and the names agree (written otherwise)") in told(found, "phone")


def test_two_stored_rows_of_one_key_are_the_first_example() -> None:
    found = of("Person", ANA, {**ANNA, "email": "Ana@Lopez.io"})
    (first, *_) = found.keys["email"]
    assert (first.outcome, first.why, first.score) == ("match", "email is equal", None)


def test_a_number_without_a_normal_form_does_not_match_when_it_is_written_otherwise() -> None:
    assert ("apart", "fax differs (written otherwise)") in told(of("Person", ZOE), "fax")


def test_a_key_of_two_columns_is_nothing_without_one_of_them() -> None:
    assert ("apart", "it does not say born, so that the key says nothing") in told(of("Person", ANA), "name+born")


def test_scores_are_those_of_the_engine_and_sorted() -> None:
    found = of("Person", ANA, ZOE, ANNA)
    assert all(example.score is not None for example in found.text)
    first = found.text[0]
    assert first.outcome == "match" and first.score is not None and first.score >= 0.8
    outcomes = {example.outcome: example for example in found.text}
    assert outcomes["apart"].score is not None and outcomes["apart"].score < 0.55
    assert "at least 0.80" in first.why


def test_a_key_of_which_no_row_says_anything_has_made_up_examples() -> None:
    found = of("Person", {"name": "Ana Lopez"})
    assert found.made_up == {"email": "invented", "phone": "invented", "fax": "invented", "name+born": "invented"}
    assert len(found.keys["email"]) == 2 * MOST


def test_declared_examples_come_before_invented_ones() -> None:
    found = of("Book")
    assert (found.origin, found.invented) == ("declared", frozenset({"pages"}))
    assert found.keys["isbn"][0].known == {"isbn": "3-522-17750-0"}
    assert ("apart", "isbn differs (written otherwise)") in told(found, "isbn")
    rows = rows_of(SPEC.by_name["Book"], VERSION, ())
    assert [row["title"] for row in rows.rows] == ["Momo", "The Neverending Story"]


def test_invented_values_are_called_so() -> None:
    found = of("Mark")
    assert found.origin == "invented"
    assert found.invented == {"on", "at"}
    assert found.text == ()
    assert {outcome for outcome, _ in told(found, "at+on")} == {"match", "apart"}


def test_rows_that_the_version_would_refuse_are_left_out() -> None:
    rows = rows_of(SPEC.by_name["Person"], VERSION, [{**ANA, "email": "no address", "gone": 1}, {**ANA, "gone": 1}])
    assert (rows.origin, rows.rows) == ("stored", (ANA,))


def test_hidden_values_can_still_be_told_apart() -> None:
    found = hide_pii(of("Person", ANA, ANNA), SPEC.by_name["Person"])
    text = json.dumps([[each.said, each.known] for each in (*found.keys["email"], *found.keys["phone"], *found.text)])
    assert "lopez.io" not in text.lower() and "2025550123" not in text
    first = found.keys["email"][0]
    assert (first.said, first.known) == ({"email": "[email 1, written otherwise]"}, {"email": "[email 1]"})
    assert "Ana Lopez" in text


def test_two_ways_to_write_a_hidden_value_do_not_read_the_same() -> None:
    found = hide_pii(of("Person", ANA, ANNA), SPEC.by_name["Person"])
    said = [str(each.said["email"]) for each in found.keys["email"] if each.outcome == "match"]
    assert len(said) == len(set(said)) == MOST


def test_invented_names_are_those_of_people_for_people_only() -> None:
    assert rows_of(SPEC.by_name["Person"], VERSION, ()).rows[0]["name"] == "Ana Lopez"
    spec = parse_schema("{schema: s, classes: {Place: {columns: {name: {dtype: string}}}}}", "test")
    version = SchemaVersion(spec, 1, Status.PENDING, fingerprint(spec), {"Place": ClassAnnotation({"name": 3.0})}, 1)
    assert rows_of(spec.by_name["Place"], version, ()).rows[0]["name"] == "Blue Harbour"


def test_a_key_with_a_reference_has_examples() -> None:
    version = offices_version()
    for class_name, key in (("Purchase", "customer+number"), ("Badge", "code")):
        found = examples_of(version.spec.by_name[class_name], version, (), Statistics())
        assert {each.outcome for each in found.keys[key]} >= {"match", "apart"}
    assert "00000000-0000-7000-8000-000000000001" in str(found)
