"""`memreg show`: the classes and columns of a version."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import rich_click as click

from memreg.cli.import_ import DIALECTS
from memreg.cli.options import VERSIONED, Access, VersionedName, database_options
from memreg.cli.output import Col, print_json, print_table, safe, say, tell
from memreg.cli.schemas import record_data

if TYPE_CHECKING:
    from memreg.registry.models import ClassSpec, Column, SchemaVersion


FORMATS = ("tree", "yaml", "json-schema", "python", "sql")


@click.command()
@click.argument("name", metavar="NAME[@N]", type=VERSIONED)
@click.option("--format", "form", type=click.Choice(FORMATS), help="Print it as this, to keep or to give on.")
@click.option("--dialect", type=click.Choice(DIALECTS), help="Whose SQL, with --format sql (else postgres).")
@database_options
def show(access: Access, name: VersionedName, form: str | None, dialect: str | None) -> None:
    """Show the classes and columns of a version.

    Without @N, of the newest. As yaml, json-schema or python it can be registered again and is the same. As sql it is
    DDL; what DDL cannot say is told on stderr.
    """
    if dialect is not None and form != "sql":
        raise click.UsageError("--dialect goes with --format sql.")
    with access.registry() as registry:
        record = registry.get(name.name, name.number)
    version = record.version
    if form is not None:
        text, lost = _exported(version, form, dialect or "postgres")
        if access.as_json:
            print_json({**record_data(record), "format": form, "text": text, "lost": lost})
            return
        for sentence in lost:
            tell(sentence)
        click.echo(safe(text) if form == "tree" else text, nl=False)
        return
    if access.as_json:
        print_json({**record_data(record), "classes": [class_data(spec) for spec in version.spec.classes]})
        return
    compatibility, fingerprint = version.spec.compatibility, version.fingerprint[:12]
    say(f"{version}, {version.status}, compatibility {compatibility}, fingerprint {fingerprint}")
    for spec in version.spec.classes:
        say()
        say(f"{spec.name}: {spec.description}" if spec.description else spec.name)
        columns = (Col("column", keep=True), Col("dtype", keep=True), Col("description"), Col("rules"))
        print_table(columns, [(each.name, each.dtype, _described(each), rules_of(each)) for each in spec.columns])
        for pattern in spec.patterns:
            say(f"  {'delete ' if pattern.operation == 'delete' else ''}pattern  {pattern.text}")


def _exported(version: SchemaVersion, form: str, dialect: str) -> tuple[str, tuple[str, ...]]:
    """A version in another format, and what is not in it."""
    spec = version.spec
    if form == "tree":
        from memreg.registry.exchange.tree_out import tree

        title = f"{version}, {version.status}, compatibility {spec.compatibility}"
        return tree(spec, title, version.annotations), ()
    if form == "yaml":
        from memreg.registry.dump import dump_schema

        return dump_schema(spec), ()
    if form == "json-schema":
        from memreg.registry.exchange.json_schema_out import json_schema

        return json_schema(spec), ()
    if form == "python":
        from memreg.registry.exchange.python_out import python_source

        return python_source(spec), ()
    from memreg.registry.exchange.sql_out import sql_ddl

    # Of DDL, the keys are what matters most: those in force, whoever proposed them.
    classes = tuple(replace(each, declared=version.annotations.get(each.name, each.declared)) for each in spec.classes)
    exported = sql_ddl(replace(spec, classes=classes), dialect)
    return exported.text, exported.lost


def class_data(spec: ClassSpec) -> dict[str, Any]:
    """A class with its columns, for machines."""
    from memreg.registry.dump import source_data

    return {
        "name": spec.name,
        "description": spec.description,
        "columns": [
            {
                "name": each.name,
                "dtype": str(each.dtype),
                "desc": each.desc,
                "values": each.values,
                "required": each.required,
                "pii": each.pii,
                "normalize": [{"name": step.name, "region": step.region} for step in each.normalize],
                "merge": each.merge,
                "examples": each.examples,
                "from": source_data(each.source, each.name) if each.source is not None else None,
                "default": each.default,
                "on_delete": each.on_delete if each.dtype.target else None,
            }
            for each in spec.columns
        ],
        "patterns": spec.patterns,
        "from": spec.source,
        "aliases": spec.aliases,
    }


def rules_of(column: Column) -> str:
    """Everything about a column beside its type, in words."""
    words = []
    if column.required:
        words.append("required")
    if column.pii:
        words.append("pii")
    if column.normalize:
        steps = (f"{step.name} {step.region}" if step.region else step.name for step in column.normalize)
        words.append("normalize " + " ".join(steps))
    if str(column.merge) != "replace":
        words.append(f"merge {column.merge}")
    if column.default is not None:
        words.append(f"default {column.default}")
    if str(column.on_delete) != "keep":
        words.append(f"on delete {column.on_delete}")
    return ", ".join(words)


def _described(column: Column) -> str:
    values = f"one of {', '.join(column.values)}" if column.values else ""
    return "; ".join(part for part in (column.desc, values) if part)
