"""The figures of the page about performance, as Markdown made from a result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bench.speed import machine

BEGIN, END = "<!-- figures: begin (made by bench/performance_page.py) -->", "<!-- figures: end -->"
RELATIONS = 16
"""The tables and indexes that are shown, the largest first."""
Lines = Sequence[dict[str, Any]]
Row = Sequence[object]


def between(text: str, figures: str) -> str:
    """A page with other figures between its marks. Raises ValueError where it has no marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{head}{BEGIN}\n\n{figures.strip()}\n\n{END}{tail}"


def figures(result: dict[str, Any]) -> str:
    """Every table of a result, with the machine that it is of."""
    sections = result["sections"]
    sizes = ", ".join(f"{size:,}" for size in result["sizes"])
    minutes = sum(result["seconds"].values()) / 60
    commit = result["machine"].get("commit")
    of = f" of commit {commit}" if commit else ""
    where = f"One run{of}, {result['at'][:10]}, {minutes:.0f} minutes: {machine.sentence(result['machine'])}."
    parts = [
        f"{where} Sizes {sizes}; {result['calls']} calls of each kind at each size, fewer where people are too few.",
        "### Targets",
        _targets(result["targets"]),
    ]
    for name, title in _TITLES.items():
        if sections.get(name):
            parts += [f"### {title}", _TABLES[name](sections[name])]
    return "\n\n".join(parts)


def table(names: Sequence[str], rows: Iterable[Row]) -> str:
    """A table in Markdown; numbers to three digits."""
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(map(cell, row)) + " |" for row in rows]
    return "\n".join(lines)


def cell(value: object) -> str:
    """A value as a reader wants it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value).replace("|", "\\|")


def _targets(lines: Lines) -> str:
    words = {True: "met", False: "**missed**", None: "not measured"}
    return table(
        ("target", "limit", "figure", ""),
        ((line["target"], line["limit"], line["figure"], words[line["met"]]) for line in lines),
    )


def _single(lines: Lines) -> str:
    return table(
        (
            "memories", "decision", "ratio", "ratio of p95", "p50, ms", "p95, ms", "client CPU, ms", "server CPU, ms",
            "round trips", "by hand p50, ms", "p95, ms",
        ),
        (
            (
                line["size"], line["kind"], line["ratio_p50"], line["ratio_p95"], line["engine"]["p50_ms"],
                line["engine"]["p95_ms"], line["engine"]["cpu_ms"], line["engine"]["server_cpu_ms"],
                line["engine"]["round_trips"], line["floor"]["p50_ms"], line["floor"]["p95_ms"],
            )
            for line in lines
        ),
    )  # fmt: skip


def _lookup(lines: Lines) -> str:
    return table(
        ("memories", "ratio", "ratio of p95", "lookup p50, ms", "p95, ms", "by key p50, ms", "p95, ms", "recall@20"),
        (
            (
                line["size"], line["ratio_p50"], line["ratio_p95"], line["lookup"]["p50_ms"], line["lookup"]["p95_ms"],
                line["by_key"]["p50_ms"], line["by_key"]["p95_ms"], line["recall"],
            )
            for line in lines
        ),
    )  # fmt: skip


def _reads(lines: Lines) -> str:
    return table(
        ("memories", "read", "ratio", "ratio of p95", "p50, ms", "p95, ms", "by hand p50, ms", "p95, ms"),
        (
            (
                line["size"], line["kind"], line["ratio_p50"], line["ratio_p95"], line["engine"]["p50_ms"],
                line["engine"]["p95_ms"], line["floor"]["p50_ms"], line["floor"]["p95_ms"],
            )
            for line in lines
        ),
    )  # fmt: skip


def _batch(lines: Lines) -> str:
    return table(
        ("memories", "batch", "rows", "share", "share of COPY", "rows/s", "COPY + statement, rows/s", "COPY, rows/s"),
        (
            (
                line["size"], line["kind"], line["rows"], line["share"], line["share_of_copy"],
                line["per_second"]["engine"], line["per_second"]["set-wise"], line["per_second"].get("copy"),
            )
            for line in lines
        ),
    )  # fmt: skip


def _workers(result: dict[str, Any]) -> str:
    counts = list(dict.fromkeys(line["workers"] for line in result["lines"]))
    rows = []
    for load, how in dict.fromkeys((line["load"], line["how"]) for line in result["lines"]):
        of = {line["workers"]: line for line in result["lines"] if (line["load"], line["how"]) == (load, how)}
        rates = [f"{cell(of[each]['per_second'])} ({cell(of[each]['times_one_worker'])})" for each in counts]
        rows.append((load, how, *rates))
    shown = table(("tenants", "", *(f"{each} at once" for each in counts)), rows)
    return (
        f"Decisions a second, in brackets relative to one worker. {result['raced_people']} new people, told by all at "
        f"once, became {result['duplicates']} memories too many.\n\n{shown}"
    )


def _starting(result: dict[str, Any]) -> str:
    resident = dict(result["resident_mib"])
    rows: list[Row] = [
        (line["what"], line["ms"], line["ratio"], resident.pop(line["what"], None)) for line in result["lines"]
    ]
    rows += [(what, None, None, mebibytes) for what, mebibytes in resident.items()]
    return table(("a new process", "ms", "ratio", "MiB resident"), rows)


def _space(result: dict[str, Any]) -> str:
    payload = result["payload_bytes"]
    shown = list(result["relations"].items())[:RELATIONS]
    rest = result["bytes"] - sum(each for _, each in shown)
    rows: list[Row] = [(name, each, each / payload) for name, each in shown]
    rows += [
        ("the others", rest, rest / payload),
        ("**all**", result["bytes"], result["ratio"]),
        ("without the messages", None, result["ratio_without_messages"]),
    ]
    return (
        f"{result['memories']:,} memories of {cell(payload)} bytes, each told by a message of its own, sealed and "
        f"vacuumed.\n\n{table(('table or index', 'bytes for each memory', 'times the payload'), rows)}"
    )


def _profile(result: dict[str, Any]) -> str:
    rows = []
    for work, each in result["of"].items():
        most = ", ".join(f"{name} {share:.0%}" for name, share in list(each["shares"].items())[:7])
        rows.append((work, each["ms"], most))
    shown = table(("at the largest size", "ms, under the profiler", "where"), rows)
    return (
        f"Under a profiler everything in Python looks slower than it is; what counts is which part is large.\n\n{shown}"
    )


_TITLES = {
    "single": "Single ingest",
    "batch": "Batches",
    "workers": "Workers at once",
    "lookup": "Candidates",
    "reads": "Reads",
    "starting": "Start-up",
    "space": "Bytes on disk",
    "profile": "Where the time goes",
}
_TABLES: dict[str, Any] = {
    "single": _single,
    "batch": _batch,
    "workers": _workers,
    "lookup": _lookup,
    "reads": _reads,
    "starting": _starting,
    "space": _space,
    "profile": _profile,
}
