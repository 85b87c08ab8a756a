"""Looking after the audit of one tenant or of all, from the command line and from workers."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

from memreg.core.clock import Clock, utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid
from memreg.core.ids import uuid7
from memreg.core.steps import Steps
from memreg.operations.audit import seal
from memreg.operations.audit.anchor import Anchor, anchor_of, read_anchors
from memreg.operations.audit.finding import Verification
from memreg.operations.audit.retention import Retention, retain
from memreg.operations.audit.verify import verify

T = TypeVar("T")

EVERY = "*"
_PAUSE = 0.05


def verify_all(database: Database, tenant: str, anchor: str | None = None) -> list[Verification]:
    """Verify the audit of a tenant, `*`: of every one that the audit or the anchor knows. Raises ArgumentInvalid.

    `anchor`: the text of anchors, or the path of a file with them.
    """
    anchors = () if anchor is None else read_anchors(anchor)
    found = []
    for name in _tenants(database, tenant, {each.tenant for each in anchors}):
        mine = [each for each in anchors if each.tenant == name]
        if anchors and not mine and tenant != EVERY:
            raise ArgumentInvalid(name="anchor", value="of other tenants", reason=f"it says nothing of {name!r}")
        found.append(run(database, name, partial(verify, name, mine)))
    return found


def anchor_all(database: Database, tenant: str) -> list[Anchor]:
    """Seal what is written and give the heads of the chains: of a tenant, or of every one (`*`)."""
    found = []
    for name in _tenants(database, tenant):
        seal_tenant(database, name)
        found.append(run(database, name, partial(anchor_of, name)))
    return found


def seal_all(database: Database) -> dict[str, int]:
    """Seal what waits for it, of every tenant, and make the partitions of the months to come: entries by tenant."""
    database.run_admin(seal.make_partitions)
    return {name: seal_tenant(database, name) for name in database.run_admin(seal.tenants_waiting)}


def seal_tenant(database: Database, tenant: str) -> int:
    """Seal what a tenant has waiting, a batch a transaction; how many entries. Another sealer is waited for."""
    sealed = 0
    while (batch := run(database, tenant, partial(seal.seal_batch, tenant))) != 0:
        if batch is None:
            time.sleep(_PAUSE)
        sealed += batch or 0
    return sealed


def retain_all(
    database: Database,
    keep_since: datetime,
    *,
    by: str,
    why: str | None = None,
    dry_run: bool = False,
    clock: Clock = utc_now,
) -> Retention:
    """Remove the months that were over before a time, once everything is sealed. Raises ArgumentInvalid."""
    if not dry_run:
        seal_all(database)
    return database.run_admin(lambda: retain(keep_since, by=by, why=why, now=clock(), new_id=uuid7, dry_run=dry_run))


def run(database: Database, tenant: str, plan: Callable[[], Steps[T]]) -> T:
    """Run a plan about a tenant as that tenant; what holds for all of them (`*`) is nobody's but the operator's."""
    return database.run_admin(plan) if tenant == EVERY else database.run(tenant, plan)


def _tenants(database: Database, tenant: str, known: set[str] | None = None) -> list[str]:
    if tenant != EVERY:
        return [tenant]
    return sorted({*database.run_admin(seal.audited_tenants), *(known or ())})
