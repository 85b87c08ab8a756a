"""Sealing: entries that are written are tied into the chain of their tenant, in the background and in batches."""

from __future__ import annotations

from memreg.core.queries import Queries
from memreg.core.steps import Steps, fetch_row, fetch_rows

SQL = Queries.load("memreg.operations.audit")
BATCH = 1000
"""Entries that one seal ties at most."""


def seal_batch(tenant: str, most: int = BATCH) -> Steps[int | None]:
    """Tie up to `most` entries of a tenant; how many, or None where another one seals them now.

    To be run in a transaction of its own: the seal is a row like another, and is there once this is committed.
    """
    row = yield from fetch_row(SQL["seal_batch"](tenant=tenant, most=most))
    assert row is not None
    sealed: int | None = row["sealed"]
    return sealed


def tenants_waiting() -> Steps[list[str]]:
    """The tenants with entries that no seal ties yet: an operator's question."""
    return [row["tenant"] for row in (yield from fetch_rows(SQL["tenants_waiting"]()))]


def audited_tenants() -> Steps[list[str]]:
    """The tenants that the audit knows of, `*` among them where something was said that holds for all."""
    return [row["tenant"] for row in (yield from fetch_rows(SQL["audited_tenants"]()))]


def make_partitions() -> Steps[int]:
    """See to it that the months to come have their partitions; how many were made."""
    row = yield from fetch_row(SQL["make_partitions"]())
    assert row is not None
    made: int = row["made"]
    return made
