"""The command line as declared: light to start, every command with its shared options, the demo's files in place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
import rich_click

from memreg.cli import main as cli
from memreg.cli.audit import ACTIONS, BASES
from memreg.cli.review import KINDS
from memreg.engine.model import Action, Basis
from memreg.operations import review

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "src" / "memreg" / "cli" / "demo"
HEAVY = {
    "alembic", "asyncio", "instructor", "matplotlib", "numpy", "openai", "opentelemetry", "phonenumbers",
    "procrastinate", "psycopg", "psycopg_pool", "pydantic", "pydantic_settings", "rapidfuzz", "ruamel", "sqlalchemy",
    "sqlglot", "structlog",
}  # fmt: skip
COMMANDS = (
    "demo migrate register schemas show annotate annotations approve reject ingest memories get search history audit"
    " explain kill-switch resolve review backfill eval calibrate worker inbox doctor usage metrics diff import views"
    " lint undo merge split correct forget restore erase monitor"
)
INBOX = ("inbox show", "inbox retry", "inbox drop")
DATA = (
    "ingest memories get search history audit explain resolve review calibrate inbox doctor usage metrics undo merge"
    " split correct forget restore erase monitor"
)


def command(*path: str) -> click.Command:
    found: click.Command = cli.memreg
    for name in path:
        assert isinstance(found, click.Group)
        below = found.get_command(click.Context(found), name)
        assert below is not None, name
        found = below
    return found


def options(found: click.Command) -> set[str]:
    return {name for parameter in found.params for name in parameter.opts}


@pytest.mark.parametrize("code", ["import memreg", "import memreg.cli.main", "HELP"])
def test_nothing_heavy_is_imported(code: str) -> None:
    if code == "HELP":
        code = "import sys; sys.argv = ['memreg', '--help']\nfrom memreg.cli.main import main\n"
        code += "try:\n    main()\nexcept SystemExit:\n    pass"
    code += "\nimport sys; print('\\n' + ' '.join(sorted(name.partition('.')[0] for name in sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert HEAVY & set(done.stdout.splitlines()[-1].split()) == set()


def test_the_commands_are_those_of_the_design() -> None:
    assert set(cli.memreg.list_commands(click.Context(cli.memreg))) == set(COMMANDS.split())


@pytest.mark.parametrize("name", [*COMMANDS.split(), "kill-switch on", "kill-switch off", "kill-switch status", *INBOX])
def test_every_command_takes_json_and_a_database_and_explains_itself(name: str) -> None:
    found = command(*name.split())
    assert len((found.help or "").splitlines()[0]) <= 60
    if not isinstance(found, click.Group):
        assert {"--json", "--database"} <= options(found)


@pytest.mark.parametrize("name", [*DATA.split(), "kill-switch on", "kill-switch off", "kill-switch status", *INBOX])
def test_data_commands_take_tenant_and_schema(name: str) -> None:
    assert {"--tenant", "--schema"} <= options(command(*name.split()))


def test_the_help_teaches() -> None:
    context = rich_click.RichContext(cli.memreg, info_name="memreg")
    text = cli.memreg.get_help(context)
    for words in ("A first walk", "memreg approve NAME", "_MEMREG_COMPLETE", *cli.GROUPS):
        assert words in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_installed(shell: str) -> None:
    memreg = Path(sys.executable).parent / "memreg"
    done = subprocess.run(
        [memreg],
        check=True,
        capture_output=True,
        text=True,
        env={"_MEMREG_COMPLETE": f"{shell}_source", "PATH": "/bin"},
    )
    assert "_MEMREG_COMPLETE" in done.stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("memreg app", {"approve"}),
        ("memreg kill-switch o", {"on", "off"}),
        ("memreg approve --a", {"--annotation"}),
        ("memreg audit --basis inv", {"invalid"}),
        ("memreg register --annotate h", {"heuristic"}),
    ],
)
def test_completion_offers_what_there_is(words: str, offered: set[str]) -> None:
    memreg = Path(sys.executable).parent / "memreg"
    place = str(len(words.split()) - 1)
    asked = {"_MEMREG_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": place, "PATH": "/bin"}
    done = subprocess.run([memreg], check=True, capture_output=True, text=True, env=asked)
    assert {line.partition(",")[2] for line in done.stdout.split()} == offered


def test_choices_are_the_engines() -> None:
    assert set(ACTIONS) == set(Action)
    assert set(BASES) == set(Basis)
    assert review.KINDS == KINDS


@pytest.mark.parametrize(
    ("shipped", "fixture"),
    [
        ("assistant.yaml", "schemas/assistant.yaml"),
        ("conversation.jsonl", "conversations/assistant.jsonl"),
        ("proposals.jsonl", "conversations/assistant.proposals.jsonl"),
    ],
)
def test_the_demo_ships_the_fixtures(shipped: str, fixture: str) -> None:
    assert (DEMO / shipped).read_bytes() == (ROOT / "fixtures" / fixture).read_bytes()
