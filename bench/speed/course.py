"""The course of the benchmark: load once, measure section by section, and hold the targets against it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from bench.speed import batches, lookup, machine, profiling, reads, single, space, starting, tables, targets, workers
from bench.speed.place import Place, placed
from bench.stage import database


@dataclass(frozen=True)
class Options:
    """What is measured: `sizes` in memories, `only` some sections, `calls` of each kind of decision at each size,
    `rows` of a batch, decisions that workers do in a round (`work`), memories that are weighed (`space`).

    `profiles`: a folder for whole profiles; `cache`: shared_buffers of the embedded server, else a quarter of the
    machine's memory.
    """

    sizes: tuple[int, ...] = (0, 10_000, 100_000)
    only: tuple[str, ...] = ()
    calls: int = 200
    rows: int = 1_000
    work: int = 800
    space: int = 100_000
    profiles: Path | None = None
    cache: str | None = None


@dataclass(frozen=True)
class Section:
    """One part of the benchmark, and how it is shown."""

    measure: Callable[[Place, Options], Any]
    table: Callable[[Any], Table]


DEFAULT = Options()
SECTIONS = {
    "single": Section(lambda place, _: single.measure(place), tables.single),
    "lookup": Section(lambda place, _: lookup.measure(place), tables.lookup),
    "reads": Section(lambda place, _: reads.measure(place), tables.reads),
    "batch": Section(lambda place, options: batches.measure(place, options.rows), tables.batch),
    "profile": Section(lambda place, options: profiling.measure(place, options.profiles), tables.profile),
    "starting": Section(lambda place, _: starting.measure(place), tables.starting),
    "workers": Section(lambda place, options: workers.measure(place, options.work), tables.workers),
    "space": Section(lambda place, options: space.measure(place, options.space), tables.space),
}


def run(options: Options, dsn: str | None, say: Callable[[Any], None]) -> dict[str, Any]:
    """The result of a run on the server `dsn`, else on an embedded one of its own."""
    began = time.perf_counter()
    sections: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    with database(dsn, options.cache or machine.usual_cache()) as own:
        say(f"Loading {sum(options.sizes):,} memories …")
        with placed(own, options.sizes, options.calls, say) as place:
            seconds["loading"] = round(time.perf_counter() - began, 1)
            facts = machine.facts(place.floor)
            say(f"  in {seconds['loading']:.0f} s. {machine.sentence(facts)}")
            for name in (each for each in SECTIONS if each in options.only or not options.only):
                start = time.perf_counter()
                sections[name] = SECTIONS[name].measure(place, options)
                seconds[name] = round(time.perf_counter() - start, 1)
                say(SECTIONS[name].table(sections[name]))
    return {
        "bench": "speed",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": facts,
        "sizes": list(options.sizes),
        "calls": options.calls,
        "targets": [each.to_json() for each in targets.outcomes(sections)],
        "sections": sections,
        "seconds": seconds,
    }
