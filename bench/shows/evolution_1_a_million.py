"""A million memories go to a new version while messages are ingested, with five kills: none is lost or doubled, ingest
stays quick, and the result is that of a conversion written by hand."""

from __future__ import annotations

import argparse
import random
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psycopg

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench import staff
from bench.stage import Show, database, memreg, own_environment, perform, server_version
from memreg import Engine, Message, Proposal
from memreg.engine.candidates import POSTINGS

KILLS, TIMES = 5, 3.0
BEFORE = 300
"""Messages by which the latency before the backfill is measured."""
TENANT = staff.TENANTS[0]


@dataclass
class Told:
    """What the messages said, by e-mail, in the words of the old version."""

    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)


def talk(pipe: Connection, dsn: str, memories: int, messages: int) -> None:
    """An application of the old version: it tells of somebody new and of somebody known, one message after another, so
    many messages (0: until something comes through the pipe); its last words are what it said."""
    told, chance, number = Told(), random.Random(messages), memories * (2 if messages else 3)
    with Engine.connect(dsn, tenant=TENANT, schema=staff.SCHEMA) as engine:
        pipe.send("ready")
        while not pipe.poll():
            number += 1
            new = {**staff.said(number), "email": f"new{number}@staff.example", "badge": f"N-{number:07d}"}
            known = next(n for n in iter(lambda: chance.randrange(memories), None) if staff.tenant_of(n) == TENANT)
            change = {
                "email": f"p{known}@staff.example",
                "level": str(100 + number % 50),
                "employer": f"Moved {number}",
            }
            proposals = [Proposal("Person", new), Proposal("Person", change)]
            began = time.perf_counter()
            result = engine.ingest(Message("said", f"m{number}"), proposals=proposals)
            told.latencies.append(time.perf_counter() - began)
            told.seen.update(str(each.action) for each in result.decisions)
            told.people[new["email"]] = new
            told.people[change["email"]] = told.people.get(change["email"], staff.said(known)) | change
            if messages and len(told.latencies) == messages:
                break
            time.sleep(0.02)
    pipe.send(told)


class Speaker:
    """A process that talks."""

    def __init__(self, dsn: str, memories: int, messages: int) -> None:
        context = get_context("spawn")
        self.messages = messages
        self.pipe, there = context.Pipe()
        self.process = context.Process(target=talk, args=(there, dsn, memories, messages), daemon=True)
        self.process.start()
        self.pipe.recv()

    def end(self) -> Told:
        """What it said; it ends by itself, or when it is told to."""
        if not self.messages:
            self.pipe.send("enough")
        told: Told = self.pipe.recv()
        self.process.join()
        return told


def progress(conn: psycopg.Connection[Any]) -> tuple[str, str, int, int]:
    """Status and stage of the backfill, its memories and those that are done."""
    row = conn.execute(
        "select status, stage, total, coalesce((select sum(memories) from memreg.backfill_parts p"
        " where p.backfill_id = b.id and p.stage = b.stage and finished), 0)"
        " from memreg.backfills b order by created_at desc limit 1"
    ).fetchone()
    return ("", "", 0, 0) if row is None else (row[0], row[1], int(row[2]), int(row[3]))


def backfill_with_kills(show: Show, dsn: str, chance: random.Random) -> int:
    """Run the command to its end, killing it at random points of both stages; how often it was killed."""
    command = [memreg(), "backfill", staff.SCHEMA, "--to", "2", "--database", dsn]
    environment = own_environment()
    points = sorted(chance.uniform(0.02, 1.95) for _ in range(KILLS))
    killed = 0
    with psycopg.connect(dsn, autocommit=True) as conn:
        while True:
            process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
            while process.poll() is None:
                status, stage, total, done = progress(conn)
                at = (stage == "rewrite") + (done / total if total else 0.0)
                if killed < KILLS and status == "running" and at >= points[killed]:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    killed += 1
                    show.say(f"  killed at {done:,} of {total:,} in the stage {stage}")
                time.sleep(0.05)
            if process.returncode == 0:
                output = process.stdout.read().strip() if process.stdout else ""
                show.say(f"  {output}")
                return killed
            if process.returncode != -signal.SIGKILL:
                raise RuntimeError(f"the backfill ended with {process.returncode}")


def check(show: Show, dsn: str, memories: int, told: dict[str, dict[str, Any]]) -> None:
    """Hold every memory, key and index entry against the conversion by hand."""
    wanted = {f"p{n}@staff.example": n for n in range(memories)}
    wrong: list[Any] = []
    emails: set[str] = set()
    count = 0
    keys = dict.fromkeys(("email", "badge"), 0)
    with psycopg.connect(dsn) as conn:
        behind = conn.execute("select count(*) from memreg.memories where version < 2 and not is_deleted").fetchone()
        show.claim("no memory is on the old version", behind == (0,), behind)
        with conn.cursor("memories") as cursor:
            cursor.execute("select tenant, payload, candidate_keys from memreg.memories where not is_deleted")
            for tenant, payload, found in cursor:
                count += 1
                email = payload.get("email")
                emails.add(email)
                expected = told.get(email) or (staff.said(wanted[email]) if email in wanted else None)
                if expected is None or payload != staff.by_hand(expected):
                    wrong.append(payload)
                elif email in wanted and tenant != staff.tenant_of(wanted[email]):
                    wrong.append((tenant, payload))
                elif count % 50 == 0 and email not in told and {*found} != {*staff.candidate_keys(payload, staff.NEW)}:
                    wrong.append(("candidate keys", payload))
        everybody = wanted.keys() | told.keys()
        show.claim("none is lost", emails == everybody, len(everybody - emails))
        show.claim("none is doubled", count == len(everybody), count - len(everybody))
        show.claim("each is what the conversion by hand makes of it", not wrong, wrong[:3])
        with conn.cursor("keys") as cursor:
            cursor.execute(
                "select key, digest, payload ->> key from memreg.identity_keys k join memreg.memories m"
                " on m.tenant = k.tenant and m.id = k.memory_id where released_at is null"
            )
            bad = 0
            for key, digest, value in cursor:
                keys[key] = keys.get(key, 0) + 1
                bad += bytes(digest) != staff.digest_by_hand(value.casefold())
        held = keys == dict.fromkeys(("email", "badge"), count)
        show.claim("each holds its old and its new identity key, and no other", held and not bad, (keys, bad))
        for one, other in ((_STORED, _LISTED), (_NEWEST, _STORED)):
            left = conn.execute(f"select count(*) from ({one} except all {other}) as left_over".encode()).fetchone()
            show.claim("the candidate index is what the memories are found by", left == (0,), left)
    show.figures["memories"] = count


_STORED = "select tenant, key, memory_id from memreg.candidate_keys"
_LISTED = "select tenant, unnest(candidate_keys) as key, id from memreg.memories where not is_deleted"
# Of a key the newest are kept, which are all that is read.
_NEWEST = f"""
    select tenant, key, id from (
        select tenant, key, id, row_number() over (partition by tenant, key order by id desc) as place
        from ({_LISTED}) as listed
    ) as ranked
    where place <= {POSTINGS}
"""


def story(show: Show, memories: int, seed: int) -> None:
    """Load, talk, backfill with kills while talking, and compare."""
    with database() as dsn:
        show.figures["server"] = server_version(dsn)
        with Engine.connect(dsn) as engine:
            engine.registry.register(staff.OLD, annotate="heuristic")
            engine.registry.approve(staff.SCHEMA, by="the show")
        show.say(f"Loading {memories:,} memories")
        staff.load(dsn, memories)
        before = Speaker(dsn, memories, BEFORE).end()
        with Engine.connect(dsn) as engine:
            engine.registry.register(staff.NEW, annotate="heuristic", force="a key more, on purpose")
            status = engine.registry.approve(staff.SCHEMA, by="the show").status
        show.claim("the new version waits for its backfill", status == "approved", status)
        speaker = Speaker(dsn, memories, 0)
        began = time.perf_counter()
        killed = backfill_with_kills(show, dsn, random.Random(seed))
        seconds = time.perf_counter() - began
        during = speaker.end()
        quiet, busy = statistics.median(before.latencies), statistics.median(during.latencies)
        show.figures |= {
            "kills": killed,
            "backfill_seconds": round(seconds, 1),
            "memories_per_second": round(memories / seconds),
            "messages_during": len(during.latencies),
            "median_before_ms": round(quiet * 1000, 1),
            "median_during_ms": round(busy * 1000, 1),
            "p95_during_ms": round(sorted(during.latencies)[int(0.95 * len(during.latencies))] * 1000, 1),
            "longest_during_ms": round(max(during.latencies) * 1000, 1),
            "ratio": round(busy / quiet, 2),
        }
        show.claim(f"it was killed {KILLS} times", killed == KILLS, killed)
        show.claim(f"the median of ingest is at most {TIMES} times that before", busy <= TIMES * quiet, busy / quiet)
        show.claim("messages created and updated all the while", during.seen == {"CREATE", "UPDATE"}, during.seen)
        check(show, dsn, memories, merged(before.people, during.people))


def merged(before: dict[str, dict[str, Any]], during: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What was said first and then, by e-mail."""
    return before | {email: before.get(email, {}) | said for email, said in during.items()}


def main(show: Show) -> None:
    """Read the command line, and tell the story."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memories", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=5, help="where the kills are")
    given = parser.parse_args()
    story(show, given.memories, given.seed)


if __name__ == "__main__":
    perform("evolution_1_a_million", main)
