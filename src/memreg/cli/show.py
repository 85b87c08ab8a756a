"""`memreg show`: the classes and columns of a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rich_click as click

from memreg.cli.options import VERSIONED, Access, VersionedName, database_options
from memreg.cli.output import Col, print_json, print_table, say
from memreg.cli.schemas import record_data

if TYPE_CHECKING:
    from memreg.registry.models import ClassSpec, Column


@click.command()
@click.argument("name", metavar="NAME[@N]", type=VERSIONED)
@database_options
def show(access: Access, name: VersionedName) -> None:
    """Show the classes and columns of a version.

    Without @N, of the newest.
    """
    with access.registry() as registry:
        record = registry.get(name.name, name.number)
    version = record.version
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


def class_data(spec: ClassSpec) -> dict[str, Any]:
    """A class with its columns, for machines."""
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
            }
            for each in spec.columns
        ],
        "patterns": spec.patterns,
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
    return ", ".join(words)


def _described(column: Column) -> str:
    values = f"one of {', '.join(column.values)}" if column.values else ""
    return "; ".join(part for part in (column.desc, values) if part)
