"""The schema of the walks whose classes refer to each other, and engines on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from memreg.api.engine import Engine
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.ids import uuid7
from memreg.core.queries import Query
from memreg.core.steps import Rows, Steps, fetch_rows
from memreg.engine.batch import decide_message
from memreg.engine.cache import Cache
from memreg.engine.decided import Decided
from memreg.engine.ingest import Walk
from memreg.engine.model import Decision, Extraction, Message, Proposal
from memreg.engine.store import merge_into
from memreg.registry.models import SchemaSpec, SchemaVersion, Status
from memreg.registry.parse import parse_schema
from tests.support.engines import register

OFFICES = (Path(__file__).parents[2] / "fixtures" / "walks" / "schemas" / "offices.yaml").read_text("utf-8")


def offices_spec() -> SchemaSpec:
    """The schema."""
    return parse_schema(OFFICES, "offices.yaml")


def offices_version() -> SchemaVersion:
    """The schema as an active version, without a database."""
    spec = offices_spec()
    annotations = {each.name: each.declared for each in spec.classes if each.declared is not None}
    return SchemaVersion(spec, 1, Status.ACTIVE, "f", annotations, 1)


def offices(database: Database, tenant: str = "default") -> Engine:
    """An engine with the schema in force."""
    register(database, OFFICES)
    return Engine(database, tenant=tenant, schema="offices", extractor="patterns")


def company(**values: Any) -> Proposal:
    """A proposal of a company."""
    return Proposal("Company", values)


def person(**values: Any) -> Proposal:
    """A proposal of a person."""
    return Proposal("Person", values)


def forget(class_name: str, **values: Any) -> Proposal:
    """A proposal to delete."""
    return Proposal(class_name, values, "delete")


def told(engine: Engine, *proposals: Proposal, message_id: str | None = None) -> tuple[Decision, ...]:
    """The decisions on the proposals of one message."""
    message = None if message_id is None else Message("said", message_id)
    return engine.ingest(message, proposals=list(proposals)).decisions


def made(engine: Engine, class_name: str, values: Mapping[str, Any]) -> UUID:
    """The memory that the last decision on a proposal is about."""
    found = told(engine, Proposal(class_name, values))[-1]
    assert found.memory_id is not None, found.reasons
    return found.memory_id


def merge(engine: Engine, merged: UUID, keeper: UUID) -> None:
    """Let a memory go into another one, as whoever merges memories does."""
    gone = Query(
        "gone",
        "A memory is deleted, and its keys are let go.",
        "with released as (update memreg.identity_keys set released_at = now()"
        " where tenant = %(tenant)s and memory_id = %(id)s)"
        " update memreg.memories set is_deleted = true, candidate_keys = '{}'"
        " where tenant = %(tenant)s and id = %(id)s",
    )

    def plan() -> Any:
        yield (gone(tenant=engine.tenant, id=merged), *merge_into(engine.tenant, {merged: keeper}))

    engine.database.run(engine.tenant, plan)


def asked(engine: Engine, sql: str, **params: Any) -> Rows:
    """The rows of a statement."""
    return engine.database.run(engine.tenant, lambda: fetch_rows(Query("asked", "asked", sql)(**params)))


def counted_batches(engine: Engine, schema: str, proposal: Proposal, *, under_lock: bool = False) -> int:
    """How many round trips the decision on a proposal takes from its first read on, or from the lock on."""
    walk = Walk(engine.tenant, schema, Cache(), utc_now, uuid7)
    plan = decide_message(walk, Message("said", str(uuid7())), Extraction((proposal,), "structured", ids=True))
    begins, seen = "lock_turn" if under_lock else "stand", list[str]()

    def counting() -> Steps[Decided]:
        results = None
        while True:
            try:
                batch = next(plan) if results is None else plan.send(results)
            except StopIteration as stop:
                decided: Decided = stop.value
                return decided
            seen.append(" ".join(statement.query.name for statement in batch))
            results = yield batch

    engine.database.run(engine.tenant, counting)
    first = next(number for number, names in enumerate(seen) if begins in names)
    return len(seen) - first
