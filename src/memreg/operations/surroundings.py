"""What is around the tables: the server's clock beside ours, the room that is left, and what is installed."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import psycopg

from memreg.core.clock import Clock
from memreg.core.database import Database
from memreg.core.pooler import Pooling
from memreg.core.queries import Queries
from memreg.core.steps import fetch_rows
from memreg.operations.check import Check, span

_SQL = Queries.load("memreg.operations", "isolation.sql")
APART, FAR_APART = timedelta(seconds=2), timedelta(minutes=1)
"""How far our clock may be from the server's before a person should look, and before it is wrong."""
LITTLE, TOO_LITTLE = 1 << 30, 100 << 20
"""Bytes of free disk below which a person should look, and below which the server is about to stop."""
_WRAPS = 2**31


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`ahead`: how far our clock is before the server's, to within `unsure`. `taken`: bytes of the database; `free`:
    bytes free on its disk, None where only the server's own machine knows. `transactions`: how many since the oldest
    row that was not frozen; at two thousand million the server stops. `pooling`: what stands in between;
    `prepares_as_told`: whether statements are prepared nonetheless, as it was set so."""

    ahead: timedelta
    unsure: timedelta
    taken: int
    free: int | None
    transactions: int
    freeze_age: int
    pooling: Pooling = Pooling.NONE
    prepares_as_told: bool = False


def read_surroundings(database: Database, folder: Path | None, clock: Clock) -> Surroundings:
    """Ask the server, and the disk of `folder` where the data are on this machine. Raises DatabaseError."""
    before = clock()
    row = database.run_admin(lambda: fetch_rows(_SQL["server_surroundings"]()))[0]
    after = clock()
    at: datetime = row["at"]
    return Surroundings(
        ahead=before + (after - before) / 2 - at,
        unsure=(after - before) / 2,
        taken=row["bytes"],
        free=None if folder is None else shutil.disk_usage(folder).free,
        transactions=row["transactions"],
        freeze_age=row["freeze_age"],
        pooling=database.pooling,
        prepares_as_told=database.settings.prepares_as_told and database.settings.prepare_threshold is not None,
    )


def surroundings_checks(found: Surroundings) -> Iterator[Check]:
    """A line on the clock, the disk, a pooler where there is one, and the versions.

    Pure, but for the versions of this installation.
    """
    yield _clock(found)
    yield _disk(found)
    if found.transactions > found.freeze_age + (_WRAPS - found.freeze_age) / 2:
        text = f"rows of {found.transactions:,} transactions ago are not frozen; the server stops at 2,147,483,648"
        yield Check("disk", "warn", text, "let autovacuum finish, or run VACUUM (FREEZE) as the owner of the tables")
    if found.pooling is not Pooling.NONE:
        yield _pooler(found)
    names = ("psycopg", "procrastinate", "pydantic")
    parts = [f"memreg {version('memreg')}", f"Python {platform.python_version()}"]
    parts += [f"{name} {version(name)}" for name in names]
    yield Check("versions", "ok", f"{', '.join(parts)}, libpq {_libpq(psycopg.pq.version())}")


def _clock(found: Surroundings) -> Check:
    apart = max(abs(found.ahead) - found.unsure, timedelta())
    if apart < APART:
        return Check("clock", "ok", "ours and the server's agree")
    which = "ahead of" if found.ahead > timedelta() else "behind"
    text = f"ours is {span(apart)} {which} the server's"
    advice = "set both by NTP: ids and times of memories come from ours, those of the queue from the server's"
    return Check("clock", "fail" if apart >= FAR_APART else "warn", text, advice)


def _pooler(found: Surroundings) -> Check:
    text = "one stands between us and Postgres; workers ask it for messages, as nothing can be told through it"
    if found.pooling is Pooling.RENAMES:
        return Check("pooler", "ok", f"{text}; it knows prepared statements")
    if found.prepares_as_told:
        text = "one stands between us and Postgres, which loses prepared statements if it is in transaction mode"
        return Check("pooler", "warn", text, "unset MEMREG_PREPARE_THRESHOLD, unless it is in session mode")
    return Check("pooler", "ok", f"{text}, and statements are not prepared")


def _disk(found: Surroundings) -> Check:
    taken = f"the database takes {size(found.taken)}"
    if found.free is None:
        return Check("disk", "ok", f"{taken}; how much is free there, its own machine knows")
    text = f"{taken}, {size(found.free)} are free"
    if found.free < LITTLE:
        advice = "make room: without it nothing is kept, and the server stops"
        return Check("disk", "fail" if found.free < TOO_LITTLE else "warn", text, advice)
    return Check("disk", "ok", text)


def size(count: int) -> str:
    """Bytes in words, by the largest unit: 3.2 GB."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1024:
            return f"{amount:,.0f} {unit}" if unit in ("bytes", "kB") else f"{amount:,.1f} {unit}"
        amount /= 1024
    return f"{amount:,.1f} TB"


def _libpq(number: int) -> str:
    return f"{number // 10_000}.{number % 10_000}"
