"""Finding schema versions, as plans: by name and number, the newest, and the one that ingest uses; and their locks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from memreg.core.errors import NoSchema, NoUsableVersion, SchemaAmbiguous, SchemaNotFound, VersionNotFound
from memreg.core.queries import Queries, Statement
from memreg.core.steps import Row, Rows, Steps, fetch_row, fetch_rows
from memreg.registry.before import is_plain
from memreg.registry.fingerprint import annotation_from, spec_from
from memreg.registry.key_names import Held, named
from memreg.registry.lineage import Ancestor, Lineage
from memreg.registry.models import ClassAnnotation, ClassSpec, SchemaSpec, SchemaVersion, Status
from memreg.registry.names import SCHEMA_NAME
from memreg.registry.records import AnnotationRecord, Head, VersionRecord

SQL = Queries.load("memreg.registry")


# Locks


def schema_lock(name: str) -> int:
    """The number (signed, 64 bits) of the schema's advisory lock."""
    return int.from_bytes(hashlib.sha256(f"memreg schema {name}".encode()).digest()[:8], "big", signed=True)


def lock_shared(name: str) -> Statement:
    """What ingest runs first in its transaction: the schema's versions stay as they are until it ends."""
    return SQL["lock_schema_shared"](key=schema_lock(name))


def lock_exclusive(name: str) -> Statement:
    """What a change of the schema's versions runs first in its transaction."""
    return SQL["lock_schema"](key=schema_lock(name))


# Reads


def resolve_name(name: str | None) -> Steps[str]:
    """The schema's name: the given one if it exists, or the only one there is.

    Raises SchemaNotFound, NoSchema, SchemaAmbiguous.
    """
    if name is not None:
        if (
            not isinstance(name, str)
            or not SCHEMA_NAME.fullmatch(name)
            or (yield from fetch_row(SQL["one_schema"](name=name))) is None
        ):
            raise SchemaNotFound(name=name)
        return name
    names = [str(row["name"]) for row in (yield from fetch_rows(SQL["schema_names"]()))]
    if not names:
        raise NoSchema
    if len(names) > 1:
        raise SchemaAmbiguous(names=", ".join(names))
    return names[0]


def usable_head(name: str) -> Statement:
    """The statement behind `head_from`: cheap, to be run beside others on every ingest."""
    return SQL["usable_head"](name=name)


def head_from(rows: Rows) -> Head | None:
    """What `usable_head` found; None where ingest has no version to use (`no_usable` then says why)."""
    if not rows:
        return None
    return Head(int(rows[0]["version"]), Status(rows[0]["status"]), int(rows[0]["annotation"]))


def no_usable(name: str) -> Steps[NoUsableVersion | SchemaNotFound]:
    """The error that says why the schema has no version to use."""
    rows = yield from fetch_rows(SQL["version_numbers"](name=name))
    if not rows:
        return SchemaNotFound(name=name)
    found = sorted({str(row["status"]) for row in rows})
    return NoUsableVersion(name=name, statuses=" and ".join(found))


def load_version(name: str, version: int) -> Steps[SchemaVersion]:
    """One version with the annotation in force. Raises VersionNotFound, SchemaNotFound."""
    return (yield from get_record(name, version)).version


def get_version(name: str, version: int | None = None) -> Steps[SchemaVersion]:
    """One version, or the newest. Raises VersionNotFound, SchemaNotFound."""
    return (yield from get_record(name, version)).version


def newest(name: str) -> Steps[SchemaVersion]:
    """The newest version, whatever its status. Raises SchemaNotFound."""
    return (yield from get_record(name)).version


def get_record(name: str, version: int | None = None) -> Steps[VersionRecord]:
    """One version (or the newest) with its history. Raises VersionNotFound, SchemaNotFound."""
    if version is None:
        row = yield from fetch_row(SQL["newest_version"](name=name))
    else:
        check_number(name, version)
        row = yield from fetch_row(SQL["one_version"](name=name, version=version))
    if row is None:
        known = yield from fetch_row(SQL["one_schema"](name=name))
        raise SchemaNotFound(name=name) if known is None else VersionNotFound(name=name, version=version)
    found = record_of(row)
    if found.version.version == 1:
        return found
    earlier = yield from fetch_rows(SQL["earlier_versions"](name=name, version=found.version.version))
    return replace(found, version=with_lineage(found.version, earlier))


def as_next(spec: SchemaSpec) -> Steps[SchemaVersion]:
    """A schema as the version that registering it would make, annotated as it declares or as the one in force is."""
    numbers = yield from fetch_rows(SQL["version_numbers"](name=spec.name))
    number = int(numbers[0]["version"]) + 1 if numbers else 1
    earlier = yield from fetch_rows(SQL["earlier_versions"](name=spec.name, version=number))
    base = base_of(numbers)
    known = next((_annotations(row["classes"]) for row in earlier if row["version"] == base), {})
    annotations = {
        each.name: each.declared or _fitting(known.get(each.source or each.name, ClassAnnotation()), each)
        for each in spec.classes
    }
    version = SchemaVersion(spec, number, Status.DRAFT, "", annotations, base=base)
    return with_lineage(version, earlier) if earlier else version


def base_of(rows: Rows) -> int | None:
    """The version that the next one's `from:` speak of, by rows of `version_numbers`: in force or about to be; else the
    newest not rejected."""
    for statuses in (_IN_FORCE, frozenset(Status) - {Status.REJECTED}, frozenset(Status)):
        numbers = [int(row["version"]) for row in rows if row["status"] in statuses]
        if numbers:
            return max(numbers)
    return None


_IN_FORCE = frozenset({Status.ACTIVE, Status.APPROVED})


def with_lineage(version: SchemaVersion, earlier: Iterable[Row]) -> SchemaVersion:
    """A version that can read the memories of the `earlier` ones (rows of `earlier_versions`), its keys named so that
    they do not meet theirs."""
    ancestors, held = [], []
    for row in earlier:
        spec, annotations = spec_from(row["definition"], row["models"]), _annotations(row["classes"])
        ancestors.append(Ancestor(spec, int(row["version"]), row["base"], row["restores"], annotations))
        if row["was_in_force"]:
            held.append(Held(int(row["version"]), spec, annotations))
    annotations = named(Held(version.version, version.spec, version.annotations), held)
    own = Ancestor(version.spec, version.version, version.base, version.restores, annotations)
    return replace(version, annotations=annotations, lineage=Lineage(own, ancestors))


def list_versions(name: str | None = None) -> Steps[tuple[VersionRecord, ...]]:
    """Every version of every schema, or of one, by name and number."""
    return tuple(record_of(row) for row in (yield from fetch_rows(SQL["all_versions"](name=name))))


def annotation_history(name: str, version: int | None = None) -> Steps[tuple[AnnotationRecord, ...]]:
    """Every annotation of a version (or of the newest), the first one first, with what each says.

    Raises VersionNotFound, SchemaNotFound.
    """
    found = yield from get_version(name, version)
    rows = yield from fetch_rows(SQL["annotation_history"](name=name, version=found.version))
    return tuple(
        replace(
            _annotation(row),
            reused_from=f"{row['asked_schema']}@{row['asked_version']}" if row["asked_version"] else None,
            classes={name: annotation_from(each) for name, each in row["classes"].items()},
        )
        for row in rows
    )


def reusable_annotation(fingerprint: str, prompt_hash: str) -> Steps[tuple[str, AnnotationRecord] | None]:
    """The version (as `notes@1`) and the annotation that a model gave for the same content and prompt before."""
    row = yield from fetch_row(SQL["reusable_annotation"](fingerprint=fingerprint, prompt_hash=prompt_hash))
    if row is None:
        return None
    said = replace(_annotation(row), classes={name: annotation_from(each) for name, each in row["classes"].items()})
    return f"{row['schema']}@{row['version']}", said


def check_number(name: str, version: int) -> None:
    """Raises VersionNotFound for a number that the database could not even look for."""
    if not 0 < version < 2**31:
        raise VersionNotFound(name=name, version=version)


def record_of(row: Row) -> VersionRecord:
    """The version in a row of `one_version` and its kin."""
    return VersionRecord(
        version=SchemaVersion(
            spec=spec_from(row["definition"], row["models"]),
            version=int(row["version"]),
            status=Status(row["status"]),
            fingerprint=row["fingerprint"],
            annotations=_annotations(row["classes"]),
            annotation=int(row["ordinal"] or 0),
            base=row["base"],
            restores=row["restores"],
        ),
        created_at=row["created_at"],
        registered_by=row["registered_by"],
        activated_at=row["activated_at"],
        reason=row["reason"],
        annotation=None if row["ordinal"] is None else _annotation(row),
    )


def _fitting(annotation: ClassAnnotation, spec: ClassSpec) -> ClassAnnotation:
    """An annotation without the columns that a class does not have; a column under another name counts as that."""
    now = {
        each.source.columns[0]: each.name for each in spec.columns if each.source is not None and is_plain(each.source)
    }
    names = {name: name for name in spec.by_name} | {old: new for old, new in now.items() if old not in spec.by_name}
    return replace(
        annotation,
        searchable={names[name]: boost for name, boost in annotation.searchable.items() if name in names},
        compare=tuple(names[name] for name in annotation.compare if name in names),
        identity=tuple(
            replace(key, columns=tuple(names[name] for name in key.columns))
            for key in annotation.identity
            if all(name in names for name in key.columns)
        ),
    )


def _annotations(classes: dict[str, Any] | None) -> dict[str, ClassAnnotation]:
    return {name: annotation_from(each) for name, each in (classes or {}).items()}


def _annotation(row: Row) -> AnnotationRecord:
    return AnnotationRecord(
        ordinal=int(row["ordinal"]),
        source=row["source"],
        created_at=row["annotated_at"],
        model=row["model"],
        prompt_hash=row["prompt_hash"],
        tokens_in=row["tokens_in"],
        tokens_out=row["tokens_out"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
        verdict=row["verdict"],
        reason=row["verdict_reason"],
    )
