"""Where a call spends its time in this process: a profile of each kind of work, by module."""

from __future__ import annotations

import cProfile
import pstats
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench import crowd
from bench.speed import batches, world
from bench.speed.place import Place, name_of

CALLS, ROWS = 40, 200
MOST = 8
WAITING = "waiting for Postgres"
_PACKAGE = re.compile(r"/site-packages/([A-Za-z_]\w*)")
_OWN = re.compile(r"/(memreg/.+\.py|bench/.+\.py)$")
Called = tuple[str, int, str]


def measure(place: Place, folder: Path | None = None) -> dict[str, Any]:
    """For each kind of work at the largest size the milliseconds of a call, and the modules that take most of it.

    `folder`: where the whole profiles are kept.
    """
    size = max(place.sizes)
    if not size:
        return {}
    engine = place.tenant(size)
    people = [(number, world.person(number)) for number in place.people(size, 2 * CALLS + ROWS)]
    moved, described, rows = people[:CALLS], people[CALLS : 2 * CALLS], people[2 * CALLS :]
    work: dict[str, tuple[int, Callable[[], object]]] = {
        "identity": (CALLS, lambda: [engine.ingest(proposals=[world.moved(*each)[0]]) for each in moved]),
        "score": (CALLS, lambda: [engine.ingest(proposals=[world.described(*each)[0]]) for each in described]),
        "batch by identity": (ROWS, lambda: batches.ingest(engine, [world.moved(*each)[0] for each in rows])),
        "get": (CALLS, lambda: [engine.get(crowd.memory_id(10 * number + 8)) for number in range(CALLS)]),
        "search": (CALLS, lambda: [engine.search(values["name"]) for _, values in moved]),
    }
    found = {}
    for name, (calls, run) in work.items():
        profile = cProfile.Profile()
        profile.runcall(run)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            profile.dump_stats(folder / f"{name.replace(' ', '-')}.prof")
        found[name] = summary(_own_times(profile), calls)
    return {"size": size, "tenant": name_of(size), "of": found}


def _own_times(profile: cProfile.Profile) -> dict[Called, float]:
    stats: Mapping[Called, tuple[int, int, float, float, object]] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    return {called: each[2] for called, each in stats.items()}


def summary(own_times: Mapping[Called, float], calls: int) -> dict[str, Any]:
    """The milliseconds of a call, and the share of each module, the largest first, with what is left as `others`."""
    shares: dict[str, float] = defaultdict(float)
    for called, seconds in own_times.items():
        shares[place_of(called)] += seconds
    whole = sum(shares.values()) or 1.0
    ordered = sorted(shares.items(), key=lambda each: -each[1])
    found = {name: round(seconds / whole, 3) for name, seconds in ordered[:MOST]}
    return {
        "ms": round(whole / calls * 1000, 2),
        "shares": found | {"others": round(1 - sum(found.values()), 3)},
    }


def place_of(called: Called) -> str:
    """The module of memreg, or the package, that a function is of; functions in C are `builtins`."""
    path, _, name = called
    # What libpq does while it waits is no function of Python's: it is told under the one that called it.
    if (name == "wait" and "/psycopg/" in path) or (path == "~" and re.search(r"\bwait\w*|poll|'acquire'", name)):
        return WAITING
    if (own := _OWN.search(path)) is not None:
        return own[1]
    if path == "~":
        return "psycopg" if "psycopg" in name else "builtins"
    package = _PACKAGE.search(path)
    return package[1] if package is not None else "the standard library"
