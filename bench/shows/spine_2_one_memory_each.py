"""Eight workers that ingest the same 200 new objects at once leave 200 memories and one audit entry a proposal."""

from __future__ import annotations

import sys
from collections import Counter
from multiprocessing import get_context
from pathlib import Path
from threading import Barrier

import psycopg

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.people import people
from bench.stage import Show, database, perform, prepare, server_version
from memreg import Engine, Message, Proposal

WORKERS, OBJECTS = 8, 200
Told = tuple[int, str, str, str]  # worker, status, action, basis


def objects() -> list[Proposal]:
    """Persons: every other one with an e-mail, the rest with nothing but what the score can see."""
    found = []
    for number, values in enumerate(people(OBJECTS)):
        if number % 2:
            del values["email"], values["born"]
        found.append(Proposal("Person", values))
    return found


def work(dsn: str, tenant: str, worker: int, own_messages: bool, together: Barrier) -> list[Told]:
    """Ingest every object, one a message, starting with the others; messages of its own, or the same as theirs.

    Every other worker goes backwards: in one order they would queue up once, and the same one would always be first.
    """
    told: list[Told] = []
    with Engine.connect(dsn, tenant=tenant) as engine:
        engine.version()
        together.wait(60)
        for number, proposal in list(enumerate(objects()))[:: -1 if worker % 2 else 1]:
            message = Message(f"object {number}", id=f"{worker if own_messages else 'all'}-{number}")
            result = engine.ingest(message, proposals=[proposal])
            told += [(worker, result.status, str(d.action), str(d.basis)) for d in result.decisions]
    return told


def run(dsn: str, tenant: str, own_messages: bool) -> list[Told]:
    """All workers, as processes, at once; what each was told."""
    context = get_context("spawn")
    with context.Manager() as manager, context.Pool(WORKERS) as pool:
        together = manager.Barrier(WORKERS)
        jobs = [(dsn, tenant, worker, own_messages, together) for worker in range(WORKERS)]
        return [each for told in pool.starmap(work, jobs, chunksize=1) for each in told]


def count(dsn: str, tenant: str) -> dict[str, int]:
    """What is in the tables of a tenant."""
    with psycopg.connect(dsn) as conn:
        row = conn.execute(
            """
            select
                (select count(*) from memreg.memories where tenant = %(t)s),
                (select count(distinct payload ->> 'name') from memreg.memories where tenant = %(t)s),
                (select count(*) from memreg.audit_log where tenant = %(t)s),
                (select count(distinct (message_id, ordinal)) from memreg.audit_log where tenant = %(t)s),
                (select count(*) from memreg.audit_values where tenant = %(t)s),
                (select count(*) from memreg.messages where tenant = %(t)s and status = 'decided')
            """,
            {"t": tenant},
        ).fetchone()
    assert row is not None
    return dict(zip(("memories", "names", "audit", "audited_proposals", "audit_values", "messages"), row, strict=True))


def main(show: Show) -> None:
    with database() as dsn:
        prepare(dsn)
        show.figures |= {"postgres": server_version(dsn), "workers": WORKERS, "objects": OBJECTS}
        for tenant, own in (("apart", True), ("together", False)):
            show.say(
                f"{WORKERS} workers, each ingests the same {OBJECTS} objects, "
                + ("in messages of its own" if own else "in messages of the same ids")
            )
            told = run(dsn, tenant, own)
            found, proposals = count(dsn, tenant), WORKERS * OBJECTS if own else OBJECTS
            decided = Counter(f"{action} {basis}" for _, status, action, basis in told if status == "decided")
            show.figures[tenant] = {**found, "decided": dict(decided)}
            show.claim(f"there are exactly {OBJECTS} memories", found["memories"] == OBJECTS, found["memories"])
            show.claim("each is of another object", found["names"] == OBJECTS, found["names"])
            show.claim(
                f"each of the {proposals} proposals has one audit entry",
                found["audit"] == found["audited_proposals"] == found["audit_values"] == proposals,
                found,
            )
            show.claim("every call gave a decision", len(told) == WORKERS * OBJECTS, len(told))
            created = sum(n for name, n in decided.items() if name.startswith("CREATE "))
            show.claim("each object was created once", created == OBJECTS, dict(decided))
            show.claim("what was replayed was not decided again", sum(decided.values()) == proposals, dict(decided))
            first = {worker for worker, status, action, _ in told if (status, action) == ("decided", "CREATE")}
            show.figures[tenant]["workers_that_came_first"] = len(first)
            show.claim("several workers came first somewhere", len(first) > 1, first)


if __name__ == "__main__":
    perform("spine_2_one_memory_each", main)
