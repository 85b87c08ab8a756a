"""How a memory is divided: values by revisions or by columns, and the keys with them."""

from __future__ import annotations

from typing import Any

import pytest

from memreg.engine.identity import key_values
from memreg.engine.model import Action
from memreg.engine.state import HeldKey
from memreg.operations.acts.division import Division, Given, Said, Step, by_columns, by_revisions, divide_keys
from memreg.registry.parse import parse_schema

SPEC = parse_schema(
    """
schema: people
classes:
  Person:
    columns:
      name: {dtype: string, required: true}
      email: {dtype: string}
      born: {dtype: date}
      phone: {dtype: string}
      city: {dtype: string}
      tags: {dtype: "list[string]"}
      notes: {dtype: text, merge: append}
      kind: {dtype: string, default: human}
    annotation:
      searchable: {name: 3, city: 1}
      identity:
        - {columns: [email], strength: strong}
        - {columns: [name, born], strength: strong}
        - {columns: [phone], strength: shared}
""",
    "people.yaml",
).by_name["Person"]
ANNOTATION = SPEC.declared
assert ANNOTATION is not None
PIN = {"by": "eva", "at": "2026-11-21T03:00:00+00:00", "why": None}


def told(action: Action = Action.UPDATE, *, is_by_score: bool = False, changed: Any = (), **values: Any) -> Said:
    return Said(action, is_by_score, values, changed=changed or tuple(values))


def divided(steps: list[Step], *chosen: int, **values: Any) -> Division:
    assert ANNOTATION is not None
    return by_revisions(steps, chosen, SPEC, ANNOTATION, Given(values))


def held(**values: Any) -> set[HeldKey]:
    assert ANNOTATION is not None
    return {HeldKey(k.key.held_as, k.digest, k.key.strength == "strong") for k in key_values(values, ANNOTATION)}


ANA = {"name": "Ana", "email": "a@x.io", "city": "Oslo", "kind": "human"}
MIXED = ANA | {"email": "b@x.io", "city": "Bergen", "tags": ["pilot"]}
STEPS = [
    Step(1, ANA, {"name": " Ana"}),
    Step(
        2,
        MIXED,
        {},
        said=told(name="Ana", email="b@x.io", city="Bergen", tags=["pilot"], changed=("email", "city", "tags")),
    ),
    Step(3, MIXED | {"phone": "111"}, said=told(phone="111", name="Ana", changed=("phone",))),
]


def test_a_chosen_revision_takes_all_that_was_said_in_it() -> None:
    found = divided(STEPS, 2)
    assert found.stays.payload == ANA | {"phone": "111"}
    assert found.goes.payload == {
        "name": "Ana", "email": "b@x.io", "city": "Bergen", "tags": ["pilot"], "kind": "human"
    }  # fmt: skip


def test_several_revisions_make_one_new_memory() -> None:
    found = divided(STEPS, 2, 3)
    assert found.stays.payload == ANA
    assert found.goes.payload["phone"] == "111"


def test_the_first_revision_may_go() -> None:
    found = divided(STEPS, 1)
    assert found.goes.payload == ANA
    assert found.goes.originals == {"name": " Ana"}
    assert found.stays.payload == MIXED | {"phone": "111"}


def test_what_was_only_said_to_a_full_memory_fills_an_empty_one() -> None:
    """What came by score did not overwrite the e-mail; without the revision that filled it, it would have."""
    steps = [
        Step(1, {"name": "Ana"}),
        Step(2, {"name": "Ana", "email": "b@x.io"}, said=told(email="b@x.io")),
        Step(
            3,
            {"name": "Ana", "email": "b@x.io", "city": "Oslo"},
            said=Said(Action.UPDATE, True, {"email": "a@x.io", "city": "Oslo"}, {}, ("city",), ("email",)),
        ),
    ]
    assert divided(steps, 2).stays.payload == {"name": "Ana", "email": "a@x.io", "city": "Oslo"}
    assert divided(steps, 1).stays.payload["email"] == "b@x.io"


def test_columns_of_a_conflicting_key_stay_out_when_it_is_done_again() -> None:
    steps = [
        Step(1, {"name": "Ana"}),
        Step(2, {"name": "Ana", "city": "Oslo"}, said=told(city="Oslo")),
        # The e-mail was another memory's key, so the decision left it out: neither changed nor a conflict.
        Step(3, {"name": "Ana", "city": "Rome"}, said=told(city="Rome", email="other@x.io", changed=("city",))),
    ]
    assert divided(steps, 2).stays.payload == {"name": "Ana", "city": "Rome"}


def test_items_and_lines_are_divided_one_by_one() -> None:
    steps = [
        Step(1, {"name": "Ana", "tags": ["a"], "notes": "tea"}),
        Step(2, {"name": "Ana", "tags": ["a", "b"], "notes": "tea\nchess"}, said=told(tags=["b"], notes="chess")),
        Step(3, {"name": "Ana", "tags": ["a", "b", "c"], "notes": "tea\nchess\ngo"}),  # by a person
    ]
    found = divided(steps, 2)
    assert found.stays.payload["tags"] == ["a", "c"]
    assert found.stays.payload["notes"] == "tea\ngo"
    assert (found.goes.payload["tags"], found.goes.payload["notes"]) == (["b"], "chess")
    by_person = divided(steps, 3)
    assert (by_person.goes.payload["tags"], by_person.goes.payload["notes"]) == (["c"], "go")


def test_what_was_taken_away_by_a_person_goes_from_what_is_left() -> None:
    steps = [
        Step(1, {"name": "Ana", "city": "Oslo", "tags": ["a", "b"]}),
        Step(2, {"name": "Ana", "city": "Rome", "tags": ["a", "b"]}, said=told(city="Rome")),
        Step(3, {"name": "Ana", "tags": ["b"]}, pinned={"city": PIN}),
    ]
    found = divided(steps, 2)
    assert found.stays.payload == {"name": "Ana", "tags": ["b"]}
    assert found.stays.pinned == {"city": PIN}
    assert found.goes.pinned == {}


def test_a_division_into_all_or_nothing_leaves_an_empty_side() -> None:
    assert divided(STEPS, 1, 2, 3).stays.payload == {}
    assert divided(STEPS).goes.payload == {}


def test_given_values_complete_the_new_one() -> None:
    found = divided(STEPS, 3, name="Bob")
    assert found.goes.payload == {"name": "Bob", "phone": "111", "kind": "human"}


@pytest.mark.parametrize("chosen", [{2}, {3}, {2, 3}])
def test_originals_go_with_their_values(chosen: set[int]) -> None:
    steps = [
        Step(1, {"name": "Ana"}),
        Step(2, {"name": "Ana", "city": "Oslo"}, {"city": "OSLO"},
             said=Said(Action.UPDATE, False, {"city": "Oslo"}, {"city": "OSLO"}, ("city",))),
        Step(3, {"name": "Ana", "city": "Rome"}, {"city": "ROME"},
             said=Said(Action.UPDATE, False, {"city": "Rome"}, {"city": "ROME"}, ("city",))),
    ]  # fmt: skip
    found = divided(steps, *chosen)
    for share in (found.stays, found.goes):
        assert share.originals == ({"city": share.payload["city"].upper()} if "city" in share.payload else {})


def test_columns_go_with_their_originals_and_pins() -> None:
    now = Step(4, MIXED, {"email": "B@X.io", "name": " Ana"}, {"email": PIN, "city": PIN})
    found = by_columns(now, {"email", "tags"}, Given({"name": "Bob"}, {"name": "bob "}))
    assert found.stays.payload == {"name": "Ana", "city": "Bergen", "kind": "human"}
    assert (found.stays.originals, found.stays.pinned) == ({"name": " Ana"}, {"city": PIN})
    assert found.goes.payload == {"email": "b@x.io", "tags": ["pilot"], "name": "Bob"}
    assert (found.goes.originals, found.goes.pinned) == ({"email": "B@X.io", "name": "bob "}, {"email": PIN})


# Keys


def keys_of(found: Division, mine: set[HeldKey], *were: Any, moved: Any = ()) -> tuple[set[HeldKey], ...]:
    """Those that stay, that go, that stay although both complete them, and that nobody holds any more."""
    assert ANNOTATION is not None
    keys = divide_keys(mine, found, ANNOTATION, were, moved)
    return set(keys.stay), set(keys.go), set(keys.both), set(keys.gone)


def test_keys_go_with_the_values_of_their_revisions() -> None:
    a, b, phone = held(email="a@x.io"), held(email="b@x.io"), held(phone="111")
    were = [step.payload for step in STEPS]
    assert keys_of(divided(STEPS, 2), {*a, *b, *phone}, *were) == (a | phone, b, set(), set())
    assert keys_of(divided(STEPS, 1), {*a, *b, *phone}, *were) == (b | phone, a, set(), set())


def test_a_strong_key_that_both_complete_stays_and_a_shared_one_is_of_both() -> None:
    first = {"name": "Ana", "email": "a@x.io", "phone": "111"}
    again = told(email="a@x.io", phone="111", name="Ana", city="Oslo", changed=("city",))
    steps = [Step(1, first), Step(2, first | {"city": "Oslo"}, said=again)]
    a, phone = held(email="a@x.io"), held(phone="111")
    assert keys_of(divided(steps, 2), {*a, *phone}, first) == (a | phone, phone, a, set())


def test_a_key_that_only_both_together_complete_is_nobodys() -> None:
    steps = [
        Step(1, {"name": "Ana"}),
        Step(2, {"name": "Ana", "born": "1990-01-01"}, said=told(born="1990-01-01")),
    ]
    mixed, elsewhere = held(name="Ana", born="1990-01-01"), held(email="from-a-merge@x.io")
    were = [step.payload for step in steps]
    found = divided(steps, 2, name="Bob")
    assert keys_of(found, mixed | elsewhere, *were) == (elsewhere, held(name="Bob", born="1990-01-01"), set(), mixed)


def test_a_key_of_two_columns_goes_with_whom_completes_it() -> None:
    payload = {"name": "Ana", "born": "1990-01-01", "email": "a@x.io"}
    now, mine, email, named = Step(1, payload), held(**payload), held(email="a@x.io"), mixed_key()
    alone = by_columns(now, {"born"}, Given())
    assert keys_of(alone, mine, payload, moved={"born"}) == (email, set(), set(), named)
    together = by_columns(now, {"born"}, Given({"name": "Ana"}))
    assert keys_of(together, mine, payload, moved={"born"}) == (email, named, set(), set())


def mixed_key() -> set[HeldKey]:
    return held(name="Ana", born="1990-01-01")


def test_earlier_keys_of_a_moved_column_move_too() -> None:
    old, new = held(email="old@x.io"), held(email="a@x.io")
    found = by_columns(Step(3, {"name": "Ana", "email": "a@x.io"}), {"email"}, Given({"name": "Bob"}))
    assert keys_of(found, {*old, *new}, moved={"email"}) == (set(), old | new, set(), set())


def test_a_shared_key_goes_where_its_value_goes() -> None:
    now = Step(1, {"name": "Ana", "phone": "111"})
    found = by_columns(now, {"phone"}, Given({"name": "Bob"}))
    assert keys_of(found, held(phone="111"), moved={"phone"}) == (set(), held(phone="111"), set(), set())
