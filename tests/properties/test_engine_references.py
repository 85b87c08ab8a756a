"""References over generated messages: any order of the same proposals gives the same memories, and the audit rebuilds
them with what they refer to."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.settings import Settings
from memreg.engine.item import Item
from memreg.engine.links import deciding_order, unfold
from memreg.engine.model import Proposal
from tests.support.engines import register
from tests.support.offices import OFFICES, forget, offices_spec, offices_version
from tests.support.replay import check_replay
from tests.support.server import Server

tenants = (f"t{n}" for n in itertools.count())
VERSION = offices_version()

PEOPLE = ("Ana Lopez", "Bob Berg", "Cid Cruz", "Dan Dahl", "Eve Ek")
COMPANIES = ("Acme", "Bolt", "Crane")
names = st.sampled_from(PEOPLE)
employers = st.sampled_from(COMPANIES) | st.sampled_from(COMPANIES).map(lambda name: {"name": name})


@st.composite
def messages(draw: st.DrawFn) -> list[Proposal]:
    """Proposals about different objects that refer to each other, and to some of which nothing else is said."""
    found = []
    for name in draw(st.lists(names, unique=True, min_size=1)):
        values: dict[str, Any] = {"name": name, "email": f"{name.split()[0].lower()}@x.io"}
        if draw(st.booleans()):
            values["manager"] = draw(names)
        if draw(st.booleans()):
            values["friends"] = draw(st.lists(names, max_size=3))
        if draw(st.booleans()):
            values["employer"] = draw(employers)
        found.append(Proposal("Person", values))
    companies = draw(st.lists(st.sampled_from(COMPANIES), unique=True))
    numbers = draw(st.lists(st.sampled_from("12"), unique=True))
    found += [Proposal("Company", {"name": name}) for name in companies]
    return found + [Proposal("Purchase", {"customer": draw(employers), "number": number}) for number in numbers]


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[Database]:
    name = server.create(server.template)
    with Database(Settings(database_url=server.dsn_of(name))) as database:
        register(database, OFFICES)
        yield database
    server.drop(name)


def remembered(engine: Engine) -> list[tuple[str, dict[str, Any]]]:
    """The memories by their values, with what they refer to by its values."""
    found = []
    for memory in engine.list(limit=1_000):
        values = dict(memory.values)
        for name, led in memory.references.items():
            values[name] = sorted(str(sorted(each.values.items())[-1]) for each in led)
        found.append((memory.class_name, values))
    return sorted(found, key=str)


@settings(max_examples=30)
@given(data=st.data(), message=messages())
def test_any_order_of_a_message_gives_the_same_memories(
    database: Database, data: st.DataObject, message: list[Proposal]
) -> None:
    first = Engine(database, tenant=next(tenants), schema="offices")
    second = Engine(database, tenant=next(tenants), schema="offices")
    first.ingest(proposals=message)
    second.ingest(proposals=data.draw(st.permutations(message)))
    assert remembered(first) == remembered(second)
    for engine in (first, second):
        check_replay(database, engine.tenant, offices_spec())


turns = st.lists(
    messages()
    | st.lists(
        st.builds(lambda name: forget("Person", email=f"{name.split()[0].lower()}@x.io"), names)
        | st.builds(lambda name, n: forget("Purchase", customer=name, number=n), employers, st.sampled_from("12")),
        min_size=1,
        max_size=3,
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=20)
@given(turns=turns)
def test_the_audit_rebuilds_what_refers_to_what(database: Database, turns: list[list[Proposal]]) -> None:
    engine = Engine(database, tenant=next(tenants), schema="offices")
    for turn in turns:
        result = engine.ingest(proposals=turn)
        assert all(each.audit_id for each in result.decisions)
    check_replay(database, engine.tenant, offices_spec())


@given(message=messages())
def test_what_is_referred_to_is_decided_first_or_late(message: Sequence[Proposal]) -> None:
    def make(proposal: Proposal, only_looked_up: bool = False) -> Item:  # noqa: ARG001
        return Item.of(0, proposal, VERSION, (), None, ids=True)

    found = unfold([make(each) for each in message], VERSION, make)
    order = deciding_order(found, VERSION)
    assert sorted(map(id, order)) == sorted(map(id, found.items))
    place = {id(item): at for at, item in enumerate(order)}
    for item in order:
        for link in item.links:
            assert link.to is not None
            assert link.is_late or place[id(link.to)] < place[id(item)]
