"""Named SQL: the file format, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer

import memreg
from memreg.core.queries import Queries, Query

ROOT = Path(memreg.__file__).parent
FILES = [path for path in sorted(ROOT.rglob("*.sql")) if "migrations/sql" not in path.as_posix()]

TEXT = """-- one --
-- Gives one.
select 1;

-- two --
-- Gives what it is given.
select %(n)s
    -- a comment inside stays
    as n;
"""


def test_reads_name_description_and_statement() -> None:
    queries = Queries(TEXT, "a.sql")
    assert list(queries) == ["one", "two"]
    assert queries["one"] == Query("one", "Gives one.", "select 1;")
    assert "a comment inside stays" in queries["two"].sql


def test_a_query_called_is_a_statement() -> None:
    statement = Queries(TEXT, "a.sql")["two"](n=2)
    assert statement.query.name == "two"
    assert statement.params == {"n": 2}


def test_only_what_is_cast_wherever_it_stands_is_written_as_an_array() -> None:
    text = "select %(a)s::uuid[], %(b)s::text[], unnest(%(b)s), %(c)s::jsonb, %(d)s, %(a)s::uuid[], %(f)s::bytea[]"
    statement = Query.of("q", "Q.", text)(a=["1", "2"], b=["x"], c=[1], d=[2], f=None)
    assert statement.params == {"a": "{1,2}", "b": ["x"], "c": [1], "d": [2], "f": None}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "does not begin"),
        ("select 1;", "does not begin"),
        ("-- one --\nselect 1;", "does not begin"),
        (TEXT + TEXT, "holds one twice"),
    ],
)
def test_refuses(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"a.sql {complaint}"):
        Queries(text, "a.sql")


def test_every_package_reads() -> None:
    assert "be_tenant" in Queries.load("memreg.core", "session.sql")
    assert "read_version" in Queries.load("memreg.migrations")


def test_several_files_are_one_and_hold_no_name_twice() -> None:
    both = Queries.load("memreg.registry", "queries.sql", "history.sql")
    assert set(both) == {*Queries.load("memreg.registry"), *Queries.load("memreg.registry", "history.sql")}
    name = next(iter(Queries.load("memreg.registry", "history.sql")))
    with pytest.raises(ValueError, match=f"memreg.registry/history.sql, history.sql holds {name} twice"):
        Queries.load("memreg.registry", "history.sql", "history.sql")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_parameters_are_numbered_as_the_driver_would(path: Path) -> None:
    for query in Queries(path.read_text("utf-8"), path.name).values():
        driver = PostgresQuery(Transformer())
        driver.convert(query.sql, dict.fromkeys(query.order))
        assert (query.numbered, query.order) == (driver.query, tuple(driver._order or ())), query.name


def test_a_parameter_has_one_number_and_a_doubled_percent_sign_is_one() -> None:
    query = Query("q", "Q.", "select %(b)s, %(a)s, '%%(a)s', %(b)s")
    assert (query.numbered, query.order) == (b"select $1, $2, '%(a)s', $1", ("b", "a"))
    assert query.numbered is query.numbered


def test_a_percent_sign_that_is_no_placeholder_is_refused() -> None:
    with pytest.raises(ValueError, match="q holds a % that is neither doubled nor a placeholder: '% 2'"):
        Query("q", "Q.", "select 5 % 2").numbered  # noqa: B018  # reading it is what fails
