"""What `memreg calibrate` refuses as it is typed, before a database is looked for."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from memreg.cli.main import memreg


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("Person --plot scores.pdf", "writes .svg or .png"),
        ("Person --plot nowhere/scores.svg", "There is no folder nowhere"),
        ("Person --shift nan --why x", "a finite number of natural log odds"),
        ("Person --shift inf --why x", "a finite number of natural log odds"),
        ("Person --shift 10.5 --why x", "from -10 to 10 natural log odds"),
        ("Person --shift much --why x", "not a valid float"),
        ("Person --shift 1", "Say why with --why TEXT"),
        ("Person --release --by ana", "Say why with --why TEXT"),
        ("Person --hold --recompute --why x", "--recompute goes alone"),
        ("Person --shift 1 --recompute --why x", "--recompute goes alone"),
        ("Person --hold --release --why x", "Choose --hold or --release"),
        ("--hold --why x", "Name the CLASS"),
        ("Person --why x", "--why goes with"),
        ("Person Place", "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_told_in_one_sentence(arguments: str, words: str) -> None:
    done = CliRunner().invoke(memreg, ["calibrate", *arguments.split()], env={"COLUMNS": "300"})
    assert done.exit_code == 2, done.output
    assert words in done.output
