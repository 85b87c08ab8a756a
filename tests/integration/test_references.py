"""References on a real database: what they lead to, what is kept of them, and what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from memreg.api.engine import Engine
from memreg.api.engine_async import AsyncEngine
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.ids import uuid7
from memreg.core.settings import Settings
from memreg.core.steps import Steps
from memreg.engine.batch import decide_message
from memreg.engine.cache import Cache
from memreg.engine.decided import Decided
from memreg.engine.following import MOST_FOLLOWING
from memreg.engine.ingest import Walk
from memreg.engine.model import Action, Basis, Extraction, Message, Proposal
from memreg.operations.kill_switch import switch
from memreg.operations.resolve import resolve
from memreg.testing import ScriptedServer, answer
from tests.support.engines import every, register
from tests.support.offices import (
    OFFICES,
    asked,
    counted_batches,
    forget,
    made,
    merge,
    offices,
    offices_spec,
    person,
    told,
)
from tests.support.replay import check_replay, proposals_without_one_entry
from tests.support.steps import paused


@pytest.fixture
def engine(database: Database) -> Engine:
    return offices(database)


def check(engine: Engine) -> None:
    check_replay(engine.database, engine.tenant, offices_spec())


def referring(engine: Engine) -> set[tuple[str, str, str]]:
    rows = asked(engine, "select * from memreg.memory_references where tenant = %(tenant)s", tenant=engine.tenant)
    return {(str(row["memory_id"]), row["column"], str(row["target_id"])) for row in rows}


# Forms


def test_an_object_makes_a_memory_and_is_found_again(engine: Engine) -> None:
    acme, ana = told(engine, person(name="Ana Lopez", employer={"name": "Acme", "city": "Oslo"}))
    again, bob = told(engine, person(name="Bob Berg", employer={"name": "Acme", "city": "Oslo"}))
    assert (acme.action, again.action, ana.action) == (Action.CREATE, Action.UPDATE, Action.CREATE)
    assert again.memory_id == acme.memory_id
    people = every(engine)
    assert {each.values["employer"] for each in people.values()} == {str(acme.memory_id)}
    assert people[UUID(str(bob.memory_id))].references["employer"][0].name == "Acme"
    assert referring(engine) == {(str(each.memory_id), "employer", str(acme.memory_id)) for each in (ana, bob)}
    check(engine)


def test_what_a_text_was_is_kept_beside_the_id(engine: Engine) -> None:
    acme, ana = told(engine, person(name="Ana Lopez", employer=" Acme "))
    assert "employer was said as 'Acme'" in engine.explain(ana.audit_id).text
    assert str(acme.memory_id) in engine.explain(ana.audit_id).text


def test_only_a_caller_who_gives_proposals_may_name_an_id(engine: Engine) -> None:
    acme = made(engine, "Company", {"name": "Acme"})
    (trusted,) = told(engine, person(name="Ana Lopez", employer=str(acme)))
    assert every(engine)[UUID(str(trusted.memory_id))].values["employer"] == str(acme)
    walk = Walk(engine.tenant, "offices", Cache(), utc_now, uuid7)
    said = Extraction((person(name="Bob Berg", employer=str(acme)), person(name="Cid Cruz", employer=acme)), "llm")
    result = engine.database.run(engine.tenant, lambda: decide_message(walk, Message("said", "m"), said)).result
    assert all("is an id" in "; ".join(each.reasons) for each in result.decisions)
    assert all("employer" not in each.values for each in every(engine).values() if each.id != trusted.memory_id)
    purchase = Extraction((Proposal("Purchase", {"customer": str(acme), "number": "7"}),), "llm")
    refused = engine.database.run(engine.tenant, lambda: decide_message(walk, Message("said", "n"), purchase)).result
    assert (refused.decisions[0].action, refused.decisions[0].basis) == (Action.REJECT, Basis.INVALID)


def test_a_message_that_is_proposals_names_no_ids(engine: Engine) -> None:
    acme = made(engine, "Company", {"name": "Acme"})
    reading = Engine(engine.database, tenant=engine.tenant, schema="offices", extractor="structured")
    given = [
        {"class": "Person", "values": {"name": "Ana Lopez", "employer": str(acme), "manager": {"name": "Bob Berg"}}}
    ]
    bob, ana = reading.ingest(json.dumps(given)).decisions
    assert "is an id" in "; ".join(ana.reasons)
    assert list(every(engine)[UUID(str(ana.memory_id))].references) == ["manager"]
    assert bob.class_name == "Person"


async def test_the_asynchronous_engine_does_the_same(async_database: AsyncDatabase, database: Database) -> None:
    offices(database)
    engine = AsyncEngine(async_database, schema="offices", extractor="patterns")
    result = await engine.ingest(proposals=[person(name="Ana Lopez", manager="Bob Berg", employer={"name": "Acme"})])
    assert [each.class_name for each in result.decisions] == ["Company", "Person", "Person"]
    (ana,) = [each for each in await engine.list("Person") if each.values["name"] == "Ana Lopez"]
    assert {name: led[0].name for name, led in ana.references.items()} == {"employer": "Acme", "manager": "Bob Berg"}
    await engine.aclose()


def test_an_id_of_another_tenant_is_as_good_as_none(engine: Engine) -> None:
    theirs = made(engine.for_tenant("other"), "Company", {"name": "Acme"})
    (unknown,) = told(engine, person(name="Ana Lopez", employer=str(uuid4())))
    (foreign,) = told(engine, person(name="Bob Berg", employer=str(theirs)))
    assert [reason.partition(" id ")[0] for reason in foreign.reasons] == [
        reason.partition(" id ")[0] for reason in unknown.reasons
    ]
    assert all("employer" not in each.values for each in every(engine).values())
    assert not referring(engine)


def test_an_id_of_a_deleted_memory_is_none(engine: Engine) -> None:
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    told(engine, forget("Company", vat="NO1"))
    (ana,) = told(engine, person(name="Ana Lopez", employer=str(acme)))
    assert "there is no Company" in "; ".join(ana.reasons)


def test_lists_hold_each_memory_once_and_are_joined(engine: Engine) -> None:
    first = told(engine, person(name="Ana Lopez", email="ana@lopez.io", friends=["Bob Berg", {"name": "Cid Cruz"}]))
    told(engine, person(email="ana@lopez.io", friends=["Cid Cruz", "Dan Dahl", "Dan Dahl"]))
    ana = every(engine)[UUID(str(first[-1].memory_id))]
    assert [each.name for each in ana.references["friends"]] == ["Bob Berg", "Cid Cruz", "Dan Dahl"]
    assert len(referring(engine)) == 3
    check(engine)


def test_a_message_taken_again_gives_the_same_decisions(engine: Engine) -> None:
    proposals = [
        person(name="Kim Kvam", manager="Lee Lund"),
        person(name="Lee Lund", manager="Kim Kvam", employer="Acme"),
    ]
    first = told(engine, *proposals, message_id="m")
    again = told(engine, *proposals, message_id="m")
    assert [each.audit_id for each in again] == [each.audit_id for each in first]
    assert [each.class_name for each in first] == ["Person", "Company", "Person", "Person"]
    assert proposals_without_one_entry(engine.database, engine.tenant, "m", len(first)) == []
    check(engine)


def test_a_model_tells_of_what_refers_to_what(settings: Settings) -> None:
    bob = {
        "class": "Person",
        "values": {"name": "Bob Berg", "employer": {"name": "Acme"}},
        "evidence": "Bob Berg of Acme",
    }
    ana = {
        "class": "Person",
        "values": {"name": "Ana Lopez", "manager": "Bob Berg"},
        "evidence": "Ana Lopez reports to Bob",
    }
    changes = {"llm_model": "m", "llm_max_retries": 0}
    with ScriptedServer([answer({"items": [ana, bob]})]) as server:
        wanted = settings.model_copy(update={"llm_base_url": server.base_url, **changes})
        with Engine.connect(extractor="llm", settings=wanted) as engine:
            register(engine.database, OFFICES)
            result = engine.ingest("Ana Lopez reports to Bob Berg of Acme.")
            assert [(each.class_name, str(each.action)) for each in result.decisions] == [
                ("Person", "CREATE"),
                ("Company", "CREATE"),
                ("Person", "CREATE"),
            ]
            names = {each.values["name"]: each.references for each in every(engine).values()}
            assert names["Ana Lopez"]["manager"][0].name == "Bob Berg"
            assert names["Bob Berg"]["employer"][0].name == "Acme"
            assert all(str(each.id) not in str(server.requests) for each in every(engine).values())


# Order and circles


def test_nested_circles_are_made_whole(engine: Engine) -> None:
    told(
        engine,
        person(name="Ana Lopez", manager={"name": "Bob Berg", "manager": {"name": "Cid Cruz", "manager": "Ana Lopez"}}),
    )
    names = {each.values["name"]: each for each in every(engine).values()}
    assert {name: each.references["manager"][0].name for name, each in names.items()} == {
        "Ana Lopez": "Bob Berg",
        "Bob Berg": "Cid Cruz",
        "Cid Cruz": "Ana Lopez",
    }
    check(engine)


def test_somebody_may_refer_to_themselves(engine: Engine) -> None:
    told(engine, person(name="Ana Lopez", manager="Ana Lopez"))
    (ana,) = every(engine).values()
    assert ana.values["manager"] == str(ana.id)
    check(engine)


def test_a_circle_whose_other_side_is_rejected_is_told(engine: Engine) -> None:
    decisions = told(
        engine,
        person(name="Ana Lopez", manager={"email": "bob@berg.io", "friends": ["Ana Lopez"]}),
    )
    assert [each.basis for each in decisions][:2] == [Basis.INCOMPLETE, Basis.NEW]
    assert "manager was left empty: the Person was not taken: name is required" in "; ".join(decisions[1].reasons)
    check(engine)


# Keys and compared columns


def test_a_delete_looks_its_references_up_and_makes_nothing(engine: Engine) -> None:
    made(engine, "Purchase", {"customer": "Acme", "number": "7"})
    unknown, *more = told(engine, forget("Purchase", customer="Bolt", number="7"))
    assert (unknown.basis, more) == (Basis.DELETE_WITHOUT_IDENTITY, [])
    assert "customer was left empty" in "; ".join(unknown.reasons)
    (known,) = told(engine, forget("Purchase", customer={"name": "Acme"}, number="7"))
    assert (known.action, known.basis) == (Action.DELETE, Basis.IDENTITY)
    assert [each.values["name"] for each in every(engine, "Company").values()] == ["Acme"]
    assert not referring(engine)
    check(engine)


def test_a_key_of_what_was_made_in_the_same_message(engine: Engine) -> None:
    decisions = told(
        engine,
        Proposal("Purchase", {"customer": {"name": "Acme"}, "number": "7"}),
        Proposal("Purchase", {"customer": "Acme", "number": "7", "note": "chairs"}),
        Proposal("Purchase", {"customer": "Acme", "number": "8"}),
    )
    assert [(str(each.action), str(each.basis)) for each in decisions] == [
        ("CREATE", "new"),
        ("CREATE", "new"),
        ("UPDATE", "identity"),
        ("CREATE", "new"),
    ]
    check(engine)


def test_a_compared_reference_counts(engine: Engine) -> None:
    told(engine, person(name="Ana Lopez"), person(name="Bob Berg"))
    badge = made(engine, "Badge", {"code": "North gate card", "owner": "Ana Lopez"})
    same = told(engine, Proposal("Badge", {"code": "North gate cards", "owner": "Ana Lopez"}))[-1]
    other = told(engine, Proposal("Badge", {"code": "North gate cards", "owner": "Bob Berg"}))[-1]
    scores = [
        next(c["score"] for c in engine.explain(each.audit_id).facts["candidates"] if c["memory_id"] == str(badge))
        for each in (same, other)
    ]
    assert scores[0] > scores[1]
    check(engine)


# Merges


def test_references_follow_merges(engine: Engine) -> None:
    acme = made(engine, "Company", {"name": "Acme"})
    norsk = made(engine, "Company", {"name": "Acme Norge"})
    ana = made(engine, "Person", {"name": "Ana Lopez", "employer": str(norsk)})
    seven = made(engine, "Purchase", {"customer": str(norsk), "number": "7"})
    merge(engine, norsk, acme)
    assert engine.get(ana).values["employer"] == str(acme)
    assert engine.get(ana).references["employer"][0].name == "Acme"
    (by_gone,) = told(engine, Proposal("Purchase", {"customer": str(norsk), "number": "7", "note": "chairs"}))
    by_kept = told(engine, Proposal("Purchase", {"customer": "Acme", "number": "7", "note": "chairs"}))[-1]
    assert (by_gone.memory_id, by_kept.memory_id, by_kept.basis) == (seven, seven, Basis.IDENTITY)
    assert engine.get(seven).revision == 2, "that it is said of the keeper is no change"
    (ana_again,) = told(engine, person(name="Ana Lopez", employer=str(acme)))
    assert ana_again.memory_id == ana
    assert engine.get(ana).revision == 1
    assert {target for _, _, target in referring(engine)} == {str(norsk)}, "what was said stays as it was said"


def test_a_key_is_found_however_many_memories_became_one(engine: Engine) -> None:
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO0"})
    gone = [made(engine, "Company", {"name": f"Acme {n}", "vat": f"NO{n}"}) for n in range(1, 25)]
    orders = [made(engine, "Purchase", {"customer": str(each), "number": str(n)}) for n, each in enumerate(gone)]
    for each in gone:
        merge(engine, each, acme)
    again = [made(engine, "Purchase", {"customer": "NO0", "number": str(n)}) for n in range(len(gone))]
    assert again == orders


def test_a_chain_of_merges_is_followed_and_can_be_taken_back(engine: Engine) -> None:
    one, two, three = (made(engine, "Company", {"name": name}) for name in ("Uno", "Second Ltd", "Tertius"))
    ana = made(engine, "Person", {"name": "Ana Lopez", "employer": str(one)})
    merge(engine, one, two)
    merge(engine, two, three)
    merge(engine, three, one)  # would be a circle: nothing
    assert engine.get(ana).values["employer"] == str(three)
    asked(engine, "update memreg.memories set merged_into = null where tenant = 'default' returning id")
    assert engine.get(ana).values["employer"] == str(one)


def test_the_same_key_of_two_that_were_merged_is_a_conflict(engine: Engine) -> None:
    acme, norsk = made(engine, "Company", {"name": "Acme"}), made(engine, "Company", {"name": "Norsk Stol"})
    first = made(engine, "Purchase", {"customer": str(acme), "number": "7"})
    second = made(engine, "Purchase", {"customer": str(norsk), "number": "7"})
    assert first != second
    merge(engine, norsk, acme)
    (found,) = told(engine, Proposal("Purchase", {"customer": str(acme), "number": "7", "note": "chairs"}))
    assert (found.basis, found.memory_id) == (Basis.IDENTITY_CONFLICT, first)


def test_a_delete_sees_who_refers_to_what_went_into_it(engine: Engine) -> None:
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    norsk = made(engine, "Company", {"name": "Norsk Stol"})
    ana = made(engine, "Person", {"name": "Ana Lopez", "employer": str(norsk)})
    merge(engine, norsk, acme)
    told(engine, forget("Company", vat="NO1"))
    assert "employer" not in engine.get(ana).values
    assert not referring(engine)


# Deletes


def test_a_delete_that_was_refused_may_be_asked_again(engine: Engine) -> None:
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    made(engine, "Purchase", {"customer": str(acme), "number": "7"})
    wanted = forget("Company", vat="NO1")
    decisions = told(engine, wanted, person(name="Ana Lopez"), forget("Purchase", customer="Acme", number="7"), wanted)
    assert [str(each.action) for each in decisions] == ["REJECT", "CREATE", "DELETE", "DELETE"]
    check(engine)


def test_a_kept_reference_is_told_to_be_gone(engine: Engine) -> None:
    ana = made(engine, "Person", {"name": "Ana Lopez", "email": "ana@lopez.io"})
    bob = made(engine, "Person", {"name": "Bob Berg", "manager": str(ana)})
    assert len(told(engine, forget("Person", email="ana@lopez.io"))) == 1
    led = engine.get(bob).references["manager"][0]
    assert (led.id, led.name, led.is_gone) == (ana, "Ana Lopez", True)
    check(engine)


def test_a_delete_that_is_refused_changes_nothing_and_says_why(engine: Engine) -> None:
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    seven = made(engine, "Purchase", {"customer": str(acme), "number": "7"})
    ana = made(engine, "Person", {"name": "Ana Lopez", "employer": str(acme)})
    (refused,) = told(engine, forget("Company", vat="NO1"))
    assert (refused.action, refused.basis, refused.memory_id) == (Action.REJECT, Basis.IDENTITY, acme)
    assert f"Purchase.customer of memory {seven} refers to memory {acme}" in "; ".join(refused.reasons)
    assert engine.get(ana).values["employer"] == str(acme)
    assert "rule 5" in engine.explain(refused.audit_id).text
    told(engine, forget("Purchase", customer="Acme", number="7"), forget("Company", vat="NO1"))
    assert not every(engine, "Company")
    check(engine)


def test_what_the_message_itself_made_is_seen_by_a_delete(engine: Engine) -> None:
    made(engine, "Person", {"name": "Ana Lopez", "email": "ana@lopez.io"})
    decisions = told(
        engine,
        Proposal("Badge", {"code": "X1", "owner": "Ana Lopez"}),
        forget("Person", email="ana@lopez.io"),
    )
    assert [str(each.action) for each in decisions] == ["UPDATE", "CREATE", "DELETE", "DELETE"]
    assert not every(engine, "Badge")
    check(engine)


def test_a_delete_of_too_many_is_refused(engine: Engine) -> None:
    ana = made(engine, "Person", {"name": "Ana Lopez", "email": "ana@lopez.io"})
    badges = [Proposal("Badge", {"code": f"B{n:05}", "owner": str(ana)}) for n in range(600)]
    told(engine, *badges)
    told(engine, *(Proposal("Badge", {"code": f"C{n:05}", "owner": str(ana)}) for n in range(MOST_FOLLOWING - 599)))
    (refused,) = told(engine, forget("Person", email="ana@lopez.io"))
    assert refused.action is Action.REJECT
    assert "more than 1,000 memories refer to it" in "; ".join(refused.reasons)


def test_nothing_goes_along_while_its_class_is_create_only(engine: Engine) -> None:
    ana = made(engine, "Person", {"name": "Ana Lopez", "email": "ana@lopez.io"})
    made(engine, "Badge", {"code": "X1", "owner": str(ana)})
    switch(engine.database, engine.tenant, "offices", class_name="Badge", on=True, by="test")
    (refused,) = told(engine, forget("Person", email="ana@lopez.io"))
    assert refused.action is Action.REJECT
    assert "kill switch" in "; ".join(refused.reasons)
    check(engine)


# Create-only


def test_what_was_held_back_keeps_its_references(engine: Engine) -> None:
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    switch(engine.database, engine.tenant, "offices", on=True, by="test")
    told(
        engine,
        person(name="Ana Lopez", employer={"name": "Acme", "vat": "NO1"}),
        Proposal("Purchase", {"customer": {"name": "Acme", "vat": "NO1"}}),
    )
    switch(engine.database, engine.tenant, "offices", on=False, by="test")
    assert len(every(engine, "Company")) == 2
    resolved = resolve(engine.database, engine.tenant, "offices")
    assert len(resolved.outcomes) == 4
    (ana,) = every(engine).values()
    assert list(every(engine, "Company")) == [acme]
    assert ana.values["employer"] == str(acme), "the unresolved company went into the known one"
    check(engine)


# Two at once


def test_two_engines_with_the_same_new_object_leave_one_memory(database: Database) -> None:
    first = offices(database)
    second = Engine(database, tenant=first.tenant, schema="offices", extractor="patterns")

    def say(place: int) -> Any:
        engine = (first, second)[place % 2]
        return told(
            engine, person(name=f"Somebody {place}", email=f"p{place}@x.io", employer={"name": "Acme", "vat": "NO1"})
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(say, range(8)))
    (acme,) = every(first, "Company").values()
    assert {each.values["employer"] for each in every(first).values()} == {str(acme.id)}
    assert len(referring(first)) == 8
    check(first)


def walking(*proposals: Proposal) -> Callable[[], Steps[Decided]]:
    walk = Walk("default", "offices", Cache(), utc_now, uuid7)
    said = Extraction(proposals, "structured", ids=True)
    return lambda: decide_message(walk, Message("said", str(uuid7())), said)


def test_what_is_deleted_meanwhile_is_not_referred_to(engine: Engine, database_url: str) -> None:
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    with paused(database_url, walking(Proposal("Purchase", {"customer": str(acme), "number": "7"}))) as worker:
        worker.until("lock_turn")
        told(engine, forget("Company", vat="NO1"))
        (decision,) = worker.finish().result.decisions
    assert (decision.action, decision.basis) == (Action.REJECT, Basis.INCOMPLETE)
    assert f"there is no Company with the id {acme}" in "; ".join(decision.reasons)
    check(engine)


def test_what_is_referred_to_meanwhile_is_not_deleted(engine: Engine, database_url: str) -> None:
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    with paused(database_url, walking(forget("Company", vat="NO1"))) as worker:
        worker.until("lock_turn")
        made(engine, "Purchase", {"customer": str(acme), "number": "7"})
        (decision,) = worker.finish().result.decisions
    assert (decision.action, decision.basis) == (Action.REJECT, Basis.IDENTITY)
    check(engine)


def test_what_a_guess_missed_is_looked_up_under_the_lock(engine: Engine, database_url: str) -> None:
    made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    purchase = Proposal("Purchase", {"customer": {"name": "Bolt", "vat": "NO2"}, "number": "7", "note": "chairs"})
    with paused(database_url, walking(purchase)) as worker:
        worker.until("lock_turn")
        bolt = made(engine, "Company", {"name": "Bolt", "vat": "NO2"})
        seven = made(engine, "Purchase", {"customer": str(bolt), "number": "7", "note": "a lamp"})
        company, decision = worker.finish().result.decisions
    assert (company.memory_id, decision.memory_id, decision.basis) == (bolt, seven, Basis.IDENTITY)
    check(engine)


def test_a_class_may_be_judged_by_a_reference_and_hold_a_list_of_others(database: Database) -> None:
    judged = OFFICES.replace("searchable: {name: 3}\n", "searchable: {name: 3}\n      compare: [employer]\n", 1)
    assert judged != OFFICES
    register(database, judged)
    engine = Engine(database, schema="offices", extractor="patterns")
    acme, bolt = (made(engine, "Company", {"name": name}) for name in ("Acme", "Bolt"))
    said = person(name="Ana Lopez", email="ana@lopez.io", employer=str(acme), friends=["Bob Berg", "Cid Cruz"])
    *_, ana = told(engine, said)
    merge(engine, acme, bolt)
    *_, again = told(engine, said)
    assert (again.action, again.basis, again.memory_id) == (Action.UPDATE, Basis.IDENTITY, ana.memory_id)
    assert [each.name for each in every(engine)[UUID(str(ana.memory_id))].references["friends"]] == [
        "Bob Berg",
        "Cid Cruz",
    ]


# What it costs


def test_classes_without_references_pay_nothing(database: Database) -> None:
    from tests.support.engines import people

    engine = people(database)
    plain = counted_batches(engine, "people", Proposal("Person", {"name": "Ana Lopez", "email": "ana@lopez.io"}))
    engine = offices(database)
    same = counted_batches(engine, "offices", Proposal("Company", {"name": "Acme", "vat": "NO1"}))
    assert same == plain


def test_a_reference_that_was_guessed_right_costs_no_look_up_under_the_lock(engine: Engine) -> None:
    made(engine, "Purchase", {"customer": "Acme", "number": "7"})
    after = counted_batches(
        engine, "offices", Proposal("Purchase", {"customer": "Acme", "number": "7"}), under_lock=True
    )
    assert after == counted_batches(engine, "offices", Proposal("Company", {"name": "Acme"}), under_lock=True)
