"""A batch of messages beside the same rows by COPY and one set-wise statement: people who moved, and new people."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench import crowd
from bench.speed import bulk, world
from bench.speed.capture import written_by
from bench.speed.hand import Target
from bench.speed.place import Place, name_of
from bench.speed.times import ratio
from memreg import Engine, Proposal, Turn
from memreg.core.ids import uuid7

ROUNDS = 3
NEW = 4
"""A batch of new people is so many times smaller: each of them is compared with twenty others."""


def ingest(engine: Engine, proposals: Sequence[Proposal]) -> int:
    """Decide proposals, each a message of its own, as fast as the engine can; how many were decided."""
    return sum(1 for _ in engine.ingest_many(Turn([proposal]) for proposal in proposals))


def measure(place: Place, rows: int) -> list[dict[str, Any]]:
    """A line for each size and kind: rows a second of the engine and of the floors, `rows` in a batch, by turns."""
    lines = []
    for size in place.sizes:
        for kind in ("create", "identity") if size else ("create",):
            # Three quarters of a tenant's people may be moved here, each once.
            most = size * 8 // 10 * 3 // 4 // (2 * ROUNDS) - 1 if size else rows
            line = _measure(place, size, kind, min(rows, most) if kind == "identity" else rows // NEW)
            lines.append(line)
            place.say(f"  {kind} at {size:,}: {line['share']} of the rows per second of COPY and a statement")
    return lines


def _measure(place: Place, size: int, kind: str, rows: int) -> dict[str, Any]:
    took: dict[str, list[float]] = {"engine": [], "set-wise": [], "copy": []}
    conn = place.floor
    for number in range(ROUNDS):
        mine, theirs, others = (_people(place, size, kind, rows, number, side) for side in range(3))
        engine = place.engine.for_tenant(mine[0].tenant)
        example = engine.ingest(proposals=[_said(kind, mine[0])]).decisions[0]
        written = written_by(place.conn, engine.tenant, example.audit_id, everything=False)
        proposals = [_said(kind, target) for target in mine[1:]]
        given = bulk.batch(conn, written, theirs[1:], f"given_{size}_{kind}_{number}")
        conn.execute(given.create)
        turns: list[tuple[str, Callable[[], object]]] = [
            ("engine", lambda: ingest(engine, proposals)),  # noqa: B023
            ("set-wise", lambda: bulk.run(conn, given)),  # noqa: B023
        ]
        if kind == "create":
            copies = bulk.copies(written, others[1:])
            turns.append(("copy", lambda: bulk.run_copies(conn, copies)))  # noqa: B023
        for way, run in turns if number % 2 else reversed(turns):
            began = time.perf_counter()
            run()
            took[way].append(time.perf_counter() - began)
    per_second = {way: rows / statistics.median(times) for way, times in took.items() if times}
    return {
        "size": size,
        "kind": kind,
        "rows": rows,
        "share": ratio(per_second["engine"], per_second["set-wise"]),
        "share_of_copy": ratio(per_second["engine"], per_second["copy"]) if "copy" in per_second else None,
        "per_second": {way: round(each) for way, each in per_second.items()},
    }


def _people(place: Place, size: int, kind: str, rows: int, number: int, side: int) -> list[Target]:
    """One person that shows what the engine writes, and as many as there are rows."""
    if kind == "create":
        tenant = name_of(size) if size else f"batch {number} {side}"
        return [Target(tenant, uuid7(), None, world.person(each)) for each in place.strangers(rows + 1)]
    if side == 2:
        return []
    tenant = name_of(size)
    numbers = place.people(size, rows + 1)
    return [
        Target(tenant, crowd.memory_id(each), before := world.person(each), world.moved(each, before)[1])
        for each in numbers
    ]


def _said(kind: str, target: Target) -> Proposal:
    if kind == "create" or target.before is None:
        return Proposal("Person", target.after)
    return Proposal("Person", {name: target.after[name] for name in ("name", "email", "city", "phone")})
