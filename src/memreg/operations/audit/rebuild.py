"""Building the memories of a tenant from the audit alone, and comparing them with what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from memreg.core.steps import Steps, fetch, fetch_rows
from memreg.operations.audit.compare import Comparison, Difference
from memreg.operations.audit.replay import Misfit, Replay
from memreg.operations.audit.seal import SQL
from memreg.registry.models import SchemaVersion
from memreg.registry.versions import load_version

PAGE = 500
"""Rows that are read in one round trip."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found. `memories` were built from `entries` and held against what is stored; `tombstones` are those
    that were erased; `older` ones have lost their entries to retention, and are not compared."""

    tenant: str
    schema: str
    entries: int
    memories: int
    tombstones: int
    older: int
    misfits: tuple[Misfit, ...]
    differences: tuple[Difference, ...]

    @property
    def is_same(self) -> bool:
        """Whether the audit tells what is stored."""
        return not self.misfits and not self.differences

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        built = f"{self.memories:,} memories were built anew from {self.entries:,} entries"
        if self.is_same:
            old = f", {self.older:,} are older than the audit that is kept" if self.older else ""
            return f"Tenant {self.tenant!r}, {self.schema}: {built}, and are as they are stored{old}."
        wrong = len(self.misfits) + len(self.differences)
        things = "1 thing does" if wrong == 1 else f"{wrong:,} things do"
        return f"Tenant {self.tenant!r}, {self.schema}: {built}, and {things} not agree with what is stored."


def replay(tenant: str, schema: str) -> Steps[Replayed]:
    """Build the memories of a schema from nothing but the audit, and compare each with its row, keys and references.

    To be run while nobody decides, or what was decided between two of its reads is told as a difference.
    """
    _, removals, numbers = yield from fetch(
        SQL["without_limit"](), SQL["removals"](tenant=tenant), SQL["schema_versions_held"](schema=schema)
    )
    versions: dict[int, SchemaVersion] = {}
    for row in numbers:
        versions[row["version"]] = yield from load_version(schema, row["version"])
    built = Replay(versions.__getitem__)
    after: UUID | None = None
    while rows := (
        yield from fetch_rows(SQL["replayed_entries"](tenant=tenant, schema=schema, after=after, limit=PAGE))
    ):
        for row in rows:
            built.read(row)
        after = rows[-1]["id"]
    built.end(is_cut=bool(removals))
    compared = Comparison(built, bool(removals))
    after = None
    while rows := (
        yield from fetch_rows(SQL["replayed_memories"](tenant=tenant, schema=schema, after=after, limit=PAGE))
    ):
        for row in rows:
            compared.take(row)
        after = rows[-1]["id"]
    compared.end()
    return Replayed(
        tenant=tenant,
        schema=schema,
        entries=built.entries,
        memories=len(built.memories),
        tombstones=compared.tombstones,
        older=compared.older,
        misfits=tuple(built.misfits),
        differences=tuple(compared.differences),
    )
