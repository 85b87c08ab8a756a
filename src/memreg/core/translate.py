"""The one seam where psycopg's errors become ours."""

from __future__ import annotations

import re

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from memreg.core.errors import (
    ConnectionLost,
    DatabaseError,
    DatabaseReadOnly,
    DatabaseUnavailable,
    LoginRefused,
    RoleRefused,
    TooManyConnections,
)

# libpq gives no SQLSTATE for a connection that never came to be, only the server's words.
_LOGIN = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry"
    r"|role .* (does not exist|is not permitted to log in)|permission denied for database",
    re.IGNORECASE,
)
_CROWDED = re.compile(r"too many (clients|connections)|remaining connection slots", re.IGNORECASE)
_ROLE = re.compile(r"permission denied (to set role|for schema memreg)|role \"memreg_\w+\" does not exist")
_PREFIX = re.compile(r"^.*?(FATAL|ERROR):\s+", re.DOTALL)
# libpq's words where the server went between a pipeline's statements; the connection does not count as broken then.
_CUT_OFF = "cannot exit pipeline mode while busy"
UNPREPARED = frozenset({"26000", "42P05"})
"""SQLSTATEs of a prepared statement that is not there, or is there already: the driver's register is wrong."""
_FIRST_COME = ("identity_keys_strong", "messages_by_arrival")  # in a part of the table, more is behind it
_GONE = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03"})


def unreachable(exc: BaseException, where: str) -> DatabaseError:
    """The error for a connection that could not be opened."""
    text = str(exc)
    reason = _first_line(_PREFIX.sub("", text))
    if _LOGIN.search(text):
        return LoginRefused(where=where, reason=reason)
    if _CROWDED.search(text):
        return TooManyConnections(where=where, reason=reason)
    if "timeout" in text or "timed out" in text:
        reason = "it did not answer in time"
    return DatabaseUnavailable(where=where, reason=reason)


def begins_again(exc: psycopg.Error) -> bool:
    """Whether a transaction may come to its end when it is begun again: after a serialization failure, a deadlock, or
    where somebody else was first with the key of an object, or the place of a message, which is found then."""
    if isinstance(exc, psycopg.errors.UniqueViolation):
        return (exc.diag.constraint_name or "").startswith(_FIRST_COME)
    return isinstance(exc, psycopg.errors.SerializationFailure | psycopg.errors.DeadlockDetected)


def is_stale(exc: psycopg.Error) -> bool:
    """Whether a transaction was decided by what had changed until it was written (`memreg.must` said so): nobody stands
    in its way any more, so it may begin again at once."""
    return (exc.diag.message_primary or "").startswith("memreg: ")


def why_again(exc: psycopg.Error) -> str:
    """Why a transaction is begun again: `changed`, `serialization` or `deadlock`."""
    if isinstance(exc, psycopg.errors.DeadlockDetected):
        return "deadlock"
    is_found_then = isinstance(exc, psycopg.errors.UniqueViolation)
    return "changed" if is_stale(exc) or is_found_then else "serialization"


def is_lost(exc: BaseException, broken: bool) -> bool:
    """Whether the error is that the connection itself went away."""
    if not isinstance(exc, psycopg.Error) or isinstance(exc, psycopg.NotSupportedError):
        return False  # what cannot be done at all is told as such, also where the connection is closed for it
    state = exc.sqlstate or ""
    return broken or state in _GONE or state.startswith("08") or _CUT_OFF in str(exc)


def translate(exc: BaseException, where: str, *, broken: bool = False) -> DatabaseError:
    """The error for a statement that failed on an open connection; `broken` says that the connection is gone."""
    if isinstance(exc, DatabaseError):
        return exc
    if isinstance(exc, PoolClosed):
        return DatabaseError(reason=f"the connections to {where} are already closed")
    if isinstance(exc, PoolTimeout):
        return TooManyConnections(where=where, reason="all connections of this process are in use")
    if is_lost(exc, broken):
        return ConnectionLost(where=where)
    state = getattr(exc, "sqlstate", None) or ""
    reason = _reason(exc)
    if state == "25006":
        return DatabaseReadOnly(where=where)
    if state == "53300":
        return TooManyConnections(where=where, reason=reason)
    if state.startswith("28"):
        return LoginRefused(where=where, reason=reason)
    if state == "57014":
        return DatabaseError(reason=f"{reason}; MEMREG_STATEMENT_TIMEOUT is the limit")
    if state in UNPREPARED:
        told = "a pooler in between loses prepared statements; unset MEMREG_PREPARE_THRESHOLD, or set it to none"
        return DatabaseError(reason=f"{reason}: {told}")
    if _ROLE.search(reason):
        return RoleRefused(where=where, reason=reason)
    if state == "42501":
        return DatabaseError(reason=f"{reason}; grant it to the user of MEMREG_DATABASE_URL")
    return DatabaseError(reason=reason)


def _reason(exc: BaseException) -> str:
    """The server's primary message: its detail would quote values of the row."""
    primary = exc.diag.message_primary if isinstance(exc, psycopg.Error) else None
    return primary or _first_line(str(exc)) or type(exc).__name__


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].strip().rstrip(".")
