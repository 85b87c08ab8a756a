"""One item of an answer: what is a proposal, what is refused for good, and what is asked for again and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from memreg.annotator.items import Read, Source, read
from memreg.annotator.mask import Mask
from memreg.engine.model import Proposal
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

PERSON = ClassSpec(
    "Person",
    (
        Column("name", Dtype(Kind.STRING), "Full name", required=True),
        Column("email", Dtype(Kind.STRING), "E-mail address", pii=True),
        Column("phone", Dtype(Kind.STRING), "Phone number", pii=True),
        Column("age", Dtype(Kind.INTEGER)),
        Column("met", Dtype(Kind.DATE), "Day of the first meeting"),
        Column("calls_at", Dtype(Kind.DATETIME)),
        Column("tags", Dtype(Kind.STRING, is_list=True)),
        Column("mood", Dtype(Kind.ENUM), values=("good", "bad")),
    ),
)
NUMBER = ClassSpec(
    "PhoneNumber", (Column("number", Dtype(Kind.STRING), required=True), Column("owner", Dtype(Kind.STRING)))
)
ANNOTATIONS = {
    "Person": ClassAnnotation({"name": 3}, identity=(IdentityKey(("email",)), IdentityKey(("phone",), "shared"))),
    "PhoneNumber": ClassAnnotation({"owner": 3}, identity=(IdentityKey(("number",)),)),
}
VERSION = SchemaVersion(SchemaSpec("s", (PERSON, NUMBER)), 1, Status.ACTIVE, "f", ANNOTATIONS)
TEXT = "Ana moved to Oslo. She is 41, ana@lopez.io, +44 20 7946 0958. Forget my old number 555-1234!"
AT = datetime(2026, 11, 16, 8, 30, tzinfo=UTC)
ANA: dict[str, Any] = {"class": "Person", "values": {"name": "Ana"}, "evidence": "Ana moved to Oslo"}


def read_one(item: Any, text: str = TEXT, before: tuple[str, ...] = (), at: datetime | None = AT) -> Read:
    return read(item, Source(text, before, at, VERSION, Mask()))


def changed(**changes: Any) -> dict[str, Any]:
    return {**ANA, **changes}


def test_a_good_item() -> None:
    found = read_one(changed(operation="upsert", confidence=0.9))
    assert found.proposal == Proposal("Person", {"name": "Ana"}, "upsert", "Ana moved to Oslo", 0.9)
    assert (found.problem, found.refusals) == (None, ())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"name": "Ana", "age": "41"}, {"name": "Ana", "age": "41"}),
        ({"name": "Ana", "age": None, "tags": None}, {"name": "Ana", "age": None, "tags": None}),
        ({"Name": "Ana", "calls at": "2026-11-16T09:00"}, {"name": "Ana", "calls_at": "2026-11-16T09:00"}),
        ({"name": "Ana", "shoe_size": 44}, {"name": "Ana", "shoe_size": 44}),
        ({"name": "Ana", "tags": "friend"}, {"name": "Ana", "tags": "friend"}),
        ({"name": "Ana", "mood": "GOOD"}, {"name": "Ana", "mood": "GOOD"}),
    ],
)
def test_values_that_we_read_ourselves_cost_no_second_call(values: dict[str, Any], expected: dict[str, Any]) -> None:
    found = read_one(changed(values=values))
    assert found.problem is None and found.proposal is not None
    assert found.proposal.values == expected


def test_columns_beside_the_class_and_a_class_in_other_letters() -> None:
    found = read_one({"class": "phone number", "number": "555-1234", "evidence": "number 555-1234", "confidence": 1})
    assert found.proposal == Proposal("PhoneNumber", {"number": "555-1234"}, "upsert", "number 555-1234", 1.0)


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ("Eve", "it is a text, not an object"),
        (None, "it is missing, not an object"),
        ([ANA], "it is a list, not an object"),
        ({**ANA, "class": None}, "it has no class"),
        ({**ANA, "class": "Robot"}, "its class is none of the schema; the classes are Person, PhoneNumber"),
        ({**ANA, "values": ["Ana"]}, "its values are a list, not an object"),
        ({**ANA, "values": None}, "its values are missing, not an object"),
        ({**ANA, "values": {}}, "no value is left"),
        ({**ANA, "values": {"name": None}}, "no value is left"),
        ({**ANA, "values": {"name": ["a", "b"]}}, "Person.name"),
        ({**ANA, "operation": "drop"}, "its operation is neither upsert nor delete"),
        ({**ANA, "operation": ["delete"]}, "its operation is neither upsert nor delete"),
        ({**ANA, "operation": "noop"}, "its operation is neither upsert nor delete"),
        ({**ANA, "forget": True}, "its forget names no columns"),
        ({**ANA, "evidence": None}, "it has no evidence"),
        ({**ANA, "evidence": 3}, "it has no evidence"),
        ({**ANA, "evidence": "Ana lives in Bergen"}, "its evidence is not in the message"),
        ({**ANA, "values": {"name": "Ana", "email": "ana@gmail.com"}}, "its email identifies the object"),
        ({**ANA, "values": {"name": "Ana", "phone": "+1 555 0100"}}, "its phone identifies the object"),
    ],
)
def test_what_is_asked_for_again(item: Any, problem: str) -> None:
    found = read_one(item)
    assert found.proposal is None
    assert found.problem is not None and problem in found.problem
    (refused,) = found.refusals
    assert refused.dead_letter and refused.given == item


def test_nesting_is_bounded() -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    found = read_one(changed(values={"name": deep}))
    assert found.problem == "it is nested too deep"
    assert len(str(found.item)) < 1_000


def test_evidence_is_of_the_message_and_never_of_what_was_said_before() -> None:
    before = ("Bo Berg lives in Rome, bo@berg.io",)
    stale = changed(values={"name": "Bo Berg"}, evidence="Bo Berg lives in Rome")
    assert "not in the message" in (read_one(stale, before=before).problem or "")
    meant = changed(values={"name": "Bo Berg", "email": "bo@berg.io"}, evidence="She is 41")
    assert read_one(meant, before=before).proposal is not None
    assert "identifies" in (read_one(meant).problem or "")


@pytest.mark.parametrize("stated", [False, "false", "No", 0])
def test_what_is_not_stated_is_refused_for_good_and_nobody_is_asked(stated: Any) -> None:
    found = read_one(changed(stated=stated, evidence="if I moved"), text="if I moved to Oslo")
    assert (found.proposal, found.problem) == (None, None)
    (refused,) = found.refusals
    assert not refused.dead_letter
    assert "denied, supposed, asked, wished" in refused.reason


@pytest.mark.parametrize("stated", [True, None, "true", 1])
def test_what_is_stated(stated: Any) -> None:
    assert read_one(changed(stated=stated)).proposal is not None


def test_a_column_to_be_forgotten_never_deletes_the_object() -> None:
    item = {
        "class": "Person",
        "operation": "delete",
        "values": {"name": "Ana", "phone": "555-1234"},
        "forget": ["phone"],
    }
    found = read_one({**item, "evidence": "Forget my old number"})
    assert (found.proposal, found.problem) == (None, None)
    (refused,) = found.refusals
    assert refused.dead_letter and "phone of a Person is to be forgotten" in refused.reason


def test_a_column_to_be_forgotten_beside_news() -> None:
    item = changed(values={"name": "Ana", "age": 41, "phone": "555-1234"}, forget=["phone", "nonsense"])
    found = read_one(item)
    assert found.proposal is not None and found.proposal.values == {"name": "Ana", "age": 41}
    assert [each.dead_letter for each in found.refusals] == [True]


def test_a_delete_whose_words_ask_to_forget_a_column_is_asked_again() -> None:
    item = {"class": "Person", "operation": "delete", "values": {"email": "ana@lopez.io"}}
    found = read_one({**item, "evidence": "Forget my old number"})
    assert found.proposal is None and "ask to forget phone" in (found.problem or "")
    whole = read_one({**item, "evidence": "Forget Ana"}, text="Forget Ana, ana@lopez.io")
    assert whole.proposal is not None and whole.proposal.operation == "delete"


def test_where_the_number_is_an_object_of_its_own_it_is_deleted() -> None:
    item = {"class": "PhoneNumber", "operation": "delete", "values": {"number": "555-1234"}}
    found = read_one({**item, "evidence": "Forget my old number 555-1234"})
    assert found.proposal == Proposal("PhoneNumber", {"number": "555-1234"}, "delete", "Forget my old number 555-1234")


def test_days_that_were_left_relative_are_worked_out() -> None:
    found = read_one(changed(values={"name": "Ana", "met": "yesterday", "calls_at": "tomorrow at 14:00"}))
    assert found.problem is None and found.proposal is not None
    assert found.proposal.values == {"name": "Ana", "met": "2026-11-15", "calls_at": "2026-11-17T14:00+00:00"}


@pytest.mark.parametrize("met", ["soon", "03/04/2026", "Friday", "2026-02-30"])
def test_a_day_that_is_not_certain_is_asked_again_and_else_left_to_the_validator(met: str) -> None:
    found = read_one(changed(values={"name": "Ana", "met": met}))
    assert "write YYYY-MM-DD, or leave it out" in (found.problem or "")
    assert found.proposal is not None and found.proposal.values["met"] == met
    assert found.refusals == ()


def test_without_a_time_no_day_is_worked_out() -> None:
    assert read_one(changed(values={"name": "Ana", "met": "yesterday"}), at=None).problem is not None


def test_the_values_of_a_pii_column_are_in_no_reason() -> None:
    found = read_one(changed(values={"name": "Ana", "email": "secret@x"}, evidence="Ana"), text="Ana secret@x")
    found_other = read_one(changed(values={"name": "Ana", "email": "other@x.io"}))
    assert "secret" not in (found.problem or "") and "other" not in (found_other.problem or "")


@pytest.mark.parametrize("confidence", [None, "high", 2, -1, True, float("nan"), {}])
def test_a_confidence_that_is_none_is_unknown(confidence: object) -> None:
    found = read_one(changed(confidence=confidence))
    assert found.proposal is not None and found.proposal.confidence is None


def test_evidence_in_parts_and_nul() -> None:
    found = read_one(changed(evidence=["Ana moved", "She is 41"]))
    assert found.proposal is not None and found.proposal.evidence == "Ana moved … She is 41"
    assert "not in the message" in (read_one(changed(evidence="Ana\x00\ud800")).problem or "")


def test_what_the_model_saw_masked_is_read_unmasked() -> None:
    mask = Mask.of([TEXT])
    item = changed(values={"name": "Ana", "email": "[email-1]"}, evidence="She is 41, [email-1]")
    found = read(item, Source(TEXT, (), AT, VERSION, mask))
    assert found.proposal is not None
    assert found.proposal.values["email"] == "ana@lopez.io"
    assert found.proposal.evidence == "She is 41, ana@lopez.io"


@pytest.mark.parametrize(
    ("text", "name", "city"),
    [
        ("田中美穂さんは大阪に引っ越しました。", "田中美穂", "大阪に引っ越しました"),
        ("Анна Петрова переехала в Осло", "Анна Петрова", "переехала в Осло"),
        ("انتقلت آنا لوبيز إلى أوسلو", "آنا لوبيز", "إلى أوسلو"),
        ("אנה לופז עברה לאוסלו", "אנה לופז", "עברה לאוסלו"),
        ("अना लोपेज़ ओस्लो चली गईं", "अना लोपेज़", "ओस्लो चली गईं"),
    ],
)
def test_evidence_in_any_script(text: str, name: str, city: str) -> None:
    assert read_one(changed(values={"name": name}, evidence=f"{name} … {city}"), text=text).proposal is not None
    assert read_one(changed(values={"name": name}, evidence=f"{city} nein"), text=text).proposal is None
