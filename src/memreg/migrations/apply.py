"""How a revision applies plain SQL: as it is, on the driver's own connection, where `:` and `%` mean nothing."""

from __future__ import annotations

from importlib import resources
from typing import cast

import psycopg
from alembic import op


def apply_file(name: str) -> None:
    """Execute a file of `memreg/migrations/sql` in the revision's transaction."""
    apply_text(resources.files("memreg.migrations").joinpath("sql", name).read_text("utf-8"))


def apply_text(sql: str) -> None:
    """Execute statements in the revision's transaction."""
    connection = cast("psycopg.Connection[object]", op.get_bind().connection.driver_connection)
    connection.execute(sql.encode())
