"""`memreg lint`: what of a schema file can be registered and would not work well."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from memreg.cli.options import VERSIONED, WORDS, Access, database_options
from memreg.cli.output import print_json, say

if TYPE_CHECKING:
    from memreg.operations.lint.run import Linted
    from memreg.registry.models import SchemaSpec


@click.command()
@click.argument("files", metavar="FILE...", type=click.Path(path_type=Path, dir_okay=False), nargs=-1)
@click.option("--fix", is_flag=True, help="Write what is safe to fix into the file; all else stays as it is.")
@click.option("--strict", is_flag=True, help="Exit 1 also where there are only warnings.")
@click.option(
    "--ignore", metavar="RULE", type=WORDS, multiple=True, help="Leave a rule out, by its name; may be repeated."
)
@click.option(
    "--against",
    metavar="FILE|NAME[@N]",
    type=WORDS,
    help="The schema that these follow, as a file or registered: also tells which `from:` are done.",
)
@click.option("--rules", is_flag=True, help="Print the rules instead, with what each is for.")
@click.option("--json-schema", is_flag=True, help="Print the JSON Schema of schema files instead, for editors.")
@database_options
@click.pass_context
def lint(
    ctx: click.Context,
    access: Access,
    files: tuple[Path, ...],
    fix: bool,
    strict: bool,
    ignore: tuple[str, ...],
    against: str | None,
    rules: bool,
    json_schema: bool,
) -> None:
    """Look schema files over before they are registered.

    Mistakes, and what could be registered and would not work well: missing descriptions, classes that overlap, keys
    that find nothing, patterns that never match. Only --against NAME needs a database. Exit 1 where there is an error.
    """
    from memreg.operations.lint.rules import INVALID, RULES
    from memreg.operations.lint.run import lint_file

    if json_schema:
        from memreg.registry.file_format import schema_document

        print_json(schema_document())
        return
    if rules:
        _print_rules(access.as_json)
        return
    if not files:
        raise click.UsageError("Missing argument 'FILE...'.", ctx)
    known = [rule.code for rule in RULES]
    if wrong := [code for code in ignore if code not in known]:
        raise click.UsageError(f"{wrong[0]!r} is no rule; known are {', '.join(known)}.", ctx)
    base = None if against is None else _followed(access, against)
    done = [lint_file(path, fix=fix, base=base, ignored=ignore) for path in files]
    if access.as_json:
        print_json([{"source": each.source, "fixed": each.fixed, "findings": each.findings} for each in done])
    else:
        for each in done:
            _print(each)
    grave = {"error", "warning"} if strict else {"error"}
    if any(found.severity in grave or found.code == INVALID for each in done for found in each.findings):
        ctx.exit(1)


def _followed(access: Access, against: str) -> SchemaSpec:
    """The schema of a file, else the registered one of that name."""
    from memreg.registry.parse import parse_schema_file

    path = Path(against)
    if path.is_file() or path.suffix:
        return parse_schema_file(path)
    name = VERSIONED.convert(against, None, None)
    with access.registry() as registry:
        return registry.get(name.name, name.number).version.spec


def _print(linted: Linted) -> None:
    for each in linted.findings:
        place = f"{linted.source}:{each.line}:{each.column}" if each.line else linted.source
        where = f"{each.where}: " if each.where else ""
        say(f"{place}: {each.severity} {each.code}: {where}{each.text}{' (--fix)' if each.edit else ''}")
    counts = [f"{linted.count(name)} {name}{'s' if linted.count(name) != 1 else ''}" for name in _SEVERITIES]
    fixed = f", {linted.fixed} fixed" if linted.fixed else ""
    say(f"{linted.source}: {', '.join(counts)}{fixed}.")


_SEVERITIES = ("error", "warning", "note")


def _print_rules(as_json: bool) -> None:
    from memreg.operations.lint.rules import RULES

    if as_json:
        print_json([{"code": rule.code, "severity": rule.severity, "help": rule.help} for rule in RULES])
        return
    for rule in RULES:
        say(f"{rule.code} ({rule.severity}): {rule.help}")
