"""The database shell: transactions of a tenant, plans, and every way a connection can fail."""

from __future__ import annotations

from memreg.core.database import Database
from memreg.core.queries import Query
from memreg.core.steps import Steps, fetch_row


def test_a_plan_runs_in_the_tenants_transaction(database: Database) -> None:
    ask = Query("tenant", "The tenant.", "select current_setting('memreg.tenant') as tenant, %(n)s::int as n")

    def plan() -> Steps[tuple[str, int]]:
        row = yield from fetch_row(ask(n=3))
        assert row is not None
        return row["tenant"], row["n"]

    assert database.run("acme", plan) == ("acme", 3)
