"""The seam: each error of the driver becomes the one of ours that says what to do."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors as pg
from psycopg_pool import PoolClosed, PoolTimeout

from memreg.core.errors import (
    ConnectionLost,
    DatabaseError,
    DatabaseReadOnly,
    DatabaseUnavailable,
    LoginRefused,
    TooManyConnections,
)
from memreg.core.translate import translate, unreachable

PLACE = "ana@db/memories"


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ('connection failed: FATAL:  password authentication failed for user "ana"', LoginRefused, "user "),
        ('connection failed: FATAL:  no pg_hba.conf entry for host "1.2.3.4"', LoginRefused, "no pg_hba"),
        ('connection failed: FATAL:  role "ana" does not exist', LoginRefused, 'role "ana"'),
        ('FATAL:  permission denied for database "d"\nDETAIL:  User does not have CONNECT', LoginRefused, "denied"),
        ("fe_sendauth: no password supplied", LoginRefused, "no password"),
        ("connection failed: FATAL:  sorry, too many clients already", TooManyConnections, "sorry"),
        ('FATAL:  database "d" does not exist', DatabaseUnavailable, 'database "d" does not exist'),
        ("FATAL:  the database system is starting up", DatabaseUnavailable, "starting up"),
        ("connection timeout expired", DatabaseUnavailable, "it did not answer in time"),
        ("Connection refused\n\tIs the server running?", DatabaseUnavailable, "Connection refused"),
    ],
)
def test_a_connection_that_never_was(text: str, kind: type[DatabaseError], reason: str) -> None:
    error = unreachable(psycopg.OperationalError(text), PLACE)
    assert type(error) is kind
    assert reason in str(error)
    assert PLACE in str(error)
    assert "\n" not in str(error)
    assert "FATAL" not in str(error)


@pytest.mark.parametrize(
    ("exc", "kind"),
    [
        (pg.ReadOnlySqlTransaction("x"), DatabaseReadOnly),
        (pg.TooManyConnections("x"), TooManyConnections),
        (pg.InvalidPassword("x"), LoginRefused),
        (pg.AdminShutdown("x"), ConnectionLost),
        (pg.CrashShutdown("x"), ConnectionLost),
        (pg.ConnectionFailure("x"), ConnectionLost),
        (pg.IdleInTransactionSessionTimeout("x"), ConnectionLost),
        (psycopg.OperationalError("cannot exit pipeline mode while busy"), ConnectionLost),
        (PoolTimeout("x"), TooManyConnections),
        (PoolClosed("x"), DatabaseError),
        (pg.DiskFull("could not extend file"), DatabaseError),
        (pg.SyntaxError("syntax error at or near"), DatabaseError),
    ],
)
def test_a_statement_that_failed(exc: Exception, kind: type[DatabaseError]) -> None:
    assert type(translate(exc, PLACE)) is kind


def test_what_the_driver_cannot_name_is_a_loss_only_when_the_connection_is_broken() -> None:
    exc = psycopg.OperationalError("consuming input failed: server closed the connection unexpectedly\n\tThis probably")
    assert isinstance(translate(exc, PLACE, broken=True), ConnectionLost)
    assert type(translate(exc, PLACE)) is DatabaseError


def test_ours_stay_as_they_are() -> None:
    ours = DatabaseReadOnly(where=PLACE)
    assert translate(ours, PLACE) is ours
