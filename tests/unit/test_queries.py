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
