"""What language models cost: requests, tokens, time and money, by day, class and model.

Every request that a message took is counted once, whatever became of the message. A message's requests are shared
equally among its entries in the audit, which is how a class comes to its part; what is shown are whole numbers that add
up to exactly what was spent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from memreg.core.clock import Clock, utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid
from memreg.core.settings import Settings
from memreg.core.steps import Row, Steps, fetch, fetch_rows
from memreg.operations.apportion import apportion
from memreg.operations.store import EVERY, SQL
from memreg.registry import versions

BY = ("day", "class", "model")
NO_CLASS = "-"
DAYS = 30
_LONGEST = 100_000
_MILLION = 1_000_000

Day = date | int | None


@dataclass(frozen=True, slots=True)
class Prices:
    """What a million tokens cost, in and out, in any currency; None where that was not said."""

    tokens_in: Decimal | None = None
    tokens_out: Decimal | None = None

    @classmethod
    def of(cls, settings: Settings) -> Prices:
        """The prices that settings name."""
        return cls(_decimal(settings.llm_price_in), _decimal(settings.llm_price_out))

    def cost(self, tokens_in: int, tokens_out: int) -> Decimal | None:
        """What tokens cost, exactly; None where no price is known."""
        if self.tokens_in is None and self.tokens_out is None:
            return None
        nothing = Decimal(0)
        return (tokens_in * (self.tokens_in or nothing) + tokens_out * (self.tokens_out or nothing)) / _MILLION


@dataclass(frozen=True, slots=True)
class UsageLine:
    """One line: what it is of (None where lines are not told apart by it, or it is not known), and what that took.

    `kind`: `messages`, or `annotations` of a schema. `class_name` is `-` for requests that led to no decision.
    `requests` are all, `failed` those of them without a usable answer; `uncounted`: answered, but the server did not
    count the tokens. `latency_ms`: milliseconds that a request took on average; None where it is not known. `cost`: by
    the prices of the settings; None without one.
    """

    kind: str
    day: date | None
    class_name: str | None
    model: str | None
    requests: int
    failed: int
    uncounted: int
    tokens_in: int
    tokens_out: int
    latency_ms: float | None
    cost: Decimal | None


@dataclass(frozen=True, slots=True)
class Usage:
    """What models cost from `since` until before `until`, told apart `by` some of day, class and model.

    The lines of `messages` add up to the line `messages`, and those of `annotations` to `annotations`.
    """

    since: datetime
    until: datetime
    by: tuple[str, ...]
    lines: tuple[UsageLine, ...]
    messages: UsageLine
    annotations: UsageLine


def usage(
    database: Database,
    tenant: str,
    schema: str,
    *,
    since: Day = None,
    until: Day = None,
    by: Sequence[str] = ("day", "model"),
    clock: Clock = utc_now,
) -> Usage:
    """What language models cost in a tenant and schema; `*` as either means every one.

    `since` and `until` are days in UTC, both counted in; a number as `since` is so many days, today counted in. Without
    `since`: the 30 days up to `until`, or up to today. `by`: day, class and model, in any order. Annotations are
    everybody's, whatever the tenant.

    Raises ArgumentInvalid, SchemaNotFound, TenantInvalid, DatabaseError.
    """
    period = days(since, until, clock())
    prices = Prices.of(database.settings)
    chosen = check_by(by)

    def plan() -> Steps[Usage]:
        return read_usage(tenant, schema, period, chosen, prices)

    return database.run_admin(plan) if tenant == EVERY else database.run(tenant, plan)


def read_usage(
    tenant: str, schema: str, period: tuple[datetime, datetime], by: tuple[str, ...], prices: Prices
) -> Steps[Usage]:
    """`usage` as a plan. Raises SchemaNotFound."""
    one_tenant, one_schema = (None if name == EVERY else name for name in (tenant, schema))
    if one_schema is not None:
        yield from versions.resolve_name(one_schema)
    scopes = yield from call_scopes(one_tenant, one_schema)
    since, until = period
    asked: dict[str, Any] = {"since": since, "until": until}
    asked |= {"tenants": [scope[0] for scope in scopes], "schemas": [scope[1] for scope in scopes]}
    query = "share_calls" if "class" in by else "count_calls"
    calls, annotations = yield from fetch(
        SQL[query](**asked), SQL["count_annotations"](schema=one_schema, since=since, until=until)
    )
    of_messages = summed("messages", calls, by, prices)
    of_annotations = summed("annotations", annotations, by, prices)
    return Usage(
        since,
        until,
        by,
        (*of_messages, *of_annotations),
        summed("messages", calls, (), prices)[0] if calls else _nothing("messages", prices),
        summed("annotations", annotations, (), prices)[0] if annotations else _nothing("annotations", prices),
    )


def call_scopes(tenant: str | None, schema: str | None) -> Steps[list[tuple[str, str]]]:
    """The tenants and schemas that requests can be of: those named, or, for None, those that have some."""
    if tenant is not None and schema is not None:
        return [(tenant, schema)]
    rows = yield from fetch_rows(SQL["call_scopes"](tenant=tenant, schema=schema))
    return [(row["tenant"], row["schema"]) for row in rows]


@dataclass
class _Sum:
    """What a line comes to, exactly, while rows are added."""

    answered: Fraction = Fraction(0)
    failed: Fraction = Fraction(0)
    uncounted: Fraction = Fraction(0)
    tokens_in: Fraction = Fraction(0)
    tokens_out: Fraction = Fraction(0)
    latency_ms: Fraction = field(default=Fraction(0))
    is_timed: bool = False

    def add(self, row: Row) -> None:
        """Add a row of `count_calls`, `share_calls` or `count_annotations`."""
        share = Fraction(int(row.get("entries", 1)), int(row.get("all_entries", 1)))
        if row.get("outcome", "ok") == "ok":
            self.answered += share * int(row["requests"])
        else:
            self.failed += share * int(row["requests"])
        self.uncounted += share * int(row["uncounted"])
        self.tokens_in += share * int(row["tokens_in"])
        self.tokens_out += share * int(row["tokens_out"])
        if "latency_ms" in row:
            self.is_timed = True
            self.latency_ms += share * Fraction(row["latency_ms"])

    @property
    def latency(self) -> float | None:
        """The milliseconds of a request on average, to a tenth."""
        requests = self.answered + self.failed
        return round(float(self.latency_ms / requests), 1) if self.is_timed and requests else None


def summed(kind: str, rows: Iterable[Row], by: tuple[str, ...], prices: Prices) -> list[UsageLine]:
    """The lines of some rows, in whole numbers that add up to those of all rows. Pure."""
    sums: dict[tuple[date | None, str | None, str | None], _Sum] = {}
    for row in rows:
        key = (
            row["day"] if "day" in by else None,
            (row.get("class") or NO_CLASS) if "class" in by else None,
            row["model"] if "model" in by else None,
        )
        sums.setdefault(key, _Sum()).add(row)
    ordered = sorted(sums, key=lambda key: tuple(str(part or "") for part in key))
    found = [sums[key] for key in ordered]
    # Answered and failed apart, so that no line has more failed requests than requests.
    answered, failed, uncounted, tokens_in, tokens_out = (
        apportion([getattr(each, name) for each in found])
        for name in ("answered", "failed", "uncounted", "tokens_in", "tokens_out")
    )
    return [
        UsageLine(
            kind,
            *key,
            requests=answered[index] + failed[index],
            failed=failed[index],
            uncounted=uncounted[index],
            tokens_in=tokens_in[index],
            tokens_out=tokens_out[index],
            latency_ms=found[index].latency,
            cost=prices.cost(tokens_in[index], tokens_out[index]),
        )
        for index, key in enumerate(ordered)
    ]


def days(since: Day, until: Day, now: datetime) -> tuple[datetime, datetime]:
    """From when and until before when: whole days in UTC. Pure. Raises ArgumentInvalid."""
    last = now.astimezone(UTC).date() if until is None else _day("until", until)
    if since is None:
        first = _days_before(last, DAYS - 1)
    elif isinstance(since, int) and not isinstance(since, bool):
        if not 1 <= since <= _LONGEST:
            raise ArgumentInvalid(name="since", value=since, reason=f"as a number it is days, from 1 to {_LONGEST:,}")
        first = _days_before(now.astimezone(UTC).date(), since - 1)
    else:
        first = _day("since", since)
    if first > last:
        raise ArgumentInvalid(name="since", value=str(first), reason=f"it is after the last day, {last}")
    end = last if last == date.max else last + timedelta(days=1)
    return datetime.combine(first, time(), UTC), datetime.combine(end, time(), UTC)


def check_by(by: Sequence[str]) -> tuple[str, ...]:
    """What lines are told apart by, each once. Raises ArgumentInvalid."""
    chosen = tuple(dict.fromkeys(by))
    for each in chosen:
        if each not in BY:
            raise ArgumentInvalid(name="by", value=repr(each), reason=f"it is some of {', '.join(BY)}")
    return chosen


def _days_before(last: date, count: int) -> date:
    return date.fromordinal(max(1, last.toordinal() - count))


def _day(name: str, value: object) -> date:
    if isinstance(value, datetime):
        return value.astimezone(UTC).date()
    if isinstance(value, date):
        return value
    raise ArgumentInvalid(name=name, value=repr(value), reason="it must be a day")


def _nothing(kind: str, prices: Prices) -> UsageLine:
    return UsageLine(kind, None, None, None, 0, 0, 0, 0, 0, None, prices.cost(0, 0))


def _decimal(price: float | None) -> Decimal | None:
    return None if price is None else Decimal(str(price))
