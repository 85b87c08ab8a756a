"""`list` and `search` with a Pydantic class: of the version in use or an earlier one, with references and defaults."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from memreg.api.engine import Engine
from memreg.api.registry import Registry
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid
from memreg.core.steps import Steps
from memreg.engine.model import Proposal
from memreg.registry import versions
from memreg.registry.from_pydantic import schema_of
from memreg.registry.parse import parse_schema
from tests.support.engines import register


class Lodger(BaseModel):
    """Who stays here."""

    full_name: str
    email: str = Field(json_schema_extra={"memreg": {"normalize": ["email"]}})
    arrived: date | None = None


class Land(BaseModel):
    """A country."""

    name: str


class Branch(BaseModel):
    """Where a firm is."""

    town: str
    land: Land | None = None


class Firm(BaseModel):
    """A company."""

    name: str
    seat: Branch | None = None
    branches: list[Branch] = []


RENAMED = """
schema: lodgers
compatibility: none
classes:
  Resident:
    description: Who lives here
    from: Lodger
    columns:
      name: {dtype: string, desc: Full name, required: true, from: full_name}
      email: {dtype: string, normalize: [email], required: true}
      arrived: {dtype: date}
      floor: {dtype: integer}
    annotation: {searchable: {name: 3}, identity: [{columns: [email]}]}
"""


@pytest.fixture
def lodgers(database: Database) -> Engine:
    registry = Registry(database)
    registry.register(schema_of(Lodger, name="lodgers"), annotate="heuristic", by="test")
    registry.approve("lodgers", by="test")
    return Engine(database, schema="lodgers", extractor="patterns")


def say(engine: Engine, class_name: str, **values: Any) -> None:
    (decision,) = engine.ingest(proposals=[Proposal(class_name, values)]).decisions
    assert decision.memory_id is not None, decision


def test_a_class_of_an_earlier_version_finds_what_it_is_called_now(database: Database, lodgers: Engine) -> None:
    say(lodgers, "Lodger", full_name="Ana Lopez", email="ana@lopez.io", arrived="2026-01-02")
    register(database, RENAMED, approve=False)
    version = Registry(database).get("lodgers", 2).version

    def activate() -> Steps[None]:
        yield (versions.lock_exclusive("lodgers"),)
        yield from versions.put_in_force(version, utc_now())

    database.run_admin(activate)
    say(lodgers, "Resident", name="Bo Berg", email="bo@berg.no", floor=3)
    found = {each.values.full_name: each for each in lodgers.list(Lodger)}
    assert {name: type(each.values) for name, each in found.items()} == {"Ana Lopez": Lodger, "Bo Berg": Lodger}
    assert found["Ana Lopez"].values.arrived == date(2026, 1, 2)
    assert {each.class_name for each in found.values()} == {"Resident"}
    assert [each.values.email for each in lodgers.search("berg", Lodger)] == ["bo@berg.no"]


def test_a_class_that_is_gone_is_told(database: Database, lodgers: Engine) -> None:
    register(database, "schema: lodgers\ncompatibility: none\nclasses: {Other: {columns: {a: {dtype: string}}}}")
    with pytest.raises(ArgumentInvalid, match="Lodger: lodgers@2 has no class registered from it"):
        lodgers.list(Lodger)


def test_references_are_the_nested_classes(database: Database) -> None:
    registry = Registry(database)
    registry.register(schema_of(Firm, name="firms"), annotate="heuristic", by="test")
    registry.approve("firms", by="test")
    engine = Engine(database, schema="firms", extractor="patterns")
    seat = {"town": "Oslo", "land": {"name": "Norway"}}
    branches = [{"town": "Bergen"}, {"town": "Umea", "land": {"name": "Sweden"}}]
    engine.ingest(proposals=[Proposal("Firm", {"name": "Fjord", "seat": seat, "branches": branches})])
    engine.ingest(proposals=[Proposal("Firm", {"name": "Nowhere"})])
    found = {each.values.name: each.values for each in engine.list(Firm)}
    assert found["Fjord"] == Firm(
        name="Fjord",
        seat=Branch(town="Oslo", land=Land(name="Norway")),
        branches=[Branch(town="Bergen"), Branch(town="Umea", land=Land(name="Sweden"))],
    )
    assert found["Nowhere"] == Firm(name="Nowhere")


SHAPES = """
schema: shapes
compatibility: none
classes:
  Shape:
    columns:
      name: {dtype: string, required: true}
      sides: {dtype: integer}
      kind: {dtype: enum, values: [flat, solid], default: flat, required: true}
      tags: {dtype: "list[string]"}
      extra: {dtype: string}
    annotation: {searchable: {name: 3}, identity: [{columns: [name]}]}
"""


def test_what_a_memory_lacks_and_what_the_class_lacks(database: Database) -> None:
    register(database, SHAPES)
    engine = Engine(database, schema="shapes", extractor="patterns")
    say(engine, "Shape", name="Square", extra="no field of the class")

    class Shape(BaseModel):
        model_config = ConfigDict(extra="forbid")
        name: str
        sides: int | None
        kind: Literal["flat", "solid"]
        tags: list[str]

    assert [each.values for each in engine.list(Shape)] == [Shape(name="Square", sides=None, kind="flat", tags=[])]


def test_fields_with_aliases(database: Database) -> None:
    register(database, SHAPES)
    engine = Engine(database, schema="shapes", extractor="patterns")
    say(engine, "Shape", name="Square", sides=4)

    class Shape(BaseModel):
        model_config = ConfigDict(extra="forbid")
        title: str = Field(alias="label", validation_alias="name")
        sides: int = Field(alias="Sides")

    assert [(each.values.title, each.values.sides) for each in engine.list(Shape)] == [("Square", 4)]


def test_a_memory_that_does_not_fit_names_its_fields_and_no_value(database: Database) -> None:
    register(database, SHAPES)
    engine = Engine(database, schema="shapes", extractor="patterns")
    say(engine, "Shape", name="a secret")

    class Shape(BaseModel):
        name: int
        sides: int

    with pytest.raises(ArgumentInvalid, match=r"does not fit it \(name, sides\)") as told:
        engine.list(Shape)
    assert "secret" not in str(told.value)


def test_a_schema_file_that_never_was_a_class_is_found_by_its_name(database: Database) -> None:
    spec = parse_schema(SHAPES.replace("Shape:", "Figure:"), "test")
    register(database, spec)
    engine = Engine(database, schema="shapes", extractor="patterns")
    say(engine, "Figure", name="Square")

    class Figure(BaseModel):
        name: str

    assert [each.values.name for each in engine.list(Figure)] == ["Square"]
