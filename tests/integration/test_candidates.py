"""Candidates in the database: who is found, by what, at which price, and that the keys follow the memories."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from memreg import Proposal
from memreg.core.database import Database
from memreg.core.queries import Query
from memreg.core.steps import fetch_rows
from memreg.engine.cache import Cache
from memreg.engine.candidates import CANDIDATES, LIKELY, POSTINGS, SHORTLIST, asked_by, memory_keys, probes
from memreg.engine.hand import Hand
from memreg.engine.model import Payload
from memreg.engine.record import Record
from memreg.engine.state import KEPT_PAYLOADS
from memreg.engine.store import SQL
from memreg.operations.kill_switch import switch
from memreg.operations.resolve import resolve
from tests.support.engines import people, person, say

SPEC, ANNOTATION = person()
KEPT = Query(
    "kept",
    "The keys that stand for the memories, as the memories and as the lookup know them.",
    """
    select
        array(
            select (id, key)::text from memreg.memories cross join lateral unnest(candidate_keys) as own (key)
            where tenant = %(tenant)s order by 1
        ) as own,
        array(
            select (memory_id, key)::text from memreg.candidate_keys where tenant = %(tenant)s order by 1
        ) as posted
    """,
)


OWN = Query("own", "The keys of a memory.", "select candidate_keys from memreg.memories where tenant = %(tenant)s")


def kept(database: Database, tenant: str = "default") -> list[str]:
    """The keys of all memories of a tenant, once it is sure that both places agree."""
    row = database.run(tenant, lambda: fetch_rows(KEPT(tenant=tenant)))[0]
    assert row["own"] == row["posted"]
    own: list[str] = row["own"]
    return own


def ask(payload: Payload, tenant: str = "default") -> Any:
    """The lookup of a person's candidates."""
    keys = probes(Record.of(payload, SPEC, ANNOTATION), "people", "Person")
    return SQL["candidates"](
        tenant=tenant,
        version=1,
        schema="people",
        asked=Jsonb([asked_by(0, keys)]),
        postings=POSTINGS,
        shortlist=SHORTLIST,
        likely=LIKELY,
        limit=CANDIDATES,
    )


def candidates(database: Database, tenant: str = "default", **payload: Any) -> list[UUID]:
    """The ids of a person's candidates."""
    rows = database.run(tenant, lambda: fetch_rows(ask(payload, tenant)))
    return [row["id"] for row in rows]


@pytest.mark.parametrize(
    "told",
    [
        {"name": "Anna Lopes"},
        {"name": "Ana Lpoez"},
        {"name": "Lopez Anita"},
        {"name": "Ana", "born": "1990-01-05"},
        {"name": "Somebody Else", "born": "1990-05-01"},
        {"name": "Other", "city": "Trondheim"},
    ],
)
def test_a_memory_is_found_in_spite_of_slips(database: Database, told: Payload) -> None:
    engine = people(database)
    ana = say(engine, name="Ana Lopez", born="1990-05-01", city="Trondheim").memory_id
    say(engine, name="Wolfgang Schmidt", born="1951-02-24", city="Hamburg")
    assert candidates(database, **told) == [ana]


def test_a_memory_is_found_by_what_it_said_before(database: Database) -> None:
    engine = people(database)
    first = say(engine, name="Ana Lopez", email="ana@lopez.io")
    say(engine, name="Beatriz Fonseca", email="ana@lopez.io")
    assert candidates(database, name="Ana Lopez") == [first.memory_id]
    assert candidates(database, name="Beatriz Fonseca") == [first.memory_id]
    for name in ("Carla Quint", "Dora Vimes", "Edith Kron", "Fatima Brun"):
        say(engine, name=name, email="ana@lopez.io")
    assert candidates(database, name="Ana Lopez") == []  # five revisions later nothing is scored against it
    assert candidates(database, name="Beatriz Fonseca") == [first.memory_id]
    kept(database)


def test_keys_follow_the_memories(database: Database) -> None:
    engine = people(database)
    assert kept(database) == []
    say(engine, name="Ana Lopez", email="ana@lopez.io")
    one = kept(database)
    assert one
    say(engine, name="Ana Lopez", email="ana@lopez.io", city="Oslo")
    two = kept(database)
    assert set(one) < set(two)
    say(engine, name="Ana Lopez", email="ana@lopez.io", city="Oslo")
    assert kept(database) == two
    say(engine, operation="delete", email="ana@lopez.io")
    assert kept(database) == []
    assert candidates(database, name="Ana Lopez") == []


def test_what_is_unresolved_has_no_key_until_it_is_resolved(database: Database) -> None:
    engine = people(database)
    switch(database, "default", "people", "Person", on=True, by="test")
    held = say(engine, name="Ana Lopez", email="ana@lopez.io")
    assert held.basis == "kill_switch"
    assert kept(database) == []
    switch(database, "default", "people", "Person", on=False, by="test")
    resolve(database, "default", "people")
    assert candidates(database, name="Ana Lopez") == [held.memory_id]
    assert kept(database)


def test_a_proposal_sees_those_of_its_turn_by_the_same_rule(database: Database) -> None:
    engine = people(database)
    told = [{"name": "Ana Lopez", "born": "1990-05-01"}, {"name": "Anna Lopes", "born": "1990-05-01", "city": "Oslo"}]
    first, second = engine.ingest(proposals=[Proposal("Person", values) for values in told]).decisions
    other = engine.for_tenant("other")
    apart = [other.ingest(proposals=[Proposal("Person", values)]).decisions[0] for values in told]
    assert second.score is not None
    assert (first.action, second.action, second.score) == (apart[0].action, apart[1].action, apart[1].score)


def test_another_tenant_and_class_are_never_candidates(database: Database) -> None:
    engine = people(database)
    say(engine.for_tenant("other"), name="Ana Lopez")
    say(engine, "Note", title="Ana Lopez")
    assert candidates(database, name="Ana Lopez") == []


def fill(dsn: str, count: int, payload: Payload, tenant: str = "default") -> None:
    """So many memories of the same content, without a decision."""
    keys = list(memory_keys([Record.of(payload, SPEC, ANNOTATION)], "people", "Person"))
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(
            b"""
            insert into memreg.memories (tenant, id, schema, class, version, payload, search, candidate_keys, revision,
                change, created_at, updated_at, last_seen_at)
            select %(tenant)s, gen_random_uuid(), 'people', 'Person', 1, %(payload)s, '', %(keys)s::bigint[], 1, n,
                now(), now(), now()
            from generate_series(1, %(count)s) as n
            """,
            {"tenant": tenant, "payload": Jsonb(payload), "keys": keys, "count": count},
        )
        conn.execute("alter table memreg.candidate_keys disable trigger trim")  # these ids tell no time
        conn.execute(
            b"insert into memreg.candidate_keys select tenant, unnest(candidate_keys), id from memreg.memories "
            b"where tenant = %s",
            (tenant,),
        )
        conn.execute("alter table memreg.candidate_keys enable trigger trim")
        conn.execute("vacuum (analyze) memreg.memories, memreg.candidate_keys")


def test_a_tenant_where_every_record_is_the_same(database: Database, database_url: str) -> None:
    engine = people(database)
    fill(database_url, 500, {"name": "Ana"})
    assert len(candidates(database, name="Ana")) == CANDIDATES
    assert say(engine, name="Ana").action == "UPDATE"


def scans(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts of a plan that read a table."""
    own = [plan] if "Relation Name" in plan else []
    return own + [scan for part in plan.get("Plans", []) for scan in scans(part)]


def test_the_lookup_reads_its_indexes_and_a_bounded_number_of_rows(database: Database, database_url: str) -> None:
    """However many memories share a key: 20,000 here, of one text, of two tenants."""
    people(database)
    ana = {"name": "Ana Lopez", "born": "1990-05-01", "city": "Oslo"}
    for tenant in ("default", "other"):
        fill(database_url, 20_000, ana, tenant)
    statement = ask(ana)
    with psycopg.connect(database_url) as conn:
        conn.execute("set plan_cache_mode = force_generic_plan")
        for _ in range(2):
            query = b"explain (analyze, format json) " + statement.query.sql.encode()
            row = conn.execute(query, statement.params, prepare=True).fetchone()
    assert row is not None
    read = scans(row[0][0]["Plan"])
    assert {scan["Relation Name"] for scan in read} == {"candidate_keys", "memories", "identity_keys"}
    names = {
        "candidate_keys": "candidate_keys_pkey",
        "memories": "memories_pkey",
        "identity_keys": "identity_keys_by_memory",
    }
    loops: Counter[str] = Counter()
    for scan in read:
        assert scan.get("Index Name") == names[scan["Relation Name"]]
        assert scan["Actual Rows"] <= POSTINGS
        assert scan.get("Rows Removed by Filter", 0) == 0
        loops[scan["Relation Name"]] += scan["Actual Loops"]
    keys = len(probes(Record.of(ana, SPEC, ANNOTATION), "people", "Person"))
    assert loops == {"candidate_keys": keys, "memories": SHORTLIST + CANDIDATES, "identity_keys": LIKELY}


def test_a_memory_is_found_by_what_it_said_lately_however_often_it_changes(database: Database) -> None:
    """What is counted on from the keys that it had is what all its recent payloads make."""
    engine = people(database)
    towns = ["Oslo", "Rome", "Bergen", "Rome", "Lima", "Turin", "Porto", "Cairo"]
    payloads: list[Payload] = []
    for town in towns:
        told = {"name": f"Ana {town} Lopez", "email": "ana@lopez.io", "city": town}
        decision = engine.ingest(proposals=[Proposal("Person", told)]).decisions[0]
        payloads.insert(0, engine.get(decision.memory_id or "").values)
        distinct: list[Payload] = []
        for payload in payloads[: 1 + KEPT_PAYLOADS]:
            if payload not in distinct:
                distinct.append(payload)
        version = engine.version()
        spec, annotation = version.spec.by_name["Person"], version.annotation_of("Person")
        records = [Record.of(payload, spec, annotation) for payload in distinct]
        row = database.run("default", lambda: fetch_rows(OWN(tenant="default")))[0]
        assert row["candidate_keys"] == list(memory_keys(records, "people", "Person"))
    kept(database)


def test_the_lookup_tells_the_keys_of_the_first_candidates_only(database: Database) -> None:
    """Those of another are read when it is the one that a decision is about."""
    engine = people(database)
    for street in range(6):  # under more of the keys that are asked by than the one that is meant
        say(engine, name=f"Lopez Ana{street}ria", city="Oslo", born="1990-05-01", email=f"other{street}@lopez.io")
    rows = database.run("default", lambda: fetch_rows(ask({"name": "Ana Lopez", "city": "Oslo", "born": "1990-05-01"})))
    told = [row["held_keys"] is not None for row in rows]
    assert told == [True] * LIKELY + [False] * 3
    assert [row["candidate_keys"] is not None for row in rows] == told


def test_a_newer_state_without_its_keys_forgets_those_of_before(database: Database) -> None:
    engine = people(database)
    ana = say(engine, name="Ana Lopez", email="ana@lopez.io").memory_id
    assert ana is not None
    version = engine.version()
    hand = Hand("default", version, Cache())
    row = database.run("default", lambda: fetch_rows(ask({"name": "Ana Lopez"})))[0]
    hand.take(row)
    assert [key.key for key in hand.workspace.memories[ana].keys] == ["email"]
    hand.take({**row, "held_keys": None})
    assert ana in hand.keys_before
    hand.take({**row, "held_keys": None, "revision": 2})
    assert ana not in hand.keys_before
    database.run("default", lambda: hand.know_keys_of([ana]))
    assert [key.key for key in hand.workspace.memories[ana].keys] == ["email"]
