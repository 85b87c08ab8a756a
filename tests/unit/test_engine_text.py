"""Tokens, tsvectors and digests at their edges."""

from __future__ import annotations

from uuid import UUID

import pytest

from memreg.engine.identity import digest, key_values, name_tokens
from memreg.engine.record import Record
from memreg.engine.state import HeldKey, MemoryState
from memreg.engine.statistics import FIRST_SNAPSHOT, LONGEST_GAP, Statistics
from memreg.engine.store import class_lock, lock_classes
from memreg.engine.text import (
    MAX_TOKEN_LENGTH,
    MAX_TOKENS,
    MAX_VECTOR,
    scope_token,
    tokens,
    tsvector,
    value_tokens,
    weight_of,
)
from memreg.registry.models import Merge
from tests.support.engines import people_spec, person

SPEC, ANNOTATION = person()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ana  LÓPEZ-García", ["ana", "lopez", "garcia"]),
        ("O'Brien’s", ["obriens"]),
        ("ﬁne ＡＢＣ", ["fine", "abc"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("東京都", ["東京", "京都"]),
        ("東", ["東"]),
        ("a_b a.b 3,5", ["a", "b", "a", "b", "3", "5"]),
        ("\0\ud800 ' \\ : & | ! ( )", []),
        ("🙂", []),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def test_tokens_are_bounded() -> None:
    assert len(tokens("a " * 5_000)) == MAX_TOKENS
    assert tokens("x" * 1_000) == ["x" * MAX_TOKEN_LENGTH]
    assert value_tokens(["Ana", "ana Lopez"]) == ("ana", "lopez")


@pytest.mark.parametrize(
    ("boost", "letter"), [(10, "A"), (3, "A"), (2.5, "A"), (2, "B"), (1.5, "B"), (1, "C"), (0.1, "C")]
)
def test_boosts_are_weights(boost: float, letter: str) -> None:
    assert weight_of(boost) == letter


def test_a_tsvector_names_its_scope_and_the_heaviest_weight_of_a_token() -> None:
    assert tsvector("=s", [("C", ["oslo", "ana"]), ("A", ["ana", "lopez"])]) == "'=s' 'ana':1A 'lopez':2A 'oslo':3C"
    assert tsvector("=s", []) == "'=s'"


def test_a_tsvector_leaves_out_what_postgres_cannot_hold_of_the_lightest_columns_first() -> None:
    light = ("C", [f"{n:05d}" + "x" * 59 for n in range(30_000)])
    heavy = ("A", [f"a{n}" for n in range(100)])
    vector = tsvector("=s", [light, heavy])
    assert len(vector) < MAX_VECTOR * 1.3
    assert all(f"'a{n}':" in vector for n in range(100))


def test_scopes_differ_by_tenant_schema_and_class() -> None:
    scopes = {scope_token(*each) for each in [("a", "b", "c"), ("ab", "", "c"), ("a", "bc", ""), ("c", "b", "a")]}
    assert len(scopes) == 4
    assert all(scope.startswith("=") for scope in scopes)


def test_locks_are_taken_in_one_order_for_everybody() -> None:
    one, other = (lock_classes("t", "s", names) for names in (["Note", "Person", "Note"], ["Person", "Note"]))
    assert [each.params for each in one] == [each.params for each in other]
    assert len(one) == 2
    assert class_lock("t", "s", "Person") != class_lock("t2", "s", "Person") != class_lock("t", "s2", "Person")


def test_digests_do_not_meet_by_shifting_a_border() -> None:
    assert len({digest(parts) for parts in (["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], ["", "abc"], [])}) == 6


def test_keys_of_a_payload_in_declared_order() -> None:
    payload = {"name": "Ana", "born": "1990-05-01", "phone": "1", "email": "a@x.io"}
    assert [found.key.name for found in key_values(payload, ANNOTATION)] == ["email", "phone", "name+born"]
    assert key_values({"name": "Ana", "born": None}, ANNOTATION) == ()


def test_a_name_is_the_searchable_column_of_the_highest_boost_that_is_no_key_alone() -> None:
    assert ANNOTATION.name_columns == ("name",)
    assert name_tokens({"name": "Ana Lopez", "city": "Oslo"}, ANNOTATION) == {"ana", "lopez"}


def test_a_record_counts_nothing_twice() -> None:
    record = Record.of({"name": "Ana", "born": "1990-05-01", "email": "a@x.io", "city": None}, SPEC, ANNOTATION)
    assert set(record.fields) == {"name"}
    assert set(record.compared) == {"born"}
    assert set(record.identity) == {"name", "born", "email"}
    assert set(record.only_identity) == {"email"}


def test_lists_are_joined_by_default() -> None:
    assert people_spec().by_name["Person"].by_name["tags"].merge is Merge.UNION
    assert people_spec().by_name["Person"].by_name["name"].merge is Merge.REPLACE


def test_snapshots_are_due_by_the_count_of_writes() -> None:
    assert not Statistics().due(FIRST_SNAPSHOT - 1)
    assert Statistics().due(FIRST_SNAPSHOT)
    assert not Statistics(1, change=32).due(39)
    assert Statistics(1, change=32).due(40)
    assert Statistics(9, change=1_000_000).due(1_000_000 + LONGEST_GAP)


def test_a_snapshot_of_a_memory_is_json_with_sorted_keys() -> None:
    row = {
        "id": UUID(int=1), "class": "Person", "version": 1, "payload": {"name": "Ana"}, "originals": {},
        "is_deleted": False, "unresolved": False, "revision": 1, "change": 1, "created_at": None, "updated_at": None,
        "last_seen_at": None, "earlier": None, "pinned": {}, "merged_into": None, "void_revisions": [],
    }  # fmt: skip
    state = MemoryState.from_row(row)
    state.keys = {HeldKey("phone", b"\2", False), HeldKey("email", b"\1", True)}
    assert state.snapshot()["keys"] == [
        {"key": "email", "digest": "01", "strong": True},
        {"key": "phone", "digest": "02", "strong": False},
    ]
    assert state.is_live
