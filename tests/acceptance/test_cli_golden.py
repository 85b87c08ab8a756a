"""`memreg eval` on a golden file, as a person or a CI job runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Command

SCHEMA = """\
schema: rooms
classes:
  Room:
    columns: {name: {dtype: string, required: true}, code: {dtype: string}}
    annotation: {searchable: {name: 3}, identity: [{columns: [code]}]}
"""
GOLDEN = """\
class: Room
cases:
  codes:
    - {expect: together, records: [{name: Hall, code: h1}, {name: The hall, code: H1}]}
    - {expect: apart, records: [{name: Hall, code: h1}, {name: Barn, code: h2}]}
"""


@pytest.fixture
def memreg(database_url: str, tmp_path: Path) -> Command:
    (tmp_path / "rooms.yaml").write_text(SCHEMA)
    (tmp_path / "good.yaml").write_text(GOLDEN)
    (tmp_path / "bad.yaml").write_text(GOLDEN.replace("expect: together", "expect: apart"))
    return Command(tmp_path, {"MEMREG_DATABASE_URL": database_url})


def test_a_set_that_holds(memreg: Command) -> None:
    done = memreg("eval", "good.yaml", "--schema", "rooms.yaml")
    assert "2 cases: all as expected" in done.stdout
    assert done.stderr == ""


def test_a_set_that_does_not_hold_ends_with_status_1(memreg: Command) -> None:
    done = memreg("eval", "bad.yaml", "--schema", "rooms.yaml", status=1)
    assert "bad.yaml:4: codes, cold: expected apart, got together" in done.stdout
    assert "2 cases: 1 failed" in done.stdout
    document = memreg.json("eval", "bad.yaml", "--schema", "rooms.yaml", status=1)
    assert (document["cases"], document["passed"], document["failed"]) == (2, 1, 1)
    assert document["failures"][0]["records"] == [{"name": "Hall", "code": "h1"}, {"name": "The hall", "code": "H1"}]


def test_nothing_of_the_given_database_is_touched(memreg: Command) -> None:
    memreg("eval", "good.yaml", "--schema", "rooms.yaml")
    assert memreg.json("schemas") == []


def test_mistakes_are_told_as_a_compiler_tells_them(memreg: Command, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(GOLDEN.replace("name: Barn", "nam: Barn").replace("together", "togther"))
    done = memreg("eval", "wrong.yaml", "--schema", "rooms.yaml", status=1)
    lines = done.stderr.splitlines()
    assert lines[0].startswith("wrong.yaml:4:16: codes.expect: must be one of apart, together, review")
    assert lines[1].startswith("wrong.yaml:5:58: codes: Room has no column 'nam'")
    assert done.stdout == ""


@pytest.mark.parametrize("option", [("--limit", "1"), ("--without-identity",), ("--class", "Room")])
def test_options_of_streams_are_refused(memreg: Command, option: tuple[str, ...]) -> None:
    done = memreg("eval", "good.yaml", "--schema", "rooms.yaml", *option, status=2)
    assert f"{option[0]} is for streams" in done.stderr
