"""A small Postgres of a test's own, over TCP with passwords and few connections: what the shared one cannot show."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg.conninfo import make_conninfo

from memreg.core.embedded import accounts, binaries
from memreg.core.embedded.home import Home
from tests.support.folders import short_folder

OWNER, PASSWORD = "owner", "correct horse"
CONNECTIONS = 4


@dataclass(frozen=True)
class Cluster:
    """A server that runs between `start` and `stop`, with so many connections; its owner is a superuser."""

    home: Home
    port: int
    installed: binaries.Binaries
    account: accounts.Account
    connections: int = CONNECTIONS

    def dsn(self, user: str = OWNER, password: str = PASSWORD, dbname: str = "postgres") -> str:
        """How to connect over TCP."""
        return make_conninfo(
            "", host="127.0.0.1", port=self.port, user=user, password=password, dbname=dbname, sslmode="disable"
        )

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = (
            f"-c listen_addresses=127.0.0.1 -p {self.port} -c unix_socket_directories='' -c fsync=off"
            f" -c max_connections={self.connections} -c superuser_reserved_connections=1 -c reserved_connections=0"
            " -c max_wal_senders=0"
        )
        self._run("pg_ctl", "start", "-w", "-D", str(self.home.data), "-l", str(self.home.path / "log"), "-o", options)

    def stop(self) -> None:
        """Stop at once; connections are cut."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self.home.data))

    def make(self) -> None:
        """Make the data folder; every login needs a password."""
        secret = self.home.path / "password"
        secret.write_text(PASSWORD)
        if self.account.owner:
            os.chown(self.home.path, *self.account.owner)
            os.chown(secret, *self.account.owner)
        data, auth = str(self.home.data), "--auth=scram-sha-256"
        self._run("initdb", "-D", data, "-U", OWNER, auth, f"--pwfile={secret}", "-E", "UTF8", "--no-locale", "-N")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.installed.program(program)), *arguments]
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
        with (self.home.path / "output").open("a+") as output:  # a pipe would stay open as long as the server runs
            done = subprocess.run(
                command, env=environment, cwd="/", stdout=output, stderr=output, check=False, **self.account.popen()
            )
            output.seek(0)
            assert done.returncode == 0, output.read()


@contextmanager
def running_cluster(connections: int = CONNECTIONS) -> Iterator[Cluster]:
    """A cluster in a folder of its own, started; stopped and removed at the end."""
    folder = short_folder("memreg-cluster-")
    try:
        home = Home.at(folder)
        home.path.chmod(0o755)
        account = accounts.server_account(home)
        cluster = Cluster(home, _free_port(), binaries.reachable(binaries.find(), account, home), account, connections)
        cluster.make()
        cluster.start()
        try:
            yield cluster
        finally:
            if (home.data / "postmaster.pid").exists():
                cluster.stop()
    finally:
        shutil.rmtree(folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
