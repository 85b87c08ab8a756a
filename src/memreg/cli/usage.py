"""`memreg usage`: what language models cost, by day, class and model."""

from __future__ import annotations

import re
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import rich_click as click

from memreg.cli.options import WORDS, Access, data_options
from memreg.cli.output import Col, data_of, print_json, print_table, say

if TYPE_CHECKING:
    from memreg.operations.usage import Usage, UsageLine

BY = ("day", "class", "model")


class Since(click.ParamType[Any]):
    """A number of days, or a day as 2026-11-20."""

    name = "days|date"

    def __init__(self, numbers: bool) -> None:
        self._numbers = numbers

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or the day."""
        text = WORDS.convert(value, param, ctx)
        if self._numbers and re.fullmatch("[0-9]{1,9}", text):
            return int(text)
        try:
            return date.fromisoformat(text)
        except ValueError:
            also = "a number of days, or " if self._numbers else ""
            return self.fail(f"{text!r} is not {also}a day as 2026-11-20.", param, ctx)


class Parts(click.ParamType[Any]):
    """Some of day, class and model, with commas between."""

    name = "parts"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The parts, each once."""
        if isinstance(value, tuple):
            return value
        parts = tuple(dict.fromkeys(part.strip() for part in WORDS.convert(value, param, ctx).split(",")))
        if wrong := [part for part in parts if part not in BY]:
            self.fail(f"{wrong[0]!r} is none of {', '.join(BY)}.", param, ctx)
        return parts


@click.command()
@click.option("--since", metavar="DAYS|DATE", type=Since(True), help="So many days, or from a day on (30).")
@click.option("--until", metavar="DATE", type=Since(False), help="Up to a day, which counts (today).")
@click.option(
    "--by", metavar="PARTS", type=Parts(), default="day,model", show_default=True, help="Some of day, class, model."
)
@data_options
def usage(access: Access, since: Any, until: Any, by: tuple[str, ...]) -> None:
    """Show what language models cost.

    Requests, tokens and time, and money where MEMREG_LLM_PRICE_IN and MEMREG_LLM_PRICE_OUT are set. By class, what a
    message cost is shared equally among its decisions; what led to none is of class -. Annotations have lines of their
    own. Days are UTC. --tenant '*' and --schema '*' stand for every one.
    """
    from memreg.operations.usage import usage as read

    with access.scope() as (database, tenant, schema):
        found = read(database, tenant, schema, since=since, until=until, by=by)
    if access.as_json:
        print_json(
            {
                "tenant": tenant,
                "schema": schema,
                "since": found.since,
                "until": found.until,
                "by": found.by,
                "lines": [_data(line) for line in found.lines],
                "messages": _data(found.messages),
                "annotations": _data(found.annotations),
            }
        )
        return
    _print(found)


def _print(found: Usage) -> None:
    last = (found.until - timedelta(days=1)).astimezone(UTC).date()
    period = f"{found.since.date()} to {last}"
    if not found.lines:
        say(f"No model was asked from {period}.")
        return
    priced = found.messages.cost is not None
    told_apart = [
        (Col("day", keep=True), "day"),
        (Col("class"), "class_name"),
        (Col("model"), "model"),
    ]
    shown = [pair for pair, name in zip(told_apart, BY, strict=True) if name in found.by]
    columns = [Col("for", keep=True), *(column for column, _ in shown)]
    columns += [Col(name, right=True) for name in ("requests", "failed", "tokens in", "tokens out", "ms each")]
    columns += [Col("cost", right=True)] if priced else []
    rows = []
    for line in found.lines:
        row = [line.kind, *(_shown(getattr(line, name)) for _, name in shown)]
        row += [f"{count:,}" for count in (line.requests, line.failed, line.tokens_in, line.tokens_out)]
        row.append("" if line.latency_ms is None else f"{line.latency_ms:,.0f}")
        rows.append([*row, money(line.cost)] if priced else row)
    print_table(columns, rows, title=f"{period} (UTC)")
    for total in (found.messages, found.annotations):
        if total.requests:
            say(_sentence(total))
    uncounted = found.messages.uncounted + found.annotations.uncounted
    if uncounted:
        say(f"The server did not count the tokens of {uncounted:,} of them; they are missing here.")


def _sentence(total: UsageLine) -> str:
    failed = f" ({total.failed:,} failed)" if total.failed else ""
    cost = "" if total.cost is None else f", which cost {money(total.cost)}"
    requests = "1 request" if total.requests == 1 else f"{total.requests:,} requests"
    return f"{total.kind}: {requests}{failed}, {total.tokens_in:,} tokens in, {total.tokens_out:,} out{cost}."


def _shown(value: Any) -> str:
    return "-" if value is None else str(value)


def money(cost: Decimal | None) -> str:
    """An amount with at least two decimals, and as many as it has up to six."""
    if cost is None:
        return ""
    text = f"{cost:,.6f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def _data(line: UsageLine) -> dict[str, Any]:
    return {**data_of(line), "cost": None if line.cost is None else float(line.cost)}
