"""Stored rows that a model may see while it annotates: of one tenant, without any column that was ever pii."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from memreg.annotator.samples import shown_row
from memreg.core.queries import Queries
from memreg.core.steps import Steps, fetch_rows
from memreg.registry import lookup
from memreg.registry.models import SchemaSpec

SQL = Queries.load("memreg.operations", "sample_rows.sql")


def read_sample_rows(
    tenant: str, spec: SchemaSpec, version: int | None, limit: int
) -> Steps[list[tuple[str, dict[str, Any]]]]:
    """Up to `limit` rows of each class of a schema in a tenant, by class, as they may be sent.

    They are of the newest version up to `version` (None: of any) on which the tenant has memories of the class. A
    column that is pii now, or was in the version that the row is of, is left out.
    """
    rows = yield from fetch_rows(
        SQL["sample_rows"](tenant=tenant, schema=spec.name, version=version, classes=list(spec.by_name), limit=limit)
    )
    newest: dict[str, int] = {}
    for row in rows:
        newest.setdefault(row["class"], row["version"])
    hidden: dict[tuple[int, str], Collection[str]] = {}
    for number in sorted(set(newest.values())):
        earlier = (yield from lookup.get_version(spec.name, number)).spec
        for each in earlier.classes:
            hidden[number, each.name] = {column.name for column in each.columns if column.pii}
    found = []
    for row in rows:
        name, number = row["class"], row["version"]
        if number == newest[name]:
            found.append((name, shown_row(spec.by_name[name], row["payload"], hidden.get((number, name), ()))))
    return found
