"""Every named query is understood by a migrated database: its tables, columns, types and placeholders exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from _pytest.mark import ParameterSet
from psycopg import sql

import memreg
from memreg.core.queries import Queries, Query
from tests.support.server import Server

ROOT = Path(memreg.__file__).parent
_PLACEHOLDER = re.compile(r"%\((\w+)\)([sbt])")
_PLANNED = re.compile(r"^(with|select|insert|update|delete|merge|values)\b", re.IGNORECASE)


def files() -> list[Path]:
    """Every file of named queries; the migrations' SQL is applied, not asked."""
    return sorted(path for path in ROOT.rglob("*.sql") if path.parent != ROOT / "migrations" / "sql")


def queries() -> list[ParameterSet]:
    found = []
    for path in files():
        name = str(path.relative_to(ROOT))
        named = Queries(path.read_text("utf-8"), name)
        found += [pytest.param(named[query], id=f"{name}:{query}") for query in named]
    return found


@pytest.fixture(scope="module")
def migrated(server: Server) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    name = server.create(server.template)
    with psycopg.connect(server.dsn_of(name), autocommit=True) as conn:
        yield conn
    server.drop(name)


def numbered(query: Query) -> tuple[str, int]:
    """The statement with `$1`, `$2` … for its placeholders, and how many there are."""
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    text = _PLACEHOLDER.sub(number, query.sql).rstrip().rstrip(";")
    return text.replace("%%", "%"), len(names)


@pytest.mark.parametrize("query", queries())
def test_is_planned(migrated: psycopg.Connection[tuple[object, ...]], query: Query) -> None:
    """PREPARE parses and resolves; EXPLAIN EXECUTE plans, with nulls for the parameters (15 has no GENERIC_PLAN)."""
    text, count = numbered(query)
    body = re.sub(r"(--[^\n]*\n|\s)+", " ", text).strip()
    if not _PLANNED.match(body):
        pytest.skip("a command without a plan")
    with migrated.transaction(force_rollback=True):
        migrated.execute(b"prepare asked as " + text.encode())
        nulls = sql.SQL(", ").join([sql.NULL] * count)
        arguments = sql.SQL("({})").format(nulls) if count else sql.SQL("")
        plan = migrated.execute(sql.SQL("explain execute asked") + arguments).fetchall()
        migrated.execute("deallocate asked")
    assert plan


def test_a_wrong_query_is_found(migrated: psycopg.Connection[tuple[object, ...]]) -> None:
    with pytest.raises(psycopg.errors.UndefinedColumn):
        test_is_planned(migrated, Query("wrong", "Wrong.", "select no_such from memreg.memories where tenant = %(t)s"))


def test_every_package_with_queries_is_seen() -> None:
    assert ROOT / "core" / "session.sql" in files()
    assert ROOT / "registry" / "queries.sql" in files()
