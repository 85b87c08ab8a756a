"""What has to hold of the repository itself: the lock's hosts, the top-level links, no path of anybody's machine."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINKS = ("annotator", "cli", "engine", "migrations", "registry")
# The public index and its file host. The dots are escaped, so that nobody who greps for the hosts finds this test.
INDEX_HOSTS = (r"pypi\.org", r"files\.pythonhosted\.org")
MACHINE_PATH = re.compile(r"""(?<![\w.$}{~-])/(?:work|root|home|Users)/[\w.]""")
TEXT_SUFFIXES = {".py", ".md", ".sql", ".sh", ".toml", ".yaml", ".yml", ".json", ".jsonl", ".txt", ".cfg", ""}


def tracked() -> list[Path]:
    """The files that git would hand to somebody who clones."""
    # The clone may belong to another user than the one that runs the tests.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file() and not (ROOT / name).is_symlink()]


def test_the_lock_names_no_host_but_the_index() -> None:
    hosts = set(re.findall(r"[a-z]+://([^/\"'\s]+)", (ROOT / "uv.lock").read_text()))
    strange = {host for host in hosts if not any(re.fullmatch(known, host) for known in INDEX_HOSTS)}
    assert hosts
    assert not strange


def test_the_lock_takes_nothing_from_a_folder() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    sources = {package["name"]: package["source"] for package in lock["package"]}
    assert {name for name, source in sources.items() if "registry" not in source} == {"memreg"}


@pytest.mark.parametrize("name", LINKS)
def test_a_top_level_link_is_relative_and_points_into_the_source(name: str) -> None:
    link = ROOT / name
    assert link.is_symlink()
    assert str(link.readlink()) == f"src/memreg/{name}"
    assert (link / "__init__.py").is_file()


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        if path.suffix in TEXT_SUFFIXES and path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not found


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("/root/x", True),
        ("see /home/ana/notes", True),
        ("$ROOT/home/x", False),
        ("~/home/x", False),
        ("a/root/b", False),
    ],
)
def test_the_pattern_for_machine_paths(text: str, is_one: bool) -> None:
    assert bool(MACHINE_PATH.search(text)) is is_one


def test_the_version_is_told_in_one_place_and_in_the_changelog() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()
