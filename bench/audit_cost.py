"""What the audit's chain costs a decision: the same messages with its triggers in force and without, in turns.

    python bench/audit_cost.py [--messages N] [--rounds N]

Prints one JSON line: the median milliseconds of a message both ways, the share of the triggers, and what tying the
entries afterwards costs a message. Two runs on different machines compare by the shares alone.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from pathlib import Path
from typing import LiteralString

import psycopg

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench.batches import batch
from bench.stage import database, prepare, server_version
from memreg import Engine

TABLES: tuple[LiteralString, ...] = ("memreg.audit_values", "memreg.audit_log")
WITHOUT: tuple[LiteralString, ...] = tuple(f"alter table {table} disable trigger enter" for table in TABLES)
WITH: tuple[LiteralString, ...] = tuple(f"alter table {table} enable trigger enter" for table in TABLES)


def main() -> None:
    """Measure, and print the line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=40, help="messages of a round, each way (40)")
    parser.add_argument("--rounds", type=int, default=20, help="rounds (20)")
    options = parser.parse_args()
    chance = random.Random(1)
    times: dict[bool, list[float]] = {True: [], False: []}
    with database() as dsn:
        schema = prepare(dsn)
        messages = batch(options.messages * 2)
        with Engine.connect(dsn, schema=schema) as engine, psycopg.connect(dsn, autocommit=True) as conn:
            for number in range(options.rounds):
                ways = [True, False]
                chance.shuffle(ways)
                for is_chained in ways:
                    for statement in WITH if is_chained else WITHOUT:
                        conn.execute(statement)
                    for message, proposals in chance.sample(messages, options.messages):
                        began = time.perf_counter()
                        engine.ingest(f"{message.text} of round {number}, {is_chained}", proposals=proposals)
                        if number:  # the first round warms up
                            times[is_chained].append(time.perf_counter() - began)
            for statement in WITH:
                conn.execute(statement)
            engine.seal_audit()
            decided = [len(engine.ingest(message.text, proposals=given).decisions) for message, given in messages[:40]]
            began = time.perf_counter()
            sealed = engine.seal_audit()
            entry = (time.perf_counter() - began) / max(sealed, 1)
            sealing = entry * statistics.mean(decided)
        with_chain, without = (statistics.median(times[way]) for way in (True, False))
        figures = {
            "server": server_version(dsn),
            "messages": len(times[True]),
            "ms_with_chain": round(with_chain * 1000, 3),
            "ms_without": round(without * 1000, 3),
            "share_of_triggers": round(1 - without / with_chain, 4),
            "share_of_sealing": round(sealing / with_chain, 4),
        }
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
