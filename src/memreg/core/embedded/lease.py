"""A process's share in the running server: `acquire` starts the server or joins it, the lease's end gives it back."""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from memreg.core.embedded import cluster
from memreg.core.embedded.connection import dsn_of
from memreg.core.embedded.home import Home, default_home, disk_errors, make_folder, refuse_unusable
from memreg.core.embedded.locks import is_held, locked, wait_lock
from memreg.core.embedded.server import bring_up, ensure_guard
from memreg.core.errors import EmbeddedUnavailable


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
                dsn = bring_up(place, durable=durable)
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


def _leave(home: Home, hold: _Hold) -> None:
    """Close the hold; if the guard was killed meanwhile, put another in its place to stop the server."""
    try:
        if is_held(home, "server") and not is_held(home, "guard"):
            with locked(home, "setup"):
                ensure_guard(home)
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
