"""The machine and the server that a result comes from: figures of another one are not to be compared with it."""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg

from bench.stage import ROOT

_SETTINGS = ("fsync", "synchronous_commit", "shared_buffers", "max_wal_size", "jit")


def facts(conn: psycopg.Connection[Any]) -> dict[str, Any]:
    """What a reader must know of the machine, the server and the client."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "psycopg": f"{psycopg.__version__} ({psycopg.pq.__impl__})",
        "postgres": conn.info.parameter_status("server_version"),
        "settings": {name: _setting(conn, name) for name in _SETTINGS},
        "round_trip_ms": _round_trip(conn),
        "commit": _commit(),
    }


def sentence(facts: dict[str, Any]) -> str:
    """The machine in a sentence."""
    settings = facts["settings"]
    return (
        f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB; {facts['system']}, "
        f"Python {facts['python']}, psycopg {facts['psycopg']}, PostgreSQL {facts['postgres']} on the same machine "
        f"(fsync {settings['fsync']}, synchronous_commit {settings['synchronous_commit']}, shared_buffers "
        f"{settings['shared_buffers']}); a round trip takes {facts['round_trip_ms']} ms"
    )


def _setting(conn: psycopg.Connection[Any], name: str) -> str:
    row = conn.execute("select current_setting(%s)", (name,)).fetchone()
    return str(row[0]) if row else ""


def _round_trip(conn: psycopg.Connection[Any]) -> float:
    took = []
    for _ in range(200):
        began = time.perf_counter()
        conn.execute(b"select 1").fetchall()
        took.append(time.perf_counter() - began)
    return round(statistics.median(took) * 1000, 3)


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


def usual_cache() -> str | None:
    """The shared_buffers that Postgres's manual advises, a quarter of the machine's memory; None where that is not
    known."""
    total = _bytes()
    return None if total is None else f"{max(total // 4 >> 20, 128)}MB"


def _memory() -> int | None:
    total = _bytes()
    return None if total is None else round(total / 2**30)


def _bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _commit() -> str | None:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
