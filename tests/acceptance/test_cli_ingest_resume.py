"""A load that is killed or interrupted and started again decides every line once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support.command import MEMREG, Command

LINES = 500


@contextmanager
def started(people: Command, *arguments: str, stdout: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process that is not waited for."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    with open(stdout or os.devnull, "wb") as out:
        process = subprocess.Popen(
            [MEMREG, *arguments],
            cwd=people.folder,
            env={**kept, **people.settings},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def until_decided(url: str, least: int) -> int:
    """How many messages are decided, once there are at least so many."""
    ends = time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as conn:
        while time.monotonic() < ends:
            row = conn.execute("select count(*) from memreg.messages where status = 'decided'").fetchone()
            assert row is not None
            if row[0] >= least:
                return int(row[0])
            time.sleep(0.01)
    raise AssertionError("nothing is decided")


def entries(url: str) -> list[tuple[str, int]]:
    """How many audit entries each message has."""
    with psycopg.connect(url) as conn:
        rows = conn.execute("select message_id, count(*) from memreg.audit_log group by 1").fetchall()
    return sorted((str(message), int(count)) for message, count in rows)


def write_texts(people: Command) -> list[tuple[str, int]]:
    """A file of texts without ids; gives what there is to be of it."""
    said = [f"Person {n % 400} lives in Oslo, p{n % 400}@x.io" for n in range(LINES)]
    (people.folder / "said.txt").write_text("\n".join(said) + "\n")
    return sorted((f"load:{line}", 1) for line in range(1, LINES + 1))


def write_proposals(people: Command) -> list[tuple[str, int]]:
    """A file of proposals, half of them with ids."""
    lines = []
    for n in range(LINES):
        line = {"class": "Person", "values": {"name": f"Person {n % 500}", "email": f"p{n % 500}@x.io"}}
        lines.append(json.dumps(line | ({"message_id": f"own-{n}"} if n % 2 else {})))
    (people.folder / "said.jsonl").write_text("\n".join(lines) + "\n")
    return sorted([(f"own-{n}" if n % 2 else f"load:{n + 1}", 1) for n in range(LINES)])


@pytest.mark.parametrize("proposals", [False, True])
def test_a_killed_load_goes_on_where_it_was(people: Command, database_url: str, proposals: bool) -> None:
    wanted = write_proposals(people) if proposals else write_texts(people)
    arguments = ["said.jsonl", "--proposals"] if proposals else ["said.txt"]
    arguments = ["ingest", *arguments, "--resume", "load"]
    with started(people, *arguments) as process:
        until_decided(database_url, 60)
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = len(entries(database_url))
    assert 60 <= before < LINES
    counts = people.json(*arguments)["counts"]
    assert counts["messages"] == LINES
    assert counts["replayed"] >= before
    assert counts["replayed"] + counts["decided"] == LINES
    assert entries(database_url) == wanted


def test_an_interrupted_load_ends_its_document_and_goes_on(people: Command, database_url: str, tmp_path: Path) -> None:
    wanted = write_texts(people)
    with started(people, "ingest", "said.txt", "--resume", "load", "--json", stdout=tmp_path / "out.json") as process:
        until_decided(database_url, 60)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 1
    told = json.loads((tmp_path / "out.json").read_text())
    kept = len(entries(database_url))
    assert len(told["results"]) == kept < LINES
    assert told["stopped"]["line"] == kept + 1
    assert b"interrupted" in errors
    people("ingest", "said.txt", "--resume", "load")
    assert entries(database_url) == wanted
