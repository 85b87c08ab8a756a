"""Brings the server up, whatever state a home is in, and sees to it that a guard watches it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from memreg.core.embedded import accounts, binaries, cluster, guard
from memreg.core.embedded.connection import Alive, Dead, prove
from memreg.core.embedded.home import Home
from memreg.core.embedded.locks import is_held, open_lock, try_lock
from memreg.core.errors import EmbeddedUnavailable

_PAUSE = 0.02  # seconds
_PATIENCE = 120.0  # seconds until a server that does not answer is given up
_DEAF = 5.0  # seconds after which a server that runs but cannot be reached is restarted
_STARTS = 5  # how often a server or guard may be killed while it starts


def bring_up(home: Home, *, durable: bool) -> str:
    """Join the server or start it, prove that it answers, and return its DSN. The caller holds users and setup."""
    installed = binaries.find()
    account = accounts.server_account(home)
    cluster.refuse_other_version(home, installed)
    began = time.monotonic()
    killed = 0
    restarted = False
    while True:
        waited = time.monotonic() - began
        recorded = cluster.postmaster(home)
        ours = is_held(home, "server")
        if ours or (recorded is not None and cluster.is_server(home, recorded.pid)):
            answer = Dead("it has not written its address yet") if recorded is None else prove(recorded)
            if isinstance(answer, Alive):
                if ours:  # a server that a person started by hand is theirs to stop
                    _ensure_guard(home, installed, account)
                return answer.dsn
            if waited > _PATIENCE:
                reason = f"the server in {home.path} does not answer ({answer.why}); look in {home.log}"
                raise EmbeddedUnavailable(reason=reason)
            if ours and recorded and recorded.ready and answer.unreachable and waited > _DEAF and not restarted:
                restarted = True
                _stop_deaf(home, recorded)
        elif (started := _try_start(home, installed, account, durable=durable)) is not None:
            if started.failure is None:
                continue
            killed += 1
            if not started.killed or killed == _STARTS:
                raise EmbeddedUnavailable(reason=f"{started.failure} (log: {home.log})")
        elif waited > _PATIENCE:
            raise EmbeddedUnavailable(reason=f"the guard of {home.path} does not end; look in {home.log}")
        time.sleep(_PAUSE)


def ensure_guard(home: Home) -> None:
    """Give the running server a guard where its own was killed. The caller holds setup."""
    _ensure_guard(home, binaries.find(), accounts.server_account(home))


def _ensure_guard(home: Home, installed: binaries.Binaries, account: accounts.Account) -> None:
    descriptor = open_lock(home, "guard")
    try:
        if try_lock(descriptor):
            usable = binaries.reachable(installed, account, home)
            for _ in range(_STARTS):
                started = _spawn(home, usable, account, descriptor, None)
                if started.failure is None:
                    return
            raise EmbeddedUnavailable(reason=started.failure)
    finally:
        os.close(descriptor)


def _stop_deaf(home: Home, recorded: cluster.Postmaster) -> None:
    """Stop a server whose socket was removed; its guard ends with it, and the next round starts both anew."""
    if cluster.is_server(home, recorded.pid):
        os.kill(recorded.pid, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class _Started:
    """How a start ended; `killed` when somebody's signal ended it, so that trying again makes sense."""

    failure: str | None
    killed: bool = False


def _try_start(
    home: Home, installed: binaries.Binaries, account: accounts.Account, *, durable: bool
) -> _Started | None:
    """Start guard and server; None when a guard is just ending, or starting the server for a client that was killed."""
    descriptor = open_lock(home, "guard")
    try:
        if not try_lock(descriptor):
            return None
        accounts.refuse_closed_parents(account, home)
        usable = binaries.reachable(installed, account, home)
        cluster.remove_leftovers(home)
        if not cluster.has_data(home):
            cluster.make_cluster(home, usable, account, durable=durable)
        cluster.make_log_folder(home)
        cluster.write_access(home, account)
        folder = cluster.make_socket_folder(home, account)
        cluster.clear_stale(home, folder)
        command = cluster.start_command(home, usable, folder, durable=durable)
        return _spawn(home, usable, account, descriptor, command)
    finally:
        os.close(descriptor)


def _spawn(
    home: Home,
    usable: binaries.Binaries,
    account: accounts.Account,
    descriptor: int,
    start: list[str] | None,
) -> _Started:
    """Run the guard, which inherits the guard lock, and wait until its server is ready."""
    plan = {
        "users": str(home.lock("users")),
        "server": str(home.lock("server")),
        "guard": descriptor,
        "data": str(home.data),
        "log": str(home.log),
        "start": start,
        "stop": [cluster.stop_command(home, usable, mode) for mode in ("fast", "immediate")],
        "environment": cluster.environment(),
        "uid": account.uid if account.dropped else None,
        "gid": account.gid if account.dropped else None,
    }
    interpreter = _interpreter()
    os.close(open_lock(home, "server"))  # it must exist with the right owner
    with subprocess.Popen(
        [interpreter, "-I", "-S", guard.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        pass_fds=[descriptor],
        start_new_session=True,
        umask=0o077,
    ) as process:
        output, _ = process.communicate(json.dumps(plan).encode() + b"\n")
    if not output:
        return _Started(f"the guard ended before it was ready, run with {interpreter}", killed=True)
    return _Started(**json.loads(output))


def _interpreter() -> str:
    """This Python, or any other where this process is a program that embeds one; the guard needs only the library."""
    if Path(sys.executable or "").name.startswith("python"):
        return sys.executable
    found = shutil.which("python3")
    if found is None:
        raise EmbeddedUnavailable(reason="its guard needs a Python and there is no python3 in PATH; add one to PATH")
    return found
