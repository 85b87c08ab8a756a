"""A Postgres for the soak: in a folder of its own, ended in all the ways in which one ends, and started again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from memreg.core.embedded import accounts, binaries, cluster
from memreg.core.embedded.home import Home, make_folder

ENDS = ("backend", "postmaster", "immediate", "fast")
"""How it is ended: a connection's process killed with -9, which makes the others start over; the server killed with -9;
stopped at once; stopped in order."""
_PATIENCE = 60.0  # seconds


class Server:
    """A server that runs between `start` and `stop`. `durable`: writes what it commits through to the disk; without it
    a commit outlives the server, but not the machine."""

    def __init__(self, place: Path, *, durable: bool = True) -> None:
        self.home = Home.at(place)
        make_folder(self.home.path, 0o755)
        self.durable = durable
        self.account = accounts.server_account(self.home)
        self.installed = binaries.reachable(binaries.find(), self.account, self.home)
        self._process: subprocess.Popen[bytes] | None = None
        if not cluster.has_data(self.home):
            cluster.make_cluster(self.home, self.installed, self.account, durable=durable)
        cluster.make_log_folder(self.home)
        cluster.write_access(self.home, self.account)
        self.folder = cluster.make_socket_folder(self.home, self.account)

    @property
    def dsn(self) -> str:
        """How to connect."""
        return make_conninfo("", host=str(self.folder), port=cluster.PORT, user=cluster.ROLE, dbname="postgres")

    @property
    def command(self) -> list[str]:
        """What starts it, also by hand once the soak is over."""
        command = cluster.start_command(self.home, self.installed, self.folder, durable=True)
        return command if self.durable else [*command, "-c", "fsync=off"]

    @property
    def pid(self) -> int:
        """The process that starts the others."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> float:
        """Start, recover, and wait until it answers; gives the seconds that it took. Raises TimeoutError."""
        began = time.monotonic()
        while not self._try_start(began):
            time.sleep(0.05)  # what was left of the one before still holds its memory
        return time.monotonic() - began

    def end(self, how: str, chance: random.Random) -> None:
        """End it in one of the `ENDS`, so that it has to be started again (but after `backend`: it does so itself)."""
        if how == "backend":
            with psycopg.connect(self.dsn, autocommit=True) as conn:
                found = conn.execute(
                    "select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
                ).fetchall()
            if found:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(found)[0], signal.SIGKILL)
            return
        os.kill(self.pid, {"postmaster": signal.SIGKILL, "immediate": signal.SIGQUIT, "fast": signal.SIGINT}[how])
        assert self._process is not None
        self._process.wait(_PATIENCE)

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self.end("fast", random.Random(0))

    def backends(self) -> list[int]:
        """The processes of the server, its own among them."""
        pid = self.pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except FileNotFoundError:
            return []
        return [pid, *map(int, children)]

    def _try_start(self, began: float) -> bool:
        cluster.clear_stale(self.home, self.folder)
        with self.home.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                **self.account.popen(),
                cwd="/",
                env=cluster.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                umask=0o077,
                start_new_session=True,
            )
        while self._process.poll() is None:
            with suppress(psycopg.OperationalError), psycopg.connect(self.dsn, connect_timeout=5):
                return True
            if time.monotonic() - began > _PATIENCE:
                raise TimeoutError(f"the server in {self.home.path} does not answer; look in {self.home.log}")
            time.sleep(0.02)
        if time.monotonic() - began > _PATIENCE:
            raise TimeoutError(f"the server in {self.home.path} does not start; look in {self.home.log}")
        return False


def make_place(parent: Path | None = None) -> Path:
    """A new folder with a short path, which every account may enter."""
    place = Path(tempfile.mkdtemp(prefix="memreg-soak-", dir=parent or "/tmp"))
    place.chmod(0o755)
    return place


def remove(place: Path) -> None:
    """Remove a folder with all that is in it."""
    shutil.rmtree(place)


def memory_of(pids: Iterator[int] | list[int]) -> dict[int, tuple[int, int]]:
    """By process, where it lives: its resident memory and the part of it that is its own (anonymous), in bytes."""
    found = {}
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            told = {name: rest for name, _, rest in (line.partition(":") for line in lines)}
            if "VmRSS" in told:
                found[pid] = int(told["VmRSS"].split()[0]) << 10, int(told["RssAnon"].split()[0]) << 10
    return found
