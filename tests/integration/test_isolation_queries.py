"""Every named query may be asked by whoever asks it: a tenant's transaction, or an operator who owns nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from memreg.core.queries import Queries, Query
from tests.integration.test_queries_explain import ROOT, files, numbered
from tests.support.server import Server

OF_A_TENANT = ("engine/", "operations/acts/", "operations/erase/", "operations/review/", "operations/trip/")
NOT_OF_A_TENANT = (
    "engine/workers.sql",  # jobs of every tenant
    "engine/references.sql:refer_again",  # after a backfill, of every tenant
)
NOT_OF_AN_OPERATOR = (
    "cli/demo/",  # of the embedded Postgres's owner
    "core/session.sql",
    "operations/erase/",  # of one tenant alone
)
_PLANNED = re.compile(r"^(with|select|insert|update|delete|merge|values)\b", re.IGNORECASE)


FILES = {path.relative_to(ROOT).as_posix(): path for path in files()}
ASKED = [(name, "memreg_operator") for name in FILES if not name.startswith(NOT_OF_AN_OPERATOR)] + [
    (name, "memreg_app") for name in FILES if name.startswith(OF_A_TENANT) and name not in NOT_OF_A_TENANT
]


@pytest.fixture(scope="module")
def migrated(server: Server) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    name = server.create(server.template)
    with psycopg.connect(server.dsn_of(name), autocommit=True) as conn:
        yield conn
    server.drop(name)


@pytest.mark.parametrize(("name", "role"), ASKED)
def test_may_be_asked(migrated: psycopg.Connection[tuple[object, ...]], name: str, role: str) -> None:
    found = Queries(FILES[name].read_text("utf-8"), name)
    for query in found.values():
        if f"{name}:{query.name}" not in NOT_OF_A_TENANT or role == "memreg_operator":
            may_ask(migrated, query, role)


def may_ask(conn: psycopg.Connection[tuple[object, ...]], query: Query, role: str) -> None:
    """EXPLAIN looks at the rights to tables and columns, as running it would."""
    text, count = numbered(query)
    if not _PLANNED.match(re.sub(r"(--[^\n]*\n|\s)+", " ", text).strip()):
        return
    conn.execute("deallocate all")
    with conn.transaction(force_rollback=True):
        conn.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        conn.execute(b"prepare asked as " + text.encode())
        nulls = sql.SQL(", ").join([sql.NULL] * count)
        arguments = sql.SQL("({})").format(nulls) if count else sql.SQL("")
        assert conn.execute(sql.SQL("explain execute asked") + arguments).fetchall()


def test_what_nobody_granted_is_found(migrated: psycopg.Connection[tuple[object, ...]]) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        may_ask(migrated, Query("away", "Away.", "delete from memreg.memories where tenant = %(tenant)s"), "memreg_app")
