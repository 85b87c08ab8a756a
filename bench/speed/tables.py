"""The result of the benchmark as tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

Lines = Sequence[dict[str, Any]]


def single(lines: Lines) -> Table:
    """Single ingest."""
    shown = _table(
        "A decision beside hand-written SQL (ms)",
        ("size", "decision", "ratio", "ratio p95", "engine p50", "p95", "client CPU", "server CPU", "trips"),
        ("floor p50", "p95", "server CPU"),
    )
    for line in lines:
        mine, least = line["engine"], line["floor"]
        shown.add_row(
            f"{line['size']:,}",
            line["kind"],
            *map(_number, (line["ratio_p50"], line["ratio_p95"], mine["p50_ms"], mine["p95_ms"])),
            *map(_number, (mine["cpu_ms"], mine["server_cpu_ms"], mine["round_trips"])),
            *map(_number, (least["p50_ms"], least["p95_ms"], least["server_cpu_ms"])),
        )
    return shown


def batch(lines: Lines) -> Table:
    """Batches."""
    shown = _table(
        "A batch beside COPY into a temporary table and one statement, and beside COPY (rows a second)",
        ("size", "batch", "rows", "share", "share of COPY", "engine", "COPY + statement", "COPY"),
    )
    for line in lines:
        rates = [line["per_second"].get(way) for way in ("engine", "set-wise", "copy")]
        figures = (line["share"], line["share_of_copy"], *rates)
        shown.add_row(f"{line['size']:,}", line["kind"], f"{line['rows']:,}", *map(_number, figures))
    return shown


def lookup(lines: Lines) -> Table:
    """Candidate lookup."""
    shown = _table(
        "The lookup of candidates beside one memory by its key (ms)",
        ("size", "ratio", "ratio p95", "lookup p50", "p95", "by key p50", "p95", "recall"),
    )
    for line in lines:
        times = [line[which][name] for which in ("lookup", "by_key") for name in ("p50_ms", "p95_ms")]
        shown.add_row(
            f"{line['size']:,}", *map(_number, (line["ratio_p50"], line["ratio_p95"], *times, line["recall"]))
        )
    return shown


def reads(lines: Lines) -> Table:
    """Reads."""
    shown = _table(
        "Reads beside the same by hand (ms)",
        ("size", "read", "ratio", "ratio p95", "engine p50", "p95", "by hand p50", "p95"),
    )
    for line in lines:
        times = [line[which][name] for which in ("engine", "floor") for name in ("p50_ms", "p95_ms")]
        figures = map(_number, (line["ratio_p50"], line["ratio_p95"], *times))
        shown.add_row(f"{line['size']:,}", line["kind"], *figures)
    return shown


def workers(result: dict[str, Any]) -> Table:
    """Workers."""
    shown = _table(
        f"Workers at once; {result['duplicates']} memories too many after all told of the same people",
        ("load", "how", "workers", "decisions a second", "times one worker"),
    )
    for line in result["lines"]:
        figures = map(_number, (line["per_second"], line["times_one_worker"]))
        shown.add_row(line["load"], line["how"], str(line["workers"]), *figures)
    return shown


def starting(result: dict[str, Any]) -> Table:
    """Start-up."""
    shown = _table("Start-up, beside the imports of psycopg and pydantic", ("what", "ms", "ratio", "MiB resident"))
    resident = dict(result["resident_mib"])
    for line in result["lines"]:
        shown.add_row(line["what"], *map(_number, (line["ms"], line["ratio"], resident.pop(line["what"]))))
    for what, mebibytes in resident.items():
        shown.add_row(what, "", "", _number(mebibytes))
    return shown


def space(result: dict[str, Any]) -> Table:
    """Bytes on disk."""
    shown = _table(
        f"Bytes on disk for each of {result['memories']:,} memories of {result['payload_bytes']:,.0f} bytes",
        ("table or index", "bytes", "times the payload"),
    )
    for name, each in result["relations"].items():
        shown.add_row(name, _number(each), _number(each / result["payload_bytes"]))
    shown.add_row("all", _number(result["bytes"]), _number(result["ratio"]))
    shown.add_row("without messages", "", _number(result["ratio_without_messages"]))
    return shown


def profile(result: dict[str, Any]) -> Table:
    """Profiles."""
    title = f"Where a call spends its time at {result.get('size', 0):,}, under a profiler"
    shown = _table(title, ("work", "ms", "share", "in"))
    for work, each in result.get("of", {}).items():
        for place, (name, share) in enumerate(each["shares"].items()):
            shown.add_row("" if place else work, "" if place else _number(each["ms"]), f"{share:.0%}", name)
    return shown


def targets(lines: Lines) -> Table:
    """The targets."""
    shown = _table("Targets", ("target", "limit", "figure", ""))
    shown.columns[0].justify = "left"
    words = {True: "met", False: "MISSED", None: "not measured"}
    for line in lines:
        figure = "–" if line["figure"] is None else f"{line['figure']:,.3g}"
        shown.add_row(line["target"], line["limit"], figure, words[line["met"]])
    return shown


def _table(title: str, *names: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for group in names:
        for name in group:
            table.add_column(name, justify="right")
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}"
