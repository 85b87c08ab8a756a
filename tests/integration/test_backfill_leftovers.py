"""What one backfill leaves behind is of no harm to the next: failed, turned back, cancelled, or with some that stay."""

from __future__ import annotations

import psycopg
import pytest

from memreg.core.database import Database
from memreg.engine.model import Action, Basis, Proposal
from memreg.operations.backfill import Backfill, backfill, cancel, pause, roll_back, status
from memreg.operations.kill_switch import switch
from memreg.operations.review import review
from tests.support.people import SCHEMA, engine_of, register, rows, say

OLD = """
schema: people
compatibility: none
classes:
  Person:
    columns:
      name:  {dtype: string, required: true}
      phone: {dtype: string}
      place: {dtype: string}
      age:   {dtype: string}
    annotation:
      searchable: {name: 3}
      identity: [{columns: [name], strength: strong}]
"""
WITH_PHONE = OLD.replace("strong}]", "strong}, {columns: [phone], strength: strong}]")


def person(n: int, **more: str) -> Proposal:
    return Proposal("Person", {"name": f"Ana{n} Lopez{n}", "phone": f"47{n:05d}", "place": f"Oslo{n}", **more})


def halt_in(database: Database, stage: str, converted: int, to: int) -> None:
    """Pause a backfill when a stage has come so far."""

    def look(now: Backfill) -> None:
        if (now.stage, now.status) == (stage, "running") and now.converted >= converted:
            pause(database, SCHEMA)

    backfill(database, SCHEMA, to, chunk=5, progress=look)
    assert status(database, SCHEMA)[0].status == "paused"


def found_by(database: Database) -> dict[object, list[int]]:
    """What lookups find each memory by."""
    with psycopg.connect(database.conninfo) as conn:
        kept = conn.execute(
            "select memory_id, array_agg(key order by key) from memreg.candidate_keys group by memory_id"
        ).fetchall()
    return dict(kept)


def test_turned_back_in_the_middle_memories_are_found_as_before(database: Database) -> None:
    register(database, OLD)
    say(engine_of(database), "fill", *(person(n) for n in range(20)))
    before = found_by(database)
    assert register(database, OLD.replace("{name: 3}", "{place: 3}")) == 2
    halt_in(database, "rewrite", 10, 2)
    assert roll_back(database, SCHEMA, "places say little", chunk=5).backfilled.activated
    assert {row["id"]: sorted(row["candidate_keys"]) for row in rows(database, "memories")} == before
    assert found_by(database) == before


def test_what_a_failed_one_indexed_makes_no_collision_for_the_next(database: Database) -> None:
    register(database, OLD)
    engine = engine_of(database)
    say(engine, "fill", person(1, phone="5"), person(2), person(3, phone="5"))
    assert register(database, WITH_PHONE) == 2
    assert not backfill(database, SCHEMA, 2, collisions="refuse").activated
    # While the version of before is in force, the phone becomes that of somebody else.
    say(engine, "then", person(1, phone="6"), person(3, phone="7"), person(2, phone="5"))
    assert register(database, WITH_PHONE.replace("{name: 3}", "{name: 3, place: 1}")) == 3
    done = backfill(database, SCHEMA, 3, collisions="merge")
    assert done.activated
    assert done.backfill is not None
    assert done.backfill.collisions == 0
    assert [row["is_deleted"] for row in rows(database, "memories")] == [False] * 3
    assert len([key for key in rows(database, "keys") if key["key"] == "phone"]) == 3


def test_those_that_stay_are_found_by_what_fits(database: Database) -> None:
    register(database, OLD)
    engine = engine_of(database)
    (first,) = say(engine, "1", person(1, age="old")).decisions
    newer = OLD.replace("Person:", "Contact:\n    from: Person").replace(
        "age:   {dtype: string}", "age: {dtype: integer}"
    )
    newer = newer.replace("identity: [{columns: [name], strength: strong}]", "identity: []")
    assert register(database, newer) == 2
    assert backfill(database, SCHEMA, 2, allow="1").activated
    (again,) = say(engine, "2", Proposal("Contact", {"name": "Ana1 Lopez1", "place": "Oslo1"})).decisions
    assert (again.action, again.basis) == (Action.UPDATE, Basis.SCORE)
    assert again.memory_id == first.memory_id


def test_three_that_are_one_by_two_keys_become_one(database: Database) -> None:
    register(database, OLD)
    engine = engine_of(database)
    ids = [
        say(engine, str(n), Proposal("Person", {"name": f"Ana{n}", **more})).decisions[0].memory_id
        for n, more in enumerate(
            ({"phone": "1"}, {"phone": "1", "place": "Oslo"}, {"place": "Oslo"}),
        )
    ]
    two = "{columns: [phone], strength: strong}, {columns: [place], strength: strong}"
    assert register(database, OLD.replace("{columns: [name], strength: strong}", two)) == 2
    assert backfill(database, SCHEMA, 2, collisions="merge").activated
    live = [row for row in rows(database, "memories") if not row["is_deleted"]]
    assert [row["id"] for row in live] == [ids[0]]
    assert {key["key"] for key in rows(database, "keys") if key["memory_id"] == ids[0]} >= {"phone", "place"}
    assert review(database, "default", SCHEMA, kind="identity_conflict").items == ()


@pytest.mark.parametrize("is_on", [True, False])
def test_a_switch_comes_back_as_it_was_last_set(database: Database, is_on: bool) -> None:
    register(database, OLD)
    engine = engine_of(database)
    say(engine, "1", person(1))
    switch(database, "default", SCHEMA, "Person", on=True, by="ana")
    switch(database, "default", SCHEMA, "Person", on=not is_on, by="ana")
    assert register(database, OLD.replace("Person:", "Contact:\n    from: Person")) == 2
    assert backfill(database, SCHEMA, 2).activated
    switch(database, "default", SCHEMA, "Contact", on=is_on, by="ana")
    assert roll_back(database, SCHEMA, "the name is worse").backfilled.activated
    (decision,) = say(engine, "2", person(1, age="7")).decisions
    assert (decision.basis is Basis.KILL_SWITCH) == is_on


@pytest.mark.parametrize("stage", ["index", "rewrite"])
def test_going_back_that_was_halted_is_gone_on_with(database: Database, stage: str) -> None:
    register(database, OLD)
    say(engine_of(database), "fill", *(person(n) for n in range(20)))
    assert register(database, OLD.replace("place: {", "town: {from: place, ")) == 2
    assert backfill(database, SCHEMA, 2).activated

    def look(now: Backfill) -> None:
        if (now.stage, now.status) == (stage, "running") and now.converted >= 5:
            pause(database, SCHEMA)

    assert not roll_back(database, SCHEMA, "worse", chunk=5, progress=look).backfilled.activated
    done = roll_back(database, SCHEMA, "worse", chunk=5)
    assert done.backfilled.activated
    assert done.backfilled.version == 3
    assert {row["version"] for row in rows(database, "memories")} == {3}


@pytest.mark.parametrize("began", [False, True])
def test_keys_keep_their_names_when_an_approved_version_is_passed_over(database: Database, began: bool) -> None:
    register(database, OLD)
    engine = engine_of(database)
    first, *_ = say(engine, "1", person(1, phone="+47 1"), person(2, phone="9"), person(3, phone="9")).decisions
    assert register(database, WITH_PHONE) == 2
    if began:
        assert not backfill(database, SCHEMA, 2, collisions="refuse").activated
    assert register(database, WITH_PHONE.replace("phone: {", "phone: {normalize: [digits], ")) == 3
    assert backfill(database, SCHEMA, 3).activated
    (found,) = say(engine, "2", Proposal("Person", {"name": "Somebody Else", "phone": "471"})).decisions
    assert (found.memory_id, found.basis) == (first.memory_id, Basis.IDENTITY)


def test_what_old_code_wrote_is_identified_once_it_is_taken_over(database: Database) -> None:
    register(database, OLD)
    engine = engine_of(database)
    say(engine, "1", person(1))
    newer = OLD.replace("Person:", "Contact:\n    from: Person").replace("place: {", "town: {from: place, ")
    assert register(database, newer) == 2
    assert backfill(database, SCHEMA, 2).activated
    statuses = "update memreg.schema_versions set status = case version when %s then 'active' else 'retired' end"
    with psycopg.connect(database.conninfo, autocommit=True) as conn:
        for active in (1, 2):  # as a process that had read which version is in force before it changed
            conn.execute("update memreg.schema_versions set status = 'retired'")
            conn.execute(statuses, [active])
            if active == 1:
                (late, _) = say(engine_of(database), "late", person(2), person(3)).decisions
                say(engine_of(database), "forgotten", Proposal("Person", {"name": "Ana3 Lopez3"}, "delete"))
    assert backfill(database, SCHEMA, 2).activated
    (again,) = say(engine_of(database), "2", Proposal("Contact", {"name": "Ana2 Lopez2", "town": "Bergen"})).decisions
    assert (again.basis, again.memory_id) == (Basis.IDENTITY, late.memory_id)
    assert {(key["class"], key["key"]) for key in rows(database, "keys")} == {("Contact", "name")}
    assert backfill(database, SCHEMA, 2).backfill is None


def test_going_back_that_is_given_up_leaves_all_found_by_the_version_in_force(database: Database) -> None:
    register(database, OLD)
    engine = engine_of(database)
    made = say(engine, "fill", *(person(n) for n in range(20))).decisions
    newer = OLD.replace("{name: 3}", "{place: 3}").replace("[{columns: [name], strength: strong}]", "[]")
    assert register(database, newer) == 2
    halt_in(database, "rewrite", 10, 2)

    def look(now: Backfill) -> None:
        if (now.stage, now.status) == ("index", "running") and now.converted >= 10:
            pause(database, SCHEMA)

    assert not roll_back(database, SCHEMA, "places say little", chunk=5, progress=look).backfilled.activated
    cancel(database, SCHEMA)
    assert not roll_back(database, SCHEMA, "it ends that").backfilled.activated
    assert {row["version"] for row in rows(database, "memories")} == {1, 2}
    for n in (1, 18):
        (found,) = say(engine, f"again {n}", Proposal("Person", {"name": f"N{n}", "place": f"Oslo{n}"})).decisions
        assert (found.basis, found.memory_id) == (Basis.SCORE, made[n].memory_id)
    assert backfill(database, SCHEMA, 2).activated
    assert {row["id"]: sorted(row["candidate_keys"]) for row in rows(database, "memories")} == found_by(database)
