"""Connection strings: both forms, and never a password in what is shown."""

from __future__ import annotations

import pytest

from memreg.core.dsn import connect_string, parse_dsn, where
from memreg.core.errors import SettingsInvalid


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://ana:hunter2@db.example:5433/memories?sslmode=require", "ana@db.example:5433/memories"),
        ("postgres://db.example/memories", "db.example/memories"),
        ("postgresql+psycopg://ana:hunter2@db.example/memories", "ana@db.example/memories"),
        ("host=/var/run/postgresql user=ana password='hunter2' dbname=memories", "ana@/var/run/postgresql/memories"),
        ("user=ana password=hunter2", "ana@localhost/ana"),
        ("hostaddr=127.0.0.1 dbname=d", "127.0.0.1/d"),
        ("postgresql://ana:hunter2@%2Ftmp%2Frun/d", "ana@/tmp/run/d"),
        ("postgresql:///d?host=a,b&password=hunter2", "a,b/d"),
    ],
)
def test_where(dsn: str, shown: str) -> None:
    assert where(dsn) == shown


@pytest.mark.parametrize("dsn", ["", "  ", "hunter2", "mysql://u:hunter2@h/d", "postgresql://u:hunter2@[::1/d", "a\0b"])
def test_what_cannot_be_read_is_refused_and_not_repeated(dsn: str) -> None:
    with pytest.raises(SettingsInvalid, match="MEMREG_DATABASE_URL is not usable: write postgresql://") as refused:
        parse_dsn(dsn)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


UTF8 = {"client_encoding": "UTF8"}


def test_text_is_utf8_whatever_is_said() -> None:
    ours = parse_dsn(connect_string("postgresql://h/d?client_encoding=latin1", connect_timeout=9))
    assert ours.items() >= UTF8.items()


def test_what_is_said_wins_over_what_we_add() -> None:
    ours = parse_dsn(connect_string("postgresql://h/d", connect_timeout=7.4))
    assert ours == {"host": "h", "dbname": "d", "application_name": "memreg", "connect_timeout": "7", **UTF8}
    theirs = parse_dsn(connect_string("postgresql://h/d?application_name=mine&connect_timeout=3", connect_timeout=9))
    assert theirs["application_name"] == "mine"
    assert theirs["connect_timeout"] == "3"
