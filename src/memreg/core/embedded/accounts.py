"""Which operating-system account runs the server, and what that account can reach."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memreg.core.embedded.home import Home
from memreg.core.errors import EmbeddedUnavailable

CANDIDATES = ("memreg", "postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """An account; `dropped` when this process is root and must become that account to act as it."""

    name: str
    uid: int
    gid: int
    dropped: bool

    @property
    def owner(self) -> tuple[int, int] | None:
        """The owner of the server's folders; None where that is this process anyway."""
        return (self.uid, self.gid) if self.dropped else None

    def popen(self) -> dict[str, Any]:
        """Arguments with which subprocess runs a program as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.dropped else {}


def server_account(home: Home) -> Account:
    """The account that runs the server of `home`.

    An ordinary user runs it. PostgreSQL refuses to run as root, so root hands it to the owner of the data, else to the
    owner of a home that is not root's, else to the first of memreg, postgres and nobody that exists; no account is ever
    created.
    """
    me = os.geteuid()
    owner = _owner(home.data)
    if me != 0:
        if owner not in (None, me):
            reason = (
                f"{home.data} belongs to another account (user id {owner}); set MEMREG_HOME to a folder of your own"
            )
            raise EmbeddedUnavailable(reason=reason)
        return _account(_entry(me), dropped=False)
    if owner == 0:
        reason = (
            f"{home.data} belongs to root, as which PostgreSQL refuses to run; give it back to the server's account"
        )
        raise EmbeddedUnavailable(reason=reason)
    owner = owner or _owner(home.path)
    if owner:
        return _account(_entry(owner), dropped=True)
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return _account(entry, dropped=True)
    reason = f"PostgreSQL refuses to run as root and there is no account {', '.join(CANDIDATES)}; add one of them"
    raise EmbeddedUnavailable(reason=reason)


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:  # absent, or not ours to see; making it will tell
        return None


def _entry(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError as exc:
        reason = f"PostgreSQL needs an account name and user id {uid} has none; add one, or set MEMREG_DATABASE_URL"
        raise EmbeddedUnavailable(reason=reason) from exc


def _account(entry: pwd.struct_passwd, *, dropped: bool) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, dropped)


def can_enter(account: Account, folder: Path) -> bool:
    """Whether the account can enter the folder; asked of the kernel, so that access lists count too."""
    return not account.dropped or _runs(account, ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)])


def can_run(account: Account, program: Path) -> bool:
    return not account.dropped or _runs(account, [str(program), "--version"])


def _runs(account: Account, command: list[str]) -> bool:
    try:
        done = subprocess.run(
            command,
            **account.popen(),
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except PermissionError:
        return False
    return done.returncode == 0


def refuse_closed_parents(account: Account, home: Home) -> None:
    """Refuse a home that the server's account cannot enter; the folders are a person's, so they stay as they are."""
    if can_enter(account, home.path):
        return
    closed = next(
        (p for p in (*reversed(home.path.parents), home.path) if not can_enter(account, p)),
        home.path,
    )
    reason = (
        f"the server runs as the account {account.name}, which cannot enter {closed}; set MEMREG_HOME to a folder that "
        f"it can enter, unset it to use /var/lib/memreg, or open that folder yourself (chmod o+x {closed})"
    )
    raise EmbeddedUnavailable(reason=reason)
