"""The life of schema versions as plans: register, annotate, approve, reject, activate.

draft → pending → approved → active → retired; rejected ends it. Every change takes the schema's lock, so two at once
are one after the other, and ingest, which holds the lock shared, sees a version change before or after its transaction,
never within. The reads of `lookup` are here too: one module to import.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from memreg.core.clock import Clock
from memreg.core.errors import ArgumentInvalid, NothingPending, SchemaNotFound, VersionStatus
from memreg.core.queries import Statement
from memreg.core.steps import Steps, fetch, fetch_rows
from memreg.registry.fingerprint import canonical, canonical_annotation, fingerprint
from memreg.registry.lineage import Place
from memreg.registry.lookup import (
    SQL,
    annotation_history,
    base_of,
    check_number,
    get_record,
    get_version,
    head_from,
    list_versions,
    load_version,
    lock_exclusive,
    lock_shared,
    newest,
    no_usable,
    record_of,
    resolve_name,
    reusable_annotation,
    schema_lock,
    usable_head,
)
from memreg.registry.models import ClassAnnotation, SchemaSpec, SchemaVersion, Status
from memreg.registry.records import Registered

__all__ = [
    "AUTO_APPROVAL",
    "SQL",
    "annotation_failed",
    "annotation_history",
    "approve",
    "get_record",
    "get_version",
    "head_from",
    "insert_version",
    "is_behind",
    "list_versions",
    "load_version",
    "lock_exclusive",
    "lock_shared",
    "newest",
    "no_usable",
    "pending_version",
    "put_in_force",
    "register",
    "reject",
    "renames",
    "reopen",
    "resolve_name",
    "reusable_annotation",
    "schema_lock",
    "store_annotation",
    "usable_head",
]

AUTO_APPROVAL = "auto-approval"
"""Who approved a version that no person approved."""
_ANNOTATABLE = (Status.DRAFT, Status.PENDING, Status.REJECTED)


def register(spec: SchemaSpec, by: str | None, clock: Clock, *, force: str | None = None) -> Steps[Registered]:
    """Make the next version of the schema, a draft, unless the newest one has the same fingerprint.

    The Pydantic classes of the same content, registered again, replace the recorded ones. `force`: why it is registered
    although it is not compatible with the versions before.

    Raises SchemaIncompatible, and SchemaInvalid where a `from:` speaks of what is not there.
    """

    from memreg.registry.judging import check_verdict, judged, verdict_data

    at = clock()
    _, _, rows, numbers = yield from fetch(
        SQL["ensure_schema"](name=spec.name, at=at),
        lock_exclusive(spec.name),
        SQL["newest_version"](name=spec.name),
        SQL["version_numbers"](name=spec.name),
    )
    digest = fingerprint(spec)
    number = 1
    if rows:
        found = record_of(rows[0]).version
        if found.fingerprint == digest:
            models = {**found.spec.models, **spec.models}
            if models != found.spec.models:
                yield (SQL["set_models"](name=spec.name, version=found.version, models=Jsonb(models)),)
                found = yield from load_version(spec.name, found.version)
            return Registered(found, created=False)
        number = found.version + 1
    base = base_of(numbers)
    verdict = (yield from judged(spec, number, base)).verdict
    if force is None:
        check_verdict(spec, verdict)
    forced = None if verdict.compatible else force
    yield (insert_version(spec, number, digest, by, at, base=base, verdict=verdict_data(verdict), forced=forced),)
    return Registered((yield from load_version(spec.name, number)), created=True)


def reopen(name: str, by: str | None, clock: Clock) -> Steps[SchemaVersion]:
    """The version that a new annotation of the schema goes to.

    The newest one while it is a draft, pending or rejected; else, as approved annotations are immutable, the next
    version with the same classes, made now as a draft. Raises SchemaNotFound.
    """
    at = clock()
    _, numbers = yield from fetch(lock_exclusive(name), SQL["version_numbers"](name=name))
    found = yield from newest(name)
    if found.status in _ANNOTATABLE:
        return found
    yield (insert_version(found.spec, found.version + 1, found.fingerprint, by, at, base=base_of(numbers)),)
    return (yield from load_version(name, found.version + 1))


def store_annotation(
    name: str,
    version: int,
    classes: Mapping[str, ClassAnnotation],
    *,
    source: str,
    clock: Clock,
    model: str | None = None,
    prompt_hash: str | None = None,
    tokens_in: int | None = None,
    tokens_out: int | None = None,
) -> Steps[SchemaVersion]:
    """Give a draft, pending or rejected version its annotation; it is pending afterwards.

    Raises VersionStatus, VersionNotFound, SchemaNotFound.
    """
    at = clock()
    yield (lock_exclusive(name),)
    found = yield from load_version(name, version)
    if found.status not in _ANNOTATABLE:
        raise VersionStatus(
            name=name,
            version=version,
            status=str(found.status),
            verb="annotated again",
            advice=f"its annotation is settled; `memreg annotate {name}` makes the next version",
        )
    yield (
        SQL["insert_annotation"](
            name=name,
            version=version,
            source=source,
            classes=Jsonb(
                {each: canonical_annotation(classes[each]) for each in found.spec.by_name if each in classes}
            ),
            model=model,
            prompt_hash=prompt_hash,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            at=at,
        ),
        SQL["set_status"](name=name, version=version, status=Status.PENDING, reason=None),
    )
    return (yield from load_version(name, version))


def annotation_failed(name: str, version: int, reason: str) -> Steps[SchemaVersion]:
    """Record why a version could not be annotated: it is a draft then, unless it was pending with an annotation."""
    yield (lock_exclusive(name),)
    found = yield from load_version(name, version)
    if found.status in (Status.DRAFT, Status.REJECTED):
        yield (SQL["set_status"](name=name, version=version, status=Status.DRAFT, reason=reason),)
        return (yield from load_version(name, version))
    return found


def approve(
    name: str,
    version: int | None,
    by: str | None,
    clock: Clock,
    annotations: Mapping[str, ClassAnnotation] | None = None,
) -> Steps[SchemaVersion]:
    """Approve a pending version (without a number: the newest pending one), with edited annotations where given.

    It is active at once when no live memory of a class it still has is on an older version; else it is approved and
    waits for its backfill. Raises VersionStatus, VersionNotFound, NothingPending, SchemaNotFound.
    """
    at = clock()
    found = yield from _pending(name, version, "approve", "approved")
    if annotations:
        edited = {each: found.annotation_of(each) for each in found.spec.by_name} | dict(annotations)
        yield (
            SQL["insert_annotation"](
                name=name,
                version=found.version,
                source="person",
                classes=Jsonb({each: canonical_annotation(edited[each]) for each in found.spec.by_name}),
                model=None,
                prompt_hash=None,
                tokens_in=None,
                tokens_out=None,
                at=at,
            ),
        )
    _, _, behind = yield from fetch(
        SQL["decide_annotation"](name=name, version=found.version, by=by, at=at, verdict="approved", reason=None),
        SQL["set_status"](name=name, version=found.version, status=Status.APPROVED, reason=None),
        _behind(found),
    )
    if not behind[0]["behind"]:
        yield from put_in_force(found, at)
    return (yield from load_version(name, found.version))


def reject(name: str, version: int | None, why: str, by: str | None, clock: Clock) -> Steps[SchemaVersion]:
    """Reject a pending version (without a number: the newest pending one), or a draft by its number, for a reason.

    Raises ArgumentInvalid, VersionStatus, VersionNotFound, NothingPending, SchemaNotFound.
    """
    if not why.strip():
        raise ArgumentInvalid(name="why", value="empty", reason="say why the version is rejected")
    at = clock()
    found = yield from _pending(name, version, "reject", "rejected", also=(Status.DRAFT,))
    yield (
        SQL["decide_annotation"](
            name=name, version=found.version, by=by, at=at, verdict="rejected", reason=why.strip()
        ),
        SQL["set_status"](name=name, version=found.version, status=Status.REJECTED, reason=why.strip()),
    )
    return (yield from load_version(name, found.version))


def pending_version(name: str, version: int | None = None) -> Steps[SchemaVersion]:
    """The version that `approve` would take. Raises VersionStatus, VersionNotFound, NothingPending, SchemaNotFound."""
    return (yield from _pending(name, version, "approve", "approved"))


# Parts


def _pending(
    name: str, version: int | None, verb: str, participle: str, also: tuple[Status, ...] = ()
) -> Steps[SchemaVersion]:
    if version is not None:
        check_number(name, version)
    _, numbers = yield from fetch(lock_exclusive(name), SQL["version_numbers"](name=name))
    if not numbers:
        raise SchemaNotFound(name=name)
    if version is None:
        version = next((int(row["version"]) for row in numbers if row["status"] == Status.PENDING), None)
        if version is None:
            raise NothingPending(name=name, verb=verb)
    found = yield from load_version(name, version)
    advice = "" if found.status in (Status.PENDING, *also) else _advice(found, participle)
    if not advice and verb == "approve":
        advice = yield from _superseded(found)
    if advice:
        raise VersionStatus(name=name, version=version, status=str(found.status), verb=participle, advice=advice)
    return found


def _superseded(found: SchemaVersion) -> Steps[str]:
    rows = yield from fetch_rows(SQL["version_numbers"](name=found.name))
    for row in rows:
        if row["status"] == Status.ACTIVE and row["version"] > found.version:
            return (
                f"version {row['version']} is newer and active; register the file again to make its content "
                "the next version"
            )
    return ""


def _advice(found: SchemaVersion, participle: str) -> str:
    """What to do about a version whose status does not allow it."""
    again = f"`memreg annotate {found.name}` makes the next version with the same classes"
    match found.status:
        case Status.ACTIVE:
            return "it is in force already" if participle != "rejected" else f"it is in force; {again}"
        case Status.APPROVED:
            return f"it waits for `memreg backfill {found.name} --to {found.version}`"
        case Status.REJECTED if participle == "rejected":
            return "it is rejected already"
        case Status.REJECTED:
            return f"register its file again, or run `memreg annotate {found.name}`, and approve the new annotation"
        case Status.DRAFT:
            return f"it has no annotation; run `memreg annotate {found.name}` first"
        case Status.PENDING:
            return f"approve it first with `memreg approve {found.name}@{found.version}`"
        case Status.RETIRED:
            return "a newer version took its place; register the file again to make its content the next version"


def is_behind(found: SchemaVersion) -> Steps[bool]:
    """Whether a live memory of one of its classes is on an older version, so that it would wait for its backfill."""
    return bool((yield from fetch_rows(_behind(found)))[0]["behind"])


def _behind(found: SchemaVersion) -> Statement:
    names = {place.class_name for name in found.spec.by_name for place in _places(found, name)}
    return SQL["memories_behind"](
        name=found.name, version=found.version, classes=sorted(names | found.spec.by_name.keys())
    )


def put_in_force(found: SchemaVersion, at: datetime) -> Steps[None]:
    """Make an approved version the active one and retire the one before, under the schema's lock; views follow.

    Every memory has to be found by the keys of the version then: none is on an older one, or a backfill indexed them.
    """

    from memreg.registry.views.refresh import refresh_views

    name, renamed = found.name, renames(found)
    if renamed:
        taken = {"schema": name, "befores": list(renamed.values()), "names": list(renamed)}
        yield SQL["take_over_switches"](**taken), SQL["take_over_rules"](**taken)
    yield (
        SQL["retire_versions"](name=name, version=found.version),
        SQL["activate_version"](name=name, version=found.version, at=at),
        # What was held back of the version before; the one that comes may hold back its own after this.
        SQL["release_classes"](name=name, by=AUTO_APPROVAL, at=at, reason=f"{found} is in force, and not held back"),
    )
    yield from refresh_views(name)


def _places(found: SchemaVersion, class_name: str) -> tuple[Place, ...]:
    return found.lineage.places(class_name) if found.lineage is not None else ()


def renames(found: SchemaVersion) -> dict[str, str]:
    """The classes of a version that have another name than in the version before, with that name."""
    before = {
        name: max(
            (each for each in _places(found, name) if each.last < found.version),
            key=lambda place: place.last,
            default=None,
        )
        for name in found.spec.by_name
    }
    return {name: place.class_name for name, place in before.items() if place and place.class_name != name}


def insert_version(
    spec: SchemaSpec,
    version: int,
    digest: str,
    by: str | None,
    at: datetime,
    *,
    base: int | None,
    restores: int | None = None,
    verdict: dict[str, Any] | None = None,
    forced: str | None = None,
) -> Statement:
    """The statement that makes a version, a draft. `base`: the version that its `from:` speak of."""
    return SQL["insert_version"](
        name=spec.name,
        version=version,
        fingerprint=digest,
        definition=Jsonb(canonical(spec)),
        models=Jsonb(dict(spec.models)),
        by=by,
        at=at,
        base=base,
        restores=restores,
        verdict=None if verdict is None else Jsonb(verdict),
        forced=forced,
    )
