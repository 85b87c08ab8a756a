"""A version with the content of an earlier one, as plans: how a change is taken back without changing what was."""

from __future__ import annotations

from dataclasses import replace

from psycopg.types.json import Jsonb

from memreg.core.clock import Clock
from memreg.core.errors import ArgumentInvalid, VersionStatus
from memreg.core.steps import Steps, fetch
from memreg.registry.fingerprint import canonical_annotation, fingerprint
from memreg.registry.inverse import inverse
from memreg.registry.lookup import SQL, load_version, lock_exclusive
from memreg.registry.models import SchemaVersion, Status
from memreg.registry.versions import insert_version


def restore(name: str, by: str | None, why: str, clock: Clock) -> Steps[tuple[SchemaVersion, tuple[str, ...]]]:
    """Make the next version, approved, with the content of the one that was in force before the one that is.

    Its `from:` turn round those of the version in force; what they cannot carry back is told in sentences. Memories
    that were not written to since come back exactly. Raises VersionStatus, ArgumentInvalid, SchemaNotFound.
    """
    if not why.strip():
        raise ArgumentInvalid(name="why", value="empty", reason="say why the version is taken back")
    at = clock()
    _, numbers = yield from fetch(lock_exclusive(name), SQL["version_numbers"](name=name))
    active = next((int(row["version"]) for row in numbers if row["status"] == Status.ACTIVE), None)
    newest = yield from load_version(name, int(numbers[0]["version"])) if numbers else load_version(name, 1)
    found = newest if active is None else (yield from load_version(name, active))
    if active is None or found.base is None:
        advice = "there is none before it to go back to"
        raise VersionStatus(
            name=name, version=found.version, status=str(found.status), verb="taken back", advice=advice
        )
    before = yield from load_version(name, found.base)
    spec, lost = inverse(before.spec, found.spec, literal=found.restores is not None)
    spec = replace(spec, models=before.spec.models)
    number = newest.version + 1
    yield (
        insert_version(
            spec, number, fingerprint(spec), by, at, base=found.version, restores=before.version, forced=why.strip()
        ),
        SQL["insert_annotation"](
            name=name,
            version=number,
            source="restored",
            classes=Jsonb({each: canonical_annotation(a) for each, a in before.annotations.items()}),
            model=None,
            prompt_hash=None,
            tokens_in=None,
            tokens_out=None,
            at=at,
        ),
        SQL["decide_annotation"](name=name, version=number, by=by, at=at, verdict="approved", reason=why.strip()),
        SQL["set_status"](name=name, version=number, status=Status.APPROVED, reason=None),
    )
    return (yield from load_version(name, number)), lost
