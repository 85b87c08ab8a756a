"""References while the schema changes: a column renamed, a class renamed, memories that become one."""

from __future__ import annotations

import pytest

from memreg.api.engine import Engine
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.ids import uuid7
from memreg.engine.batch import decide_message
from memreg.engine.cache import Cache
from memreg.engine.ingest import Walk
from memreg.engine.model import Action, Extraction, Message
from memreg.operations.backfill.run import backfill
from tests.support.engines import every, register
from tests.support.offices import OFFICES, asked, forget, made, offices, person, told

RENAMED = OFFICES.replace("employer: {dtype", "works_for: {from: employer, dtype")


@pytest.fixture
def engine(database: Database) -> Engine:
    return offices(database)


def columns(engine: Engine) -> list[str]:
    rows = asked(
        engine,
        'select "column" from memreg.memory_references where tenant = %(tenant)s order by 1',
        tenant=engine.tenant,
    )
    return [row["column"] for row in rows]


def test_a_renamed_column_of_references(engine: Engine) -> None:
    acme = made(engine, "Company", {"name": "Acme", "vat": "NO1"})
    ana = made(engine, "Person", {"name": "Ana Lopez", "employer": str(acme), "manager": "Bob Berg"})
    register(engine.database, RENAMED)
    assert columns(engine) == ["employer", "manager"]
    backfill(engine.database, "offices", 2)
    assert columns(engine) == ["manager", "works_for"]
    fresh = Engine(engine.database, tenant=engine.tenant, schema="offices")
    assert fresh.get(ana).references["works_for"][0].name == "Acme"
    told(fresh, forget("Company", vat="NO1"))
    assert "works_for" not in fresh.get(ana).values
    assert columns(engine) == ["manager"]


def test_a_class_that_is_referred_to_has_another_name(engine: Engine) -> None:
    ana = made(engine, "Person", {"name": "Ana Lopez", "employer": {"name": "Acme"}})
    register(
        engine.database,
        OFFICES.replace("  Company:\n", "  Firm:\n    from: Company\n").replace("ref[Company]", "ref[Firm]"),
    )
    backfill(engine.database, "offices", 2)
    fresh = Engine(engine.database, tenant=engine.tenant, schema="offices")
    assert fresh.get(ana).references["employer"][0].class_name == "Firm"
    firm, bob = told(fresh, person(name="Bob Berg", employer="Acme"))
    assert (firm.class_name, firm.action) == ("Firm", Action.UPDATE)
    assert every(fresh)[bob.memory_id].values["employer"] == str(firm.memory_id)  # type: ignore[index]


def test_references_follow_what_a_backfill_merges(engine: Engine) -> None:
    first = made(engine, "Company", {"name": "Acme", "vat": "NO1", "city": "Oslo"})
    second = made(engine, "Company", {"name": "Bolt Group", "vat": "NO2", "city": "OSLO "})
    ana = made(engine, "Person", {"name": "Ana Lopez", "employer": str(second)})
    merging = OFFICES.replace("identity: [{columns: [vat]", "identity: [{columns: [city]", 1)
    register(engine.database, "compatibility: none\n" + merging)
    backfill(engine.database, "offices", 2, collisions="merge")
    fresh = Engine(engine.database, tenant=engine.tenant, schema="offices")
    assert list(every(fresh, "Company")) == [first]
    assert fresh.get(ana).values["employer"] == str(first)
    assert fresh.get(ana).revision == 1


def test_what_was_extracted_under_an_earlier_version_holds_objects_in_its_words(engine: Engine) -> None:
    renamed = OFFICES.replace(
        "    columns:\n      name:    {dtype", "    columns:\n      title:   {from: name, dtype", 1
    )
    renamed = renamed.replace("searchable: {name: 3, city: 1}", "searchable: {title: 3, city: 1}")
    renamed = renamed.replace("  Company:\n", "  Firm:\n    from: Company\n").replace("ref[Company]", "ref[Firm]")
    register(engine.database, renamed)
    walk = Walk(engine.tenant, "offices", Cache(), utc_now, uuid7)
    said = Extraction(
        (person(name="Ana Lopez", friends=[{"name": "Bob", "employer": {"name": "Acme"}}]),), "llm", version=1
    )
    decisions = engine.database.run(
        engine.tenant, lambda: decide_message(walk, Message("s", "m"), said)
    ).result.decisions
    assert [(each.class_name, str(each.action)) for each in decisions] == [
        ("Firm", "CREATE"),
        ("Person", "CREATE"),
        ("Person", "CREATE"),
    ]
    fresh = Engine(engine.database, tenant=engine.tenant, schema="offices")
    assert [each.values["title"] for each in every(fresh, "Firm").values()] == ["Acme"]
