"""What erasing looks for, and what it leaves of entries and states, without a database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from memreg.operations.erase.outcome import Erased, Removed, StillSaid
from memreg.operations.erase.said import Said, is_telling, same, tells_who
from memreg.operations.erase.scrub import ERASED, Scrub, blank, texts_of
from memreg.operations.quotes import Quotes
from tests.support.engines import people_version

MINE, OTHER = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"
STATE = {
    "payload": {"name": "Ana Lopez", "city": "Oslo"},
    "originals": {"name": "ANA LOPEZ"},
    "version": 1,
    "revision": 2,
    "is_deleted": False,
    "unresolved": False,
    "keys": [{"key": "email", "digest": "ab", "strong": True}],
    "pinned": {"city": {"by": "kim", "at": "2026-01-01", "why": "Ana Lopez said so"}},
    "void": [1],
}
BLANK = {
    "payload": {},
    "originals": {},
    "version": 1,
    "revision": 2,
    "is_deleted": False,
    "unresolved": False,
    "keys": [],
    "void": [1],
    "erased": True,
}


def never(_class: str, _column: str) -> bool:
    return False


def scrub(*everywhere: str, needed: Any = never, digests: tuple[str, ...] = ()) -> Scrub:
    texts = ("Ana Lopez", "ana@lopez.io", *everywhere)
    return Scrub(frozenset({MINE}), Quotes.of(texts), Quotes.of(everywhere), needed, digests)


def entry(memory_id: str | None, **parts: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "audit_id": UUID(int=1),
        "memory_id": UUID(memory_id) if memory_id else None,
        "class": "Person",
        "proposal": {"values": {"name": "Bob"}, "evidence": None},
        "evidence": None,
        "before": None,
        "after": None,
        "reasons": [],
        "details": {},
    }
    return found | parts


def left(row: dict[str, Any], by: Scrub | None = None, **how: Any) -> dict[str, Any]:
    found = (by or scrub()).entry(row, **how)
    assert found is not None
    assert len(found.pop("salt")) == 2 + 32
    assert found.pop("audit_id") == str(row["audit_id"])
    return found


def test_values_that_tell_who_somebody_is_are_looked_for() -> None:
    said = Said()
    said.take(
        {
            "name": "Ana Lopez",
            "email": "ana@lopez.io",
            "phone": "47900",
            "born": "1990-05-03",
            "city": "Oslo",
            "mood": "calm",
            "age": 37,
            "notes": "allergic to peanuts",
            "tags": ["friend"],
        },
        "Person",
        people_version(),
        "Person",
    )
    assert set(said.identifying) == {"Ana Lopez", "Lopez Ana", "ana@lopez.io", "47900"}
    assert set(said.telling) == {"allergic to peanuts"}
    assert said.tokens >= {"ana", "oslo", "friend", "peanuts", "37"}
    assert said.places_of("Ana Lopez") == {("Person", "name")}
    assert set(said.without({"Ana Lopez"})) == {"ana@lopez.io", "47900", "allergic to peanuts"}


@pytest.mark.parametrize(
    ("text", "who"), [("Al", False), ("Ada", True), ("1990", False), ("19905", True), ("雷", True), ("-", False)]
)
def test_what_is_too_short_tells_nobody(text: str, who: bool) -> None:
    assert tells_who(text) is who


@pytest.mark.parametrize(
    ("text", "telling"),
    [
        ("Oslo", False),
        ("San Francisco", False),
        ("allergic to peanuts", True),
        ("KP-36IP", True),
        ("123456", True),
        ("12345", False),
    ],
)
def test_what_is_about_nobody_else(text: str, telling: bool) -> None:
    assert is_telling(text) is telling


def test_a_value_is_the_same_in_other_spellings() -> None:
    assert same("ana  LOPEZ", "Ana Lopez")
    assert same(["x", "Ana Lopez"], "ana lopez")
    assert not same("Ana Lopez and Bob", "Ana Lopez")


def test_an_entry_about_it_keeps_only_that_it_was_there() -> None:
    row = entry(
        MINE,
        evidence="Ana Lopez",
        before=STATE,
        after=STATE,
        reasons=["Ana"],
        details={"values": {"name": "Ana"}, "mode": "normal"},
    )
    assert left(row) == {
        "proposal": {},
        "evidence": None,
        "before": BLANK,
        "after": BLANK,
        "reasons": [],
        "details": {"erased": True},
    }


def test_an_entry_about_it_keeps_what_it_did_to_others() -> None:
    others = [
        {"memory_id": OTHER, "class": "Person", "before": None, "after": STATE},
        {"memory_id": MINE, "class": "Person", "before": STATE, "after": None},
    ]
    found = left(entry(MINE, after=STATE, details={"others": others, "absorbed": others[1]}))
    assert found["details"]["others"] == [others[0], others[1] | {"before": BLANK}]
    assert found["details"]["absorbed"] == others[1] | {"before": BLANK}


def test_an_entry_about_another_memory_loses_only_what_it_says_of_it() -> None:
    details = {
        "values": {"name": "Bob", "notes": "met Ana Lopez"},
        "compared_with": {MINE: STATE["payload"], OTHER: {"name": "Bob"}},
        "met": {MINE: {"name": ["lopez"]}, OTHER: {"name": ["bob"]}},
        "keys": [{"key": "email", "holders": [MINE]}],
        "why": "Ana Lopez asked",
    }
    row = entry(OTHER, after=STATE, evidence="ANA  LOPEZ and Bob", reasons=["like ana@lopez.io"], details=details)
    found = left(row)
    assert found["proposal"] == row["proposal"]
    assert found["after"] == STATE
    assert found["evidence"] == f"{ERASED} and Bob"
    assert found["reasons"] == [f"like {ERASED}"]
    assert found["details"] == {
        "values": {"name": "Bob", "notes": "met Ana Lopez"},
        "compared_with": {OTHER: {"name": "Bob"}},
        "met": {OTHER: {"name": ["bob"]}},
        "keys": [{"key": "email", "holders": [MINE]}],
        "why": f"{ERASED} asked",
    }


def test_an_entry_about_no_memory_loses_its_proposal_where_it_quotes_it() -> None:
    details = {"values": {"name": "Ana Lopez"}, "mode": "kill_switch", "changed": []}
    row = entry(None, proposal={"values": {"name": "Ana Lopez"}}, evidence="forget her", details=details)
    assert left(row) == {
        "proposal": {}, "evidence": None, "before": None, "after": None, "reasons": [], "details": {"changed": []},
    }  # fmt: skip
    unquoted = entry(None, proposal={"values": {"age": "old"}}, details={"values": {"age": "old"}})
    assert scrub().entry(unquoted) is None
    assert left(unquoted, is_linked=True)["proposal"] == {}


def test_what_a_model_called_a_column_is_a_quote_too() -> None:
    proposal = {"values": {"city": "Oslo", "ana@lopez.io": "x"}, "evidence": None}
    assert left(entry(None, proposal=proposal))["proposal"] == {}
    found = left(entry(OTHER, proposal=proposal), scrub("ana@lopez.io"))
    assert found["proposal"]["values"] == {"city": "Oslo", ERASED: "x"}


def test_what_says_nothing_of_it_is_left_alone() -> None:
    row = entry(OTHER, after=STATE | {"payload": {"name": "Bob"}}, details={"compared_with": {OTHER: {"name": "Bob"}}})
    assert scrub().entry(row) is None


def test_an_erasing_before_keeps_what_vouches_for_it() -> None:
    row = entry(OTHER, reasons=["Ana Lopez"], details={"left": {"x": "ab"}})
    assert left(row, scrub("Ana Lopez"))["details"] == {"left": {"x": "ab"}}


def test_everywhere_words_go_out_of_others_values() -> None:
    by = scrub(
        "Ana Lopez",
        "1990",
        needed=lambda class_name, column: (class_name, column) == ("Person", "name"),
        digests=("ab",),
    )
    state = {
        "payload": {
            "name": "ana lopez",
            "notes": "met Ana Lopez!",
            "tags": ["Ana Lopez", "x"],
            "age": 1990,
            "ok": True,
        },
        "originals": {"title": "Ana Lopez"},
        "pinned": STATE["pinned"],
    }
    assert by.state(state, "Person") == {
        "payload": {"name": ERASED, "notes": f"met {ERASED}!", "tags": ["x"], "ok": True},
        "originals": {},
        "pinned": {"city": {"by": "kim", "at": "2026-01-01", "why": f"{ERASED} said so"}},
    }
    snapshot = STATE | state
    found = left(entry(OTHER, after=snapshot, proposal={"values": state["payload"]}), by)
    assert found["after"] == snapshot | by.state(state, "Person") | {"keys": []}
    assert found["proposal"]["values"] == {"notes": f"met {ERASED}!", "tags": ["x"], "ok": True}


def test_a_list_of_nothing_else_is_gone() -> None:
    state = {"payload": {"tags": ["Ana Lopez"]}, "originals": None, "pinned": {}}
    assert scrub("Ana Lopez").state(state, "Person") == {"payload": {}, "originals": {}, "pinned": {}}


def test_a_tombstone_says_nothing() -> None:
    assert blank(STATE) == BLANK
    assert blank(None) is None
    assert list(texts_of(BLANK["payload"])) == []


def test_the_outcome_in_words() -> None:
    memory_id, other = UUID(int=1), UUID(int=2)
    removed = Removed(memories=2, revisions=1, entries=2, messages=1000)
    done = Erased(memory_id, (memory_id, other), UUID(int=3), removed)
    assert done.sentence == (
        f"Memory {memory_id} and 1 merged into it are erased for good, in 1 revision, 2 audit entries, 1,000 messages, "
        "0 questions."
    )
    assert "quotes it in Note.body" in StillSaid("memory", "x", "Note", "body").sentence
    assert "has the same value in Note.body" in StillSaid("memory", "x", "Note", "body", whole=True).sentence
    assert "audit's chain" in StillSaid("message", "from-ana").sentence
    assert "its class or as who acted" in StillSaid("audit", "x").sentence
    assert "staff@1 quotes it" in StillSaid("schema", "staff@1").sentence
