"""pgbouncer of a test's own in transaction pooling, where Debian's (or another) is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.cluster import free_port
from tests.support.folders import short_folder

NOT_INSTALLED = "pgbouncer is not installed here (Debian: apt install pgbouncer)"
_PATIENCE = 10.0  # seconds


def program() -> str | None:
    """Where pgbouncer is; its place is often not on the path of an ordinary account."""
    return shutil.which("pgbouncer", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))


needs_pgbouncer = pytest.mark.skipif(program() is None, reason=NOT_INSTALLED)


@contextmanager
def pooler(dsn: str, *, size: int = 2, mode: str = "transaction") -> Iterator[str]:
    """A pooler before the database of `dsn`, with at most `size` connections to it; its DSN."""
    found = program()
    if found is None:
        pytest.skip(NOT_INSTALLED)
    parts = {key: str(value) for key, value in conninfo_to_dict(dsn).items()}
    folder, port = short_folder("memreg-pooler-"), free_port()
    try:
        server = " ".join(f"{key}='{parts[key]}'" for key in ("host", "port", "user", "password") if key in parts)
        settings = folder / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = {server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
            f"unix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = {size}\n"
            "max_client_conn = 500\nserver_login_retry = 1\nlog_connections = 0\nlog_disconnections = 0\n"
        )
        with (folder / "log").open("wb") as log:
            command = [found, "-q", str(settings)]
            process = subprocess.Popen(command, stdout=log, stderr=log, **_as_somebody(folder, parts.get("host", "")))
        try:
            address = make_conninfo("", host="127.0.0.1", port=port, user=parts["user"], dbname=parts["dbname"])
            _wait(address, process, folder / "log")
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE)
    finally:
        shutil.rmtree(folder)


def _as_somebody(folder: Path, host: str) -> dict[str, Any]:
    """Root has it run as who may reach the server's socket, else as nobody: as root it refuses to run."""
    if os.geteuid() != 0:
        return {}
    uid = os.stat(host).st_uid if host.startswith("/") else 0
    account = pwd.getpwuid(uid) if uid else pwd.getpwnam("nobody")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _wait(dsn: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it answers, and the server behind it."""
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            assert process.poll() is None and time.monotonic() < ends, log.read_text()
        time.sleep(0.02)
