# Generated from rollback_async.py by scripts/generate_sync.py: change that file, not this one.
"""Rolling back without forgetting what was prepared: a turn that begins again would have Postgres plan everything anew,
and just then many are waiting."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from memreg.core.wire import is_known, undo


def prepared_so_far(conn: Connection[Any]) -> int | None:
    """How many statements a connection has prepared since it was opened; None where that is not known."""
    found: int | None = getattr(getattr(conn, "_prepared", None), "_prepared_idx", None)
    return found


def roll_back(conn: Connection[Any], prepared: int | None) -> None:
    """Roll back; what was prepared stays so.

    psycopg forgets all of it, as a rollback may take back what statements are about, and a statement of a pipeline that
    failed may not have been prepared after all. Transactions of ours create nothing, and where something was prepared
    since there were `prepared`, it is left to psycopg.
    """
    if prepared is None or prepared_so_far(conn) != prepared or not is_known():
        conn.rollback()
    else:
        conn.wait(undo(conn))
