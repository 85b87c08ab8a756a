"""Where the demonstration runs: a Postgres of its own, beside the user's, whose tables are made anew each time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row

from memreg.core.dsn import connect_string, where
from memreg.core.errors import DatabaseError
from memreg.core.queries import Queries
from memreg.core.settings import Settings
from memreg.core.translate import translate, unreachable
from memreg.migrations import runner

_SQL = Queries.load("memreg.cli.demo")
_MARK = "memreg demo"


@dataclass(frozen=True, slots=True)
class Place:
    """A migrated database without memories. `again` is what to put before a command to look at it afterwards."""

    dsn: str = field(repr=False)  # a password may be in it
    where: str
    migrations: tuple[str, ...]
    again: str


@contextmanager
def own_place(settings: Settings) -> Iterator[Place]:
    """The folder `demo` in memreg's home, with a server of its own: what the user remembers is not touched."""
    from memreg.core.embedded import acquire, default_home

    home = (settings.home or default_home()) / "demo"
    with acquire(home) as lease, _fresh(lease.dsn) as migrations:
        yield Place(lease.dsn, str(home), migrations, f"MEMREG_HOME={home}")


@contextmanager
def given_place(dsn: str) -> Iterator[Place]:
    """A database that a person named: empty, or used by a demonstration before."""
    with _fresh(dsn) as migrations:
        yield Place(dsn, where(dsn), migrations, "MEMREG_DATABASE_URL=URL")


@contextmanager
def _fresh(dsn: str) -> Iterator[tuple[str, ...]]:
    """Drop what the demonstration before left, and make the tables anew; nobody else's are ever dropped."""
    try:
        conn = psycopg.connect(connect_string(dsn, connect_timeout=10), autocommit=True, row_factory=dict_row)
    except (psycopg.Error, OSError) as exc:
        raise unreachable(exc, where(dsn)) from exc
    try:
        rows = _ask(conn, "try_demo_lock")
        if not rows[0]["held"]:
            raise DatabaseError(reason=f"another demo is running at {where(dsn)}; wait until it ends")
        found = _ask(conn, "mark_of_tables")
        if found and found[0]["mark"] != _MARK:
            raise DatabaseError(
                reason=f"the tables at {where(dsn)} are not a demo's, so they are not dropped; name an empty database"
            )
        for name in ("drop_tables", "make_tables", "mark_tables"):
            _ask(conn, name)
        yield tuple(runner.upgrade(dsn))
    except psycopg.Error as exc:
        raise translate(exc, where(dsn), broken=conn.broken) from exc
    finally:
        conn.close()


def _ask(conn: psycopg.Connection[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    cursor = conn.execute(_SQL[name].sql.encode())
    return cursor.fetchall() if cursor.description else []


def settings_of() -> Settings:
    """Settings that come out the same whatever the environment says: no key, no model, no other database or tenant."""
    return Settings(
        database_url=None,
        tenant="default",
        schema_="assistant",
        llm_base_url=None,
        llm_api_key=None,
        auto_approve=None,
        log_level="error",
    )
