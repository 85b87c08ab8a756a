"""pgbouncer of a test's or a show's own before a database, where Debian's (or another) is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

NOT_INSTALLED = "pgbouncer is not installed here (Debian: apt install pgbouncer)"
_PATIENCE = 10.0  # seconds


def program() -> str | None:
    """Where pgbouncer is; its place is often not on the path of an ordinary account."""
    return shutil.which("pgbouncer", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")))


def version() -> str:
    """The first line of what it says of itself. Raises RuntimeError."""
    return subprocess.run([_program(), "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


@contextmanager
def pooler(dsn: str, *, size: int = 2, mode: str = "transaction") -> Iterator[str]:
    """A pooler before the server of `dsn`, with at most `size` connections to each of its databases; its DSN.

    Raises RuntimeError where pgbouncer is not installed.
    """
    found = _program()
    parts = {key: str(value) for key, value in conninfo_to_dict(dsn).items()}
    folder, port = Path(tempfile.mkdtemp(prefix="memreg-pooler-", dir="/tmp")), _free_port()
    try:
        server = " ".join(f"{key}='{parts[key]}'" for key in ("host", "port", "user", "password") if key in parts)
        settings = folder / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = {server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
            f"unix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = {size}\n"
            "max_client_conn = 500\nserver_login_retry = 1\nlog_connections = 0\nlog_disconnections = 0\n"
        )
        somebody = _somebody(folder, parts.get("host", ""))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([found, "-q", str(settings)], stdout=log, stderr=log, **somebody)
        try:
            address = make_conninfo("", host="127.0.0.1", port=port, user=parts["user"], dbname=parts["dbname"])
            _wait(address, process, folder / "log")
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE)
    finally:
        shutil.rmtree(folder)


def _program() -> str:
    found = program()
    if found is None:
        raise RuntimeError(NOT_INSTALLED)
    return found


def _somebody(folder: Path, host: str) -> dict[str, Any]:
    """Root has it run as whose the server's socket is, else as nobody: as root it refuses to run."""
    if os.geteuid() != 0:
        return {}
    uid = os.stat(host).st_uid if host.startswith("/") else 0
    account = pwd.getpwuid(uid) if uid else pwd.getpwnam("nobody")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _wait(dsn: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it answers, and the server behind it. Raises TimeoutError."""
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=2).close()
            return
        except psycopg.OperationalError as exc:
            if process.poll() is not None or time.monotonic() > ends:
                raise TimeoutError(f"pgbouncer does not answer: {log.read_text()}") from exc
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
