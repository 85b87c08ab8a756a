"""Blocking, asynchronous and in the background: the same messages leave the same memories and decisions."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.contents import audit, first_difference, memories
from bench.conversations import by_session, conversations, model
from bench.stage import Show, database, memreg, own_environment, perform, prepare
from memreg import AsyncEngine, Engine, IngestResult, Message
from memreg.core.settings import Settings
from memreg.testing import ScriptedServer

MESSAGES, SESSIONS, HOPELESS_ONES = 300, 20, 3
PATIENCE = 300.0

Outcome = tuple[str, str, list[tuple[str, str, str]]]


def story() -> list[Message]:
    """The messages session by session, so that every path has them in one order, each with its time and zone."""
    mixed = conversations(MESSAGES, SESSIONS, HOPELESS_ONES)
    found = [message for session in by_session(mixed) for message in session]
    began = datetime(2026, 11, 16, 0, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
    return [
        Message(message.text, message.id, "s", message.role, began + timedelta(minutes=number))
        for number, message in enumerate(found)
    ]


def outcome(result: IngestResult) -> Outcome:
    """A result without ids, and without the address of the server in the reason."""
    decisions = [(str(each.action), str(each.basis), each.class_name) for each in result.decisions]
    return result.message_id, result.status, decisions


def blocking(settings: Settings) -> list[Outcome]:
    with Engine.connect(tenant="blocking", settings=settings) as engine:
        return [outcome(engine.ingest(message)) for message in story()]


async def asynchronous(settings: Settings) -> list[Outcome]:
    async with AsyncEngine.connect(tenant="asynchronous", settings=settings) as engine:
        return [outcome(await engine.ingest(message)) for message in story()]


def background(settings: Settings) -> list[Outcome]:
    with Engine.connect(tenant="background", settings=settings) as engine:
        ids = [engine.submit(message) for message in story()]
        return [outcome(engine.wait(each, timeout=PATIENCE)) for each in ids]


async def asynchronous_background(settings: Settings) -> list[Outcome]:
    async with AsyncEngine.connect(tenant="asynchronous background", settings=settings) as engine:
        ids = [await engine.submit(message) for message in story()]
        return [outcome(await engine.wait(each, timeout=PATIENCE)) for each in ids]


def by_command(settings: Settings, environment: dict[str, str]) -> list[Outcome]:
    """Submitted here, decided by `memreg worker` in a process of its own."""
    with Engine.connect(tenant="worker", settings=settings.model_copy(update={"workers": 0})) as engine:
        ids = [engine.submit(message) for message in story()]
        subprocess.run(
            [memreg(), "worker", "--slots", "8", "--until-empty"],
            env=own_environment(**environment),
            check=True,
            capture_output=True,
        )
        return [outcome(engine.wait(each, timeout=1)) for each in ids]


def prompts(dsn: str, tenant: str) -> list[Any]:
    """Model, prompt hash, tokens and attempts of every decision."""
    query = (
        "select message_id, ordinal, extractor, model, prompt_hash, tokens_in, tokens_out, attempts"
        " from memreg.audit_log where tenant = %s order by message_id, ordinal"
    )
    with psycopg.connect(dsn) as conn:
        return conn.execute(query.encode(), (tenant,)).fetchall()


def main(show: Show) -> None:
    with database() as dsn, ScriptedServer(model) as server:
        prepare(dsn)
        settings = Settings(database_url=dsn, llm_base_url=server.base_url, llm_model="scripted")
        environment = {
            "MEMREG_DATABASE_URL": dsn,
            "MEMREG_LLM_BASE_URL": server.base_url,
            "MEMREG_LLM_MODEL": "scripted",
        }
        show.say(f"{MESSAGES} messages, each path in a tenant of its own")
        paths: dict[str, Callable[[], list[Outcome]]] = {
            "blocking": lambda: blocking(settings),
            "asynchronous": lambda: asyncio.run(asynchronous(settings)),
            "background": lambda: background(settings),
            "asynchronous background": lambda: asyncio.run(asynchronous_background(settings)),
            "worker": lambda: by_command(settings, environment),
        }
        results, questions = {}, {}
        for path, walk in paths.items():
            before = len(server.requests)
            results[path] = walk()
            questions[path] = [(request.system, request.user) for request in server.requests[before:]]
        asked = len(server.requests)
        expected = results.pop("blocking")
        seen = {
            "memories, revisions and keys": memories,
            "decisions in the audit": audit,
            "model, prompt and tokens in the audit": prompts,
        }
        for tenant, found in results.items():
            show.claim(f"{tenant}: the same results", found == expected, first_difference(found, expected))
            mine, theirs = questions[tenant], questions["blocking"]
            show.claim(f"{tenant}: the model is asked the same", mine == theirs, first_difference(mine, theirs))
            for what, read in seen.items():
                mine, theirs = read(dsn, tenant), read(dsn, "blocking")
                show.claim(f"{tenant}: the same {what}", mine == theirs, first_difference(mine, theirs))
        dead = sum(status == "dead" for _, status, _ in expected)
        show.claim("those that no model can read are dead, the rest is decided", dead == HOPELESS_ONES, dead)
        requests = (len(results) + 1) * (MESSAGES + HOPELESS_ONES)
        show.claim("one request a message, and one more for each that cannot be read", asked == requests, asked)
        show.figures |= {
            "paths": 1 + len(results),
            "messages": MESSAGES,
            "dead": dead,
            "requests": asked,
            "memories": len(memories(dsn, "blocking")),
            "decisions": len(audit(dsn, "blocking")),
        }


if __name__ == "__main__":
    perform("llm_4_same_by_every_path", main)
