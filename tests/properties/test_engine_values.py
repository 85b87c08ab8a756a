"""Merging, identity digests, validation and storing: properties of the pure functions around a decision."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from memreg.engine.given import given_form
from memreg.engine.identity import canonical, digest, key_values, partial_identity
from memreg.engine.merge import merge
from memreg.engine.model import Action, Proposal
from memreg.engine.storable import storable, storable_text
from memreg.engine.text import tokens, value_tokens
from memreg.engine.validate import Checked, validate
from memreg.registry.coerce import STRING_LIMIT
from memreg.registry.models import Column, Dtype, Kind, Merge
from memreg.registry.normalize import LIST_LIMIT
from tests.support.engines import people_version, person

SPEC, ANNOTATION = person()
VERSION = people_version()
COLUMNS = {
    policy.value: Column(policy.value, Dtype(Kind.STRING), merge=policy)
    for policy in (Merge.REPLACE, Merge.KEEP, Merge.MIN, Merge.MAX, Merge.APPEND)
} | {
    "union": Column("union", Dtype(Kind.STRING, is_list=True), merge=Merge.UNION),
    "list": Column("list", Dtype(Kind.STRING, is_list=True), merge=Merge.REPLACE),
}

any_text = st.text(st.characters(exclude_categories=()), max_size=20)
short = st.text("abc", min_size=1, max_size=3)
lists = st.lists(short, min_size=1, max_size=3, unique=True)
payloads = st.fixed_dictionaries(
    {}, optional={name: lists if column.dtype.is_list else short for name, column in COLUMNS.items()}
)
said = st.fixed_dictionaries(
    {}, optional={n: st.none() | (lists if c.dtype.is_list else short) for n, c in COLUMNS.items()} | {"unknown": short}
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([400, 5000]).map(lambda places: -(10**places))
    | st.floats()
    | any_text
    | st.binary(max_size=3)
    | st.dates()
    | st.decimals()
)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3) | st.tuples(inner),
    max_leaves=8,
)
columns = st.sampled_from([*SPEC.by_name, "unknown"]) | any_text


# Merging


@given(st.sampled_from([Action.UPDATE, Action.UPSERT]), payloads, said, st.sets(st.sampled_from([*COLUMNS])))
def test_merging_never_erases(action: Action, old: dict[str, Any], new: dict[str, Any], fill: set[str]) -> None:
    were = json.dumps([old, new])
    merged = merge(action, old, new, COLUMNS, frozenset(fill))
    assert json.dumps([old, new]) == were  # the audit keeps the payloads from before as they are
    assert set(merged.payload) == set(old) | {name for name in new if name in COLUMNS and new[name] is not None}
    assert all(merged.payload[name] == old[name] for name in fill & set(old))
    assert set(merged.changed) == {name for name in merged.payload if merged.payload[name] != old.get(name)}
    for name, value in merged.conflicts.items():
        assert merged.payload[name] == old[name] != value == new[name]
    for name in set(old) & {"union"} - fill:
        assert set(old[name]) <= set(merged.payload[name])


@given(payloads, said)
def test_an_upsert_never_changes_a_scalar(old: dict[str, Any], new: dict[str, Any]) -> None:
    merged = merge(Action.UPSERT, old, new, COLUMNS, frozenset())
    for name, value in old.items():
        if COLUMNS[name].dtype.is_list:
            assert merged.payload[name] == [*value, *(v for v in new.get(name) or [] if v not in value)]
        else:
            assert merged.payload[name] == value
            assert (name in merged.conflicts) == (new.get(name) not in (None, value))


@given(st.sampled_from([Action.UPDATE, Action.UPSERT]), payloads, said, st.sets(st.sampled_from([*COLUMNS])))
def test_merging_the_same_again_changes_nothing(
    action: Action, old: dict[str, Any], new: dict[str, Any], fill: set[str]
) -> None:
    new = {name: value for name, value in new.items() if name != "append"}
    once = merge(action, old, new, COLUMNS, frozenset(fill))
    again = merge(action, once.payload, new, COLUMNS, frozenset(fill))
    assert again.payload == once.payload
    assert again.changed == ()


@given(short, short)
def test_the_policies(old: str, new: str) -> None:
    for policy, wanted in {
        "replace": new,
        "keep": old,
        "min": min(old, new),
        "max": max(old, new),
        "append": old if old == new else f"{old}\n{new}",
    }.items():
        assert merge(Action.UPDATE, {policy: old}, {policy: new}, COLUMNS, frozenset()).payload == {policy: wanted}


def test_what_grows_beyond_its_column_stays_as_it_was() -> None:
    text, items = "x" * STRING_LIMIT, [str(n) for n in range(LIST_LIMIT)]
    old = {"append": text, "union": items}
    merged = merge(Action.UPDATE, old, {"append": "more", "union": ["one", "more"]}, COLUMNS, frozenset())
    assert merged.payload == old
    assert merged.changed == ()
    assert merged.conflicts == {"append": "more", "union": ["one", "more"]}
    assert merge(Action.UPSERT, old, {"union": ["more"]}, COLUMNS, frozenset()).payload == old


# Identity


@given(st.lists(any_text, max_size=4), st.lists(any_text, max_size=4))
@example(["ab", "c"], ["a", "bc"])
@example(["", "a"], ["a", ""])
@example([], [""])
def test_other_parts_have_another_digest(one: list[str], other: list[str]) -> None:
    assert (digest(one) == digest(other)) == (one == other)


@given(any_text)
def test_a_canonical_text_ignores_case_width_and_spaces(text: str) -> None:
    assert canonical(f"  {text}\n") == canonical(text)
    assert canonical(canonical(text)) == canonical(text)


@given(st.integers(-(2**53), 2**53))
def test_a_whole_number_is_canonical_however_it_was_written(number: int) -> None:
    assert canonical(number) == canonical(float(number))


@given(st.lists(short, min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_the_order_of_a_list_is_no_identity(items: list[str], random: Any) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)
    assert canonical(items) == canonical(shuffled)


@given(st.dictionaries(st.sampled_from(["name", "email", "phone", "born"]), st.sampled_from(["", " ", "a", "b"])))
def test_a_key_is_complete_when_every_column_has_a_value(payload: dict[str, Any]) -> None:
    complete = {found.key.name for found in key_values(payload, ANNOTATION)}
    assert complete == {
        key.name for key in ANNOTATION.identity if all(payload.get(column, "").strip() for column in key.columns)
    }


sides = st.dictionaries(st.sampled_from(["name", "email", "phone", "born"]), st.sampled_from(["a", "b"]))


@given(sides, sides)
def test_partial_identity(mine: dict[str, str], theirs: dict[str, str]) -> None:
    names = ("name", "email", "phone", "born")
    equal = any(name in mine and mine.get(name) == theirs.get(name) for name in names)
    differing = any(name in mine and name in theirs and mine[name] != theirs[name] for name in names)
    absent = any(name not in mine or name not in theirs for name in names)
    assert partial_identity(mine, theirs, ANNOTATION) == (equal and not differing and absent)
    assert partial_identity(mine, theirs, ANNOTATION) == partial_identity(theirs, mine, ANNOTATION)


# Validation


@given(
    st.sampled_from(["Person", "Note", "Sensor"]) | anything,
    st.dictionaries(columns, anything, max_size=4) | anything,
    st.sampled_from(["upsert", "delete"]) | anything,
    st.none() | any_text | anything,
    st.none() | anything,
)
def test_validating_never_raises(class_name: Any, values: Any, operation: Any, evidence: Any, confidence: Any) -> None:
    proposal = Proposal(class_name, values, operation, evidence, confidence)
    checked = validate(proposal, VERSION)
    assert isinstance(checked, Checked)
    json.dumps(given_form(proposal))
    kept = given_form(proposal, 1)
    assert json.dumps(storable(kept)) == json.dumps(kept)  # an audit entry keeps it as it is
    if checked.refusal is not None:
        assert checked.refusal.strip()
        assert checked.values == {}
        return
    spec = VERSION.spec.by_name[checked.class_name]
    assert set(checked.values) <= set(spec.by_name)
    assert checked.values
    assert json.loads(json.dumps(checked.values, allow_nan=False)) == checked.values
    again = validate(Proposal(class_name, checked.values, operation), VERSION)
    assert again.refusal is None
    assert again.values == checked.values


@given(columns, anything)
def test_what_is_left_out_is_named(column: str, value: Any) -> None:
    checked = validate(Proposal("Person", {"name": "Ana", column: value}), VERSION)
    if column == "name":
        return
    if checked.refusal is not None:
        assert column in {"email", "phone", "born"} and f"Person.{column}" in checked.refusal
    elif column not in checked.values and column not in SPEC.by_name:
        assert len(checked.notes) == 1
    elif column not in checked.values and checked.notes:
        assert f"Person.{column}" in checked.notes[0]


# Storing and tokens


def has_unstorable(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value or any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, dict):
        return any(has_unstorable(key) or has_unstorable(item) for key, item in value.items())
    if isinstance(value, list):
        return any(map(has_unstorable, value))
    return isinstance(value, float) and not math.isfinite(value)


@given(anything)
def test_what_is_storable_is_plain_json(value: Any) -> None:
    stored = storable(value)
    assert json.loads(json.dumps(stored, allow_nan=False)) == stored
    assert not has_unstorable(stored)
    assert storable(stored) == stored


@given(any_text)
def test_an_ordinary_text_is_stored_as_it_is(text: str) -> None:
    assume(not has_unstorable(text))
    assert storable_text(text) == text


def test_times_are_stored_as_iso() -> None:
    assert storable({"at": datetime(2026, 1, 2, tzinfo=UTC)}) == {"at": "2026-01-02T00:00:00+00:00"}


@given(any_text)
def test_tokens_are_short_folded_words(text: str) -> None:
    found = tokens(text)
    assert all(0 < len(token) <= 64 for token in found)
    assert not any(character.isspace() or character in "'\\&|!()<>:*\0" for token in found for character in token)
    assert tokens(text.upper().lower()) == tokens(text.upper().lower().casefold())
    assert set(value_tokens([text, text])) == set(found)
