"""A process's share in the running server: `acquire` starts the server or joins it, the lease's end gives it back."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from memreg.core.embedded import accounts, binaries, cluster, guard
from memreg.core.embedded.connection import Alive, Dead, dsn_of, prove
from memreg.core.embedded.home import (
    Home,
    default_home,
    disk_errors,
    make_folder,
    refuse_unusable,
)
from memreg.core.embedded.locks import is_held, locked, open_lock, try_lock, wait_lock
from memreg.core.errors import EmbeddedUnavailable

_PAUSE = 0.02  # seconds
_PATIENCE = 120.0  # seconds until a server that does not answer is given up
_DEAF = 5.0  # seconds after which a server that runs but cannot be reached is restarted


@dataclass
class _Hold:
    """One process's hold on a home: the shared lock on its users file, and how many leases stand on it."""

    descriptor: int
    count: int = 0


# A child made by fork() shares these descriptors, so it counts as a user of the server until it ends or runs exec.
_holds: dict[Path, _Hold] = {}
_mutex = threading.RLock()  # reentrant: a finalizer may release a lease at any moment


def _after_fork() -> None:
    global _mutex
    _mutex = threading.RLock()  # another thread may have held it in the parent


os.register_at_fork(after_in_child=_after_fork)


@dataclass(frozen=True)
class Lease:
    """The right to use the embedded server, at `dsn`, until `release()` or the end of the process.

    `dsn` is a libpq conninfo for the database "memreg" on a Unix socket. A lease is a context manager.
    """

    dsn: str
    _home: Home
    _open: list[bool] = field(default_factory=lambda: [True], repr=False, compare=False)

    def release(self) -> None:
        """Give the lease back; when it was the last one of all processes, the server stops soon. Idempotent."""
        with _mutex:
            if not self._open:
                return
            self._open.clear()
            hold = _holds.get(self._home.path)
            if hold is None:
                return
            hold.count -= 1
            if hold.count == 0:
                del _holds[self._home.path]
                _leave(self._home, hold)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def acquire(home: Path | None = None, *, durable: bool = True) -> Lease:
    """Start the server of `home` (None: `default_home()`), or join the one that runs, and return a lease on it.

    Makes the cluster and the database "memreg" where they are absent, and connects once before it returns. `durable`
    false trades the data's safety at a crash of the machine for speed, for tests; it has effect only on the one that
    starts the server. Blocks while another process starts or stops it.

    Raises EmbeddedUnavailable, with one sentence that says what to do.
    """
    place = Home.at(home if home is not None else default_home())
    with _mutex, disk_errors(place):
        refuse_unusable(place)
        make_folder(place.path, 0o755 if os.geteuid() == 0 else 0o700)
        hold = _holds.get(place.path)
        if hold is None:
            hold = _Hold(wait_lock(place, "users", shared=True))
        try:
            with locked(place, "setup"):
                dsn = _running(place, durable=durable)
        except BaseException:
            if hold.count == 0:
                _leave(place, hold)
            raise
        hold.count += 1
        _holds[place.path] = hold
    return Lease(dsn, place)


def status(home: Path | None = None) -> dict[str, Any]:
    """What runs in `home`, without starting anything: `home`, `running`, `guarded`, `pid`, `dsn`, `log`."""
    place = Home.at(home if home is not None else default_home())
    running = guarded = False
    if place.lock("server").exists():
        with disk_errors(place):
            running, guarded = is_held(place, "server"), is_held(place, "guard")
    recorded = cluster.postmaster(place) if running else None
    return {
        "home": str(place.path),
        "running": recorded is not None,
        "guarded": guarded,
        "pid": recorded.pid if recorded else None,
        "dsn": dsn_of(recorded) if recorded else None,
        "log": str(place.log),
    }


def _running(home: Home, *, durable: bool) -> str:
    """Bring the server up, whatever state it is in, and prove that it answers. The setup lock is held."""
    installed = binaries.find()
    account = accounts.server_account(home)
    cluster.refuse_other_version(home, installed)
    began = time.monotonic()
    restarted = False
    while True:
        recorded = cluster.postmaster(home)
        ours = is_held(home, "server")
        if ours or (recorded is not None and cluster.is_server(home, recorded.pid)):
            answer = prove(recorded) if recorded is not None else Dead("it has not written its address yet")
            if isinstance(answer, Alive):
                if ours:  # a server that a person started by hand is theirs to stop
                    _ensure_guard(home, installed, account)
                return answer.dsn
            elapsed = time.monotonic() - began
            if elapsed > _PATIENCE:
                reason = f"the server in {home.path} does not answer ({answer.why}); look in {home.log}"
                raise EmbeddedUnavailable(reason=reason)
            if recorded and recorded.ready and ours and answer.unreachable and elapsed > _DEAF and not restarted:
                restarted = True
                if cluster.is_server(home, recorded.pid):  # its socket was removed
                    os.kill(recorded.pid, signal.SIGINT)
            time.sleep(_PAUSE)
            continue
        descriptor = open_lock(home, "guard")
        try:
            if try_lock(descriptor):
                _start(home, installed, account, descriptor, durable=durable)
            elif time.monotonic() - began > _PATIENCE:
                raise EmbeddedUnavailable(reason=f"the guard of {home.path} does not end; look in {home.log}")
            else:
                time.sleep(_PAUSE)  # a guard is about to end, or about to start the server for a client that was killed
        finally:
            os.close(descriptor)


def _start(
    home: Home,
    installed: binaries.Binaries,
    account: accounts.Account,
    descriptor: int,
    *,
    durable: bool,
) -> None:
    accounts.refuse_closed_parents(account, home)
    usable = binaries.reachable(installed, account, home)
    cluster.remove_leftovers(home)
    if not cluster.has_data(home):
        cluster.make_cluster(home, usable, account, durable=durable)
    cluster.make_log_folder(home)
    cluster.write_access(home, account)
    folder = cluster.make_socket_folder(home, account)
    cluster.clear_stale(home, folder)
    _spawn(
        home,
        usable,
        account,
        descriptor,
        cluster.start_command(home, usable, folder, durable=durable),
    )


def _ensure_guard(home: Home, installed: binaries.Binaries, account: accounts.Account) -> None:
    """Give the running server a guard where its own was killed."""
    descriptor = open_lock(home, "guard")
    try:
        if try_lock(descriptor):
            _spawn(
                home,
                binaries.reachable(installed, account, home),
                account,
                descriptor,
                None,
            )
    finally:
        os.close(descriptor)


def _spawn(
    home: Home,
    usable: binaries.Binaries,
    account: accounts.Account,
    descriptor: int,
    start: list[str] | None,
) -> None:
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
    failure = json.loads(output)["failure"] if output else f"its guard did not run with {interpreter}"
    if failure is not None:
        raise EmbeddedUnavailable(reason=f"{failure} (log: {home.log})")


def _interpreter() -> str:
    """This Python, or any other where this process is a program that embeds one; the guard needs only the library."""
    if Path(sys.executable or "").name.startswith("python"):
        return sys.executable
    found = shutil.which("python3")
    if found is None:
        raise EmbeddedUnavailable(reason="its guard needs a Python and there is no python3 in PATH; add one to PATH")
    return found


def _leave(home: Home, hold: _Hold) -> None:
    """Close the hold; if the guard was killed meanwhile, put another in its place to stop the server."""
    try:
        if is_held(home, "server") and not is_held(home, "guard"):
            with locked(home, "setup"):
                _ensure_guard(home, binaries.find(), accounts.server_account(home))
    except (OSError, EmbeddedUnavailable):
        pass  # leaving must not fail; the next acquire() puts things right
    finally:
        os.close(hold.descriptor)


@atexit.register
def _leave_all() -> None:
    """Release what is still held when the interpreter ends in order."""
    with _mutex:
        while _holds:
            path, hold = _holds.popitem()
            _leave(Home(path), hold)
