"""What Postgres this is: version, extensions, our role and how far it is migrated; asked beside the pool."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from memreg.core.dsn import connect_string, where
from memreg.core.translate import translate, unreachable
from memreg.migrations import runner
from memreg.operations.check import Check
from memreg.operations.store import SQL

OLDEST, NEWEST = 15, 18
EXTENSIONS = ("btree_gist", "pg_trgm", "unaccent", "vector")


@dataclass(frozen=True, slots=True)
class Server:
    """A Postgres as it answers. `extensions`: those that it could have, with the version that is installed, if any."""

    where: str
    number: int
    version: str
    user: str
    superuser: bool
    standby: bool
    migration: str | None
    extensions: Mapping[str, str | None]


def look_at(dsn: str, *, connect_timeout: float) -> Server:
    """Ask the server at a connection string. Raises DatabaseUnavailable and its kin."""
    place = where(dsn)
    try:
        text = connect_string(dsn, connect_timeout=connect_timeout)
        conn: psycopg.Connection[Any] = psycopg.connect(text, autocommit=True, row_factory=dict_row)
    except (psycopg.Error, OSError) as exc:
        raise unreachable(exc, place) from exc
    try:
        facts = conn.execute(SQL["server_facts"].sql.encode()).fetchone()
        known = conn.execute(SQL["known_extensions"].sql.encode(), {"names": list(EXTENSIONS)}).fetchall()
        migration = runner.current(conn)
    except psycopg.Error as exc:
        raise translate(exc, place, broken=conn.broken) from exc
    finally:
        conn.close()
    assert facts is not None  # a select without a table has one row
    return Server(
        where=place, migration=migration, extensions={row["name"]: row["installed_version"] for row in known}, **facts
    )


def server_checks(server: Server, *, embedded: bool) -> Iterator[Check]:
    """What the server means for memreg. `embedded`: it is the one that memreg starts by itself. Pure."""
    place = "the embedded Postgres" if embedded else server.where
    if server.standby:
        advice = "point MEMREG_DATABASE_URL at the primary"
        yield Check("database", "fail", f"{place} is a standby, and memreg writes", advice)
    else:
        yield Check("database", "ok", f"{place} answers")
    yield _version(server)
    if server.superuser and not embedded:
        text = f"{server.user} is a superuser: outside the transactions of tenants, no right of the database binds it"
        advice = "give memreg a login that owns nothing: grant memreg_app, memreg_operator to it"
        yield Check("role", "warn", text, advice)
    else:
        yield Check("role", "ok", f"{server.user}{', the embedded superuser' if server.superuser else ''}")
    lacking = [name for name in EXTENSIONS if name not in server.extensions]
    has = f"could have {', '.join(server.extensions)}" if server.extensions else "has none of those that memreg may use"
    lacks = f", not {', '.join(lacking)}" if lacking and server.extensions else ""
    yield Check("extensions", "ok", f"it {has}{lacks}; none is needed")
    yield _migrations(server)


def _version(server: Server) -> Check:
    major = server.number // 10_000
    if major < OLDEST:
        advice = f"use PostgreSQL {OLDEST} to {NEWEST}"
        return Check("postgres", "fail", f"{server.version} is older than memreg works with", advice)
    if major > NEWEST:
        text = f"{server.version} is newer than what this memreg was tried with ({OLDEST} to {NEWEST})"
        return Check("postgres", "warn", text, "look for a newer memreg")
    return Check("postgres", "ok", server.version)


def _migrations(server: Server) -> Check:
    expected = runner.expected()
    if server.migration == expected:
        return Check("migrations", "ok", f"at {expected}, as this memreg needs")
    at = server.migration or "none"
    if server.migration is None or server.migration in runner.revisions():
        return Check("migrations", "fail", f"at {at}, and this memreg needs {expected}", "run memreg migrate")
    return Check("migrations", "fail", f"at {at}, newer than this memreg knows ({expected})", "upgrade memreg")
