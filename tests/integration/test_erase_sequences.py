"""Random decisions and acts with erasings among them: the audit goes on to tell what is stored, and once everything is
erased, nothing is left."""

from __future__ import annotations

import random
from uuid import UUID

import pytest

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.errors import ActRefused
from memreg.core.queries import Query
from memreg.engine.model import Message, Proposal
from memreg.operations.audit.rebuild import replay
from memreg.operations.audit.verify import verify
from memreg.operations.kill_switch import switch
from tests.support.dump import contents
from tests.support.engines import people
from tests.support.replay import rows

STEPS = 60
PEOPLE = [(f"Qq{letter * 3}x Zz{letter * 3}w", f"qq{letter}x@zzw.io") for letter in "abcdefg"]
MARKS = ("zzw", *(word.casefold() for name, _ in PEOPLE for word in name.split()))
ALL = Query("ids", "I.", "select id, erased_at from memreg.memories where tenant = %(tenant)s order by id")


def step(engine: Engine, chance: random.Random, number: int) -> None:
    """One thing that happens; what is refused is refused."""
    name, email = chance.choice(PEOPLE)
    known = [row["id"] for row in rows(engine.database, ALL, "default")]
    some: list[UUID] = chance.sample(known, min(2, len(known)))
    kind = chance.choice(
        ["say"] * 8 + ["forget", "merge", "undo", "undo", "correct", "restore", "split", "delete", "erase"]
    )
    if kind == "say" or len(some) < 2:
        values = {"name": name.upper() if chance.random() < 0.3 else name, "city": f"Town {chance.randint(1, 3)}"}
        values |= {"email": email} if chance.random() < 0.7 else {"notes": f"seen with {chance.choice(PEOPLE)[0]}"}
        text = f"{name} and {chance.choice(PEOPLE)[1]} were there"
        engine.ingest(Message(text, f"m-{number}"), proposals=[Proposal("Person", values, evidence=text)])
    elif kind == "delete":
        engine.ingest(proposals=[Proposal("Person", {"email": email}, "delete", evidence=f"forget {name}")])
    elif kind == "forget":
        engine.forget(some[0], by="kim")
    elif kind == "restore":
        engine.restore(some[0], by="kim")
    elif kind == "merge":
        engine.merge(some[0], some[1], by="kim")
    elif kind == "correct":
        engine.correct(some[0], {"city": f"near {name}"}, by="kim", why=f"{name} said so")
    elif kind == "split":
        engine.split(some[0], columns=["email"], values={"name": name}, by="kim")
    elif kind == "undo":
        engine.undo(chance.choice(engine.audit(limit=30)).audit_id, by="kim", cascade=chance.random() < 0.5)
    else:
        engine.erase(some[0], by="kim", also=[name] if chance.random() < 0.3 else [])


def check(database: Database) -> None:
    told = database.run_admin(lambda: verify("default"))
    assert told.findings == ()
    rebuilt = database.run_admin(lambda: replay("default", "people"))
    assert (rebuilt.misfits, rebuilt.differences) == ((), ())


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_happens(database: Database, database_url: str, seed: int) -> None:
    engine, chance = people(database), random.Random(seed)
    refused = 0
    for number in range(STEPS):
        if number in (20, 24):
            switch(database, "default", "people", "Person", on=number == 20, by="kim", reason=f"as {PEOPLE[0][0]} says")
        try:
            step(engine, chance, number)
        except ActRefused:
            refused += 1
        if number % 20 == 19:
            check(database)
    assert refused < STEPS / 2
    assert any(mark in contents(database_url).casefold() for mark in MARKS)
    while left := [row["id"] for row in rows(database, ALL, "default") if row["erased_at"] is None]:
        for memory_id in left:
            try:
                engine.erase(memory_id, by="kim", why=f"the last of {PEOPLE[0][0]}", also=["zzw", PEOPLE[0][0]])
            except ActRefused:  # it went into another one, which comes first
                continue
    check(database)
    lines = [line for line in contents(database_url).splitlines() if any(mark in line.casefold() for mark in MARKS)]
    assert lines == []
