"""The parts that shows and benchmarks share: people, batches, claims and their last line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.batches import batch
from bench.people import FIRST, LAST, people
from bench.stage import Show, perform

ROOT = Path(__file__).resolve().parents[2]
SHOWS = sorted((ROOT / "bench" / "shows").glob("*.py"))


def test_there_is_a_show_for_each_claim() -> None:
    numbers: dict[str, list[int]] = {}
    for path in SHOWS:
        found = re.fullmatch(r"([a-z]+)_(\d+)_\w+", path.stem)
        assert found is not None, path.stem
        numbers.setdefault(found[1], []).append(int(found[2]))
    assert set(numbers) == {"spine", "accuracy", "llm", "evolution", "trust", "speed"}
    assert all(sorted(each) == list(range(1, len(each) + 1)) for each in numbers.values()), numbers


@pytest.mark.parametrize("path", SHOWS, ids=lambda path: path.stem)
def test_a_show_can_be_imported_and_carries_its_own_name(path: Path) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import runpy, sys; runpy.run_path(sys.argv[1])", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (loaded.returncode, loaded.stdout, loaded.stderr) == (0, "", "")
    assert f'perform("{path.stem}", main)' in path.read_text("utf-8")


def test_people_are_different_and_the_same_every_time() -> None:
    found = people(len(set(FIRST)) * len(set(LAST)))
    for column in ("name", "email"):
        assert len({values[column].casefold() for values in found}) == len(found)
    assert people(50) == people(50)


def test_a_batch_is_the_same_every_time_and_a_shorter_one_begins_like_it() -> None:
    assert batch(40) == batch(40)
    assert batch(40)[:10] == batch(10)
    assert {proposal.operation for _, proposals in batch(40) for proposal in proposals} == {"upsert", "delete"}


def last_line(output: str) -> dict[str, object]:
    line: dict[str, object] = json.loads(output.splitlines()[-1])
    return line


def test_a_show_whose_claims_hold_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    def story(show: Show) -> None:
        show.claim("two is two", 1 + 1 == 2)
        show.figures["two"] = 2

    with pytest.raises(SystemExit) as ended:
        perform("numbers", story)
    assert ended.value.code == 0
    line = last_line(capsys.readouterr().out)
    assert (line["show"], line["holds"], line["two"]) == ("numbers", True, 2)


def test_a_broken_claim_ends_with_1_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def story(show: Show) -> None:
        show.claim("two is two", True)
        show.claim("two is three", False, "two")

    with pytest.raises(SystemExit) as ended:
        perform("numbers", story)
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert "DOES NOT HOLD: two is three (two)" in out
    assert (last_line(out)["holds"], last_line(out)["broken"]) == (False, ["two is three"])


def test_a_story_that_breaks_off_ends_with_1_and_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    def story(show: Show) -> None:
        show.figures["so_far"] = 1
        raise RuntimeError("no more")

    with pytest.raises(SystemExit) as ended:
        perform("numbers", story)
    assert ended.value.code == 1
    line = last_line(capsys.readouterr().out)
    assert (line["holds"], line["so_far"]) == (False, 1)
