"""Start-up: imports, and an engine up to its first decision, beside the import of what memreg cannot do without; and
the memory that a process has then. Child processes in turns."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from typing import Any

from bench.speed import world
from bench.speed.place import Place
from bench.speed.times import ratio
from bench.stage import own_environment

ROUNDS = 11
"""Children of each kind; the first of each does not count."""
BASIS = "import psycopg, pydantic"
_SAY = """
import json as _json, re as _re, time as _time
def _resident():
    try:
        return int(_re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
    except OSError:
        return None
_began = _time.perf_counter()
{what}
_took = _time.perf_counter() - _began
print(_json.dumps([_took, _resident()]))
"""
_FIRST = """
import json, sys
from memreg import Engine, Proposal
dsn, schema, values = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
engine = Engine.connect(dsn, tenant="starting", schema=schema)
engine.ingest(proposals=[Proposal("Person", values)])
"""
_MANY = (
    _FIRST
    + """
for number in range(500):
    engine.ingest(proposals=[Proposal("Person", {**values, "phone": str(number)})])
"""
)
KINDS = {
    BASIS: "import psycopg, pydantic",
    "import memreg": "import memreg",
    "from memreg import Engine": "from memreg import Engine",
    "an engine and its first decision": _FIRST,
}


def measure(place: Place) -> dict[str, Any]:
    """Median seconds and ratio to the imports, by what is done; and the mebibytes resident afterwards."""
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    resident: dict[str, float | None] = {}
    numbers = iter(place.strangers((ROUNDS + 1) * len(KINDS)))
    for _ in range(ROUNDS):
        for kind, what in KINDS.items():
            seconds, resident[kind] = _child(place, what, next(numbers))
            took[kind].append(seconds)
    _, resident["an engine and 501 decisions"] = _child(place, _MANY, next(numbers))
    medians = {kind: statistics.median(times[1:]) for kind, times in took.items()}
    lines = [
        {
            "what": kind,
            "ms": round(seconds * 1000, 1),
            "ratio": ratio(seconds, medians[BASIS]),
        }
        for kind, seconds in medians.items()
    ]
    return {"children": ROUNDS - 1, "lines": lines, "resident_mib": resident}


def _child(place: Place, what: str, number: int) -> tuple[float, float | None]:
    """Seconds and mebibytes of a child process."""
    code = _SAY.replace("{what}", what)
    arguments = [place.dsn, world.SCHEMA_NAME, json.dumps(world.person(number))]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=own_environment(), capture_output=True, text=True, check=True
    )
    seconds, resident = json.loads(done.stdout.splitlines()[-1])
    return seconds, resident
