"""Writes the parts of docs/reference that repeat the code: commands, settings, errors, rules, the schema files' format.

With `--check` it only compares. A generated part stands between `<!-- generated -->` and `<!-- end -->`; what is around
it is written by hand.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench.compatibility_cases import read_cases
from memreg.cli import main as cli_main
from memreg.core import errors
from memreg.core.settings import Settings
from memreg.operations.lint.rules import RULES
from memreg.operations.monitor.alerts import alert_rules
from memreg.registry.compatibility import RULES as COMPATIBILITY_RULES
from memreg.registry.file_format import schema_document

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"
START, END = "<!-- generated -->\n", "<!-- end -->\n"


def cell(text: str) -> str:
    """Text that fits into a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def error_table() -> Iterator[str]:
    """The error tree, parents before children, as rows."""
    yield "| error | kind of | what it says |"
    yield "|---|---|---|"
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.MemregError)]
    for kind in sorted(kinds, key=lambda kind: inspect.getsourcelines(kind)[1]):
        parent = kind.__mro__[1].__name__
        yield f"| `{kind.__name__}` | `{parent}` | {cell(kind.__doc__ or '')} |"


def environment_names(name: str) -> list[str]:
    """The variables that a setting is read from, the first that is set counts."""
    alias = Settings.model_fields[name].validation_alias
    if alias is None:
        return [f"{Settings.model_config.get('env_prefix', '')}{name}".upper()]
    choices = [str(choice).upper() for choice in getattr(alias, "choices", [alias])]
    return [choice for choice in choices if choice.startswith(("MEMREG_", "OPENAI_"))]


def settings_table() -> Iterator[str]:
    """Every setting with its default, as rows."""
    yield "| variable | default | what it is |"
    yield "|---|---|---|"
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = (
            "" if default is None or default is PydanticUndefined or isinstance(default, SecretStr) else f"`{default}`"
        )
        variables = ", else ".join(f"`{variable}`" for variable in environment_names(name))
        yield f"| {variables} | {shown} | {cell(field.description or '')} |"


def command_sections() -> Iterator[str]:
    """Every command with what `--help` tells of it."""
    groups = [value for value in vars(cli_main).values() if isinstance(value, click.Group)]
    group = next(group for group in groups if "ingest" in group.list_commands(click.Context(group)))
    for path, command, context in walk(group, click.Context(group, info_name="memreg")):
        yield f"{'#' * (len(path) + 1)} `{' '.join(['memreg', *path])}`"
        yield ""
        yield inspect.cleandoc(command.help or "").replace("\b\n", "")
        yield ""
        yield "```text"
        yield f"{' '.join(['memreg', *path])} {' '.join(command.collect_usage_pieces(context))}"
        yield "```"
        yield ""
        rows = [record for part in command.get_params(context) if (record := part.get_help_record(context))]
        if rows:
            yield "| option | |"
            yield "|---|---|"
            yield from (f"| `{cell(option)}` | {cell(text)} |" for option, text in rows)
            yield ""


def walk(group: click.Group, context: click.Context) -> Iterator[tuple[list[str], click.Command, click.Context]]:
    """The commands below a group with their names from the top, in the order of the help."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        yield [name], command, inner
        if isinstance(command, click.Group):
            yield from (([name, *path], below, deeper) for path, below, deeper in walk(command, inner))


def lint_table() -> Iterator[str]:
    """The rules of lint as rows."""
    yield "| rule | | what it finds, and why |"
    yield "|---|---|---|"
    for rule in RULES:
        fixes = "; --fix" if rule.fixes else ""
        yield f"| `{rule.code}` | {rule.severity}{fixes} | {cell(rule.help)} |"


def compatibility_sections() -> Iterator[str]:
    """The rules of compatibility with what they say of the changes in their cases."""
    cases = read_cases()
    for rule in COMPATIBILITY_RULES:
        yield f"### `{rule.__name__}`"
        yield ""
        yield " ".join((rule.__doc__ or "").split())
        yield ""
        yield "| change | the new version reads the old | the old version reads the new |"
        yield "|---|---|---|"
        for case in cases:
            if case.rule == rule.__name__:
                answers = ("**breaks**" if any(each.breaks for each in found) else "yes" for found in case.found())
                yield f"| {cell(case.name)} | {' | '.join(answers)} |"
        yield ""


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "cli.md": command_sections,
    "compatibility.md": compatibility_sections,
    "errors.md": error_table,
    "lint.md": lint_table,
    "settings.md": settings_table,
}


def main(arguments: list[str]) -> int:
    """Write the parts, or with `--check` name the pages that are behind the code (exit status 1)."""
    behind = []
    wanted_files = {
        "alerts.yaml": alert_rules(),
        "schema.schema.json": json.dumps(schema_document(), indent=2, ensure_ascii=False) + "\n",
    }
    for name, wanted in wanted_files.items():
        page = REFERENCE / name
        if not page.exists() or page.read_text() != wanted:
            behind.append(name)
            if "--check" not in arguments:
                page.write_text(wanted)
    for name, lines in PARTS.items():
        page = REFERENCE / name
        text = page.read_text()
        before, _, rest = text.partition(START)
        _, _, after = rest.partition(END)
        wanted = f"{before}{START}\n" + "\n".join(lines()).rstrip() + f"\n\n{END}{after}"
        if wanted != text:
            behind.append(name)
            if "--check" not in arguments:
                page.write_text(wanted)
    if behind and "--check" in arguments:
        print(f"docs/reference: {', '.join(behind)} differ from the code; run scripts/generate_reference.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
