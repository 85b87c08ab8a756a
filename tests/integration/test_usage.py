"""What models cost, counted from the requests: the lines add up to the books, in every view."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import chain, combinations
from typing import Any

import pytest

from memreg.api.engine import Engine
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, ExtractionFailed, SchemaNotFound
from memreg.core.queries import Query
from memreg.core.settings import Settings
from memreg.engine.model import Call, Extraction, Message, Proposal, Refused
from memreg.operations.usage import BY, Prices, Usage, days, read_usage, usage
from tests.support.people import ONE, register
from tests.support.replay import rows
from tests.support.scripted import Scripted

TOTALS = Query(
    "totals",
    "What the books say.",
    "select count(*) as requests, count(*) filter (where outcome <> 'ok') as failed, coalesce(sum(tokens_in), 0) as"
    " tokens_in, coalesce(sum(tokens_out), 0) as tokens_out from memreg.model_calls where tenant = %(tenant)s",
)
SPREAD = Query(
    "spread",
    "Have requests been made on other days.",
    "update memreg.model_calls set created_at = created_at - ordinal * interval '1 day' where tenant = %(tenant)s"
    " returning id",
)
ANNOTATED = Query(
    "annotated",
    "Have a model have made the annotations.",
    "update memreg.annotations set model = 'large', prompt_hash = 'h', tokens_in = 900, tokens_out = 70"
    " where schema is not null and %(tenant)s::text is not null returning version",
)
FREE = Query(
    "free",
    "Have one annotation be what was answered before, and another one be a person's word on it.",
    "update memreg.annotations set tokens_in = case version when 1 then 0 end,"
    " tokens_out = case version when 1 then 0 end, prompt_hash = case version when 1 then 'h' end"
    " where schema is not null and %(tenant)s::text is not null returning version",
)
OK, LATE, LIMITED = (
    Call("ok", "small", 101, 7, 12.5),
    Call("timeout", "small"),
    Call("http 429", "large", 3, None, 1.25),
)
# By the text of a message: its requests, and the classes of its proposals; None where it fails for good.
SCRIPT: dict[str, tuple[tuple[Call, ...], Sequence[str] | None]] = {
    "one": ((OK,), ["Person"]),
    "three": ((LATE, OK), ["Person", "Place", "Place"]),
    "seven": ((LIMITED, LIMITED, OK), ["Person"] * 3 + ["Place"] * 2 + ["Ship"] * 2),
    "nothing": ((OK,), []),
    "dead": ((LATE, LIMITED), None),
    "free": ((), ["Place"]),
    "uncounted": ((Call("ok", None, None, None, 3.0),), ["Person"]),
}


def answer(message: Message) -> Extraction:
    calls, classes = SCRIPT[message.text]
    if classes is None:
        raise ExtractionFailed(extractor="scripted", reason="it is down", calls=calls)
    known = [name for name in classes if name != "Ship"]
    proposals = tuple(Proposal(name, {"name": f"{name} {n} of {message.id}"}) for n, name in enumerate(known))
    refused = tuple(Refused("there is no such class", {}, name) for name in classes if name == "Ship")
    return Extraction(proposals, "scripted", refused, calls=calls)


def ingest(database: Database, *texts: str, tenant: str = "default") -> None:
    engine = Engine(database, tenant=tenant, schema="people", extractor=Scripted(answer))
    for number, text in enumerate(texts):
        engine.ingest(Message(text, f"{text} {number}"))


@pytest.fixture
def spent(database: Database) -> Database:
    """Requests on three days in one tenant, and some in another."""
    register(database)
    ingest(database, *SCRIPT, *SCRIPT, "three")
    ingest(database, "one", "dead", tenant="acme")
    rows(database, SPREAD, "default")
    return database


def lines(found: Usage, kind: str = "messages") -> list[Any]:
    return [line for line in found.lines if line.kind == kind]


@pytest.mark.parametrize("by", list(chain.from_iterable(combinations(BY, size) for size in range(4))))
def test_every_view_adds_up_to_the_books(spent: Database, by: tuple[str, ...]) -> None:
    (books,) = rows(spent, TOTALS, "default")
    found = usage(spent, "default", "people", by=by)
    for name in ("requests", "failed", "tokens_in", "tokens_out"):
        assert sum(getattr(line, name) for line in lines(found)) == books[name]
        assert getattr(found.messages, name) == books[name]
    assert books["requests"] > 15
    assert found.messages.uncounted == 2
    assert found.annotations.requests == 0


def test_a_message_is_shared_equally_among_its_entries(database: Database) -> None:
    register(database)
    ingest(database, "seven", "nothing")
    found = {line.class_name: line for line in lines(usage(database, "default", "people", by=["class"]))}
    assert set(found) == {"Person", "Place", "Ship", "-"}
    assert {name: line.tokens_in for name, line in found.items()} == {"Person": 46, "Place": 31, "Ship": 30, "-": 101}
    assert found["-"].requests == 1
    assert sum(line.requests for line in found.values()) == 4
    assert found["Person"].latency_ms == found["Place"].latency_ms == 5.0
    assert found["-"].latency_ms == 12.5


def test_a_message_without_a_decision_is_of_no_class(database: Database) -> None:
    register(database)
    ingest(database, "dead")
    (line,) = lines(usage(database, "default", "people", by=["class"]))
    assert (line.class_name, line.requests, line.failed, line.tokens_in) == ("-", 2, 2, 3)


def test_by_day_and_model(spent: Database) -> None:
    found = lines(usage(spent, "default", "people"))
    today = utc_now().date()
    assert {line.day for line in found} == {today, today - timedelta(days=1), today - timedelta(days=2)}
    assert [(line.day, str(line.model or "")) for line in found] == sorted(
        (line.day, str(line.model or "")) for line in found
    )
    assert {line.model for line in found} == {"small", "large", None}
    assert {line.class_name for line in found} == {None}


def test_a_period_counts_its_days(spent: Database) -> None:
    every = usage(spent, "default", "people", by=[]).messages.requests
    today = utc_now().date()
    since = usage(spent, "default", "people", since=1).messages.requests
    before = usage(spent, "default", "people", until=today - timedelta(days=1)).messages.requests
    assert 0 < since < every
    assert since + before == every
    nothing = usage(spent, "default", "people", until=date(2020, 1, 1))
    assert (nothing.lines, nothing.messages.requests) == ((), 0)


def test_tenants_are_apart_and_together(spent: Database) -> None:
    mine = usage(spent, "default", "people").messages.requests
    other = usage(spent, "acme", "people").messages.requests
    assert other == 3
    for schema in ("people", "*"):
        assert usage(spent, "*", schema).messages.requests == mine + other
        assert usage(spent, "acme", schema).messages.requests == other
    assert usage(spent, "nobody", "*").lines == ()


def test_money_is_by_the_prices_of_the_settings(spent: Database) -> None:
    prices = Prices.of(Settings(llm_price_in=2.5, llm_price_out=10))
    period = days(None, None, utc_now())
    found = spent.run("default", lambda: read_usage("default", "people", period, ("day", "class"), prices))
    total = (found.messages.tokens_in * Decimal("2.5") + found.messages.tokens_out * 10) / 1_000_000
    assert found.messages.cost == total > 0
    assert sum(line.cost or 0 for line in lines(found)) == total
    assert usage(spent, "default", "people").messages.cost is None


def test_annotations_have_lines_of_their_own(database: Database) -> None:
    register(database)
    register(database, ONE.replace("notes: {dtype: text", "story: {dtype: text"))
    assert usage(database, "default", "people").lines == ()
    rows(database, ANNOTATED, "default")
    ingest(database, "one")
    found = usage(database, "default", "people", by=["model", "class"])
    (line,) = lines(found, "annotations")
    assert (line.model, line.class_name, line.day) == ("large", "-", None)
    assert (line.requests, line.failed, line.tokens_in, line.tokens_out) == (2, 0, 1_800, 140)
    assert found.annotations.tokens_in == 1_800
    assert found.messages.tokens_in == 101
    assert usage(database, "default", "people", until=date(2020, 1, 1)).annotations.requests == 0
    assert len(rows(database, FREE, "default")) == 2
    assert usage(database, "default", "people").annotations.requests == 0


def test_what_it_took_is_until_the_end_of_the_day(database: Database) -> None:
    register(database)
    ingest(database, "one")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert usage(database, "default", "people", since=1, clock=lambda: tomorrow).messages.requests == 0
    assert usage(database, "default", "people", since=2, clock=lambda: tomorrow).messages.requests == 1


def test_wrong_questions_are_refused(database: Database) -> None:
    register(database)
    with pytest.raises(ArgumentInvalid, match="day, class, model"):
        usage(database, "default", "people", by=["week"])
    with pytest.raises(ArgumentInvalid, match="after the last day"):
        usage(database, "default", "people", since=2, until=date(2020, 1, 1))
    with pytest.raises(SchemaNotFound):
        usage(database, "default", "nowhere")
