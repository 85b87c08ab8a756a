"""Whether the true memory is among the 20 candidates, and what the lookup costs beside one by primary key."""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench import crowd
from bench.stage import ROOT, database, server_version
from memreg.core.ids import uuid7
from memreg.core.queries import Statement
from memreg.engine.candidates import CANDIDATES, LIKELY, POSTINGS, SHORTLIST, asked_by, memory_keys, probes
from memreg.engine.record import Record
from memreg.engine.store import SQL
from memreg.evaluation.stream_schema import read_stream_schema
from memreg.registry.models import ClassAnnotation

STREAMS = ROOT.parent / "shared" / "data" / "er"
ENTITIES = 500
COPIES = 10
KEPT = 5
Told = tuple[str, Record]
"""A record with its entity."""


@dataclass(frozen=True)
class Stream:
    """Records in the order in which they arrive."""

    name: str
    records: tuple[Told, ...]


def read_stream(path: Path) -> Stream:
    """A stream of JSONL with its `.schema.json` beside it. The columns of its identity keys are left out."""
    subject = read_stream_schema(path.with_suffix(".schema.json").read_bytes(), path.name)
    spec = subject.of_class
    annotation = ClassAnnotation(searchable=subject.annotation.searchable, compare=subject.annotation.compare)
    lines = (json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip())
    return Stream(path.stem, tuple((line["entity_id"], Record.of(line["fields"], spec, annotation)) for line in lines))


def generated() -> Stream:
    """500 people of the crowd, each told ten times with other changes, shuffled by a fixed seed."""
    chance = random.Random(3)
    said = [(str(n), crowd.told_again(crowd.person(n), chance)) for n in range(ENTITIES) for _ in range(COPIES)]
    chance.shuffle(said)
    return Stream("generated", tuple((entity, crowd.record(payload)) for entity, payload in said))


def streams(folder: Path) -> list[Stream]:
    """The streams in a folder, and always the generated one."""
    paths = sorted(path for path in folder.glob("*.jsonl") if path.with_suffix(".schema.json").exists())
    return [*map(read_stream, paths), generated()]


def asked(tenant: str, schema: str, class_name: str, record: Record) -> Statement:
    """The engine's own query for the candidates of a record."""
    keys = probes(record, schema, class_name)
    return SQL["candidates"](
        tenant=tenant,
        version=1,
        schema=schema,
        asked=Jsonb([asked_by(0, keys)]),
        postings=POSTINGS,
        shortlist=SHORTLIST,
        likely=LIKELY,
        limit=CANDIDATES,
    )


def connect(dsn: str) -> psycopg.Connection[dict[str, Any]]:
    """A connection that prepares at first sight, as the engine's are after some calls."""
    return psycopg.connect(dsn, autocommit=True, prepare_threshold=0, row_factory=dict_row)


def run(conn: psycopg.Connection[dict[str, Any]], statement: Statement) -> list[dict[str, Any]]:
    """The rows of a statement."""
    cursor = conn.execute(statement.query.sql.encode(), statement.params)
    return cursor.fetchall() if cursor.description else []


@dataclass
class Recall:
    """How often the true memory was among the candidates of a record whose entity had been told of before."""

    asked: int = 0
    found: int = 0
    keys: list[int] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """The recall, of how many, and how many keys a record has."""
        return {
            "recall": round(self.found / max(1, self.asked), 5),
            "asked": self.asked,
            "keys_mean": round(statistics.mean(self.keys), 1),
        }


def recall(conn: psycopg.Connection[dict[str, Any]], stream: Stream, *, merged: bool) -> Recall:
    """Stream the records through the lookup alone, in one pass.

    `merged`: an entity is one memory, of its last five records; else each record is a memory, as if the score had
    recognised nobody.
    """
    tenant = f"{stream.name}-{'merged' if merged else 'apart'}"
    told: dict[str, list[Record]] = defaultdict(list)
    ids: dict[str, UUID] = {}
    entities: dict[UUID, str] = {}
    found = Recall()
    for change, (entity, record) in enumerate(stream.records, 1):
        if change in (100, 1_000):
            conn.execute("vacuum (analyze) memreg.memories, memreg.candidate_keys")
        if entity in told:
            rows = run(conn, asked(tenant, "s", "C", record))
            found.asked += 1
            found.found += any(entities[row["id"]] == entity for row in rows)
        told[entity].append(record)
        is_new = entity not in ids or not merged
        if is_new:
            ids[entity] = uuid7()
            entities[ids[entity]] = entity
        records = told[entity][: -KEPT - 1 : -1] if merged else [record]
        found.keys.append(len(probes(record, "s", "C")))
        run(conn, _write(tenant, ids[entity], memory_keys(records, "s", "C"), change, is_new))
    return found


def _write(tenant: str, memory_id: UUID, keys: Sequence[int], change: int, is_new: bool) -> Statement:
    now = "2026-01-01T00:00:00+00:00"
    row = {
        "id": str(memory_id), "class": "C", "version": 1, "payload": {}, "originals": {}, "search": "",
        "candidate_keys": list(keys), "is_deleted": False, "unresolved": False, "revision": 1, "change": change,
        "created_at": now, "updated_at": now, "last_seen_at": now, "deleted_at": None,
        "pinned": {}, "void_revisions": [],
    }  # fmt: skip
    if is_new:
        return SQL["insert_memories"](tenant=tenant, schema="s", rows=Jsonb([row]))
    return SQL["update_memories"](tenant=tenant, schema="s", ids=[memory_id], rows=Jsonb({str(memory_id): row}))


@dataclass
class Round:
    """Seconds of lookups: by primary key, of people told again, and of the most common words there are."""

    key: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    common: list[float] = field(default_factory=list)
    found: int = 0


@dataclass
class Latency:
    """Rounds of lookups, each of other people.

    What the machine does besides slows some rounds down, so the quietest counts: that of the least 95th percentile. The
    median of the rounds is shown beside it.
    """

    rounds: list[Round]

    @property
    def quietest(self) -> Round:
        """The round that counts."""
        return min(self.rounds, key=lambda each: p95(each.again))

    @property
    def recall(self) -> float:
        """How often the true memory was among the candidates, over all rounds."""
        return sum(each.found for each in self.rounds) / sum(len(each.again) for each in self.rounds)

    def figures(self) -> dict[str, Any]:
        """Milliseconds and the recall."""
        shown: dict[str, Any] = {"recall": round(self.recall, 4), "lookups": sum(len(r.again) for r in self.rounds)}
        for name in ("key", "again", "common"):
            times = getattr(self.quietest, name)
            usual = statistics.median(p95(getattr(each, name)) for each in self.rounds)
            shown[name] = {
                "p50_ms": round(statistics.median(times) * 1000, 3),
                "p95_ms": round(p95(times) * 1000, 3),
                "p95_ms_usual": round(usual * 1000, 3),
            }
        return shown


def p95(times: Sequence[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(times, n=20)[-1]


def latency(
    conn: psycopg.Connection[dict[str, Any]], tenant: str, count: int, lookups: int, rounds: int = 10
) -> Latency:
    """Look people of a tenant up, in turns with a memory by its primary key; a first round is not counted."""
    chance = random.Random(count)
    return Latency([_round(conn, tenant, count, lookups, chance) for _ in range(rounds + 1)][1:])


def _round(
    conn: psycopg.Connection[dict[str, Any]], tenant: str, count: int, lookups: int, chance: random.Random
) -> Round:
    found = Round()
    common = asked(tenant, "crowd", "Person", crowd.record(crowd.commonest()))
    for _ in range(lookups):
        number, other = chance.randrange(count), chance.randrange(count)
        again = asked(tenant, "crowd", "Person", crowd.record(crowd.told_again(crowd.person(number), chance)))
        by_key = SQL["get_memory"](tenant=tenant, schema="crowd", version=1, id=crowd.memory_id(other))
        for statement, times in ((by_key, found.key), (again, found.again), (common, found.common)):
            start = time.perf_counter()
            rows = run(conn, statement)
            times.append(time.perf_counter() - start)
            if statement is again:
                found.found += any(row["id"] == crowd.memory_id(number) for row in rows)
    return found


def bytes_per_memory(conn: psycopg.Connection[dict[str, Any]]) -> dict[str, float]:
    """What the keys take on disk, table and index, and how many there are, for each memory of the database."""
    row = conn.execute(
        """
        select
            (select count(*) from memreg.memories) as memories,
            (select sum(cardinality(candidate_keys)) from memreg.memories) as keys,
            pg_table_size('memreg.candidate_keys') as heap,
            pg_indexes_size('memreg.candidate_keys') as index,
            pg_total_relation_size('memreg.memories') as memories_size,
            pg_relation_size('memreg.memories_search') as gin
        """
    ).fetchone()
    assert row is not None
    memories = int(row["memories"])
    return {
        "keys": round(int(row["keys"]) / memories, 1),
        "keys_table_bytes": round(row["heap"] / memories),
        "keys_index_bytes": round(row["index"] / memories),
        "memories_bytes": round(row["memories_size"] / memories),
        "search_index_bytes": round(row["gin"] / memories),
    }


Sized = tuple[int, Latency, dict[str, float]]


def sizes(dsn: str, counts: Iterable[int], lookups: int, say: Callable[[str], None]) -> Iterator[Sized]:
    """Latency, recall and bytes in one tenant after the other, each as large as asked."""
    for count in counts:
        tenant = f"crowd-{count}"
        started = time.perf_counter()
        crowd.load(dsn, tenant, count)
        say(f"{count:,} memories loaded in {time.perf_counter() - started:.0f} s")
        with connect(dsn) as conn:
            measured = latency(conn, tenant, count, lookups)
            yield count, measured, bytes_per_memory(conn)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=STREAMS, help="a folder of streams with their .schema.json")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000], help="memories in one tenant")
    parser.add_argument("--lookups", type=int, default=200, help="lookups in each of ten rounds")
    options = parser.parse_args()
    result: dict[str, Any] = {"bench": "candidates", "cores": os.cpu_count(), "recall": {}, "sizes": {}}
    with database(os.environ.get("MEMREG_DATABASE_URL")) as dsn:
        result["postgres"] = server_version(dsn)
        for count, measured, on_disk in sizes(dsn, sorted(options.sizes), max(20, options.lookups), print):
            result["sizes"][count] = measured.figures() | {"on_disk": on_disk}
            print(f"{count:,}: {result['sizes'][count]}", flush=True)
        with connect(dsn) as conn:
            for stream in streams(options.data):
                both = {"merged": recall(conn, stream, merged=True), "apart": recall(conn, stream, merged=False)}
                result["recall"][stream.name] = {name: found.figures() for name, found in both.items()}
                print(f"{stream.name}: {result['recall'][stream.name]}", flush=True)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
