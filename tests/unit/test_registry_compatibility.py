"""Compatibility: every rule by its cases, the modes, and which versions a new one is held against."""

from __future__ import annotations

import random

import pytest

from bench.compatibility_cases import Case, read_cases
from bench.compatibility_laws import Laws
from memreg.core.errors import SchemaIncompatible
from memreg.registry.compatibility import RULES, Verdict, annotation_reasons, can_read, judge, verdict
from memreg.registry.judging import check_verdict, verdict_data, verdict_from
from memreg.registry.lineage import Ancestor
from memreg.registry.models import ClassAnnotation, IdentityKey, SchemaSpec
from memreg.registry.parse import COMPATIBILITY, parse_schema
from memreg.registry.reading import Side

CASES = read_cases()


def spec(columns: str, mode: str = "backward", more: str = "") -> SchemaSpec:
    """A schema of one class with these columns."""
    text = f"schema: s\ncompatibility: {mode}\nclasses: {{P: {{columns: {{{columns}}}{more}}}}}\n"
    return parse_schema(text, "test")


def told(found: Verdict) -> list[str]:
    """The reasons as places and changes, with a mark for what breaks."""
    return [f"{'! ' if each.breaks else ''}{each.where} {each.kind} ({each.against})" for each in found.reasons]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_case_is_told_as_its_file_says(case: Case) -> None:
    assert case.problems() == []


def test_every_rule_has_a_case_and_says_what_breaks() -> None:
    assert {rule.__name__ for rule in RULES} == {case.rule for case in CASES if case.is_told}
    for rule in RULES:
        doc = rule.__doc__ or ""
        assert "reaks" in doc, rule.__name__
        assert doc.rstrip().endswith((".", ")")), rule.__name__


def test_every_reason_is_a_sentence_that_names_its_rule() -> None:
    for case in CASES:
        for reason in (*case.found()[0], *case.found()[1]):
            assert reason.rule in {rule.__name__ for rule in RULES}
            assert reason.text
            assert reason.text[0] != reason.text[0].upper() or not reason.text[0].isalpha() or reason.breaks
            assert not reason.text.endswith(".")


def test_the_laws_hold_for_schemas_made_by_chance() -> None:
    laws, chance = Laws(), random.Random(7)
    for _ in range(60):
        laws.attempt(chance)
    assert {law: broken for law, broken in laws.broken.items() if broken} == {}
    assert 0 < laws.compatible < laws.pairs


@pytest.mark.parametrize("mode", COMPATIBILITY)
def test_what_each_mode_allows(mode: str) -> None:
    old = spec("name: {dtype: string}, note: {dtype: text, required: true}")
    added = spec("name: {dtype: string}, note: {dtype: text, required: true}, x: {dtype: text, required: true}", mode)
    removed = spec("name: {dtype: string}", mode)
    breaks_backward = judge(added, [Ancestor(old, 1)], 1, {1})
    breaks_forward = judge(removed, [Ancestor(old, 1)], 1, {1})
    plain = mode.removesuffix("_transitive")
    assert breaks_backward.compatible == (plain in ("none", "forward"))
    assert breaks_forward.compatible == (plain in ("none", "backward"))
    assert (breaks_backward.mode, breaks_backward.against) == (mode, (1,))


def test_full_tells_in_which_direction_and_a_note_once() -> None:
    old = spec("a: {dtype: integer}, b: {dtype: string}")
    new = spec("a: {dtype: number}, b: {dtype: string, pii: true}", "full")
    found = judge(new, [Ancestor(old, 1)], 1, {1})
    assert [(each.where, each.direction, each.breaks) for each in found.reasons] == [
        ("P.a", "backward", False),
        ("P.b", "backward", False),
        ("P.a", "forward", True),
    ]


def test_a_version_that_was_never_in_force_is_told_of_and_does_not_bind() -> None:
    old, new = spec("a: {dtype: string}"), spec("a: {dtype: integer}")
    draft = judge(new, [Ancestor(old, 1)], 1, ())
    assert draft.compatible
    assert told(draft) == ["! P.a retyped string → integer (1)"]
    assert not judge(new, [Ancestor(old, 1)], 1, {1}).compatible


def test_the_first_version_is_compatible_with_nothing() -> None:
    assert judge(spec("a: {dtype: string}", "full_transitive"), [], None, ()) == Verdict("full_transitive", True)


def test_a_transitive_mode_looks_at_every_version_that_was_in_force_the_newest_first() -> None:
    first = Ancestor(spec("a: {dtype: string}, b: {dtype: integer}"), 1)
    second = Ancestor(spec("a: {dtype: string}"), 2, base=1)
    rejected = Ancestor(spec("a: {dtype: string}, b: {dtype: boolean}"), 3, base=2)
    fourth = Ancestor(spec("a: {dtype: string}, c: {dtype: date}"), 4, base=2)
    again = "a: {dtype: string}, b: {dtype: boolean}"
    earlier = [first, second, rejected, fourth]
    assert judge(spec(again), earlier, 4, {1, 2, 4}).against == (4,)
    # What version 1 wrote in b was left out by version 2, so that it cannot be misread as a boolean.
    found = judge(spec(again, "backward_transitive"), earlier, 4, {1, 2, 4})
    assert (found.against, found.compatible) == ((4, 2, 1), True)
    # Version 1 itself would read what is written now, though.
    forward = judge(spec(again, "forward_transitive"), earlier, 4, {1, 2, 4})
    assert [(each.where, each.against) for each in forward.breaking] == [("P.b", 1)]


def test_what_an_old_version_wrote_is_read_through_the_versions_between() -> None:
    first = Ancestor(spec("name: {dtype: string, required: true}"), 1)
    second = Ancestor(spec("full_name: {dtype: string, required: true, from: name}"), 2, base=1)
    mode = "backward_transitive"
    # The `from:` of version 2 may go from the file later: version 2 did it.
    third = spec("full_name: {dtype: string, required: true}, age: {dtype: integer}", mode)
    found = judge(third, [first, second], 2, {1, 2})
    assert (found.compatible, told(found)) == (True, ["P.age added (2)"])
    narrower = spec("full_name: {dtype: integer, required: true}", mode)
    assert [each.against for each in judge(narrower, [first, second], 2, {1, 2}).breaking] == [2, 1]


def test_a_default_of_a_version_between_fills_what_the_first_lacks() -> None:
    first = Ancestor(spec("name: {dtype: string}"), 1)
    second = Ancestor(spec("name: {dtype: string}, kind: {dtype: string, required: true, default: other}"), 2, base=1)
    third = spec("name: {dtype: string}, kind: {dtype: string, required: true}", "backward_transitive")
    assert judge(third, [first, second], 2, {1, 2}).breaking == ()


def test_a_class_that_comes_again_reads_what_is_left_of_it() -> None:
    text = "schema: s\ncompatibility: backward_transitive\nclasses:\n  P: {columns: {a: {dtype: string}}}\n"
    first = Ancestor(parse_schema(text + "  Q: {columns: {b: {dtype: string}}}\n", "test"), 1)
    second = Ancestor(parse_schema(text, "test"), 2, base=1)
    gone = judge(parse_schema(text + "  R: {columns: {c: {dtype: date}}}\n", "test"), [first, second], 2, {1, 2})
    assert (gone.compatible, gone.against) == (True, (2, 1))  # version 2 told that Q is gone
    again = parse_schema(text + "  Q: {columns: {b: {dtype: string}, c: {dtype: date, required: true}}}\n", "test")
    found = judge(again, [first, second], 2, {1, 2})
    assert told(found) == ["Q added (2)", "! Q.c added (1)"]


def test_a_version_that_brings_an_old_one_back_is_read_as_that_one() -> None:
    first = Ancestor(spec("name: {dtype: string}"), 1)
    second = Ancestor(spec("title: {dtype: string, from: name}"), 2, base=1)
    third = Ancestor(spec("name: {dtype: string}"), 3, base=2, restores=1)
    fourth = spec("name: {dtype: string, required: true}", "backward_transitive")
    found = judge(fourth, [first, second, third], 3, {1, 2, 3})
    assert {each.against for each in found.breaking} == {3, 2, 1}
    assert all(each.where == "P.name" for each in found.breaking)


def test_what_identifies_is_compared_with_the_annotation_in_force() -> None:
    old = spec("a: {dtype: string}, b: {dtype: string}", more=", annotation: {identity: [{columns: [a]}]}")
    edited = {"P": ClassAnnotation({}, (), (IdentityKey(("a",)), IdentityKey(("b",))))}
    same = judge(old, [Ancestor(old, 1, annotations=edited)], 1, {1})
    assert [each.kind for each in same.breaking] == ["identity changed"]
    silent = spec("a: {dtype: string}, b: {dtype: string}, c: {dtype: date}")
    assert judge(silent, [Ancestor(old, 1, annotations=edited)], 1, {1}).compatible


def test_an_annotation_that_waits_for_approval_is_held_against_the_one_in_force() -> None:
    schema = spec("a: {dtype: string}, b: {dtype: string}")
    old = Side(schema, "s@1", {"P": ClassAnnotation({"a": 3.0}, (), (IdentityKey(("a",)),))})
    new = Side(schema, "s@2", {"P": ClassAnnotation({"a": 2.0}, (), (IdentityKey(("a", "b")),))})
    assert [(each.where, each.kind) for each in annotation_reasons(new, old)] == [
        ("P", "identity changed"),
        ("P.a", "boost changed"),
    ]


def test_reasons_show_no_value_of_a_personal_column() -> None:
    old = spec("a: {dtype: string}")
    new = spec("a: {dtype: string, default: Ana Lopez, pii: true}, b: {dtype: string, pii: true, default: Oslo}")
    assert not any("Ana" in each.text or "Oslo" in each.text for each in can_read(new, old))


def test_an_incompatible_schema_is_refused_in_one_sentence_with_the_first_reasons() -> None:
    old = spec(", ".join(f"c{number}: {{dtype: string}}" for number in range(8)))
    new = spec(", ".join(f"c{number}: {{dtype: integer}}" for number in range(8)))
    found = verdict("backward", Side(new), [(3, Side(old), Side(old))])
    with pytest.raises(SchemaIncompatible) as refusal:
        check_verdict(new, found)
    text = str(refusal.value)
    assert text.startswith("The schema 's' would not be backward compatible with version 3: P.c0, retyped string →")
    assert "; and 3 more. Change the file" in text
    assert refusal.value.facts["verdict"] is found


def test_a_verdict_is_kept_as_data_and_read_again() -> None:
    for case in CASES[:10]:
        found = verdict("full", Side(case.after), [(1, Side(case.before), Side(case.before))])
        assert verdict_from(verdict_data(found)) == found
