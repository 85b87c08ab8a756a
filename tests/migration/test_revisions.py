"""The revisions as a history: numbered, one after the other, known without Alembic, and applied over rows."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory

from memreg.migrations import runner

FOLDER = Path(runner.__file__).parent


def test_the_runner_knows_what_alembic_finds() -> None:
    script = ScriptDirectory.from_config(runner.alembic_config())
    walked = [revision.revision for revision in script.walk_revisions()]
    assert tuple(reversed(walked)) == runner.revisions()
    assert script.get_heads() == [runner.expected()]


def test_each_revision_follows_the_one_before() -> None:
    script = ScriptDirectory.from_config(runner.alembic_config())
    before = None
    for number in runner.revisions():
        revision = script.get_revision(number)
        assert revision is not None
        assert revision.down_revision == before
        assert (revision.doc or "").strip()
        assert not hasattr(revision.module, "downgrade"), "downgrades are not offered"
        before = number


def test_numbers_have_no_gap_and_sql_belongs_to_a_revision() -> None:
    assert [int(number) for number in runner.revisions()] == list(range(1, len(runner.revisions()) + 1))
    for path in (FOLDER / "sql").glob("*.sql"):
        assert re.fullmatch(r"\d{4}_\w+\.sql", path.name)
        assert path.name[:4] in runner.revisions()


@pytest.mark.parametrize("number", runner.revisions())
def test_from_every_earlier_revision_with_rows(empty_database_url: str, number: str) -> None:
    """Stop at a revision, put rows in, go on: the rows are still there."""
    runner.upgrade(empty_database_url, to=number)
    with psycopg.connect(empty_database_url) as conn:
        assert runner.current(conn) == number
        conn.execute("insert into memreg.schemas (name) values ('assistant')")
        conn.execute(
            "insert into memreg.schema_versions (schema, version, status, fingerprint, definition)"
            " values ('assistant', 1, 'active', 'f', '{}')"
        )
    remaining = [later for later in runner.revisions() if later > number]
    assert runner.upgrade(empty_database_url) == remaining
    with psycopg.connect(empty_database_url) as conn:
        assert conn.execute("select schema, version from memreg.schema_versions").fetchall() == [("assistant", 1)]


def test_tenant_data_has_the_tenant_first(database_url: str) -> None:
    """In every table with a tenant it is the first column of the primary key and not null."""
    with psycopg.connect(database_url) as conn:
        rows = conn.execute(
            """
            select c.relname, a.attnotnull, i.indkey[0] = a.attnum
            from pg_class c
            join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant'
            left join pg_index i on i.indrelid = c.oid and i.indisprimary
            where c.relnamespace = 'memreg'::regnamespace and c.relkind in ('r', 'p')
            """
        ).fetchall()
    assert {"memories", "audit_log", "messages", "identity_keys"} <= {row[0] for row in rows}
    assert [row for row in rows if row[1:] != (True, True)] == []
