"""Over generated lines of versions: every memory is in the view of what its class is now, and what is shown there is
what reads give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from memreg.registry.lineage import Lineage
from memreg.registry.models import SchemaVersion, Status
from memreg.registry.views.names import column_names
from memreg.registry.views.relation import create, relations
from memreg.registry.views.values import HAS_INPUT_CHECK
from tests.properties.test_registry_lineage import lines, payloads
from tests.support.server import Server

Conn = psycopg.Connection[dict[str, Any]]
TRIES = 120


@pytest.fixture(scope="module")
def conn(server: Server) -> Iterator[Conn]:
    name = server.create(server.template)
    with psycopg.connect(server.dsn_of(name), autocommit=True, row_factory=dict_row) as conn:
        yield conn
    server.drop(name)


def insert(conn: Conn, class_name: str, version: int, payload: dict[str, Any]) -> UUID:
    made = uuid4()
    conn.execute(
        "insert into memreg.memories (tenant, id, schema, class, version, payload, search, revision, change,"
        " created_at, updated_at, last_seen_at) values ('acme', %s, 's', %s, %s, %s, '', 1, 1, now(), now(), now())",
        (made, class_name, version, Jsonb(payload)),
    )
    return made


def alike(value: Any) -> Any:
    """A value with which one compares that normalizers may have changed; numbers as numbers, dates as text."""
    if isinstance(value, list):
        return list(dict.fromkeys(alike(each) for each in value))
    if isinstance(value, str):
        return " ".join(value.casefold().split())
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value


def test_what_is_shown_is_what_reads_give(conn: Conn) -> None:
    seen: Counter[str] = Counter()
    # Views that are made for an older server are read by a newer one, but not the other way round.
    servers = [150_000, 180_000] if conn.info.server_version >= HAS_INPUT_CHECK else [150_000]

    @given(st.data())
    @settings(max_examples=TRIES, deadline=None, database=None, derandomize=True)
    def look(data: st.DataObject) -> None:
        line = data.draw(lines())
        newest = line[-1]
        lineage = Lineage(newest, line[:-1])
        version = SchemaVersion(newest.spec, newest.version, Status.ACTIVE, "f", base=newest.base, lineage=lineage)
        server = data.draw(st.sampled_from(servers))
        with conn.transaction(force_rollback=True):
            conn.execute("create schema seen")
            wanted = {each.class_name: each for each in relations(version, None, server)}
            for relation in wanted.values():
                for statement in create("seen", relation):
                    conn.execute(SQL("{}").format(statement))
            rows = {}
            for each in line:
                for spec in each.spec.classes:
                    for _ in range(3):
                        payload = data.draw(payloads(spec))
                        rows[insert(conn, spec.name, each.version, payload)] = (spec.name, each.version, payload)
            shown: dict[UUID, tuple[str, dict[str, Any]]] = {}
            for name, relation in wanted.items():
                for row in conn.execute(SQL("select * from seen.{}").format(Identifier(relation.name))):
                    assert row["id"] not in shown
                    shown[row["id"]] = name, row
        for id_, (name, number, payload) in rows.items():
            done = lineage.upcast(name, number, payload, {})
            assert (shown[id_][0] if id_ in shown else None) == done.class_name
            if done.class_name is None:
                continue
            for column, called in column_names(newest.spec.by_name[done.class_name]).items():
                is_there, should = shown[id_][1][called], done.payload.get(column)
                if is_there is None:
                    seen["none" if should is None else "not said"] += 1
                else:
                    assert alike(is_there) == alike(should), (column, name, number, payload)
                    seen["said"] += 1

    look()
    assert seen["said"] > 20 * seen["not said"], seen
