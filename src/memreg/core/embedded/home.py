"""Where the embedded Postgres keeps its files, and the folders it makes there."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from memreg.core.errors import EmbeddedUnavailable

ROOT_HOME = Path("/var/lib/memreg")


@dataclass(frozen=True, slots=True)
class Home:
    """The paths inside a home; `path` is absolute and without symbolic links, so that all processes agree on it."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> Home:
        return cls(Path(os.path.realpath(path.expanduser())))

    @property
    def data(self) -> Path:
        """The cluster; it exists only when it is whole."""
        return self.path / "data"

    @property
    def run(self) -> Path:
        """The socket's folder, unless its path is too long for a socket."""
        return self.path / "run"

    @property
    def logs(self) -> Path:
        return self.path / "log"

    @property
    def log(self) -> Path:
        return self.logs / "postgres.log"

    @property
    def config(self) -> Path:
        """Who may connect; kept apart from the data because the server's account must not change it."""
        return self.path / "config"

    @property
    def binaries(self) -> Path:
        return self.path / "binaries"

    def lock(self, name: str) -> Path:
        return self.path / f"{name}.lock"


def default_home() -> Path:
    """The home when MEMREG_HOME is not set: /var/lib/memreg for root, else `memreg` in the user's data directory."""
    if os.geteuid() == 0:
        return ROOT_HOME
    base = os.environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(base):  # the XDG specification: a relative path is ignored
        return Path(base) / "memreg"
    try:
        return Path.home() / ".local" / "share" / "memreg"
    except RuntimeError as exc:
        reason = f"user id {os.geteuid()} has no home directory; set MEMREG_HOME to a folder it may write"
        raise EmbeddedUnavailable(reason=reason) from exc


def make_folder(path: Path, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Make `path` and its missing parents; only what is made here gets `mode` and, for `path` itself, `owner`."""
    if path.is_dir():
        return
    if not path.parent.is_dir():
        make_folder(path.parent, mode)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not path.is_dir():
            raise
        return  # another process was faster
    if owner is not None:
        os.chown(path, *owner)
    path.chmod(mode)


_DISK = {
    errno.EROFS: "{path} is on a read-only file system; set MEMREG_HOME to a folder that can be written",
    errno.EACCES: "this account may not write {path}; set MEMREG_HOME to a folder it may write",
    errno.EPERM: "this account may not change {path}; set MEMREG_HOME to a folder of its own",
    errno.ENOSPC: "the disk of {path} is full; free some space, or set MEMREG_HOME to a folder on another disk",
    errno.EDQUOT: "the disk quota for {path} is used up; free some space, or set MEMREG_HOME to another disk",
    errno.ENOTDIR: "{path} is inside something that is a file, not a folder; set MEMREG_HOME to a folder",
    errno.EEXIST: "{path} is a file, not a folder; set MEMREG_HOME to a folder",
    errno.ENAMETOOLONG: "the path {path} is too long; set MEMREG_HOME to a shorter one",
    errno.ELOOP: "{path} is a symbolic link where a file of memreg's own should be; remove the link",
}


@contextmanager
def disk_errors(home: Home) -> Iterator[None]:
    """Translate what a file system refuses to one sentence that names the place."""
    try:
        yield
    except (OSError, shutil.Error) as exc:
        path = getattr(exc, "filename", None) or home.path
        template = _DISK.get(
            getattr(exc, "errno", None) or 0,
            "{path} cannot be used: {error}; set MEMREG_HOME",
        )
        raise EmbeddedUnavailable(reason=template.format(path=path, error=exc)) from exc


def refuse_unusable(home: Home) -> None:
    """Refuse a home that cannot be one, before anything is made in it."""
    if b"\n" in os.fsencode(home.path):
        raise EmbeddedUnavailable(reason=f"the path {str(home.path)!r} has a line break; set MEMREG_HOME to another")
    for place in (home.path, *home.path.parents):
        if place.is_dir():
            return
        if os.path.lexists(place):
            raise EmbeddedUnavailable(reason=f"{place} is a file, not a folder; set MEMREG_HOME to a folder")
