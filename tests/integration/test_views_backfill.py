"""Views through a whole backfill show at every moment what `engine.list` gives; references lead where reads lead."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.steps import fetch
from memreg.engine.model import Proposal
from memreg.engine.store import REFERENCES
from memreg.operations.backfill import Backfill, backfill
from memreg.operations.views import create_views, list_views
from memreg.registry.views.names import OWN
from tests.support.engines import register

FIRST = """
schema: firms
compatibility: none
classes:
  Person:
    columns:
      name: {dtype: string, required: true}
      email: {dtype: string, normalize: [email]}
      age: {dtype: number}
      state: {dtype: enum, values: [new, old]}
      tags: {dtype: "list[string]"}
    annotation: {searchable: {name: 3}, identity: [{columns: [email]}]}
"""
SECOND = """
schema: firms
compatibility: none
classes:
  Client:
    from: Person
    columns:
      first: {dtype: string, required: true, from: {column: name, split: " ", part: 1}}
      rest: {dtype: string, from: {column: name, split: " ", part: 2, rest: true}}
      mail: {dtype: string, normalize: [email], from: email}
      age: {dtype: integer, from: {column: age, cast: floor}}
      state: {dtype: enum, values: [open, shut], from: {map: {new: open, old: shut}}}
      labels: {dtype: "list[string]", from: tags}
      kind: {dtype: string, default: plain}
    annotation: {searchable: {first: 3}, identity: [{columns: [mail]}]}
"""
OFFICES = """
schema: offices
classes:
  Firm:
    columns:
      name: {dtype: string, required: true}
      parents: {dtype: "list[ref[Firm]]"}
      owner: {dtype: "ref[Firm]"}
    annotation: {searchable: {name: 3}, identity: [{columns: [name]}]}
"""


def shown(url: str, view: str) -> dict[Any, dict[str, Any]]:
    """The class's values of every memory in a view, without those that it lacks."""
    with psycopg.connect(url, row_factory=dict_row) as conn:
        found = conn.execute(f"select * from {view}".encode()).fetchall()
    return {row["id"]: {k: v for k, v in row.items() if k not in OWN and v is not None} for row in found}


def told(database: Database, class_name: str) -> dict[Any, dict[str, Any]]:
    engine = Engine(database, schema="firms", extractor="patterns")
    return {each.id: each.values for each in engine.list(class_name, limit=10_000)}


def test_they_show_what_reads_give_at_every_moment_of_a_backfill(database: Database, database_url: str) -> None:
    register(database, FIRST)
    engine = Engine(database, schema="firms", extractor="patterns")
    create_views(database, "firms")
    for n in range(25):
        values = {"name": f"P{n} de {n}", "email": f"p{n}@x.org", "age": n + 0.5, "state": ["new", "old"][n % 2]}
        engine.ingest(proposals=[Proposal("Person", values | ({"tags": ["a", "b"]} if n % 3 else {}))])
    register(database, SECOND)
    assert shown(database_url, "firms.person") == told(database, "Person")
    seen: list[str] = []

    def look(state: Backfill) -> None:
        if list_views(database, "firms")[0].name == "person":
            assert shown(database_url, "firms.person") == told(database, "Person")
            seen.append("person")
            return
        versions = {each.version for each in Engine(database, schema="firms").list("Client", limit=100)}
        assert shown(database_url, "firms.client") == told(database, "Client"), state
        seen.append("mixed" if len(versions) > 1 else "client")

    done = backfill(database, "firms", 2, chunk=4, progress=look)
    assert done.activated
    assert {"person", "mixed"} <= set(seen)
    assert [(each.name, each.version, each.in_step) for each in list_views(database)] == [("client", 2, True)]
    assert shown(database_url, "firms.client") == told(database, "Client")
    assert len(told(database, "Client")) == 25


def test_what_somebody_read_then_is_brought_in_step_at_the_end(database: Database, database_url: str) -> None:
    register(database, FIRST)
    engine = Engine(database, schema="firms", extractor="patterns")
    create_views(database, "firms")
    engine.ingest(proposals=[Proposal("Person", {"name": "Ana Lopez", "email": "a@x.org"})])
    register(database, SECOND)
    with psycopg.connect(database_url) as reader:
        reader.execute("select * from firms.person")
        seen: list[bool] = []

        def look(state: Backfill) -> None:
            seen.append(all(each.in_step for each in list_views(database)))
            if state.stage == "rewrite":
                reader.rollback()

        backfill(database, "firms", 2, chunk=1, progress=look)
    assert False in seen
    assert [(each.name, each.in_step) for each in list_views(database)] == [("client", True)]


def test_references_lead_to_what_memories_went_into(database: Database, database_url: str) -> None:
    register(database, OFFICES)
    engine = Engine(database, schema="offices", extractor="patterns")
    one, two, three = (
        engine.ingest(proposals=[Proposal("Firm", {"name": name})]).decisions[0].memory_id
        for name in ("Uno", "Second", "Tertius")
    )
    values = {"name": "Child", "owner": str(one), "parents": [str(one), str(three)]}
    child = engine.ingest(proposals=[Proposal("Firm", values)]).decisions[0].memory_id
    create_views(database, "offices")
    assert shown(database_url, "offices.firm")[child] == {"name": "Child", "owner": one, "parents": [one, three]}
    for gone, kept in ((one, two), (two, three)):
        database.run("default", lambda gone=gone, kept=kept: fetch(  # type: ignore[misc]
            REFERENCES["merge_into"](tenant="default", memories=[gone], keepers=[kept])
        ))  # fmt: skip
    (row,) = [each for id_, each in shown(database_url, "offices.firm").items() if id_ == child]
    assert row["owner"] == three
    assert row["parents"] == [three]
    assert child is not None
    assert engine.get(child).values == {"name": "Child", "owner": str(three), "parents": [str(three)]}
