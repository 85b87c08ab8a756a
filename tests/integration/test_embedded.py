"""The embedded server under everything that can happen to it: kills, races, stale files, foreign folders."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from memreg.core.embedded import Lease, acquire, binaries, cluster, lease, server, status
from memreg.core.embedded.accounts import Account, can_run
from memreg.core.embedded.home import Home
from memreg.core.embedded.locks import is_held
from memreg.core.errors import EmbeddedUnavailable
from tests.support.folders import short_folder

pytestmark = pytest.mark.timeout(120)

AS_ROOT = os.geteuid() == 0
root_only = pytest.mark.skipif(not AS_ROOT, reason="only root hands the server to another account")

CLIENT = """
import os, sys
from pathlib import Path
from memreg.core.embedded import acquire
held = acquire(Path(sys.argv[1]), durable=False)
print(held.dsn, flush=True)
sys.stdin.read()
"""


class Client:
    """A process of its own with a lease, until it is told to end or is killed."""

    def __init__(self, home: Path, code: str = CLIENT, python: str = sys.executable, **options: Any) -> None:
        self.process = subprocess.Popen(
            [python, "-c", code, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def dsn(self) -> str:
        assert self.process.stdout is not None
        line = str(self.process.stdout.readline()).strip()
        assert line, self.process.communicate()[1]
        return line

    def end(self) -> None:
        _, errors = self.process.communicate(input="")
        assert self.process.returncode == 0, errors

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the server's account can enter (pytest's own is private to root)."""
    base = short_folder("memreg-test-")
    yield base / "home"
    for path in [p for p in lease._holds if p.is_relative_to(base)]:
        os.close(lease._holds.pop(path).descriptor)
    for found in base.rglob("server.lock"):
        assert ends(found.parent)
    shutil.rmtree(base)


@pytest.fixture
def clients() -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(*args: Any, **options: Any) -> Client:
        made.append(Client(*args, **options))
        return made[-1]

    yield make
    for client in made:
        client.kill()


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def ends(home: Path) -> bool:
    """Whether the server and its guard end by themselves."""
    place = Home.at(home)
    return eventually(lambda: not is_held(place, "server") and not is_held(place, "guard"))


def query(dsn: str, text: str) -> Any:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(text.encode()).fetchone()
    return row[0] if row else None


def server_pid(home: Path) -> int:
    pid = status(home)["pid"]
    assert isinstance(pid, int)
    return pid


def guard_pid(home: Path) -> int:
    """The process that holds the guard lock's file open."""
    target = str(Home.at(home).lock("guard"))
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(fd) == target for fd in (entry / "fd").iterdir()):
                return int(entry.name)
        except (OSError, ValueError):
            continue
    raise AssertionError("no guard is running")


def remember(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('still here')")


# Starting and ending


def test_it_answers_with_unicode_rules_and_keeps_its_data(home: Path) -> None:
    with acquire(home) as held:
        assert query(held.dsn, "SELECT current_database()") == "memreg"
        assert query(held.dsn, "SELECT lower('ÉCOLE') || upper('straße')") == "écoleSTRASSE"
        assert query(held.dsn, "SELECT to_tsvector('simple', '“Ana” — Oslo')::text") == "'ana':1 'oslo':2"
        assert query(held.dsn, "SHOW listen_addresses") == ""
        assert query(held.dsn, "SHOW fsync") == "on"
        assert query(held.dsn, "SHOW max_connections") == "200"
        remember(held.dsn)
    assert ends(home)
    with acquire(home) as held:
        assert query(held.dsn, "SELECT word FROM kept") == "still here"


def test_speed_before_safety_is_a_choice(home: Path) -> None:
    with acquire(home, durable=False) as held:
        assert query(held.dsn, "SHOW fsync") == "off"


def test_leases_of_one_process_share_one_server(home: Path) -> None:
    first, second = acquire(home, durable=False), acquire(home, durable=False)
    assert first.dsn == second.dsn
    first.release()
    first.release()  # idempotent: it must not take the second one's share
    assert query(second.dsn, "SELECT 1") == 1
    assert status(home)["running"] and status(home)["guarded"]
    second.release()
    assert ends(home)
    assert not status(home)["running"]


def test_threads_may_acquire_at_once(home: Path) -> None:
    leases: list[Lease] = []
    threads = [threading.Thread(target=lambda: leases.append(acquire(home, durable=False))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({query(held.dsn, "SELECT pg_postmaster_start_time()") for held in leases}) == 1
    for held in leases:
        held.release()
    assert ends(home)


def test_processes_that_start_at_once_make_one_cluster(home: Path, clients: Callable[..., Client]) -> None:
    started = [clients(home) for _ in range(4)]
    identity = "SELECT system_identifier::text || pg_postmaster_start_time() FROM pg_control_system()"
    assert len({query(client.dsn(), identity) for client in started}) == 1
    assert list(home.glob("data*")) == [home / "data"]
    for client in started:
        client.end()
    assert ends(home)


def test_the_end_of_one_process_leaves_the_other_connected(home: Path, clients: Callable[..., Client]) -> None:
    first, second = clients(home), clients(home)
    with psycopg.connect(second.dsn()) as connection:
        assert query(first.dsn(), "SELECT 1") == 1
        first.kill()
        time.sleep(0.3)
        assert connection.execute("SELECT 1").fetchone() == (1,)
    second.end()
    assert ends(home)


def test_a_new_client_may_come_while_the_server_stops(home: Path) -> None:
    for _ in range(6):
        with acquire(home, durable=False) as held:
            assert query(held.dsn, "SELECT 1") == 1


def test_a_forked_child_counts_as_a_user(home: Path, clients: Callable[..., Client]) -> None:
    code = CLIENT.replace("sys.stdin.read()", "os._exit(0) if os.fork() else sys.stdin.read()")
    parent = clients(home, code)
    dsn = parent.dsn()
    parent.process.wait()
    time.sleep(0.3)
    assert query(dsn, "SELECT 1") == 1
    parent.process.communicate()  # closes the child's input, which ends it
    assert ends(home)


# Kills


def test_a_killed_client_leaves_no_server(home: Path, clients: Callable[..., Client]) -> None:
    client = clients(home)
    remember(client.dsn())
    client.kill()
    assert ends(home)


def test_a_client_killed_while_it_makes_the_cluster(home: Path, clients: Callable[..., Client]) -> None:
    client = clients(home)
    assert eventually(lambda: any(home.glob("data.new-*/base")))
    client.kill()
    assert not (home / "data").exists()
    with acquire(home, durable=False) as held:
        assert query(held.dsn, "SELECT 1") == 1


def test_half_clusters_are_swept_away(home: Path) -> None:
    half = home / "data.new-half"
    (half / "base").mkdir(parents=True)
    home.chmod(0o755)
    with acquire(home, durable=False) as held:
        assert query(held.dsn, "SELECT 1") == 1
    assert not half.exists()


def test_a_killed_server_is_started_anew(home: Path) -> None:
    first = acquire(home)
    remember(first.dsn)
    for _ in range(3):
        killed = server_pid(home)
        os.kill(killed, signal.SIGKILL)
        second = acquire(home)  # at once: the dead server's processes may still be around
        assert query(second.dsn, "SELECT word FROM kept") == "still here"
        assert server_pid(home) != killed
        second.release()
    first.release()
    assert ends(home)


def test_the_guard_ends_with_a_killed_server(home: Path, clients: Callable[..., Client]) -> None:
    client = clients(home)
    client.dsn()
    os.kill(server_pid(home), signal.SIGKILL)
    assert ends(home)
    assert client.process.poll() is None


def test_a_process_id_that_was_given_away_fools_nobody(home: Path, clients: Callable[..., Client]) -> None:
    client = clients(home)
    client.dsn()
    record, folder = home / "data" / "postmaster.pid", Path(status(home)["dsn"].split()[0].removeprefix("host="))
    lines = record.read_text().splitlines()
    os.kill(server_pid(home), signal.SIGKILL)
    client.kill()
    assert ends(home)
    account = (home / "data").stat()
    other = subprocess.Popen(["sleep", "60"], user=account.st_uid if AS_ROOT else None)
    try:
        for path in (record, folder / ".s.PGSQL.5432.lock"):
            path.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
            os.chown(path, account.st_uid, account.st_gid)
        with acquire(home, durable=False) as held:
            assert query(held.dsn, "SELECT 1") == 1
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_killed_guard_is_replaced_by_the_next_client(home: Path, clients: Callable[..., Client]) -> None:
    first = clients(home)
    first.dsn()
    killed = guard_pid(home)
    os.kill(killed, signal.SIGKILL)
    assert eventually(lambda: not status(home)["guarded"])
    second = clients(home)
    second.dsn()
    assert status(home)["guarded"]
    first.kill()
    second.kill()
    assert ends(home)


def test_a_killed_guard_is_replaced_by_the_last_client(home: Path, clients: Callable[..., Client]) -> None:
    client = clients(home)
    client.dsn()
    os.kill(guard_pid(home), signal.SIGKILL)
    assert eventually(lambda: not status(home)["guarded"])
    client.end()
    assert ends(home)


def test_everything_killed_at_once(home: Path, clients: Callable[..., Client]) -> None:
    client = clients(home)
    client.dsn()
    for pid in (guard_pid(home), server_pid(home)):
        os.kill(pid, signal.SIGKILL)
    client.kill()
    with acquire(home, durable=False) as held:
        assert query(held.dsn, "SELECT 1") == 1


def test_a_removed_socket_is_made_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_DEAF", 0.1)
    first = acquire(home, durable=False)
    (Home.at(home).run / ".s.PGSQL.5432").unlink()
    second = acquire(home, durable=False)
    assert query(second.dsn, "SELECT 1") == 1
    first.release()
    second.release()


def test_server_and_guard_are_detached_from_the_client(home: Path, clients: Callable[..., Client]) -> None:
    with tempfile.NamedTemporaryFile() as marker:
        os.set_inheritable(marker.fileno(), True)
        client = clients(home, close_fds=False, start_new_session=True)
        client.dsn()
        for pid in (server_pid(home), guard_pid(home)):
            assert os.getsid(pid) != os.getsid(client.process.pid)
            opened = {os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}
            assert marker.name not in opened
            assert not any(Path(name).name in ("users.lock", "setup.lock") for name in opened) or pid == guard_pid(home)
            assert {os.readlink(f"/proc/{pid}/fd/{n}") for n in (0, 1)} <= {"/dev/null", str(Home.at(home).log)}
        os.killpg(client.process.pid, signal.SIGINT)  # Ctrl-C in the client's terminal
        client.process.communicate()
    assert ends(home)


# Places


@pytest.mark.parametrize(
    "name", ["with space", 'quo"te', "dol$HOME`id`", "com,ma", "ünïcode-東京", "apo'strophe", "x" * 200]
)
def test_any_path_will_do(home: Path, name: str) -> None:
    with acquire(home / name, durable=False) as held:
        assert query(held.dsn, "SELECT 1") == 1
        folder = Path(query(held.dsn, "SHOW unix_socket_directories").strip('"').replace('""', '"'))
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert ends(home / name)
    if not folder.is_relative_to(home):
        shutil.rmtree(folder)


def test_a_temporary_socket_folder_of_somebody_else_is_refused(home: Path) -> None:
    long = home / ("y" * 200)
    with acquire(long, durable=False) as held:
        folder = Path(query(held.dsn, "SHOW unix_socket_directories").strip('"'))
    assert ends(long)
    folder.chmod(0o777)
    try:
        with pytest.raises(EmbeddedUnavailable, match=f"{folder} must be a folder of the account .* mode 0700"):
            acquire(long)
    finally:
        shutil.rmtree(folder)


def test_links_lead_to_the_same_server(home: Path) -> None:
    with acquire(home, durable=False) as direct:
        link = home.parent / "link"
        link.symlink_to(home)
        with acquire(link, durable=False) as linked:
            assert linked.dsn == direct.dsn


def test_a_home_that_is_a_file_is_refused(home: Path) -> None:
    home.write_text("a file")
    with pytest.raises(EmbeddedUnavailable, match=f"{home} is a file, not a folder"):
        acquire(home)
    with pytest.raises(EmbeddedUnavailable, match=f"{home} is a file, not a folder"):
        acquire(home / "below")


def test_data_of_another_version_is_refused(home: Path) -> None:
    with acquire(home, durable=False):
        pass
    assert ends(home)
    (home / "data" / "PG_VERSION").write_text("17\n")
    major = binaries.find().major
    with pytest.raises(EmbeddedUnavailable, match=f"PostgreSQL 17 and the installed one is {major}; .*pg_dump"):
        acquire(home)


def test_a_foreign_data_folder_is_refused_and_kept(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    (home / "data" / "thesis.txt").write_text("important")
    if AS_ROOT:
        shutil.chown(home / "data", "nobody")
    with pytest.raises(EmbeddedUnavailable, match="is not a PostgreSQL data folder"):
        acquire(home)
    assert (home / "data" / "thesis.txt").read_text() == "important"


def test_a_read_only_place_is_refused() -> None:
    with pytest.raises(EmbeddedUnavailable, match=r"(read-only|may not write|may not change).*MEMREG_HOME"):
        acquire(Path("/sys/memreg"))


@root_only
def test_a_full_disk_is_refused_and_then_recovered_from(home: Path) -> None:
    home.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m,mode=755", "tmpfs", str(home)], check=False).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        with pytest.raises(EmbeddedUnavailable, match=f"the disk of {home}.* is full"):
            acquire(home)
        assert not any(home.glob("data*"))
        subprocess.run(["mount", "-o", "remount,size=500m", str(home)], check=True)
        with acquire(home, durable=False) as held:
            assert query(held.dsn, "SELECT 1") == 1
        assert ends(home)
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    with acquire(home, durable=False):
        pass
    assert ends(home)
    with (home / "data" / "postgresql.conf").open("a") as file:
        file.write("work_mem = nonsense\n")
    with pytest.raises(EmbeddedUnavailable, match=r"postgresql\.conf.*log: "):
        acquire(home)
    assert not status(home)["running"]


def test_values_of_failed_statements_stay_out_of_the_log(home: Path) -> None:
    with acquire(home, durable=False) as held, psycopg.connect(held.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE once (word text UNIQUE)")
        connection.execute("INSERT INTO once VALUES ('hush-hush')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO once VALUES ('hush-hush')")
        text = Home.at(home).log.read_text()
    assert "duplicate key" in text
    assert "hush-hush" not in text


def test_a_server_without_a_free_connection_is_still_joined(home: Path) -> None:
    with acquire(home, durable=False) as held:
        query(held.dsn, "SELECT 1")
    assert ends(home)
    with (home / "data" / "postgresql.conf").open("a") as file:
        file.write("max_connections = 5\n")
    with acquire(home, durable=False) as held:
        taken = [psycopg.connect(held.dsn) for _ in range(5)]
        try:
            with acquire(home, durable=False) as joined:
                assert joined.dsn == held.dsn
        finally:
            for connection in taken:
                connection.close()


# Accounts


@root_only
def test_root_hands_the_server_to_another_account(home: Path) -> None:
    before = {p: p.stat().st_mode for p in home.parents}
    with acquire(home, durable=False):
        assert Path(f"/proc/{server_pid(home)}").stat().st_uid != 0
        assert (home / "data").stat().st_uid != 0
    assert {p: p.stat().st_mode for p in home.parents} == before


@root_only
def test_root_opens_no_folder_of_a_person(home: Path) -> None:
    home.parent.chmod(0o700)
    with pytest.raises(EmbeddedUnavailable, match=f"cannot enter {home.parent};"):
        acquire(home)
    assert stat.S_IMODE(home.parent.stat().st_mode) == 0o700


@root_only
def test_binaries_out_of_reach_are_copied_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = binaries.find()
    private = home.parent / "private"
    private.mkdir(mode=0o700)
    site = original.root.parent.parent
    shutil.copytree(original.root, private / binaries.PACKAGE / original.root.name, symlinks=True)
    shutil.copytree(site / f"{binaries.PACKAGE}.libs", private / f"{binaries.PACKAGE}.libs")
    hidden = binaries.Binaries(private / binaries.PACKAGE / original.root.name, original.major, original.release)
    monkeypatch.setattr(binaries, "find", lambda: hidden)
    with acquire(home, durable=False) as held:
        assert query(held.dsn, "SELECT 1") == 1
        running = Path(os.readlink(f"/proc/{server_pid(home)}/exe"))
    assert ends(home)
    assert running.is_relative_to(home / "binaries" / original.release)
    first = running.stat()
    with acquire(home, durable=False):
        pass
    assert running.stat().st_ino == first.st_ino
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


@root_only
@pytest.mark.parametrize("order", ["user first", "root first"])
def test_an_ordinary_user_and_root(home: Path, clients: Callable[..., Client], order: str) -> None:
    """The same launcher without privileges, and root as a guest in that user's home."""
    user = Account("nobody", 65534, 65534, dropped=True)
    names = (
        sys.executable,
        f"/usr/bin/python3.{sys.version_info.minor}",
        f"/usr/local/bin/python3.{sys.version_info.minor}",
    )
    python = next((name for name in names if can_run(user, Path(name))), None)
    if python is None or not can_run(user, binaries.find().program("initdb")):
        pytest.skip("an ordinary user can reach no Python of this version here")
    home.mkdir()
    os.chown(home, user.uid, user.gid)
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    options = {"python": python, "cwd": "/", "env": environment, **user.popen()}

    if order == "user first":
        guest = clients(home, **options)
        assert query(guest.dsn(), "SELECT 1") == 1
        with acquire(home, durable=False) as held:
            assert query(held.dsn, "SELECT current_user") == "memreg"
        guest.kill()
        assert ends(home)
    with acquire(home, durable=False):
        assert Path(f"/proc/{server_pid(home)}").stat().st_uid == user.uid
        second = clients(home, **options)
        assert query(second.dsn(), "SELECT 1") == 1
    assert query(status(home)["dsn"], "SELECT 1") == 1  # the guest alone keeps the server that root started
    second.kill()
    assert ends(home)


def test_status_of_a_home_that_is_not_there(tmp_path: Path) -> None:
    found = status(tmp_path / "nowhere")
    assert not found["running"] and found["dsn"] is None
    assert not (tmp_path / "nowhere").exists()
    assert json.dumps(found)


def test_a_server_that_somebody_started_by_hand_is_joined_and_left_alone(home: Path) -> None:
    with acquire(home, durable=False):
        pass
    assert ends(home)
    place, installed = Home.at(home), binaries.find()
    owner = (home / "data").stat()
    account = Account("", owner.st_uid, owner.st_gid, dropped=AS_ROOT)
    command = cluster.start_command(place, installed, place.run, durable=False)
    by_hand = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd="/", umask=0o077, **account.popen())
    try:
        assert eventually(lambda: (recorded := cluster.postmaster(place)) is not None and recorded.ready)
        with acquire(home, durable=False) as held:
            assert query(held.dsn, "SELECT 1") == 1
        time.sleep(0.3)
        assert by_hand.poll() is None
    finally:
        by_hand.send_signal(signal.SIGINT)
        by_hand.wait()
