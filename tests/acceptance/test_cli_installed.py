"""Every command by its installed script; the forks that other tests call do the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memreg.cli.main import GROUPS
from tests.support import forks
from tests.support.command import Command

# In this order, on a fresh database; a command that is not named here is asked for its help.
CALLS = (
    "migrate", "register people.yaml", "annotations people", "show people", "approve people", "schemas",
    "annotate people --annotate heuristic --dry-run", "ingest -", "memories", "search ana", "audit", "review",
    "calibrate", "inbox", "usage", "metrics", "resolve --dry-run", "kill-switch status", "doctor",
)  # fmt: skip


def test_every_command_by_its_installed_script(memreg: Command) -> None:
    memreg = replace(memreg, installed=True)
    for call in CALLS:
        told = memreg(*call.split(), stdin="Ana Lopez lives in Oslo, ana@lopez.io\n")
        assert told.stdout, call
    named = {call.split()[0] for call in CALLS}
    for command in (each.name or "" for group in GROUPS.values() for each in group):
        if command not in named:
            assert "Usage" in memreg(command, "--help").stdout


@pytest.mark.parametrize(
    ("call", "stdin", "status"),
    [
        ("search oslo --json", "", 0),
        ("schemas", "", 0),
        ("ingest - --json", "\nWhat a day\n", 0),
        ("get 00000000-0000-7000-8000-000000000000", "", 1),
        ("show nobody", "", 1),
        ("memories --limit many", "", 2),
        ("--version", "", 0),
    ],
)
def test_a_fork_is_as_the_installed_command(people: Command, call: str, stdin: str, status: int) -> None:
    people("ingest", stdin="Ana Lopez lives in Oslo, ana@lopez.io\n")
    assert forks.can_fork({**people.settings, "COLUMNS": "200"})
    forked, installed = (
        each(*call.split(), stdin=stdin, status=status) for each in (people, replace(people, installed=True))
    )
    assert (forked.stderr, forked.returncode) == (installed.stderr, installed.returncode)
    if "ingest" not in call:  # its ids are new
        assert forked.stdout == installed.stdout


def test_a_fork_takes_nothing_of_this_process_but_its_paths(people: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMREG_SCHEMA", "another")
    assert people.json("memories") == []
    assert "another" in people("memories", status=1, MEMREG_SCHEMA="another").stderr
    assert people.json("memories") == []


def test_what_the_interpreter_reads_at_its_start_needs_the_installed_command() -> None:
    assert forks.can_fork({"MEMREG_TENANT": "acme", "COLUMNS": "80", "PYTHONPATH": "somewhere"})
    assert not forks.can_fork({"PYTHONIOENCODING": "ascii"})
    assert not forks.can_fork({"TZ": "Asia/Tokyo"})
