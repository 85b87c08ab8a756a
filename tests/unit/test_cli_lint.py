"""`memreg lint` as it is called: exit status, what it prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from memreg.cli.main import memreg
from memreg.operations.lint.rules import RULES

WARNED = """
schema: shop
classes:
  Customer:
    description: Who buys
    columns:
      name: {dtype: string}
"""
FINE = WARNED.replace("{dtype: string}", "{dtype: string, desc: First and last}")
WRONG = WARNED.replace("string", "strin")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(memreg, ["lint", *arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"warned": WARNED, "fine": FINE, "wrong": WRONG}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["fine.yaml"], 0),
        (["warned.yaml"], 0),
        (["warned.yaml", "--strict"], 1),
        (["warned.yaml", "--strict", "--ignore", "column-without-description"], 0),
        (["wrong.yaml"], 1),
        (["fine.yaml", "wrong.yaml"], 1),
        (["none.yaml"], 1),
        (["fine.yaml", "--against", "none.yaml"], 1),
        (["fine.yaml", "--against", "warned.yaml", "--strict"], 0),
        ([], 2),
        (["fine.yaml", "--ignore", "no-such-rule"], 2),
        (["--rules"], 0),
        (["--json-schema"], 0),
    ],
)
def test_exit_status(folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int) -> None:
    monkeypatch.chdir(folder)
    done = run(*arguments)
    assert done.exit_code == status, done.output
    assert "Traceback" not in done.output


def test_a_finding_is_a_line_that_editors_can_follow(folder: Path) -> None:
    path = folder / "warned.yaml"
    done = run(str(path))
    first, last = done.output.splitlines()
    assert first.startswith(f"{path}:7:7: warning column-without-description: Customer.name: has no desc: say in")
    assert last == f"{path}: 0 errors, 1 warning, 0 notes."


def test_json(folder: Path) -> None:
    (found,) = json.loads(run(str(folder / "wrong.yaml"), "--json").output)
    assert found["source"] == str(folder / "wrong.yaml")
    assert [(each["code"], each["severity"], each["line"]) for each in found["findings"]] == [("invalid", "error", 7)]


def test_the_rules_and_the_format_are_printed() -> None:
    assert [each["code"] for each in json.loads(run("--rules", "--json").output)] == [each.code for each in RULES]
    assert run("--rules").output.count("\n") == len(RULES)
    assert json.loads(run("--json-schema").output)["title"] == "A memreg schema file"
