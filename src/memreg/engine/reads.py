"""Reads as plans: get, list, search and history, each within one tenant and schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from memreg.core.errors import ArgumentInvalid, MemoryNotFound
from memreg.core.steps import Row, Steps, fetch_row, fetch_rows
from memreg.engine.model import Payload, Revision, Stored
from memreg.engine.referred import with_references
from memreg.engine.state import in_form
from memreg.engine.store import SQL
from memreg.engine.text import rank_query, scope_token, tokens, tsquery
from memreg.registry.lineage import Place
from memreg.registry.models import SchemaVersion

MAX_LIMIT = 10_000
_NEWEST = 2**31 - 1


def get(tenant: str, schema: str, memory_id: UUID, version: SchemaVersion | None = None) -> Steps[Stored[Payload]]:
    """One memory that is not deleted, in the form of a version (None: as it is stored). Raises MemoryNotFound."""
    statement = SQL["get_memory"](tenant=tenant, schema=schema, id=memory_id, version=_number(version))
    row = yield from fetch_row(statement)
    if row is None:
        raise MemoryNotFound(memory_id=memory_id, tenant=tenant)
    found = stored(row, version)
    return found if version is None else (yield from with_references(tenant, version, [found]))[0]


def list_memories(
    tenant: str,
    version: SchemaVersion,
    class_name: str | None,
    limit: int = 100,
    after: UUID | None = None,
) -> Steps[list[Stored[Payload]]]:
    """Up to `limit` (1 to 10,000) memories of a class by id, after one; without a class, of all classes from the start.

    All in the form of the version. Raises ArgumentInvalid.
    """
    schema, number = version.name, version.version
    check_limit(limit)
    if class_name is None and after is not None:
        raise ArgumentInvalid(name="after", value=str(after), reason="it goes on within one class; name the class")
    if class_name is None:
        statement = SQL["list_all_memories"](tenant=tenant, schema=schema, version=number, limit=limit)
    else:
        places = places_of(version, class_name)
        statement = SQL["list_memories"](
            tenant=tenant,
            schema=schema,
            version=number,
            classes=[place.class_name for place in places],
            firsts=[place.first for place in places],
            lasts=[place.last for place in places],
            limit=limit,
            after=after,
        )
    found = [stored(row, version) for row in (yield from fetch_rows(statement))]
    return (yield from with_references(tenant, version, found))


def search(
    tenant: str, version: SchemaVersion, text: str, class_name: str | None = None, limit: int = 10
) -> Steps[list[Stored[Payload]]]:
    """Live memories whose searchable text has words beginning like those of `text`, best first.

    Raises ArgumentInvalid.
    """
    check_limit(limit)
    words = list(dict.fromkeys(tokens(text)))[:32]
    if not words:
        return []
    classes = [class_name] if class_name else [spec.name for spec in version.spec.classes]
    names = dict.fromkeys(place.class_name for name in classes for place in places_of(version, name))
    scopes = [scope_token(tenant, version.name, name) for name in names]
    rows = yield from fetch_rows(
        SQL["search_memories"](
            tenant=tenant,
            schema=version.name,
            version=version.version,
            query=tsquery(scopes, words, prefix=True),
            rank=rank_query(words, prefix=True),
            limit=limit,
        )
    )
    found = [stored(row, version) for row in rows]
    return (yield from with_references(tenant, version, [each for each in found if each.class_name in classes]))


def history(tenant: str, schema: str, memory_id: UUID) -> Steps[list[Revision]]:
    """Every revision of a memory, deleted ones too, oldest first. Raises MemoryNotFound."""
    rows = yield from fetch_rows(SQL["history_of"](tenant=tenant, schema=schema, id=memory_id))
    if not rows:
        raise MemoryNotFound(memory_id=memory_id, tenant=tenant)
    return [
        Revision(
            memory_id=row["memory_id"],
            revision=row["revision"],
            version=row["version"],
            values=row["payload"],
            is_deleted=row["is_deleted"],
            unresolved=row["unresolved"],
            audit_id=row["audit_id"],
            created_at=row["created_at"],
        )
        for row in rows
    ]


def stored(row: Row, version: SchemaVersion | None = None) -> Stored[Payload]:
    """A memory from its row, in the form of a version where one is given; it says itself which one it is stored as.

    What does not fit that version is left out. A memory of a class that the version has no more is as it is stored.
    """
    class_name, values = row["class"], row["payload"]
    if version is not None and version.lineage is not None and row["version"] < version.version:
        read = in_form(row, version.lineage)
        if read.class_name is not None:
            class_name, values = read.class_name, read.payload
    return Stored(
        id=row["id"],
        class_name=class_name,
        version=row["version"],
        values=values,
        revision=row["revision"],
        unresolved=row["unresolved"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        last_seen_at=row["last_seen_at"],
    )


def check_limit(limit: int) -> None:
    """Raises ArgumentInvalid unless 1 ≤ limit ≤ 10,000."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_LIMIT:
        raise ArgumentInvalid(
            name="limit", value=repr(limit), reason=f"it must be a whole number from 1 to {MAX_LIMIT:,}"
        )


def _number(version: SchemaVersion | None) -> int:
    return 0 if version is None else version.version


def places_of(version: SchemaVersion, class_name: str) -> Sequence[Place]:
    """Where the memories of a class are, under each of its names."""
    if version.lineage is None or class_name not in version.spec.by_name:
        return (Place(class_name, 1, _NEWEST),)
    places = version.lineage.places(class_name)
    # What is stored under a version that came after the one in use is of the class by its name.
    return [replace(each, last=_NEWEST) if each.last >= version.version else each for each in places]
