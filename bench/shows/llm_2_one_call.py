"""One call for each clean message, whatever the number of classes; a prompt under 1,500 tokens for five classes of
eight columns in every mode, and the same to the last character with 100,000 memories as with none."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench import crowd, llm_cost
from bench.stage import ASSISTANT, Show, database, folder, perform, prepare
from memreg import Engine, Message
from memreg.core.settings import Settings
from memreg.registry.parse import parse_schema
from memreg.testing import ScriptedServer, answer, item

MEMORIES = 100_000
AT = datetime(2026, 11, 16, 8, 2, tzinfo=UTC)
UNCLEAN = frozenset({"Jonas Weber was born on 1988-02-30."})
"""A day that does not exist: the one message of the conversation that is asked about twice."""


def settings_for(dsn: str, server: ScriptedServer, mode: str = "tools") -> Settings:
    """Settings that ask the scripted server."""
    return Settings(database_url=dsn, llm_base_url=server.base_url, llm_model="m", llm_mode=mode)


def told(body: Mapping[str, Any]) -> str:
    """All of a request that a model is told."""
    return json.dumps([body["messages"], body.get("tools"), body.get("response_format")], sort_keys=True)


def bound(show: Show) -> None:
    """The size of a prompt in every mode, as it is sent, and of one whose descriptions never end."""
    spec = llm_cost.five_by_eight()
    message = Message("Ana Lopez of Fjord Bank can be reached at ana@lopez.example.", at=AT)
    for mode in llm_cost.MODES:
        with ScriptedServer([answer({"items": []})]) as server:
            settings = Settings(llm_base_url=server.base_url, llm_model="m", llm_mode=mode)
            (spent,) = llm_cost.spend([message], llm_cost.version_of(spec), settings)
            size = llm_cost.estimate(server.requests[0].body)
        show.figures.setdefault("five_by_eight_tokens", {})[mode] = size
        show.claim(f"{mode}: {size:,} tokens for five classes of eight columns", size < llm_cost.MOST, size)
        show.claim(f"{mode}: what is sent is what was counted", (size,) == spent.estimated, spent.estimated)
    endless = llm_cost.five_by_eight(" that is told of at great length" * 40)
    longest = max(llm_cost.prompt_size(endless, mode, message) for mode in llm_cost.MODES)
    show.figures["endless_descriptions_tokens"] = longest
    show.claim(f"descriptions without an end: {longest:,} tokens", longest < llm_cost.MOST, longest)
    layouts = llm_cost.layouts(spec, message)
    show.figures["layouts"] = layouts
    smallest = min(layouts, key=lambda place: layouts[place])
    show.claim("telling of the columns in the prompt alone is the smallest", smallest == "in the prompt", layouts)


def calls(show: Show, dsn: str) -> None:
    """The conversation of the examples through the engine: requests for each message, in every mode."""
    version = llm_cost.version_of(parse_schema(ASSISTANT.read_text("utf-8"), ASSISTANT.name))
    messages = list(llm_cost.read_conversation(llm_cost.CONVERSATION))
    show.figures["conversation"] = {}
    for mode in llm_cost.MODES:
        with ScriptedServer(llm_cost.right(llm_cost.truth(messages, version))) as server:
            settings = settings_for(dsn, server, mode)
            with Engine.connect(extractor="llm", tenant=mode, schema="assistant", settings=settings) as engine:
                made: dict[str, int] = {}
                for message in messages:
                    before = len(server.requests)
                    engine.ingest(message)
                    made[message.id or ""] = made.get(message.id or "", 0) + len(server.requests) - before
        # A message under an id that was taken before is answered from what was decided, without a call.
        clean = {each.id or "" for each in messages if each.text not in UNCLEAN}
        wrong = {key: count for key, count in made.items() if count != 1 and key in clean}
        sizes = [llm_cost.estimate(request.body) for request in server.requests]
        show.figures["conversation"][mode] = {
            "messages": len(made),
            "calls": len(sizes),
            "tokens_per_call": round(sum(sizes) / len(sizes)),
            "tokens_largest": max(sizes),
        }
        show.claim(f"{mode}: exactly one call for each of {len(clean)} clean messages", not wrong, wrong)
        written = _calls(dsn, mode)
        show.claim(f"{mode}: every call is in the books", written == len(sizes), f"{written} of {len(sizes)}")


def constant(show: Show, dsn: str, memories: int) -> None:
    """The same message to an empty store and to a full one."""
    text = "Bo Berg moved to Oslo."
    reply = answer({"items": [item("Person", {"name": "Bo Berg", "city": "Oslo"}, "Bo Berg moved to Oslo")]})
    bodies = []
    for tenant, count in (("empty", 0), ("full", memories)):
        if count:
            crowd.load(dsn, tenant, count)
            show.say(f"  {count:,} memories are loaded")
        with ScriptedServer([reply]) as server:
            settings = settings_for(dsn, server)
            with Engine.connect(extractor="llm", tenant=tenant, schema="crowd", settings=settings) as engine:
                done = engine.ingest(Message(text, id="bo", at=AT))
            decided = done.status == "decided" and len(server.requests) == 1
            show.claim(f"with {count:,} memories: decided, in one call", decided, done)
            bodies.append(server.requests[0].body)
    sizes = [llm_cost.estimate(body) for body in bodies]
    show.figures["tokens_by_memories"] = {"0": sizes[0], str(memories): sizes[1]}
    same = told(bodies[0]) == told(bodies[1])
    show.claim(f"the prompt is the same to the last character with none and with {memories:,} memories", same, sizes)


def _calls(dsn: str, tenant: str) -> int:
    with psycopg.connect(dsn) as conn:
        row = conn.execute("select count(*) from memreg.model_calls where tenant = %s", (tenant,)).fetchone()
        return int(row[0]) if row else 0


def main(show: Show) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memories", type=int, default=MEMORIES, help="memories of the full store")
    options = parser.parse_args()
    show.say("The size of a prompt, five classes of eight columns")
    bound(show)
    with database() as dsn, folder() as place:
        schema = place / "crowd.yaml"
        schema.write_text(crowd.SCHEMA, "utf-8")
        prepare(dsn)
        prepare(dsn, schema)
        show.say("A conversation, message by message")
        calls(show, dsn)
        show.say("An empty store and a full one")
        constant(show, dsn, options.memories)


if __name__ == "__main__":
    perform("llm_2_one_call", main)
