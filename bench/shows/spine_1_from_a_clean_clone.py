"""From a clean clone, `make demo` and `make test` succeed with nothing else installed, as root and as an ordinary user.

It takes long: each account installs everything and runs every test. The clone is of HEAD, so commit first. The only
things that a command finds are what Debian puts into /usr/bin and /bin, and how this machine reaches its package index.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.stage import ROOT, Show, folder, perform

SEARCHED = ("/usr/local/bin", "/usr/bin", "/bin")
NETWORK = re.compile(
    r"^(https?_proxy|no_proxy|all_proxy|ssl_cert_.*|.*_ca_bundle|pip_.*|uv_.*|git_ssl_.*)$", re.IGNORECASE
)
TIMEOUT = 3600


@dataclass(frozen=True)
class Account:
    """Whose hands the commands are in."""

    name: str
    uid: int
    gid: int

    @classmethod
    def of(cls, name: str) -> Account:
        found = pwd.getpwnam(name)
        return cls(name, found.pw_uid, found.pw_gid)

    def run(self, command: list[str], cwd: Path, home: Path) -> tuple[int, str, float]:
        """Run a command with a bare environment; exit code, output, seconds."""
        path = os.pathsep.join(each for each in SEARCHED if not (Path(each) / "uv").exists())
        kept = {name: value for name, value in os.environ.items() if NETWORK.match(name)}
        kept |= {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "USER": self.name, "LOGNAME": self.name}
        other: dict[str, Any] = {}
        if self.uid != os.geteuid():
            other = {"user": self.uid, "group": self.gid, "extra_groups": []}
        started = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=cwd,
            env=kept,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            check=False,
            **other,
        )
        return done.returncode, done.stdout, time.perf_counter() - started


def accounts() -> list[Account]:
    """Root and nobody; only oneself when not root."""
    if os.geteuid() == 0:
        return [Account.of("root"), Account.of("nobody")]
    return [Account.of(pwd.getpwuid(os.geteuid()).pw_name)]


def left_behind(place: Path) -> list[str]:
    """The processes that still have to do with a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            where = f"{line} {os.readlink(process / 'cwd')}"
        except OSError:
            continue
        if str(place) in where and int(process.name) != os.getpid():
            found.append(f"{process.name} {line}")
    return found


def try_account(show: Show, account: Account, place: Path, commit: str) -> dict[str, Any]:
    """Clone, `make demo`, `make test`, as one account."""
    home, clone = place / "home", place / "memreg"
    home.mkdir()
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True)
    subprocess.run(["git", "checkout", "--quiet", "--detach", commit], cwd=clone, check=True)
    if account.uid != os.geteuid():
        subprocess.run(["chown", "-R", f"{account.uid}:{account.gid}", str(place)], check=True)
    figures: dict[str, Any] = {}
    for target in ("demo", "test"):
        show.say(f"make {target}, as {account.name}")
        code, output, seconds = account.run(["make", target], clone, home)
        figures[f"{target}_seconds"] = round(seconds, 1)
        show.claim(f"make {target} succeeds as {account.name}", code == 0, f"exit code {code}\n{output[-4000:]}")
        summary = re.findall(r"^=+ (.*(?:passed|failed|error).*) =+$", output, re.MULTILINE)
        if summary:
            figures["tests"] = re.sub(r" in .*", "", summary[-1])
        if target == "demo":
            figures["demo_lines"] = output.count("\n")
            show.claim("the demo tells of decisions", "UPDATE" in output and "CREATE" in output, output[-2000:])
    version = (clone / ".venv" / "bin" / "python").resolve()
    figures["python"] = version.name
    deadline = time.monotonic() + 30
    while (left := left_behind(place)) and time.monotonic() < deadline:
        time.sleep(0.5)
    show.claim(f"no process is left behind as {account.name}", not left, left)
    changed = account.run(["git", "status", "--porcelain"], clone, home)[1]
    show.claim(f"no file of the clone was changed or added as {account.name}", changed == "", changed)
    return figures


def main(show: Show) -> None:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    commit = head.stdout.strip()
    show.figures |= {"commit": commit[:12], "uv_to_be_found": shutil.which("uv", path=_path()) is not None}
    for account in accounts():
        with folder() as place:
            show.figures[f"as_{account.name}"] = try_account(show, account, place, commit)
    if os.geteuid() != 0:
        show.figures["as_root"] = "not shown: the show was not run as root"


def _path() -> str:
    return os.pathsep.join(each for each in SEARCHED if not (Path(each) / "uv").exists())


if __name__ == "__main__":
    perform("spine_1_from_a_clean_clone", main)
