"""A thousand messages, a model that fails in two of five requests, workers killed: nothing lost, nothing doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.contents import audit, first_difference, memories
from bench.conversations import HOPELESS, conversations, model
from bench.stage import Show, database, memreg, own_environment, perform, prepare
from memreg import Engine
from memreg.core.settings import Settings
from memreg.testing import FaultSchedule, ScriptedServer
from memreg.testing.faults import MALFORMED, RATE_LIMITED, SERVER_ERROR, SLOW

MESSAGES, SESSIONS, HOPELESS_ONES = 1000, 100, 5
WORKERS, SLOTS, KILLS = 2, 8, 5
TIMEOUT = 0.5
SHARES = {RATE_LIMITED: 0.20, SERVER_ERROR: 0.10, SLOW: 0.05, MALFORMED: 0.05}
PATIENCE = 900.0


def settings_of(dsn: str, server: ScriptedServer, **more: Any) -> dict[str, str]:
    """The settings of a worker, as its environment."""
    given = {"database_url": dsn, "llm_base_url": server.base_url, "llm_model": "scripted", **more}
    return {f"MEMREG_{name.upper()}": str(value) for name, value in given.items()}


def start(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A worker, as an operator starts it."""
    command = [memreg(), "worker", "--slots", str(SLOTS)]
    return subprocess.Popen(command, env=own_environment(**environment), stdout=subprocess.DEVNULL, stderr=sys.stderr)


def states(dsn: str, tenant: str) -> Counter[str]:
    """How many messages are in which state."""
    with psycopg.connect(dsn) as conn:
        query = "select status, count(*) from memreg.messages where tenant = %s group by status"
        return Counter(dict(conn.execute(query, (tenant,)).fetchall()))


def settled(dsn: str, tenant: str) -> int:
    """How many messages are at their end."""
    found = states(dsn, tenant)
    return found["decided"] + found["dead"]


def rows(dsn: str, query: str, tenant: str) -> list[Any]:
    with psycopg.connect(dsn) as conn:
        return conn.execute(query.encode(), (tenant,)).fetchall()


def whole(dsn: str, tenant: str) -> list[Any]:
    """Every memory of a tenant, deleted ones too, with its revisions and keys; sessions have no order among them."""
    return sorted(memories(dsn, tenant), key=repr)


def acted(dsn: str, tenant: str) -> list[Any]:
    """What was done for which proposal: rules may differ with what other sessions have said by then."""
    return [(row[0], row[1], row[2], row[3], row[4]) for row in audit(dsn, tenant)]


def unharmed(dsn: str) -> None:
    """The run without a fault: one message after the other."""
    with ScriptedServer(model) as server:
        own = Settings(database_url=dsn, llm_base_url=server.base_url, llm_model="scripted")
        with Engine.connect(tenant="unharmed", settings=own) as engine:
            for message in conversations(MESSAGES, SESSIONS, HOPELESS_ONES):
                engine.ingest(message)


def harmed(show: Show, dsn: str, server: ScriptedServer) -> int:
    """The run with faults: everything submitted, workers killed; gives how many kills met one with work in hand."""
    environment = settings_of(dsn, server, llm_timeout=TIMEOUT, breaker_seconds=1, inbox_attempts=30, log_level="error")
    own = Settings(database_url=dsn, llm_base_url=server.base_url, llm_model="scripted", workers=0)
    with Engine.connect(tenant="harmed", settings=own) as engine:
        for message in conversations(MESSAGES, SESSIONS, HOPELESS_ONES):
            engine.submit(message)
    workers = [start(environment) for _ in range(WORKERS)]
    chance, met, began = random.Random(), 0, time.monotonic()
    try:
        for number in range(1, KILLS + 1):
            while settled(dsn, "harmed") < number * MESSAGES // (KILLS + 3):
                if time.monotonic() - began > PATIENCE:
                    raise TimeoutError(f"after {PATIENCE:.0f} s: {dict(states(dsn, 'harmed'))}")
                time.sleep(0.02)
            time.sleep(chance.uniform(0, 0.2))
            os.kill(workers[0].pid, signal.SIGKILL)
            workers[0].wait()
            met += states(dsn, "harmed")["extracting"] > 0
            show.say(f"  worker killed after {settled(dsn, 'harmed')} messages: {dict(states(dsn, 'harmed'))}")
            workers = [*workers[1:], start(environment)]
        while settled(dsn, "harmed") < MESSAGES:
            if time.monotonic() - began > PATIENCE:
                raise TimeoutError(f"after {PATIENCE:.0f} s: {dict(states(dsn, 'harmed'))}")
            time.sleep(0.1)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()
    return met


def main(show: Show) -> None:
    # What gets lost on the way is drawn for every attempt; a model that said nonsense says better when it is told so.
    # One draw a message, of 1.6 requests each: a tenth of the messages is the share of the requests.
    nonsense = FaultSchedule(model, rate_limited=0, server_error=0, slow=0, malformed=0.12, per="message")
    schedule = FaultSchedule(
        nonsense,
        rate_limited=SHARES[RATE_LIMITED],
        server_error=SHARES[SERVER_ERROR],
        slow=SHARES[SLOW],
        malformed=0,
        seed=1,
        retry_after=1,
        seconds=4 * TIMEOUT,
    )
    with database() as dsn:
        prepare(dsn)
        show.say(f"{MESSAGES} messages of {SESSIONS} sessions without a fault, one after the other")
        unharmed(dsn)
        show.say(f"The same, submitted, with faults {SHARES} and {KILLS} kills of one of {WORKERS} workers")
        with ScriptedServer(schedule) as server:
            met = harmed(show, dsn, server)
        found = states(dsn, "harmed")
        dead = rows(
            dsn, "select text, error, reply from memreg.messages where tenant = %s and status = 'dead'", "harmed"
        )
        calls = dict(
            rows(dsn, "select outcome, count(*) from memreg.model_calls where tenant = %s group by outcome", "harmed")
        )
        doubled = rows(
            dsn,
            "select message_id, ordinal from memreg.audit_log where tenant = %s group by 1, 2 having count(*) > 1",
            "harmed",
        )
        show.claim("every message is decided or dead", set(found) <= {"decided", "dead"}, dict(found))
        show.claim("none is lost", sum(found.values()) == MESSAGES, sum(found.values()))
        show.claim("none is decided twice", not doubled, doubled[:3])
        show.claim("a dead one has its reason and the raw reply", all(error and reply for _, error, reply in dead))
        show.claim(
            "dead are those that the model never answered with JSON, and no other",
            len(dead) == HOPELESS_ONES and all(HOPELESS in text for text, _, _ in dead),
            [error for _, error, _ in dead][:3],
        )
        mine, theirs = whole(dsn, "harmed"), whole(dsn, "unharmed")
        show.claim("the memories are those of the run without a fault", mine == theirs, first_difference(mine, theirs))
        mine, theirs = acted(dsn, "harmed"), acted(dsn, "unharmed")
        show.claim("so is what was done for each proposal", mine == theirs, first_difference(mine, theirs))
        given = dict(schedule.given) | {MALFORMED: nonsense.given[MALFORMED]}
        requests = sum(schedule.given.values())
        close = all(given.get(kind, 0) / requests > 0.8 * share for kind, share in SHARES.items())
        show.claim("the faults came as scheduled, or more of them", close, given)
        show.claim("the kills met workers at work", met == KILLS, met)
        show.figures |= {
            "messages": dict(found),
            "requests": requests,
            "faults_given": given,
            "requests_booked": calls,
            "kills": KILLS,
            "memories": len(whole(dsn, "harmed")),
            "decisions": len(mine),
        }


if __name__ == "__main__":
    perform("llm_1_faults", main)
