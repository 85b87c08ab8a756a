"""What the monitors tell, as tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from memreg.cli.output import console, plain, safe
from memreg.operations.check import span
from memreg.operations.monitor.drift import Drift
from memreg.operations.monitor.figures import ClassFigures, Monitored, TableSize
from memreg.operations.monitor.rates import Rate

_LEVELS = "▁▂▃▄▅▆▇█"
_PLAIN_LEVELS = ".:-=+*#@"
_MUCH_DRIFT = 0.25
_LARGEST = 5
_UNITS = ("B", "kB", "MB", "GB", "TB")


def print_monitored(found: Monitored) -> None:
    """The tables, once."""
    console().print(monitored_view(found))


def monitored_view(found: Monitored) -> RenderableType:
    """Everything, the most important first."""
    title = f"{plain(found.now)} UTC, decisions of the last {span(found.window)}"
    parts: list[RenderableType] = [Text(title, style="bold")]
    parts += [Text(f"Kill switch on for {safe(each.scope)}, by {safe(each.set_by)} since {plain(each.set_at)}"
                   + (f": {safe(each.reason)}" if each.reason else ""), style="bold red")
              for each in found.state.switches]  # fmt: skip
    parts.append(_classes(found.classes) if found.classes else Text("Nothing was decided."))
    if found.is_cut:
        parts.append(Text("There are more tenants than are shown; --tenant shows one.", style="yellow"))
    parts += [_inbox(found), _questions(found)]
    if found.sizes:
        parts.append(_sizes(found.sizes))
    return Group(*parts)


def sparkline(counts: Sequence[int], levels: str | None = None) -> str:
    """Counts as bars, the largest the highest; a space for none. In ASCII where the terminal has no more."""
    levels = levels or (_PLAIN_LEVELS if console().options.ascii_only else _LEVELS)
    most = max(counts, default=0)
    if not most:
        return " " * len(counts)
    return "".join(levels[max(0, -(-count * len(levels) // most) - 1)] if count else " " for count in counts)


def rate(found: Rate) -> str:
    """A rate in per cent, with the interval that it stands for."""
    if found.share is None:
        return "-"
    low, high = found.interval.low, found.interval.high
    return f"{_percent(found.share)} ({_percent(low)} to {_percent(high)}) of {found.of:,}"


def size(count: int) -> str:
    """Bytes as a person reads them."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def _classes(classes: Sequence[ClassFigures]) -> Table:
    """A block a class, one figure a line: it fits 80 columns, however long a name is."""
    several = len({(each.tenant, each.schema) for each in classes}) > 1
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in classes:
        style = "red" if each.switched is not None else ""
        name = f"{each.class_name} ({each.schema}@{each.version}{f', {each.tenant}' if several else ''})"
        decisions = f"{each.decisions:,}{'+' if each.is_cut else ''}"
        figures = (
            ("over time", sparkline(each.over_time)),
            ("scores 0 to 1", sparkline(each.scores)),
            ("wrong updates", rate(each.false_updates)),
            ("missed updates", rate(each.missed_updates)),
            ("contradicted", rate(each.contradictions)),
            ("no candidate", rate(each.zero_hits)),
            ("drift", _drift(each.drift)),
            ("ms (p95)", "-" if each.latency is None else f"{each.latency.median:.1f} ({each.latency.p95:.1f})"),
        )
        table.add_row(Text(safe(name), style=style or "bold"), Text(f"{decisions} decisions", style=style))
        for label, told in figures:
            table.add_row(Text(f"  {label}"), Text(safe(told), style=style))
    return table


def _drift(found: Drift | None) -> str:
    if found is None:
        return "-"
    return f"{found.index:.2f}{' !' if found.beyond_chance > _MUCH_DRIFT else ''}"


def _inbox(found: Monitored) -> Text:
    state, age = found.state, found.inbox_age
    text = f"Inbox: {state.messages('accepted'):,} wait, {state.messages('extracting'):,} at work"
    text += f", {state.messages('dead'):,} dead"
    if age is not None:
        text += f"; the oldest came {span(max(age, timedelta(0)))} ago"
    return Text(f"{text}; {len(state.workers):,} {'worker' if len(state.workers) == 1 else 'workers'}")


def _questions(found: Monitored) -> Text:
    if not found.backlog:
        return Text("Questions: none is open")
    listed = ", ".join(f"{each.items:,} {each.kind}" for each in found.backlog)
    oldest = found.now - min(each.oldest for each in found.backlog)
    return Text(f"Questions: {listed}; the oldest for {span(oldest)}")


def _sizes(sizes: Sequence[TableSize]) -> Text:
    largest = sorted(sizes, key=lambda each: -(each.table_bytes + each.index_bytes))[:_LARGEST]
    listed = ", ".join(f"{each.table} {size(each.table_bytes)} + {size(each.index_bytes)}" for each in largest)
    return Text(f"Largest tables, rows + indexes: {listed}")


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %" if 0 < share < 0.1 else f"{share * 100:.0f} %"
