"""A backfill by two workers takes at most four times as long as the bare writing of what it writes: one set-wise
rewrite of the memories, keys and candidate index by hand, from values that lie ready."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench import staff
from bench.stage import Show, database, memreg, own_environment, perform, server_version
from memreg import Engine

WORKERS, LEAST = 2, 0.25
CHANGES = {
    "a rename, another type and one more identity key": staff.NEW,
    "that, and other columns to be found by": staff.REINDEXED,
}
READY: dict[str, LiteralString] = {
    "memories": (
        "select tenant, id, class, version, said_version, payload, originals, search, candidate_keys"
        " from memreg.memories"
    ),
    "identity_keys": "select * from memreg.identity_keys where key <> 'email'",
    "candidate_keys": "select * from memreg.candidate_keys",
}
"""What the backfill wrote, to lie ready for the hand."""
FLOOR: dict[str, LiteralString] = {
    "memories": """
        update memreg.memories m
        set class = r.class, version = r.version, said_version = r.said_version, payload = r.payload,
            originals = r.originals, search = r.search, candidate_keys = r.candidate_keys
        from ready.memories r
        where m.tenant = r.tenant and m.id = r.id
    """,
    "identity keys": "insert into memreg.identity_keys select * from ready.identity_keys",
    "candidate keys gone": """
        delete from memreg.candidate_keys c
        using ready.gone g
        where c.tenant = g.tenant and c.key = g.key and c.memory_id = g.memory_id
    """,
    "candidate keys come": "insert into memreg.candidate_keys select * from ready.come",
}
"""What a hand writes that has every value, a statement a table."""


@contextmanager
def copy_of(dsn: str, name: str) -> Iterator[str]:
    """A copy of a database beside it, for a while; its DSN."""
    source = str(conninfo_to_dict(dsn)["dbname"])
    with psycopg.connect(make_conninfo(dsn, dbname="postgres"), autocommit=True) as conn:
        names = sql.Identifier(name), sql.Identifier(source)
        conn.execute(sql.SQL("create database {} template {}").format(*names))
        try:
            yield make_conninfo(dsn, dbname=name)
        finally:
            conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def backfill(dsn: str) -> float:
    """Seconds that two workers take, each a command of its own."""
    settle(dsn)
    command = [memreg(), "backfill", staff.SCHEMA, "--to", "2", "--database", dsn]
    began = time.perf_counter()
    workers = [subprocess.Popen(command, env=own_environment(), stdout=subprocess.DEVNULL) for _ in range(WORKERS)]
    codes = [worker.wait() for worker in workers]
    if any(codes):
        raise RuntimeError(f"the workers ended with {codes}")
    return time.perf_counter() - began


def settle(dsn: str) -> None:
    """Write out what is waiting, so that nobody pays for what was done before."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("vacuum (analyze) memreg.memories, memreg.identity_keys, memreg.candidate_keys")
        conn.execute("checkpoint")


def lay_ready(before: str, after: str) -> None:
    """Take what the backfill wrote in one database to the other, with what of the candidate index came and went."""
    with psycopg.connect(after) as source, psycopg.connect(before) as target:
        target.execute("create schema ready")
        for table, query in READY.items():
            target.execute(
                sql.SQL("create unlogged table ready.{} as {} limit 0").format(sql.Identifier(table), sql.SQL(query))
            )
            reading = source.cursor().copy(sql.SQL("copy ({}) to stdout").format(sql.SQL(query)))
            writing = target.cursor().copy(sql.SQL("copy ready.{} from stdin").format(sql.Identifier(table)))
            with reading as rows, writing as copied:
                for block in rows:
                    copied.write(block)
        target.execute(
            "create unlogged table ready.come as"
            " select * from ready.candidate_keys except select * from memreg.candidate_keys"
        )
        target.execute(
            "create unlogged table ready.gone as"
            " select * from memreg.candidate_keys except select * from ready.candidate_keys"
        )


def by_hand(dsn: str) -> dict[str, float]:
    """Seconds that each statement takes by hand, each with its commit."""
    settle(dsn)
    seconds = {}
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("analyze ready.memories, ready.identity_keys, ready.come, ready.gone")
        for name, statement in FLOOR.items():
            began = time.perf_counter()
            conn.execute(statement)
            seconds[name] = time.perf_counter() - began
    return seconds


def same(one: str, other: str) -> bool:
    """Whether the hand has written what the backfill did."""
    found = []
    for dsn in (one, other):
        with psycopg.connect(dsn) as conn:
            row = conn.execute(
                "select (select count(*) from memreg.candidate_keys), (select count(*) from memreg.identity_keys),"
                " count(*), sum(hashtextextended(payload::text || search::text, 0)) from memreg.memories"
            ).fetchone()
        found.append(row)
    return found[0] == found[1]


def approve(dsn: str, schema: str) -> None:
    """Register the next version and approve it."""
    with Engine.connect(dsn) as engine:
        engine.registry.register(schema, annotate="heuristic", force="the show needs it")
        engine.registry.approve(staff.SCHEMA, by="the show")


def story(show: Show, memories: int, rounds: int) -> None:
    """Backfill and hand, round by round on copies of the same database, for two kinds of change."""
    with database() as dsn:
        show.figures["server"] = server_version(dsn)
        approve(dsn, staff.OLD)
        show.say(f"Loading {memories:,} memories")
        staff.load(dsn, memories)
        show.figures["memories"] = memories
        for kind, schema in CHANGES.items():
            show.say(f"A version with {kind}")
            ratios, figures = [], []
            for number in range(rounds):
                with copy_of(dsn, "memreg_show_backfilled") as filled, copy_of(dsn, "memreg_show_by_hand") as hand:
                    approve(filled, schema)
                    took = backfill(filled)
                    lay_ready(hand, filled)
                    each = by_hand(hand)
                    floor = sum(each.values())
                    ratios.append(floor / took)
                    figures.append({"backfill": round(took, 1), "floor": round(floor, 1)})
                    show.say(f"  {took:.1f} s by {WORKERS} workers, {floor:.1f} s by hand: {floor / took:.2f}")
                    show.say("    " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in each.items()))
                    if number == 0:
                        show.claim("the hand wrote what the backfill wrote", same(filled, hand))
            middle = sorted(ratios)[len(ratios) // 2]
            best = min(each["backfill"] for each in figures)
            show.figures[kind] = {"rounds": figures, "ratio": round(middle, 3), "per_second": round(memories / best)}
            show.claim(f"the throughput is at least {LEAST} of the hand's", middle >= LEAST, round(middle, 3))


def main(show: Show) -> None:
    """Read the command line, and tell the story."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memories", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many counts")
    given = parser.parse_args()
    story(show, given.memories, given.rounds)


if __name__ == "__main__":
    perform("evolution_2_throughput", main)
