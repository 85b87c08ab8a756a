"""Properties of normalisation: it is idempotent, and nothing but its own refusal comes out of any input."""

from __future__ import annotations

import json
from typing import Any

from email_validator import EmailNotValidError, validate_email
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from memreg.registry.models import Column, Dtype, Kind, Normalizer
from memreg.registry.normalize import ValueRefused, normalize
from memreg.registry.normalizers import NORMALIZERS, email

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["2026-02-30", "2026-02-28", "2026-02-28T10:00Z", "42", "1e3", "yes", "a@b.io", "+47 22123456"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
STEPS = st.sampled_from(sorted(NORMALIZERS)).map(Normalizer) | st.sampled_from(["NO", "US"]).map(
    lambda region: Normalizer("phone", region)
)
FITTING: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.STRING: st.text(min_size=1),
    Kind.TEXT: st.text(min_size=1),
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1) | st.integers().map(str),
    Kind.NUMBER: st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.floats().map(repr),
    Kind.BOOLEAN: st.booleans() | st.sampled_from(["Yes", "no", "ON", "0", 1]),
    Kind.DATE: st.dates() | st.dates().map(str),
    Kind.DATETIME: st.datetimes(timezones=st.none() | st.timezones()).map(lambda moment: moment.isoformat()),
    Kind.ENUM: st.sampled_from(["RED", "blue", "SS", 1]),
    Kind.REF: st.uuids() | st.uuids().map(str) | st.uuids().map(lambda each: f" {each} ".upper()),
}
PLAIN_STEPS = st.sampled_from(["trim", "casefold", "collapse", "nfkc"]).map(Normalizer)


@st.composite
def columns(draw: st.DrawFn, steps: st.SearchStrategy[Normalizer] = STEPS) -> Column:
    """Any column."""
    kind = draw(st.sampled_from(list(Kind)))
    return Column(
        "c",
        Dtype(kind, draw(st.booleans())),
        values=("red", "Blue", "ß", "1") if kind is Kind.ENUM else (),
        normalize=tuple(draw(st.lists(steps, max_size=3))) if kind in (Kind.STRING, Kind.TEXT) else (),
    )


def result_or_none(column: Column, value: object) -> Any:
    """The normalised value, None where it is refused; any other exception fails the test."""
    try:
        return normalize(column, value).value
    except ValueRefused:
        return None


@given(columns(), JSON)
@settings(max_examples=500, deadline=None)
def test_any_json_is_taken_or_refused_and_what_is_taken_is_json(column: Column, value: object) -> None:
    result = result_or_none(column, value)
    text = json.dumps(result, allow_nan=False)
    assert json.loads(text) == result
    text.encode("ascii")


@given(columns(PLAIN_STEPS), st.data())
@settings(max_examples=500, deadline=None)
def test_normalising_again_changes_nothing(column: Column, data: st.DataObject) -> None:
    fitting = FITTING[column.dtype.kind]
    result = result_or_none(column, data.draw(fitting | st.lists(fitting, min_size=1, max_size=4)))
    if result is None:
        return
    again = normalize(column, result)
    assert again.value == result
    assert type(again.value) is type(result)
    assert again.original is None


TEXT_COLUMNS = st.builds(
    Column,
    st.just("c"),
    st.builds(Dtype, st.sampled_from((Kind.STRING, Kind.TEXT)), st.booleans()),
    normalize=st.lists(PLAIN_STEPS, max_size=3).map(tuple),
)


@given(TEXT_COLUMNS, st.text(min_size=1, max_size=30))
@settings(max_examples=500, deadline=None)
def test_text_normalisation_is_idempotent_in_any_script(column: Column, value: str) -> None:
    result = result_or_none(column, value)
    assume(result is not None)
    assert normalize(column, result).value == result


@given(st.emails())
@settings(deadline=None)
def test_emails_are_idempotent(value: str) -> None:
    column = Column("c", Dtype(Kind.STRING), normalize=(Normalizer("email"),))
    result = result_or_none(column, value)
    assume(result is not None)
    assert normalize(column, result).value == result


@given(st.from_regex(r"(https?://)?[A-Za-z0-9.-]{1,20}(:\d{1,5})?(/[\w%?#&=. ]{0,20})?", fullmatch=True))
@settings(max_examples=500, deadline=None)
def test_urls_are_idempotent(value: str) -> None:
    column = Column("c", Dtype(Kind.STRING), normalize=(Normalizer("url"),))
    result = result_or_none(column, value)
    assume(result is not None)
    assert normalize(column, result).value == result


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(deadline=None)
def test_numbers_survive_json_and_back(value: float) -> None:
    column = Column("c", Dtype(Kind.NUMBER))
    result = normalize(column, value).value
    # jsonb writes large floats out as whole numbers
    from decimal import Decimal

    assert Decimal(json.dumps(result)) == Decimal(repr(value))
    assert normalize(column, json.loads(json.dumps(result))).value == result


LOCAL = st.text("abzAZ019.-_+", min_size=1, max_size=12)
DOMAIN = st.text("abXZ09.-n", min_size=1, max_size=14) | st.sampled_from(
    ["a.local", "x.test", "1.2.3.4", "xn--a.io", "a.b"]
)


@given(LOCAL, DOMAIN)
def test_a_usual_address_is_written_as_the_library_writes_it(local: str, domain: str) -> None:
    text = f"{local}@{domain}"
    try:
        found = validate_email(text, check_deliverability=False, globally_deliverable=False)
        wanted = found.normalized.lower() if "." in found.domain else None
    except EmailNotValidError:
        wanted = None
    try:
        written = email(text, Normalizer("email"))
    except ValueRefused:
        written = None
    assert written == wanted
