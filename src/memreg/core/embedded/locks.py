"""File locks that the kernel releases when their last holder ends, however it ends.

Four lock files say everything about a home, so no process id of ours can go stale:

- `users`: shared by every process with a lease; the guard waits for it exclusively.
- `server`: held by the server and each process that it forks; it is inherited through exec.
- `guard`: held by the guard, from the moment that it is started.
- `setup`: held for the short time in which a cluster is made or a server started.

A lock is given back by closing its descriptor, never by LOCK_UN: a forked child shares the parent's lock, and unlocking
in one would unlock both.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from memreg.core.embedded.home import Home
from memreg.core.errors import EmbeddedUnavailable

_PAUSE = 0.02  # seconds


def open_lock(home: Home, name: str) -> int:
    """A new descriptor of a lock file, closed on exec; the file is made with the owner of the home."""
    path = home.lock(name)
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT, 0o600)
    owner = home.path.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:  # else an ordinary user could not open it after root was here
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock if that is possible at once."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_lock(home: Home, name: str, *, shared: bool = False, seconds: float = 120.0) -> int:
    """A descriptor that holds the lock.

    Raises EmbeddedUnavailable when another process keeps it longer than `seconds`.
    """
    descriptor = open_lock(home, name)
    try:
        deadline = time.monotonic() + seconds
        while not try_lock(descriptor, shared=shared):
            if time.monotonic() > deadline:
                reason = (
                    f"another process has held {home.lock(name)} for {seconds:.0f} s; look in {home.log}, "
                    "and end the processes that use this home"
                )
                raise EmbeddedUnavailable(reason=reason)
            time.sleep(_PAUSE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def locked(home: Home, name: str) -> Iterator[None]:
    descriptor = wait_lock(home, name)
    try:
        yield
    finally:
        os.close(descriptor)


def is_held(home: Home, name: str) -> bool:
    """Whether some process holds the lock exclusively (the shared probe disturbs no other probe)."""
    descriptor = open_lock(home, name)
    try:
        return not try_lock(descriptor, shared=True)
    finally:
        os.close(descriptor)
