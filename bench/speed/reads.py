"""Reads beside the same by hand-written SQL: one memory, a page of a class, a search, a history; sizes in turns."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from bench import crowd
from bench.speed import hand, world
from bench.speed.place import Place, name_of
from bench.speed.times import Times, in_turns, ratio
from memreg import Engine
from memreg.engine.text import rank_query, scope_token, tsquery

PAGE, FOUND = 100, 10
WARM = 10
_COLUMNS = "id, class, version, payload, originals, revision, unresolved, created_at, updated_at, last_seen_at"
_GET = f"select {_COLUMNS} from memreg.memories where tenant = %s and id = %s and not is_deleted"
_LIST = f"""
    select {_COLUMNS} from memreg.memories
    where tenant = %s and schema = %s and class = %s and not is_deleted and id > %s
    order by id
    limit {PAGE}
"""
_SEARCH = f"""
    select {_COLUMNS}, ts_rank(search, %s::tsquery) as rank from memreg.memories
    where tenant = %s and schema = %s and search @@ %s::tsquery and not is_deleted and not unresolved
    order by rank desc, id
    limit {FOUND}
"""
_HISTORY = """
    select memory_id, revision, version, payload, is_deleted, unresolved, audit_id, created_at
    from memreg.memory_revisions
    where tenant = %s and memory_id = %s
    order by revision
"""
Pair = tuple[Callable[[], object], hand.Asked]


def measure(place: Place) -> list[dict[str, Any]]:
    """A line for each kind of read and size."""
    chance = random.Random(13)
    lines = []
    sizes = [size for size in place.sizes if size]
    for kind in ("get", "list", "search", "history"):
        times = {size: (Times(), Times()) for size in sizes}
        for index in range(WARM + place.calls):
            if index == WARM:
                times = {size: (Times(), Times()) for size in sizes}
            for size in sizes:
                read, (query, parameters) = _pair(place.tenant(size), kind, size, chance)
                mine, least = times[size]

                def by_hand(query: bytes = query, parameters: hand.Parameters = parameters) -> None:
                    place.floor.execute(query, parameters).fetchall()

                in_turns((mine, read), (least, by_hand), first=index)
        lines += [_line(kind, size, *times[size]) for size in sizes]
    return lines


def _pair(engine: Engine, kind: str, size: int, chance: random.Random) -> Pair:
    """A read, and the same by hand."""
    tenant = name_of(size)
    memory = crowd.memory_id(chance.randrange(size))
    if kind == "get":
        # One that no other part of the benchmark forgets: people alone are forgotten.
        memory = crowd.memory_id(chance.randrange(size // 10) * 10 + 8)
        return lambda: engine.get(memory), (_GET.encode(), (tenant, memory))
    if kind == "list":
        asked = (tenant, world.SCHEMA_NAME, "Person", memory)
        return lambda: engine.list("Person", limit=PAGE, after=memory), (_LIST.encode(), asked)
    if kind == "history":
        return lambda: engine.history(memory), (_HISTORY.encode(), (tenant, memory))
    words = [word.lower() for word in crowd.person(chance.randrange(size))["name"].split()]
    scopes = [scope_token(tenant, world.SCHEMA_NAME, name) for name in world.CLASSES]
    query = (rank_query(words, prefix=True), tenant, world.SCHEMA_NAME, tsquery(scopes, words, prefix=True))
    return lambda: engine.search(" ".join(words), limit=FOUND), (_SEARCH.encode(), query)


def _line(kind: str, size: int, engine: Times, floor: Times) -> dict[str, Any]:
    mine, least = engine.figures(), floor.figures()
    return {
        "size": size,
        "kind": kind,
        "ratio_p50": ratio(mine["p50_ms"], least["p50_ms"]),
        "ratio_p95": ratio(mine["p95_ms"], least["p95_ms"]),
        "engine": mine,
        "floor": least,
    }
