"""What a memory takes on disk, by table and index, beside its payload: one revision and one audit entry with each.

    python bench/disk.py [--memories N] [--turn N]

Made-up contacts of ten columns, 300 bytes each as JSON; four columns are searched, one is compared, and the e-mail
address identifies. Each is decided by the engine as a CREATE, after the candidates were looked up and scored. Then the
audit is sealed and the database vacuumed, as its own upkeep does in time. Prints one JSON line last.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import tuple_row

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench.people import EMPLOYERS, FIRST, LAST, TAGS, TOWNS
from bench.stage import database, prepare, server_version
from memreg import Engine, Message, Proposal

SCHEMA = """
schema: contacts
classes:
  Contact:
    description: Somebody the user knows
    columns:
      name: {dtype: string, desc: Full name, required: true}
      email: {dtype: string, desc: E-mail address, normalize: [email]}
      phone: {dtype: string, desc: Phone number}
      born: {dtype: date, desc: Day of birth}
      address: {dtype: string, desc: Street and number}
      city: {dtype: string, desc: Where the person lives}
      employer: {dtype: string, desc: Where the person works}
      role: {dtype: string, desc: What the person does there}
      tags: {dtype: "list[string]", desc: What the person is to the user}
      note: {dtype: text, desc: What else there is to know}
    annotation:
      searchable: {name: 3, employer: 1, city: 1, tags: 2}
      compare: [born]
      identity: [{columns: [email], strength: strong}]
"""
BYTES = 300
TARGET = 12
"""Bytes on disk for each byte of the payloads, at most."""
_STREETS = (
    "Harbour Station Mill Church Garden Bridge Market Forest Castle River School Park Hill Lake Meadow Orchard".split()
)
_ROLES = "Accountant Architect Baker Carpenter Dentist Editor Electrician Engineer Gardener Nurse Painter Pilot".split()
_NOTES = (
    "met at the summer fair", "prefers to be called in the evening", "plays chess on Thursdays", "has two children",
    "does not eat fish", "lent us the blue ladder", "speaks French and some Greek", "runs the marathon every spring",
    "works from home on Fridays", "collects old maps", "is allergic to cats", "used to live next door",
)  # fmt: skip
_SIZES = """
    select
        coalesce(parent.relname, own.relname) as of_table, own.relname as name,
        pg_table_size(own.oid) as bytes, own.relkind as kind
    from pg_class as own
    left join pg_inherits on inhrelid = own.oid
    left join pg_class as parent on parent.oid = inhparent
    where own.relnamespace = 'memreg'::regnamespace and own.relkind = 'r'
    union all
    select coalesce(parent.relname, of_table.relname), own.relname, pg_relation_size(own.oid), own.relkind
    from pg_class as own
    join pg_index on indexrelid = own.oid
    join pg_class as of_table on of_table.oid = indrelid
    left join pg_inherits on inhrelid = indrelid
    left join pg_class as parent on parent.oid = inhparent
    where own.relnamespace = 'memreg'::regnamespace
"""
_MONTHS = r"_(first|rest|\d{4}_\d{2}(?:_part)?)"


@dataclass(frozen=True)
class Disk:
    """Bytes for each memory.

    `payload`: its JSON text, in the mean; `tables` and `indexes`: bytes by name, partitions under that of their table.
    """

    memories: int
    payload: float
    tables: dict[str, float]
    indexes: dict[str, float]

    @property
    def bytes(self) -> float:
        """All of it, for each memory."""
        return sum(self.tables.values()) + sum(self.indexes.values())

    @property
    def ratio(self) -> float:
        """Bytes on disk for each byte of the payloads."""
        return self.bytes / self.payload

    def figures(self) -> dict[str, Any]:
        """All of it as JSON; what takes less than a byte for each memory is left out."""
        return {
            "memories": self.memories,
            "payload_bytes": round(self.payload),
            "bytes": round(self.bytes),
            "ratio": round(self.ratio, 2),
            "target": TARGET,
            "tables": _rounded(self.tables),
            "indexes": _rounded(self.indexes),
        }


def contacts(count: int, seed: int = 7) -> Iterator[dict[str, Any]]:
    """That many different contacts, each of 300 bytes as JSON text."""
    chance = random.Random(seed)
    for number in range(count):
        first, last = chance.choice(FIRST), chance.choice(LAST)
        contact: dict[str, Any] = {
            "name": f"{first} {last}",
            "email": f"{first}.{last}{number}@{chance.choice(EMPLOYERS)}.example".lower(),
            "phone": f"+{chance.randint(10, 99)} {chance.randint(100, 999)} {chance.randint(1000, 9999)}",
            "born": f"{chance.randint(1940, 2005)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
            "address": f"{chance.randint(1, 250)} {chance.choice(_STREETS)} Street",
            "city": chance.choice(TOWNS),
            "employer": chance.choice(EMPLOYERS),
            "role": chance.choice(_ROLES),
            "tags": [chance.choice(TAGS)],
            "note": "",
        }
        room = BYTES - len(json.dumps(contact))
        notes = "; ".join(chance.sample(_NOTES, 5))
        yield contact | {"note": notes[:room].rstrip()}


def on_disk(conn: psycopg.Connection[Any], payload: float, memories: int) -> Disk:
    """What the database of a connection takes, shared out among so many memories; without what is empty of rows."""
    cursor = conn.cursor(row_factory=tuple_row)
    tables: dict[str, float] = {}
    indexes: dict[str, float] = {}
    for of_table, name, size, kind in cursor.execute(_SIZES.encode()).fetchall():
        into, key = (tables, of_table) if kind == "r" else (indexes, _index_name(name))
        into[key] = into.get(key, 0.0) + size / memories
    return Disk(memories, payload, tables, indexes)


def measure(dsn: str, memories: int, turn: int = 50, say: Callable[[str], None] = lambda _: None) -> Disk:
    """Decide so many contacts in an empty database, `turn` of them by a message, and weigh what is there then."""
    payloads = list(contacts(memories))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.yaml"
        path.write_text(SCHEMA, "utf-8")
        schema = prepare(dsn, path)
    began = time.perf_counter()
    say(f"deciding {memories:,} contacts, {turn} by a message")
    vacuumed = 0
    with (
        Engine.connect(dsn, schema=schema, extractor="structured") as engine,
        psycopg.connect(dsn, autocommit=True) as conn,
    ):
        for start in range(0, memories, turn):
            said = [Proposal("Contact", each) for each in payloads[start : start + turn]]
            engine.ingest(Message(f"Contacts from number {start}", f"contacts-{start}"), proposals=said)
            if start > 1.05 * vacuumed + 1_000:
                # The load is over before autovacuum looks at what it is set to vacuum by now.
                conn.execute("vacuum memreg.candidate_keys")
                vacuumed = start
                engine.seal_audit()  # as a worker does every some seconds
        while engine.seal_audit():
            pass
    say(f"decided and sealed in {time.perf_counter() - began:.0f} s")
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("vacuum (analyze)")
        return on_disk(conn, statistics.mean(len(json.dumps(each)) for each in payloads), memories)


def table(found: Disk) -> str:
    """The largest tables and indexes, as lines for a terminal."""
    rows = [(name, size) for name, size in (*found.tables.items(), *found.indexes.items()) if size >= 4]
    lines = [f"{size:>8,.0f}  {name}" for name, size in sorted(rows, key=lambda row: -row[1])]
    total = (
        f"{found.bytes:>8,.0f}  bytes for each payload of {found.payload:.0f}: {found.ratio:.1f} times, target {TARGET}"
    )
    return "\n".join([*lines, total])


def _rounded(sizes: dict[str, float]) -> dict[str, int]:
    return {name: round(size) for name, size in sorted(sizes.items(), key=lambda item: -item[1]) if size >= 1}


def _index_name(name: str) -> str:
    return re.sub(_MONTHS, "", name)


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memories", type=int, default=10_000, help="how many (10000)")
    parser.add_argument("--turn", type=int, default=50, help="memories that one message tells of (50)")
    options = parser.parse_args()
    with database() as dsn:
        found = measure(dsn, options.memories, options.turn, print)
        print(table(found))
        print(json.dumps({"bench": "disk", "postgres": server_version(dsn), "turn": options.turn} | found.figures()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
