"""What row-level security costs: the same messages decided under the policies and without them, turn by turn."""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench.crowd import SCHEMA, person, told_again
from bench.stage import database, server_version
from memreg import Engine, Message, Proposal
from memreg.core import database as core
from memreg.core.database import Database
from memreg.core.queries import Query, Statement
from memreg.core.settings import Settings

ROLE, NO_ROLE = "set_config('role', 'memreg_app', true)", "set_config('application_name', 'memreg', true)"
WARM = 6
"""Rounds before those that count: the first ones make plans and fill caches."""


@contextmanager
def bound(by_policies: bool) -> Iterator[None]:
    """Transactions of tenants are the role's, or the login's, a superuser whom no policy binds."""
    opening = core._opening

    @cache
    def unbound(query: Query) -> Query:
        return Query.of(query.name, query.description, query.sql.replace(ROLE, NO_ROLE))

    def without(tenant: str, statement_timeout: float) -> tuple[Statement, ...]:
        return tuple(Statement(unbound(each.query), each.params) for each in opening(tenant, statement_timeout))

    with patch.object(core, "_opening", opening if by_policies else without):
        yield


def measure(dsn: str, rounds: int, messages: int) -> dict[str, Any]:
    """Seconds of each round, both ways in turn; each way has a tenant and connections of its own."""
    took: dict[str, dict[bool, list[float]]] = {"ingest": {True: [], False: []}, "search": {True: [], False: []}}
    chance = random.Random(5)
    settings = Settings(database_url=dsn)
    with Database.connect(settings) as first, Database.connect(settings) as second:
        engines = {True: Engine(first, tenant="bound", schema="crowd"), False: Engine(second, tenant="free")}
        engines[True].registry.register(SCHEMA, annotate="heuristic")
        engines[True].registry.approve("crowd", by="bench")
        for number in range(rounds):
            people = [person(chance.randrange(1_500)) for _ in range(messages)]
            said = [told_again(each, chance) if chance.random() < 0.5 else each for each in people]
            for way in (number % 2 == 0, number % 2 == 1):
                with bound(way):
                    began = time.perf_counter()
                    for values in said:
                        engines[way].ingest(Message("said"), proposals=[Proposal("Person", values)])
                    asked = time.perf_counter()
                    for values in people:
                        engines[way].search(values["name"])
                    ended = time.perf_counter()
                took["ingest"][way].append(asked - began)
                took["search"][way].append(ended - asked)
    return {
        f"{what}_ratio": round(
            statistics.median(on / off for on, off in zip(ways[True][WARM:], ways[False][WARM:], strict=True)), 3
        )
        for what, ways in took.items()
    }


def main() -> None:
    """Print the ratios, with policies to without, as one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--messages", type=int, default=40)
    arguments = parser.parse_args()
    with database() as dsn:
        found = measure(dsn, arguments.rounds, arguments.messages)
        print(json.dumps({"postgres": server_version(dsn), "rounds": arguments.rounds - WARM, **found}))


if __name__ == "__main__":
    main()
