"""What an engine keeps between messages: compiled schema versions and statistics, both immutable under their
numbers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from memreg.core.steps import Rows, Steps, fetch_row
from memreg.engine.statistics import Statistics
from memreg.engine.store import SQL
from memreg.registry import versions
from memreg.registry.models import SchemaVersion

VersionKey = tuple[str, int, int]
ClassKey = tuple[str, str, str]


@dataclass
class Cache:
    """Safe to share between threads: entries are only ever replaced whole."""

    versions: dict[VersionKey, SchemaVersion] = field(default_factory=dict)
    statistics: dict[ClassKey, Statistics] = field(default_factory=dict)

    def usable(self, schema: str, head_rows: Rows) -> Steps[SchemaVersion]:
        """The version that `versions.usable_head` points to. Raises NoUsableVersion, SchemaNotFound."""
        head = versions.head_from(head_rows)
        if head is None:
            raise (yield from versions.no_usable(schema))
        key = (schema, head.version, head.annotation)
        found = self.versions.get(key)
        if found is None:
            found = yield from versions.load_version(schema, head.version)
            self.versions[key] = found
        return found if found.status is head.status else replace(found, status=head.status)

    def snapshot(self, tenant: str, schema: str, class_name: str, number: int | None) -> Steps[Statistics]:
        """The statistics of a class under a number; without one, the empty snapshot 0."""
        if not number:
            return Statistics()
        key = (tenant, schema, class_name)
        found = self.statistics.get(key)
        if found is None or found.snapshot != number:
            row = yield from fetch_row(
                SQL["one_snapshot"](tenant=tenant, schema=schema, class_name=class_name, snapshot=number)
            )
            assert row is not None
            found = Statistics(row["snapshot"], row["documents"], row["frequencies"], row["change"])
            self.statistics[key] = found
        return found
