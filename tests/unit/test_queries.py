"""Named SQL: the file format, and what is refused."""

from __future__ import annotations

import pytest

from memreg.core.queries import Queries, Query

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
