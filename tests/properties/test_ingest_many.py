"""Many messages in one call come to the same as one by one, in everything that is kept and given."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from bench.people import FIRST as NAMES
from bench.people import LAST as SURNAMES
from bench.people import person
from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.errors import MemregError, MessageConflict, MessageInvalid, ProposalInvalid
from memreg.core.settings import Settings
from memreg.engine.many import Item, Turn
from memreg.engine.model import IngestResult, Message, Proposal
from memreg.operations.kill_switch import switch
from tests.support.engines import register
from tests.support.offices import OFFICES
from tests.support.replay import rebuilt, stored
from tests.support.same import everything, told
from tests.support.server import Server

tenants = (f"t{n}" for n in itertools.count())

STAFF = """
schema: staff
classes:
  Person:
    columns:
      first: {dtype: string, required: true, normalize: [trim, collapse]}
      last: {dtype: string, normalize: [trim, collapse]}
      email: {dtype: string, normalize: [email]}
      born: {dtype: date}
      city: {dtype: string, normalize: [trim, collapse]}
      employer: {dtype: string, normalize: [trim, collapse]}
    annotation:
      searchable: {first: 2, last: 3, city: 1, employer: 1}
      compare: [born]
      identity: [{columns: [first], strength: strong}]
"""
FIRST = ["Ana", "Anna", "Tor", "Wolfgang", "Marie", "Maria", "Li", "Ola", "Kim", "Ida", "Per", "Eva"]
LAST = ["Lopez", "Moe", "Schmidt", "Berg", "Lund", "Haugen", "Dahl", "Vik"]
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # a seed has no simpler one
CITIES = ["Oslo", "Bergen", "Rome", "Turin"]


def people_values(chance: random.Random, pool: int) -> dict[str, Any]:
    """What somebody might say of one of about `pool` persons, more or less well."""
    who = chance.randrange(pool)
    about = random.Random(who)
    values: dict[str, Any] = {
        "name": f"{about.choice(FIRST)} {about.choice(LAST)}" + (f" {who}" if about.random() < 0.5 else ""),
        "email": f"p{who}@x.io",
        "phone": f"55{who % 7:03}",
        "born": f"19{50 + who % 50}-05-01",
        "city": about.choice(CITIES),
    }
    if chance.random() < 0.15:
        values["name"] = values["name"].replace("o", "a", 1)
    if chance.random() < 0.1:
        values["email"] = f"p{chance.randrange(pool)}@x.io"
    if chance.random() < 0.1:
        values["city"] = chance.choice([*CITIES, None])
    if chance.random() < 0.06:
        values[chance.choice(["born", "email", "age"])] = "not one"
    if chance.random() < 0.3:
        values["tags"] = chance.sample(["pilot", "doctor", "friend"], chance.randint(1, 2))
    if chance.random() < 0.2:
        values |= {"notes": chance.choice(["tea", "chess"]), "source": chance.choice(["mail", "call"])}
    for name in list(values):
        if chance.random() < (0.1 if name == "name" else 0.45):
            del values[name]
    return values


def people_proposal(chance: random.Random, pool: int) -> Proposal:
    """A proposal of one of several classes, sometimes a bad one."""
    kind = chance.random()
    if kind < 0.1:
        return Proposal("Note", {"title": chance.choice(["Buy milk", "Buy bread", "Call Ana"]), "body": "soon"})
    if kind < 0.2:
        return Proposal("Sensor", {"serial": chance.randrange(6), "reading": chance.random()})
    if kind < 0.23:
        return Proposal("Nothing", {"name": "Ana"})
    operation = "delete" if chance.random() < 0.12 else "upsert"
    return Proposal("Person", people_values(chance, pool), "delete" if operation == "delete" else "upsert", "said")


def offices_proposal(chance: random.Random, pool: int) -> Proposal:
    """A proposal that mostly refers to others."""
    person: dict[str, Any] = {"name": f"{chance.choice(FIRST)} {chance.choice(LAST)}"}
    if chance.random() < 0.6:
        person["email"] = f"p{chance.randrange(pool)}@x.io"
    company: dict[str, Any] = {"name": f"Firm {chance.randrange(pool)}", "city": chance.choice(CITIES)}
    if chance.random() < 0.6:
        company["vat"] = f"NO{chance.randrange(pool)}"
    kind = chance.random()
    if kind < 0.15:
        return Proposal("Company", company, "delete")
    if kind < 0.4:
        return Proposal("Company", company)
    if kind < 0.5:
        return Proposal("Person", person, "delete")
    if kind < 0.65:
        return Proposal("Person", person)
    if kind < 0.75:
        return Proposal("Purchase", {"customer": company, "number": str(chance.randrange(5))})
    if kind < 0.85:
        return Proposal("Badge", {"code": f"c{chance.randrange(pool)}", "owner": person})
    return Proposal("Person", person | {"employer": company})


def items(chance: random.Random, count: int, pool: int, make: Callable[[random.Random, int], Proposal]) -> list[Item]:
    """Messages of every kind: turns, texts, with and without ids, twice, with two texts for an id, and bad ones."""
    found: list[Item] = []
    for _ in range(count):
        kind = chance.random()
        message_id = f"m{chance.randrange(3 * count)}" if chance.random() < 0.5 else None
        if found and kind < 0.07:
            found.append(chance.choice(found))
        elif kind < 0.15:
            who = chance.randrange(pool)
            said = chance.choice([f"Ana {who} writes from p{who}@x.io.", f"Forget p{who}@x.io.", "Nothing to keep."])
            found.append(Message(said, message_id, chance.choice([None, "s1"]), chance.choice(["user", "assistant"])))
        elif kind < 0.18:
            bad: list[Item] = ["", Message("\x00", message_id), Turn(["none"], id=message_id)]  # type: ignore[list-item]
            found.append(chance.choice(bad))
        else:
            proposals = [make(chance, pool) for _ in range(chance.choice([0, 1, 1, 1, 1, 1, 1, 2, 3]))]
            if proposals and chance.random() < 0.1:
                proposals.append(proposals[0])
            found.append(Turn(proposals, id=message_id))
    return found


@pytest.fixture(scope="module")
def url(server: Server) -> Iterator[str]:
    name = server.create(server.template)
    yield server.dsn_of(name)
    server.drop(name)


@pytest.fixture(scope="module")
def module_database(url: str) -> Iterator[Database]:
    with Database.connect(Settings(database_url=url)) as database:
        register(database)
        register(database, OFFICES)
        register(database, STAFF)
        yield database


def one_by_one(engine: Engine, given: Sequence[Item]) -> tuple[list[IngestResult], list[tuple[int, str]]]:
    results: list[IngestResult] = []
    errors: list[tuple[int, str]] = []
    for place, item in enumerate(given):
        try:
            if isinstance(item, Turn):
                message = item.message if item.message is not None else Message("", item.id)
                results.append(engine.ingest(message, proposals=item.proposals))
            else:
                results.append(engine.ingest(item))
        except (MessageInvalid, MessageConflict, ProposalInvalid) as error:
            errors.append((place, str(error)))
    return results, errors


def in_one(engine: Engine, given: Sequence[Item], chunk: int) -> tuple[list[IngestResult], list[tuple[int, str]]]:
    errors: list[tuple[int, str]] = []

    def refused(place: int, error: MemregError) -> None:
        errors.append((place, str(error)))

    return list(engine.ingest_many(given, on_error=refused, chunk=chunk)), errors


def compare(database: Database, schema: str, parts: Sequence[Sequence[Item]], on: int, chunk: int) -> Any:
    """Take the parts both ways, with the kill switch of a class turned on for one of them, and hold them together."""
    tenant, other = next(tenants), next(tenants)
    first = Engine(database, tenant=tenant, schema=schema, extractor="patterns")
    second = Engine(database, tenant=other, schema=schema, extractor="patterns")
    wanted: list[IngestResult] = []
    got: list[IngestResult] = []
    for number, part in enumerate(parts):
        for each in (tenant, other):
            if number in (on, on + 1):
                switch(database, each, schema, "Person", on=number == on, by="test")
        results, errors = one_by_one(first, part)
        results_many, errors_many = in_one(second, part, chunk)
        assert errors_many == errors
        wanted, got = wanted + results, got + results_many
    assert told(got) == told(wanted)
    kept, kept_many = everything(database, tenant, schema), everything(database, other, schema)
    for name, rows in kept.items():
        differing = [pair for pair in zip(kept_many[name], rows, strict=True) if pair[0] != pair[1]]
        told_of = [
            {key: (value, other_row[key]) for key, value in row.items() if other_row[key] != value}
            for row, other_row in ((json.loads(one), json.loads(another)) for another, one in differing)
        ]
        assert told_of == [], f"{name}: one by one, in one"
    assert rebuilt(database, other) == stored(database, other)
    return wanted


@settings(max_examples=15, phases=PHASES)
@given(st.integers(0, 2**32), st.integers(1, 14), st.integers(1, 6), st.integers(0, 3), st.sampled_from([3, 8, 500]))
def test_a_few_messages(module_database: Database, seed: int, count: int, pool: int, on: int, chunk: int) -> None:
    chance = random.Random(seed)
    parts = [items(chance, count, pool, people_proposal) for _ in range(3)]
    compare(module_database, "people", parts, on, chunk)


@settings(max_examples=8, phases=PHASES)
@given(st.integers(0, 2**32), st.integers(1, 10), st.integers(1, 5), st.sampled_from([3, 500]))
def test_references(module_database: Database, seed: int, count: int, pool: int, chunk: int) -> None:
    chance = random.Random(seed)
    parts = [items(chance, count, pool, offices_proposal) for _ in range(2)]
    compare(module_database, "offices", parts, 9, chunk)


@settings(max_examples=2, phases=PHASES)
@given(st.integers(0, 2**32), st.sampled_from([30, 90, 400]))
def test_many_messages_with_statistics_that_are_due_inside(module_database: Database, seed: int, pool: int) -> None:
    chance = random.Random(seed)
    parts = [items(chance, 90, pool, people_proposal)]
    compare(module_database, "people", parts, 9, 500)


@settings(max_examples=1, phases=PHASES)
@given(st.integers(0, 2**32))
@example(1)
def test_a_kill_switch_that_trips_inside(module_database: Database, seed: int) -> None:
    """A key that is none: what comes with it contradicts, until the switch trips in the midst of the others."""
    chance = random.Random(seed)
    names = [(first, last) for first in NAMES for last in SURNAMES]
    chance.shuffle(names)
    people = [
        {
            **{part: person(*name)[part] for part in ("email", "born", "city", "employer")},
            "first": name[0],
            "last": name[1],
        }
        for name in names
    ]
    part = [Turn([Proposal("Person", known)], id=f"m{n}") for n, known in enumerate(people[:130])]
    results = compare(module_database, "staff", [part], 9, 500)
    bases = [str(decision.basis) for result in results for decision in result.decisions]
    assert "kill_switch" in bases
    assert bases.index("kill_switch") not in (0, 129)
