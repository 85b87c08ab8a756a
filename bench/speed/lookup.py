"""The lookup of candidates beside one memory by its primary key: people told again with slips, sizes in turns."""

from __future__ import annotations

import random
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from bench import crowd
from bench.candidates import asked
from bench.speed import hand, world
from bench.speed.place import Place, name_of
from bench.speed.times import Times, in_turns, ratio

WARM = 20


def measure(place: Place) -> list[dict[str, Any]]:
    """A line for each size: times of the lookup and of the primary key, and how often the true memory was found."""
    chance = random.Random(11)
    sizes = [size for size in place.sizes if size]
    times = {size: (Times(), Times()) for size in sizes}
    found = dict.fromkeys(sizes, 0)
    with hand.connect(place.dsn) as conn:
        for setting in (b"set enable_seqscan = off", b"set enable_bitmapscan = off"):  # as an engine has them
            conn.execute(setting)
        for index in range(WARM + 2 * place.calls):
            if index == WARM:
                times, found = {size: (Times(), Times()) for size in sizes}, dict.fromkeys(sizes, 0)
            for size in sizes:
                found[size] += _turn(conn, size, index, chance, *times[size])
    return [_line(size, *times[size], found[size], 2 * place.calls) for size in sizes]


def _turn(conn: Connection[Any], size: int, index: int, chance: random.Random, lookup: Times, key: Times) -> bool:
    number = next(iter(world.people(chance.randrange(size * 8 // 10), 1)))
    values = {name: value for name, value in world.person(number).items() if name not in ("email", "phone", "note")}
    said = crowd.told_again(values, chance)
    statement = asked(name_of(size), world.SCHEMA_NAME, "Person", world.record("Person", said))
    query, parameters = hand.by_ids(name_of(size), [crowd.memory_id(chance.randrange(size))])
    cursor = conn.cursor(row_factory=dict_row)
    rows: list[dict[str, Any]] = []
    in_turns(
        (lookup, lambda: rows.extend(cursor.execute(statement.query.sql.encode(), statement.params).fetchall())),
        (key, lambda: conn.execute(query, parameters).fetchall()),
        first=index,
    )
    return any(row["id"] == crowd.memory_id(number) for row in rows)


def _line(size: int, lookup: Times, key: Times, found: int, calls: int) -> dict[str, Any]:
    mine, least = lookup.figures(), key.figures()
    return {
        "size": size,
        "calls": calls,
        "ratio_p50": ratio(mine["p50_ms"], least["p50_ms"]),
        "ratio_p95": ratio(mine["p95_ms"], least["p95_ms"]),
        "recall": round(found / calls, 4),
        "lookup": mine,
        "by_key": least,
    }
