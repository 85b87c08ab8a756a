"""The same integration tests pass on Debian's PostgreSQL 15 and on the embedded 18."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.stage import GIVEN, ROOT, Show, embedded, folder, own_environment, perform, server_version

DEBIAN = Path("/usr/lib/postgresql/15/bin")
TESTS = ("tests/integration", "tests/migration")
PORT = 54315


def install() -> str | None:
    """See to it that Debian's PostgreSQL 15 is there; why it is not, where it cannot be."""
    if (DEBIAN / "initdb").exists():
        return None
    if os.geteuid() != 0:
        return f"{DEBIAN} is not there, and only root can install it: run `apt install postgresql-15` as root first"
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    had_one = Path("/etc/postgresql/15/main").exists()
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "postgresql-15"]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"`{' '.join(command)}` failed, so there is no PostgreSQL 15: {done.stderr.strip()[-300:]}"
    if not had_one:
        # The package makes a cluster and may start it, which is none of this show's business.
        subprocess.run(["pg_dropcluster", "--stop", "15", "main"], capture_output=True, check=False)
    return None


@contextmanager
def debian(place: Path) -> Iterator[str]:
    """A cluster of PostgreSQL 15 on a socket of its own, as the account postgres when root asks; its DSN."""
    account: dict[str, Any] = {}
    owner = pwd.getpwuid(os.geteuid())
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        account = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    data, sockets = place / "data", place / "sockets"
    sockets.mkdir(mode=0o700)
    for path in (place, sockets):
        os.chown(path, owner.pw_uid, owner.pw_gid)

    def run(program: str, *arguments: str) -> None:
        with (place / "output").open("a") as output:  # a pipe would stay open as long as the server runs
            done = subprocess.run(
                [str(DEBIAN / program), *arguments],
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                cwd=place,
                stdout=output,
                stderr=output,
                check=False,
                **account,
            )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {(place / 'output').read_text()[-500:]}")

    run("initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"-p {PORT} -k {sockets} -c listen_addresses='' -c fsync=off -c max_connections=200"
    run("pg_ctl", "start", "-w", "-D", str(data), "-l", str(place / "log"), "-o", options)
    try:
        yield make_conninfo("", host=str(sockets), port=PORT, user="postgres", dbname="postgres")
    finally:
        run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(data))


def brought_along(place: Path) -> AbstractContextManager[str]:
    """The embedded server; its DSN."""
    return embedded(place / "home")


def run_tests(dsn: str, report: Path, arguments: list[str]) -> tuple[dict[str, str], str]:
    """Run the tests on a server; what became of each, by name, and the end of the output."""
    command = [sys.executable, "-m", "pytest", *(arguments or TESTS), "-n", "2", "-q", "-p", "no:cacheprovider"]
    command.append(f"--junit-xml={report}")
    environment = own_environment(**{GIVEN: dsn})
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    found: dict[str, str] = {}
    for case in ElementTree.parse(report).getroot().iter("testcase") if report.exists() else ():
        # A test that ends well and then fails in tearing down has two entries.
        name = f"{case.get('classname')}::{case.get('name')}"
        outcomes = [child.tag for child in case if child.tag in ("failure", "error", "skipped")] or ["passed"]
        found[name] = outcomes[0] if found.get(name, "passed") == "passed" else found[name]
    return found, done.stdout[-3000:] + done.stderr[-1000:]


def main(show: Show) -> None:
    why_not = install()
    if why_not is not None:
        show.claim("PostgreSQL 15 can be run", False, why_not)
        return
    outcomes: dict[str, dict[str, str]] = {}
    servers: dict[str, Callable[[Path], AbstractContextManager[str]]] = {"15": debian, "18": brought_along}
    for name, server in servers.items():
        with folder() as place, server(place) as dsn, folder() as reports:
            version = server_version(dsn)
            show.say(f"{' and '.join(sys.argv[1:] or TESTS)} on PostgreSQL {version}")
            show.claim(f"the server is a {name}", version.split(".")[0] == name, version)
            outcomes[name], output = run_tests(dsn, reports / "report.xml", sys.argv[1:])
            counts = Counter(outcomes[name].values())
            good = counts["passed"] > 0 and not counts["failure"] and not counts["error"]
            show.claim(f"every test passes on {version}", good, output)
            show.figures[f"on_{name}"] = {"version": version, **counts}
    same = outcomes["15"].keys() == outcomes["18"].keys()
    show.claim("they are the same tests", same, sorted(outcomes["15"].keys() ^ outcomes["18"].keys())[:10])
    passed = [{test for test, outcome in each.items() if outcome == "passed"} for each in outcomes.values()]
    show.claim("the same ones pass, and none is skipped on one alone", passed[0] == passed[1], passed[0] ^ passed[1])


if __name__ == "__main__":
    if shutil.which("apt-get") is None and not DEBIAN.exists():
        print("spine_5: this is no Debian, so its PostgreSQL 15 cannot be had here", file=sys.stderr)
        sys.exit(1)
    perform("spine_5_same_on_15_and_18", main)
