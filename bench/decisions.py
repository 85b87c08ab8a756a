"""What a decision costs beside hand-written SQL: `ingest(proposals=[...])` by identity and by score, as a ratio."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench import floor
from bench.people import TOWNS, pairs, people, person
from bench.stage import ROOT, database, prepare, server_version
from memreg import Engine, Proposal
from memreg.core.database import Database
from memreg.core.settings import Settings
from memreg.core.steps import Steps
from memreg.engine.identity import digest

T = TypeVar("T")
SIZES = (0, 1_000, 10_000)
BASES = ("identity", "score")
EXPECTED = {
    "nobody": ("CREATE new",),
    "identity": ("UPDATE identity",),
    # Among many who share each of the words, the same ones are less sure: the same work with another name.
    "score": ("UPDATE score", "UPSERT partial_identity"),
}
TURN = 50


class CountingDatabase(Database):
    """A database that counts the round trips of its plans: each batch is one, and so is the commit."""

    trips = 0

    def run(self, tenant: str, plan: Callable[[], Steps[T]]) -> T:
        """As `Database.run`."""
        self.trips += 1
        return super().run(tenant, lambda: self._counted(plan()))

    def _counted(self, steps: Steps[T]) -> Steps[T]:
        try:
            batch = next(steps)
            while True:
                self.trips += 1
                results = yield batch
                batch = steps.send(results)
        except StopIteration as stop:
            value: T = stop.value
            return value


@dataclass
class Times:
    """Seconds of calls by the clock and by this process's CPU."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def take(self, call: Callable[[], object]) -> None:
        """Run one call and note what it took."""
        cpu, wall = time.process_time(), time.perf_counter()
        call()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)

    def figures(self) -> dict[str, float]:
        """Milliseconds: median, 95th percentile, and the median of the CPU."""
        return {
            "p50_ms": round(statistics.median(self.wall) * 1000, 3),
            "p95_ms": round(statistics.quantiles(self.wall, n=20)[-1] * 1000, 3),
            "cpu_ms": round(statistics.median(self.cpu) * 1000, 3),
        }


@dataclass
class Subject:
    """One thing to measure: proposals for the engine and calls for the floor, about other memories of one tenant."""

    size: int
    basis: str
    expected: str
    engines: list[Engine]
    proposals: list[Proposal]
    calls: list[floor.Call]


def populate(engine: Engine, count: int) -> list[UUID]:
    """Fill the engine's tenant; the ids of the memories, in the order of `people`."""
    ids: list[UUID] = []
    everybody = people(count)
    for start in range(0, count, TURN):
        proposals = [Proposal("Person", values) for values in everybody[start : start + TURN]]
        created = engine.ingest(proposals=proposals).decisions
        ids += [decision.memory_id for decision in created if decision.memory_id is not None]
    if len(set(ids)) != count:
        raise RuntimeError(f"{count} persons became {len(set(ids))} memories")
    return ids


def news(basis: str, size: int, values: dict[str, Any]) -> Proposal:
    """A person moved. By identity the e-mail says who; by score only the name and the employer do."""
    town = next(each for each in TOWNS if each != values["city"])
    known = {"name": values["name"], "city": town, "employer": values["employer"]}
    if basis == "identity":
        known["email"] = values["email"]
    elif size:
        known["city"] = values["city"]
        known["tags"] = [*values["tags"], "moved"]
    return Proposal("Person", known)


def subjects(dsn: str, database: Database, pairs_of_calls: int) -> Iterator[Subject]:
    """Everything to measure, smallest tenant first; a tenant is filled when its turn comes."""
    root = Engine(database)
    for size in SIZES:
        targets: list[tuple[UUID | None, dict[str, Any]]] = []
        if size:
            tenant = root.for_tenant(f"size-{size}")
            ids = populate(tenant, size)
            targets = list(zip(ids, people(size), strict=True))
            engines = [tenant] * (pairs_of_calls + 1)
        with psycopg.connect(dsn, autocommit=True) as conn:
            conn.execute("vacuum analyze")
            for number, basis in enumerate(BASES):
                if not size:
                    strangers = [person(*pair) for pair in pairs(2 * pairs_of_calls + 1)]
                    targets = [(None, values) for values in strangers]
                    engines = [root.for_tenant(f"empty-{basis}-{i}") for i in range(pairs_of_calls + 1)]
                # Each memory is written to once: by the engine, or by the floor, for one basis.
                share = targets[number :: len(BASES)] if size else targets
                mine, theirs = share[: pairs_of_calls + 1], share[pairs_of_calls + 1 : 2 * pairs_of_calls + 1]
                proposals = [news(basis, size, values) for _, values in mine]
                first = engines[0].ingest(proposals=[proposals[0]]).decisions[0]
                example = floor.Example.of(conn, engines[0].tenant, first.audit_id)
                calls = []
                for index, (target, values) in enumerate(theirs):
                    read: list[UUID] | bytes = digest([values["email"]])
                    if basis == "score":
                        read = _candidates(conn, engines[0].tenant, values, target)
                    name = engines[0].tenant if size else f"floor-{basis}-{index}"
                    calls.append(floor.make_call(example, name, target, read))
                made = f"{first.action} {first.basis}"
                if made not in EXPECTED[basis if size else "nobody"]:
                    raise RuntimeError(f"the first decision is {made}, not {' or '.join(EXPECTED[basis])}")
                yield Subject(size, basis, made, engines[1:], proposals[1:], calls)


def _candidates(conn: psycopg.Connection[Any], tenant: str, values: dict[str, Any], target: UUID | None) -> list[UUID]:
    """The ids of 20 memories that share a name with a person, the person's own among them."""
    if target is None:
        return []
    first, last = values["name"].lower().split()
    rows = conn.execute(
        "select id from memreg.memories where tenant = %s and search @@ %s::tsquery limit 20",
        (tenant, f"'{first}' | '{last}'"),
    )
    return [target, *(row[0] for row in rows if row[0] != target)][:20]


def measure(subject: Subject, database: CountingDatabase, conn: psycopg.Connection[Any]) -> dict[str, Any]:
    """Engine and floor in turns, each first as often as the other."""
    for call in subject.calls[:10]:
        conn.execute(call.read[0], call.read[1])
    engine_times, floor_times = Times(), Times()
    decided: list[str] = []
    database.trips = 0

    def engine_call(index: int) -> None:
        decision = subject.engines[index].ingest(proposals=[subject.proposals[index]]).decisions[0]
        decided.append(f"{decision.action} {decision.basis}")

    for index, call in enumerate(subject.calls):
        turns: list[tuple[Times, Callable[[], object]]] = [
            (engine_times, lambda index=index: engine_call(index)),  # type: ignore[misc]
            (floor_times, lambda call=call: floor.run(conn, call)),  # type: ignore[misc]
        ]
        for times, run in turns if index % 2 else reversed(turns):
            times.take(run)
    floor.check(conn, subject.calls[-1])
    if unexpected := [each for each in decided if each != subject.expected]:
        raise RuntimeError(f"{len(unexpected)} decisions were not {subject.expected} but {unexpected[0]}")
    mine, least = engine_times.figures(), floor_times.figures()
    return {
        "memories": subject.size,
        "basis": subject.basis,
        "decided": subject.expected,
        "calls": len(decided),
        "ratio_p50": round(mine["p50_ms"] / least["p50_ms"], 2),
        "ratio_p95": round(mine["p95_ms"] / least["p95_ms"], 2),
        "engine": mine | {"round_trips": round(database.trips / len(decided), 2)},
        "floor": least | {"round_trips": 2},
    }


def round_trip_ms(conn: psycopg.Connection[Any]) -> float:
    """The median of asking the server for nothing."""
    times = Times()
    for _ in range(200):
        times.take(lambda: conn.execute(b"select 1").fetchall())
    return times.figures()["p50_ms"]


def table(rows: Sequence[dict[str, Any]]) -> Table:
    """The result for a person."""
    shown = Table(title="A decision beside hand-written SQL (ratio of medians; ms)")
    for name in ("memories", "by", "decision", "ratio", "ratio p95"):
        shown.add_column(name, justify="left" if name in ("by", "decision") else "right")
    for name in ("engine p50", "p95", "Python CPU", "round trips", "floor p50", "p95", "Python CPU"):
        shown.add_column(name, justify="right")
    for row in rows:
        mine, least = row["engine"], row["floor"]
        cells = [f"{row['memories']:,}", row["basis"], row["decided"], f"{row['ratio_p50']:.2f}"]
        cells += [f"{row['ratio_p95']:.2f}", *(f"{mine[k]:.2f}" for k in ("p50_ms", "p95_ms", "cpu_ms"))]
        cells += [f"{mine['round_trips']:.1f}", *(f"{least[k]:.2f}" for k in ("p50_ms", "p95_ms", "cpu_ms"))]
        shown.add_row(*cells)
    return shown


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200, help="pairs of calls for each line (at most 249)")
    calls = min(249, max(20, parser.parse_args().calls))
    console = Console(width=150)
    with database(os.environ.get("MEMREG_DATABASE_URL")) as dsn:
        prepare(dsn)
        settings = Settings(database_url=dsn, schema_="assistant")
        with CountingDatabase.connect(settings) as counting, floor.connect(dsn) as conn:
            facts = {
                "postgres": server_version(dsn),
                "cores": os.cpu_count(),
                "synchronous_commit": (conn.execute("show synchronous_commit").fetchone() or ("",))[0],
                "fsync": (conn.execute("show fsync").fetchone() or ("",))[0],
                "round_trip_ms": round_trip_ms(conn),
            }
            rows = []
            for subject in subjects(dsn, counting, calls):
                console.print(f"{subject.size:,} memories, by {subject.basis} …")
                rows.append(measure(subject, counting, conn))
    console.print(table(rows))
    console.print(
        f"PostgreSQL {facts['postgres']}, {facts['cores']} cores, fsync {facts['fsync']}, synchronous_commit "
        f"{facts['synchronous_commit']}; a round trip takes {facts['round_trip_ms']} ms.\n"
        "The floor: the same rows, read by key or id and written in two pipelined round trips, with prepared "
        "statements and ready-made values."
    )
    result = {"bench": "decisions", **facts, "rows": rows}
    results = ROOT / "bench" / "results"
    results.mkdir(exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    (results / f"decisions-{stamp}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
