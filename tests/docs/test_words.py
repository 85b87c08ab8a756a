"""Every command, setting, error, rule, table and make target that the documentation names exists, and is documented."""

from __future__ import annotations

import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from memreg.cli import main as cli_main
from memreg.cli.backfill import WithShortcut
from memreg.core import errors
from memreg.core.settings import Settings
from memreg.engine.model import Action, Basis
from memreg.registry.parse import parse_schema
from tests.docs.pages import ROOT, Fence, code_spans, commands, fences, name_of, pages

PAGES = pages()
FENCES = [fence for page in PAGES for fence in fences(page)]
REFERENCE = ROOT / "docs" / "reference"
# Read by tests, ours and those of users, and by nothing else.
TEST_SETTINGS = {"MEMREG_TEST_DATABASE_URL", "MEMREG_RECORDING"}


def root() -> click.Group:
    """The command line's top group."""
    groups = [value for value in vars(cli_main).values() if isinstance(value, click.Group)]
    return next(group for group in groups if "ingest" in group.list_commands(click.Context(group)))


def error_names() -> set[str]:
    """The names of the error tree."""
    return {
        name for name, value in inspect.getmembers(errors, inspect.isclass) if issubclass(value, errors.MemregError)
    }


def setting_names() -> set[str]:
    """The environment variables that are read."""
    names = set[str]()
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        choices = (
            getattr(alias, "choices", [alias]) if alias else [f"{Settings.model_config.get('env_prefix', '')}{name}"]
        )
        names |= {str(choice).upper() for choice in choices if str(choice).upper().startswith(("MEMREG_", "OPENAI_"))}
    return names


def invocations(command: str) -> list[list[str]]:
    """The arguments of every call of memreg in a shell command."""
    found: list[list[str]] = []
    current: list[str] | None = None
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words = list(lexer)
    for before, word in zip(["|", *words], words, strict=False):
        if set(word) <= set("|&;<>"):
            current = None
        elif word == "memreg" and (set(before) <= set("|&;") or "=" in before):
            current = []
            found.append(current)
        elif current is not None:
            current.append(word)
    return found


def complaint(arguments: list[str]) -> str | None:
    """What is wrong with a call of memreg: no such command, no such option, an argument too many or too few."""
    command: click.Command = root()
    context = click.Context(command, info_name="memreg")
    while True:
        if isinstance(command, WithShortcut):
            arguments = command.in_full(context, arguments)
        try:
            values, left, _ = command.make_parser(context).parse_args(list(arguments))
        except click.UsageError as error:
            return error.format_message()
        if not isinstance(command, click.Group):
            break
        if not left:
            return None
        name, arguments = left[0], left[1:]
        found = command.get_command(context, name)
        if found is None:
            return f"no command {name!r}"
        command, context = found, click.Context(found, info_name=name, parent=context)
    if left:
        return f"left over: {left}"
    asked = {"help", "version"} & {name for name, value in values.items() if value is True}
    lacking = [
        parameter.name
        for parameter in command.params
        if parameter.required
        and not asked
        and parameter.name not in {name for name, value in values.items() if given(value)}
    ]
    return f"missing: {lacking}" if lacking else None


def given(value: object) -> bool:
    """Whether the parser found a value (click marks what it did not find with an enum member, older ones with None)."""
    return value is not None and value != () and type(value).__name__ != "Sentinel"


def test_the_check_of_commands_can_fail() -> None:
    assert complaint(["nothing-like-it"])
    assert complaint(["register"])
    assert complaint(["schemas", "--nothing-like-it"])
    assert invocations("A=1 memreg ingest - < x | memreg get 1 && echo memreg no") == [["ingest", "-"], ["get", "1"]]


@pytest.mark.parametrize("fence", [fence for fence in FENCES if fence.language == "console"], ids=str)
def test_commands_of_console_blocks_exist(fence: Fence) -> None:
    calls = [call for command in commands(fence) for call in invocations(command.partition(" # ")[0])]
    assert [(call, wrong) for call in calls if (wrong := complaint(call))] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_prose_exist(page: Path) -> None:
    """Inline code may use `NAME`, `[...]` and `|`, so only the command's name and its options are looked at."""
    wrong = []
    for span in code_spans(page):
        words = span.split() or [""]
        if words[0] != "memreg" or len(words) < 2 or words[1].startswith("-"):
            continue
        command: click.Command | None = root()
        for word in words[1:]:
            if not isinstance(command, click.Group) or not re.fullmatch(r"[a-z][a-z-]*", word):
                break
            command = command.get_command(click.Context(command), word)
        known = (
            {option for part in command.params for option in [*part.opts, *part.secondary_opts]} if command else set()
        )
        if command is None or not set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", span)) - {"--help"} <= known:
            wrong.append(span)
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_settings_exist(page: Path) -> None:
    named = set(re.findall(r"\b(?:MEMREG|OPENAI)_[A-Z][A-Z_]*[A-Z]\b", page.read_text()))
    assert named <= setting_names() | TEST_SETTINGS


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_errors_exist(page: Path) -> None:
    assert set(re.findall(r"\berrors\.([A-Z]\w+)", page.read_text())) <= error_names()


def test_every_error_is_documented() -> None:
    assert error_names() == set(re.findall(r"^\| `(\w+)`", (REFERENCE / "errors.md").read_text(), re.M))


def test_every_setting_is_documented() -> None:
    assert setting_names() <= set(re.findall(r"`([A-Z_]+)`", (REFERENCE / "settings.md").read_text()))


def test_every_command_is_documented() -> None:
    group = root()
    commands = {
        name: group.get_command(click.Context(group), name) for name in group.list_commands(click.Context(group))
    }
    assert {name for name, command in commands.items() if command and not command.hidden} == set(
        re.findall(r"^## `memreg ([\w-]+)`", (REFERENCE / "cli.md").read_text(), re.M)
    )


def test_every_rule_is_documented() -> None:
    rows = re.findall(r"^\| (\d+) \|(.*)\|$", (REFERENCE / "decision-table.md").read_text(), re.M)
    assert [int(number) for number, _ in rows] == list(range(1, 15))
    text = " ".join(cells for _, cells in rows)
    assert set(re.findall(r"`([a-z_]+)`", text)) == set(Basis) - {Basis.PERSON, Basis.MONITOR}
    acts = set(re.findall(r"^\| ([A-Z]+) \|", (REFERENCE / "decision-table.md").read_text(), re.M))
    assert set(re.findall(r"\b[A-Z]{4,}\b", text)) == set(Action) - acts
    assert not acts - set(Action)


def test_every_table_is_documented() -> None:
    folder = ROOT / "src" / "memreg" / "migrations" / "sql"
    text = "\n".join(path.read_text() for path in sorted(folder.glob("*.sql")))
    tables = set(re.findall(r"create table (?:if not exists )?memreg\.(\w+)", text, re.I))
    assert tables
    assert tables == set(re.findall(r"^\| `(\w+)`", (REFERENCE / "tables.md").read_text(), re.M))


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    spans = {span for page in PAGES for span in code_spans(page)} | {c for f in FENCES for c in commands(f)}
    named = {found[1] for span in spans if (found := re.match(r"make ([a-z-]+)", span))}
    assert {"demo", "test"} <= named
    assert named <= targets


def test_the_reference_is_generated_from_the_code() -> None:
    script = [sys.executable, str(ROOT / "scripts" / "generate_reference.py"), "--check"]
    done = subprocess.run(script, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("fence", [fence for fence in FENCES if fence.language == "yaml"], ids=str)
def test_yaml_blocks_can_be_read(fence: Fence) -> None:
    content = yaml.safe_load(fence.text)
    if isinstance(content, dict) and {"schema", "classes"} <= set(content) and "fingerprint" not in content:
        assert parse_schema(fence.text, fence.where).name == content["schema"]


@pytest.mark.parametrize("fence", [fence for fence in FENCES if fence.language == "python"], ids=str)
def test_python_blocks_compile(fence: Fence) -> None:
    compile(fence.text, fence.where, "exec", dont_inherit=True)
