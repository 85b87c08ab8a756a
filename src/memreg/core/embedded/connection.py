"""The address of the server, and the proof that it answers there."""

from __future__ import annotations

from dataclasses import dataclass

from memreg.core.embedded.cluster import ROLE, Postmaster
from memreg.core.errors import EmbeddedUnavailable

DATABASE = "memreg"


@dataclass(frozen=True, slots=True)
class Alive:
    """The server answered and has the database."""

    dsn: str


@dataclass(frozen=True, slots=True)
class Dead:
    """The server did not answer (yet); `unreachable` when there was not even a server at the socket."""

    why: str
    unreachable: bool = False


def dsn_of(server: Postmaster, database: str = DATABASE) -> str:
    """The conninfo; everything is named, because what is not would come from PGPORT and its kind."""
    from psycopg.conninfo import make_conninfo

    return make_conninfo(host=server.socket_folder, port=server.port, user=ROLE, dbname=database)


def prove(server: Postmaster) -> Alive | Dead:
    """Connect once, making the database where it is absent.

    Raises EmbeddedUnavailable when the server refuses for good.
    """
    import psycopg

    dsn = dsn_of(server)
    for _ in range(2):
        try:
            psycopg.connect(dsn, connect_timeout=10).close()
            return Alive(dsn)
        except psycopg.OperationalError as exc:
            why = " ".join(str(exc).split())
        if "too many clients" in why or "remaining connection slots" in why:
            return Alive(dsn)  # only a living server says so, and it is the caller who has to wait
        if f'database "{DATABASE}" does not exist' in why:
            _create(server)
            continue
        break
    if "authentication failed" in why or "no pg_hba.conf entry" in why:
        raise EmbeddedUnavailable(reason=f"its server lets only its own account in ({why}); set MEMREG_HOME")
    return Dead(why, unreachable="No such file" in why or "Connection refused" in why)


def _create(server: Postmaster) -> None:
    import psycopg
    from psycopg import sql

    with psycopg.connect(dsn_of(server, "postgres"), connect_timeout=10, autocommit=True) as connection:
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            pass
