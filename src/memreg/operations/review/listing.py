"""The open questions to a person, with what the memories say now; columns marked `pii` are masked by default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from memreg.core.clock import Clock, utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, NoUsableVersion
from memreg.core.queries import Queries
from memreg.core.steps import Row, Steps, fetch
from memreg.engine.cache import Cache
from memreg.engine.reads import check_limit
from memreg.engine.state import in_form
from memreg.operations.kill_switch import check_class
from memreg.operations.masking import mask, mask_text
from memreg.operations.review.derived import ask_derived
from memreg.operations.review.item import KINDS, LETTERS, Review, ReviewItem, ReviewMemory, ReviewSide
from memreg.registry import versions
from memreg.registry.models import ClassSpec, SchemaVersion

SQL = Queries.load("memreg.operations.review")


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose questions are wanted, and which: of a kind, of a class, or one by its `id`; up to `limit` (1 to 10,000).

    `is_masked`: values of `pii` columns are hidden. `least_confidence`: identity keys below it are doubted.
    """

    tenant: str
    schema: str
    kind: str | None = None
    class_name: str | None = None
    limit: int = 100
    id: UUID | None = None
    is_masked: bool = True
    least_confidence: float = 0.0
    clock: Clock = utc_now
    cache: Cache = field(default_factory=Cache)


def review(
    database: Database,
    tenant: str,
    schema: str,
    *,
    kind: str | None = None,
    class_name: str | None = None,
    limit: int = 100,
    clock: Clock = utc_now,
) -> Review:
    """The open questions of a tenant and schema, oldest first, up to `limit` (1 to 10,000), masked.

    `kind`: possible_duplicate, identity_conflict, identity_contradiction, dead_letter, unresolved or annotation_doubt.
    Raises ArgumentInvalid, SchemaNotFound, TenantInvalid, DatabaseError.
    """
    least = database.settings.min_identity_confidence
    asked = Asked(tenant, schema, kind, class_name, limit, least_confidence=least, clock=clock)
    return database.run(tenant, lambda: open_items(asked))


def open_items(asked: Asked) -> Steps[Review]:
    """`review` as a plan. Raises ArgumentInvalid, SchemaNotFound."""
    if asked.kind is not None and asked.kind not in KINDS:
        raise ArgumentInvalid(name="kind", value=repr(asked.kind), reason=f"it is one of {', '.join(KINDS)}")
    check_limit(asked.limit)
    yield from check_class(asked.schema, asked.class_name)
    version = yield from version_in_use(asked)
    now = asked.clock()
    yield from ask_derived(asked.tenant, asked.schema, version, asked.least_confidence, now)
    place: dict[str, Any] = {"tenant": asked.tenant, "schema": asked.schema}
    place |= {"kind": asked.kind, "class_name": asked.class_name}
    items, counts = yield from fetch(
        SQL["open_reviews"](**place, id=asked.id, limit=asked.limit), SQL["count_reviews"](**place)
    )
    return Review(
        tuple(item_of(row, now, version, is_masked=asked.is_masked) for row in items),
        {(row["kind"], row["class"]): row["items"] for row in counts},
        asked.is_masked,
    )


def version_in_use(asked: Asked) -> Steps[SchemaVersion | None]:
    """The version in use, None where there is none."""
    heads = yield from fetch(versions.usable_head(asked.schema))
    try:
        return (yield from asked.cache.usable(asked.schema, heads[0]))
    except NoUsableVersion:
        return None


def item_of(row: Row, now: datetime, version: SchemaVersion | None, *, is_masked: bool) -> ReviewItem:
    """A question from its row of `open_reviews`."""
    said: Mapping[str, Any] | None = row["proposal"] if isinstance(row["proposal"], Mapping) else None
    spec = _spec(version, row["class"])
    memories: list[ReviewMemory] = []
    quoted: list[Mapping[str, Any]] = [said] if said else []
    held: list[Mapping[str, Any]] = []
    for each in row["memories"]:
        values, of = _in_use(each, version)
        held.append(values)
        quoted += [values, each["payload"], each["originals"]]
        memories.append(_memory(each, mask(values, of) if is_masked else values))
    sides = _sides(row, held, said)
    reason = mask_text(row["reason"], quoted, spec) if is_masked else row["reason"]
    return ReviewItem(
        id=row["id"],
        kind=row["kind"],
        class_name=row["class"] or None,
        reason=reason,
        memories=tuple(memories),
        message_id=row["message_id"],
        audit_id=row["audit_id"],
        created_at=row["created_at"],
        age=now - row["created_at"],
        times=row["times"],
        last_asked_at=row["last_asked_at"] or row["created_at"],
        action=row["action"],
        basis=row["basis"],
        score=None if row["score"] is None else float(row["score"]),
        proposal=(mask(said, spec) if is_masked else dict(said)) if said is not None else None,
        sides=tuple(ReviewSide(label, mask(side, spec) if is_masked else dict(side)) for label, side in sides),
        same=_same([side for _, side in sides]),
    )


def _sides(
    row: Row, memories: Sequence[Mapping[str, Any]], said: Mapping[str, Any] | None
) -> list[tuple[str, Mapping[str, Any]]]:
    """What a person compares to answer: memories, or what a memory was with what was said of it."""
    if row["kind"] == "identity_contradiction":
        return [("before", row["before"] or {}), ("said", said or {})]
    sides = list(zip(LETTERS, memories, strict=False))
    return [*sides, ("said", said or {})] if row["kind"] == "identity_conflict" else sides


def _same(sides: Sequence[Mapping[str, Any]]) -> dict[str, bool]:
    """Whether memories say the same, by column that all of them have."""
    if len(sides) < 2:
        return {}
    first, rest = sides[0], sides[1:]
    return {
        name: all(side[name] == value for side in rest)
        for name, value in first.items()
        if value is not None and all(side.get(name) is not None for side in rest)
    }


def _in_use(memory: Mapping[str, Any], version: SchemaVersion | None) -> tuple[Mapping[str, Any], ClassSpec | None]:
    """A memory's values in the form of the version in use, and its class there."""
    if version is None:
        return memory["payload"], None
    if version.lineage is None or memory["version"] >= version.version:
        return memory["payload"], _spec(version, memory["class"])
    read = in_form({**memory, "said": None, "said_version": None}, version.lineage)
    return read.payload, _spec(version, read.class_name)


def _memory(row: Mapping[str, Any], values: Mapping[str, Any]) -> ReviewMemory:
    return ReviewMemory(
        UUID(row["id"]),
        dict(values),
        row["revision"],
        row["is_deleted"],
        row["unresolved"],
        UUID(row["merged_into"]) if row["merged_into"] else None,
        datetime.fromisoformat(row["created_at"]),
    )


def _spec(version: SchemaVersion | None, class_name: str | None) -> ClassSpec | None:
    return None if version is None else version.spec.by_name.get(class_name or "")
