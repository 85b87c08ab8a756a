"""Engines on a test's database, with a schema that is registered and approved as it was declared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from memreg.api.engine import Engine
from memreg.api.engine_async import AsyncEngine
from memreg.api.registry import Registry
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.engine.model import Decision, Payload, Proposal, Stored
from memreg.registry.models import ClassAnnotation, ClassSpec, SchemaSpec, SchemaVersion, Status
from memreg.registry.parse import parse_schema

PEOPLE = (Path(__file__).parents[2] / "fixtures" / "walks" / "schemas" / "people.yaml").read_text("utf-8")


def people_spec(name: str = "people") -> SchemaSpec:
    """The schema of the walks, under a name."""
    return replace(parse_schema(PEOPLE, "people.yaml"), name=name)


def people_version() -> SchemaVersion:
    """The schema of the walks as an active version, without a database."""
    spec = people_spec()
    annotations = {each.name: each.declared for each in spec.classes if each.declared is not None}
    return SchemaVersion(spec, 1, Status.ACTIVE, "f", annotations, 1)


def person() -> tuple[ClassSpec, ClassAnnotation]:
    """The class Person of the walks' schema, with its annotation."""
    version = people_version()
    return version.spec.by_name["Person"], version.annotation_of("Person")


def register(database: Database, source: SchemaSpec | str | None = None, *, approve: bool = True) -> SchemaVersion:
    """Register a schema (the walks', without one) and approve it."""
    spec = people_spec() if source is None else parse_schema(source, "test") if isinstance(source, str) else source
    registry = Registry(database)
    registered = registry.register(spec, annotate="heuristic", by="test").version
    return registry.approve(spec.name, by="test") if approve else registered


def people(database: Database, tenant: str = "default") -> Engine:
    """An engine with the walks' schema in force."""
    register(database)
    return Engine(database, tenant=tenant, schema="people", extractor="patterns")


def async_people(database: AsyncDatabase, tenant: str = "default") -> AsyncEngine:
    """The same, asynchronous; the schema is registered by someone else."""
    return AsyncEngine(database, tenant=tenant, schema="people", extractor="patterns")


def say(engine: Engine, class_name: str = "Person", *, operation: str = "upsert", **values: Any) -> Decision:
    """The decision on one proposal."""
    proposal = Proposal(class_name, values, "delete" if operation == "delete" else "upsert")
    return engine.ingest(proposals=[proposal]).decisions[0]


def every(engine: Engine, class_name: str = "Person") -> dict[UUID, Stored[Payload]]:
    """Every memory of a class that is not deleted, by id."""
    return {memory.id: memory for memory in engine.list(class_name, limit=10_000)}
