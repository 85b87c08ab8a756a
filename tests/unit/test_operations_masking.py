"""Values of columns marked `pii` are masked where they are shown: by column, in states and in texts."""

from __future__ import annotations

from memreg.operations.masking import MASK, mask, mask_snapshot, mask_text, pii_columns
from memreg.registry.parse import parse_schema

SCHEMA = """
schema: staff
classes:
  Person:
    description: Somebody
    columns:
      name: {dtype: string, desc: Name, required: true}
      email: {dtype: string, desc: E-mail, pii: true, normalize: [email]}
      phones: {dtype: "list[string]", desc: Phones, pii: true}
      salary: {dtype: integer, desc: Salary, pii: true}
      smokes: {dtype: boolean, desc: Whether they smoke, pii: true}
      city: {dtype: string, desc: Town}
"""
PERSON = parse_schema(SCHEMA, "staff.yaml").by_name["Person"]
VALUES = {
    "name": "Ana Lopez",
    "email": "ana@lopez.io",
    "phones": ["+47 900 00 000", "+47 911 11 111"],
    "salary": 51_000,
    "smokes": False,
    "city": "Oslo",
}


def test_columns_marked_pii_are_masked_and_others_are_not() -> None:
    assert pii_columns(PERSON) == {"email", "phones", "salary", "smokes"}
    assert mask(VALUES, PERSON) == {
        "name": "Ana Lopez",
        "email": MASK,
        "phones": [MASK],
        "salary": MASK,
        "smokes": MASK,
        "city": "Oslo",
    }
    assert VALUES["email"] == "ana@lopez.io"


def test_what_is_absent_stays_absent_and_what_nobody_knows_is_masked() -> None:
    assert mask({"email": None, "nickname": "Annie"}, PERSON) == {"email": None, "nickname": MASK}
    assert mask({"name": "Ana"}, None) == {"name": MASK}


def test_a_state_is_masked_with_its_originals_and_without_what_tells_its_keys() -> None:
    snapshot = {
        "payload": VALUES,
        "originals": {"email": "ANA@Lopez.io"},
        "version": 1,
        "revision": 2,
        "is_deleted": False,
        "unresolved": False,
        "keys": [{"key": "email", "digest": "ab", "strong": True}],
        "pinned": {"email": {"by": "kim", "at": "2026-01-01T00:00:00+00:00", "why": None}},
    }
    masked = mask_snapshot(snapshot, PERSON)
    assert masked["payload"]["email"] == masked["originals"]["email"] == MASK
    assert masked["keys"] == [{"key": "email", "strong": True}]
    assert masked["pinned"] == snapshot["pinned"]
    assert (masked["version"], masked["revision"]) == (1, 2)


def test_why_a_column_is_pinned_may_quote_what_is_masked() -> None:
    pins = {"email": {"by": "kim", "at": "2026-01-01", "why": "not Ana@Lopez.io nor old@lopez.io any more, nor 51000"}}
    masked = mask_snapshot({"payload": VALUES, "pinned": pins}, PERSON, [{"salary": 51_000}])
    assert masked["pinned"]["email"] == {
        "by": "kim", "at": "2026-01-01", "why": f"not {MASK} nor {MASK} any more, nor {MASK}",
    }  # fmt: skip
    assert pins["email"]["why"].startswith("not Ana")


def test_a_text_that_quotes_them_is_masked_in_any_spelling() -> None:
    text = "Ana Lopez (ANA@lopez.io, tel 4790000000 or +47 911 11 111) earns 51000 in Oslo: false"
    assert mask_text(text, VALUES, PERSON) == f"Ana Lopez ({MASK}, tel {MASK} or +{MASK}) earns {MASK} in Oslo: false"
    assert mask_text("e-mail is A@B.C", (VALUES, {"email": "a@b.c"}), PERSON) == f"e-mail is {MASK}"
    assert mask_text("Ana Lopez", VALUES, None) == MASK
    assert mask_text("nothing of it", {}, PERSON) == "nothing of it"


def test_what_has_the_form_of_a_personal_value_is_masked_although_nobody_knows_it() -> None:
    memory_id = "01234567-1234-7123-8123-123456789012"
    text = f"of bob@stone.io, tel +47 922 22 222, memory {memory_id}, score 0.8000, on 2026-11-21"
    masked = f"of {MASK}, tel {MASK}, memory {memory_id}, score 0.8000, on 2026-11-21"
    assert mask_text(text, {}, PERSON) == masked
    assert mask_text(text, {}, None) == masked
    plain = parse_schema("schema: s\nclasses:\n  C:\n    columns:\n      t: {dtype: string}\n", "s.yaml").by_name["C"]
    assert mask_text(text, {}, plain) == text
