"""Where a database is: connection strings (URL or `key=value`), read with libpq's rules and shown without secrets."""

from __future__ import annotations

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from memreg.core.errors import SettingsInvalid


def parse_dsn(dsn: str, setting: str = "MEMREG_DATABASE_URL") -> dict[str, str]:
    """The parts of a connection string, as libpq names them.

    Raises SettingsInvalid, naming `setting`, when libpq cannot read it.
    """
    try:
        if dsn.strip() and "\0" not in dsn:
            dsn = dsn.replace("postgresql+psycopg://", "postgresql://", 1)
            return {key: str(value) for key, value in conninfo_to_dict(dsn).items() if value is not None}
    except (ProgrammingError, UnicodeError):
        pass
    # Without the cause: libpq quotes the string that it could not read, and a password may be in it.
    raise SettingsInvalid(
        name=setting, reason="write postgresql://user:password@host:port/database or host=... dbname=..."
    )


def connect_string(dsn: str, *, connect_timeout: float) -> str:
    """The connection string that memreg opens: `dsn`, and where it left them open our name and time limit (seconds).
    Text is always UTF-8, as JSON is, whatever the string, the environment or the login would have it be."""
    parts = {"application_name": "memreg", "connect_timeout": str(max(2, round(connect_timeout)))} | parse_dsn(dsn)
    return make_conninfo("", **parts | {"client_encoding": "UTF8"})


def where(dsn: str) -> str:
    """The database as `user@host:port/database` for messages; never the password."""
    parts = parse_dsn(dsn)
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    user = f"{parts['user']}@" if "user" in parts else ""
    port = f":{parts['port']}" if "port" in parts else ""
    name = parts.get("dbname", parts.get("user", ""))
    return f"{user}{host}{port}/{name}"
