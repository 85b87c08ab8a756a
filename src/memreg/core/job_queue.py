"""How procrastinate reaches its tables: by names with their schema, so that no setting of a session is needed, which
nothing behind a pooler in transaction mode keeps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, LiteralString

from procrastinate.psycopg_connector import PsycopgConnector
from psycopg import AsyncConnection

_NAMES, _OURS = "procrastinate_", "memreg.procrastinate_"

Configure = Callable[[AsyncConnection[Any]], Awaitable[None]]


class JobConnector(PsycopgConnector):
    """procrastinate's own, whose queries name the schema of the tables, types and functions."""

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        """Run a query."""
        await super().execute_query_async(_qualified(query), **arguments)

    async def execute_query_one_async(self, query: LiteralString, **arguments: Any) -> dict[str, Any]:
        """Run a query and give its first row."""
        row: dict[str, Any] = await super().execute_query_one_async(_qualified(query), **arguments)
        return row

    async def execute_query_all_async(self, query: LiteralString, **arguments: Any) -> list[dict[str, Any]]:
        """Run a query and give its rows."""
        rows: list[dict[str, Any]] = await super().execute_query_all_async(_qualified(query), **arguments)
        return rows


def job_connector(
    conninfo: str, *, configure: Configure, most: int, prepare_threshold: int | None = 5, timeout: float = 30.0
) -> JobConnector:
    """A connector to the job queue in the database at `conninfo`, with `most` connections at most."""
    return JobConnector(
        conninfo=conninfo,
        kwargs={"prepare_threshold": prepare_threshold},
        configure=configure,
        min_size=1,
        max_size=most,
        timeout=timeout,
    )


def _qualified(query: LiteralString) -> LiteralString:
    return query.replace(_NAMES, _OURS)
