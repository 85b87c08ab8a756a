"""What the references of memories lead to, for those who read them: one look-up for all, and none where a schema has no
references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from memreg.core.steps import Row, Steps, fetch_rows
from memreg.engine.model import Payload, Referred, Stored
from memreg.engine.references import called, ids_in
from memreg.engine.state import in_form
from memreg.engine.store import REFERENCES
from memreg.registry.models import SchemaVersion


def with_references(
    tenant: str, version: SchemaVersion, memories: Sequence[Stored[Payload]]
) -> Steps[list[Stored[Payload]]]:
    """Memories with what they refer to. A reference to what went into another memory becomes one to that; one to a
    deleted memory stays, and is told to be gone."""
    columns = {spec.name: spec.references for spec in version.spec.classes if spec.references}
    asked = {
        each
        for memory in memories
        for column in columns.get(memory.class_name, ())
        for each in ids_in(memory.values, column)
    }
    if not asked:
        return list(memories)
    statement = REFERENCES["targets"](
        tenant=tenant, schema=version.name, version=version.version, ids=sorted(map(UUID, asked))
    )
    rows = yield from fetch_rows(statement)
    known = {str(row["asked_id"]): _referred(row, version) for row in rows}
    return [_with(memory, version, known) for memory in memories]


def _with(memory: Stored[Payload], version: SchemaVersion, known: Mapping[str, Referred]) -> Stored[Payload]:
    spec = version.spec.by_name.get(memory.class_name)
    values, found = dict(memory.values), dict[str, tuple[Referred, ...]]()
    for column in spec.references if spec is not None else ():
        ids = ids_in(memory.values, column)
        if not ids:
            continue
        target = column.dtype.target or ""
        led = [known.get(each) or Referred(UUID(each), target, None, is_gone=True) for each in ids]
        led = list({each.id: each for each in led}.values())
        found[column.name] = tuple(led)
        values[column.name] = [str(each.id) for each in led] if column.dtype.is_list else str(led[0].id)
    return replace(memory, values=values, references=found) if found else memory


def _referred(row: Row, version: SchemaVersion) -> Referred:
    class_name, payload = row["class"], row["payload"]
    if version.lineage is not None:
        read = in_form(row, version.lineage)
        class_name, payload = read.class_name or class_name, read.payload
    spec = version.spec.by_name.get(class_name)
    name = called(payload, spec, version.annotation_of(class_name)) if spec is not None else None
    return Referred(row["id"], class_name, name, row["is_deleted"], payload)
