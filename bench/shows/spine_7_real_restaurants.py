"""The 864 restaurant records go through `memreg ingest --proposals`; every record ends in one audit entry."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.stage import ROOT, Show, database, folder, memreg, own_environment, perform, server_version

RECORDS = ROOT.parent / "shared" / "data" / "er" / "restaurants.jsonl"
SCHEMA = """
schema: guide
classes:
  Restaurant:
    description: A place to eat
    columns:
      name: {dtype: string, desc: What it is called, required: true, normalize: [trim, collapse]}
      addr: {dtype: string, desc: Street and number, normalize: [trim, collapse]}
      city: {dtype: string, desc: Town, normalize: [trim, collapse]}
      type: {dtype: string, desc: Kind of cooking, normalize: [trim, collapse]}
      phone: {dtype: string, desc: "Telephone, shared by chains", normalize: [digits]}
    annotation:
      searchable: {name: 3, addr: 1, city: 2, type: 2}
      identity: [{columns: [phone], strength: shared}]
"""


def run(dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The installed command."""
    environment = own_environment(MEMREG_DATABASE_URL=dsn, COLUMNS="200")
    return subprocess.run(
        [memreg(), *arguments], env=environment, capture_output=True, text=True, check=False, timeout=600
    )


def entries(dsn: str) -> list[tuple[str, str, str, Any]]:
    """Message id, action, basis and proposal of every audit entry."""
    query = """
        select message_id, action, basis, proposal
        from memreg.audit_log join memreg.audit_values on (audit_values.tenant, audit_id) = (audit_log.tenant, id)
    """
    with psycopg.connect(dsn) as conn:
        return conn.execute(query).fetchall()


def printed(output: str) -> Counter[tuple[str, str]]:
    """The decisions by action and basis that the command printed."""
    rows = re.findall(r"^\W*([A-Z]+)\W+([a-z_]+)\W+([\d,]+)\W*$", output, re.MULTILINE)
    return Counter({(action, basis): int(count.replace(",", "")) for action, basis, count in rows})


def main(show: Show) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", nargs="?", type=Path, help="the file of records (default: %(default)s)")
    path: Path = parser.parse_args().records or RECORDS
    if not path.is_file():
        why = f"there is no file {os.path.relpath(path)}; give the path of the records"
        print(json.dumps({"show": show.name, "holds": None, "skipped": why}))
        sys.exit(0 if path == RECORDS else 2)
    records = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    by_id = {record["record_id"]: record["fields"] for record in records}
    with folder() as place, database() as dsn:
        schema, proposals = place / "guide.yaml", place / "proposals.jsonl"
        schema.write_text(SCHEMA)
        lines = ({"class": "Restaurant", "values": v, "message_id": i} for i, v in by_id.items())
        proposals.write_text("".join(json.dumps(line) + "\n" for line in lines))
        for arguments in (["register", str(schema)], ["approve", "guide", "--by", "the show"]):
            done = run(dsn, *arguments)
            show.claim(f"memreg {arguments[0]} succeeds", done.returncode == 0, done.stderr)
        started = time.perf_counter()
        done = run(dsn, "ingest", str(proposals), "--proposals")
        seconds = time.perf_counter() - started
        show.say(done.stdout)
        found = entries(dsn)
        audited = Counter(message_id for message_id, *_ in found)
        decided = Counter((action, basis) for _, action, basis, _ in found)
        show.claim("memreg ingest --proposals succeeds", done.returncode == 0, done.stderr)
        show.claim(f"there are {len(records)} audit entries", len(found) == len(records), len(found))
        show.claim("every record ends in one audit entry", audited == Counter(dict.fromkeys(by_id, 1)))
        kept = {message_id: proposal["values"] for message_id, _, _, proposal in found}
        show.claim("the entry holds the record as it came", kept == by_id)
        show.claim("the command printed the decisions by action and basis", printed(done.stdout) == decided, decided)
        with psycopg.connect(dsn) as conn:
            row = conn.execute("select count(*), sum(revision) from memreg.memories").fetchone()
        memories, revisions = row or (0, 0)
        created = sum(count for (action, _), count in decided.items() if action == "CREATE")
        show.claim("there are as many memories as were created", memories == created, memories)
        again = run(dsn, "ingest", str(proposals), "--proposals", "--json")
        counts = json.loads(again.stdout)["counts"]
        show.claim("once more: all of it is replayed", counts["replayed"] == len(records), counts)
        show.claim("and nothing is written", len(entries(dsn)) == len(found))
        show.figures |= {
            "postgres": server_version(dsn),
            "records": len(records),
            "audit_entries": len(found),
            "memories": memories,
            "revisions": int(revisions),
            "entities_by_the_gold": len({record["entity_id"] for record in records}),
            "decided": {f"{action} {basis}": count for (action, basis), count in decided.most_common()},
            "ingest_seconds": round(seconds, 1),
        }


if __name__ == "__main__":
    perform("spine_7_real_restaurants", main)
