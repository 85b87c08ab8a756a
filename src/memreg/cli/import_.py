"""`memreg import`: a schema file from SQL DDL, a JSON Schema or Pydantic classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click
from click.exceptions import Exit

from memreg.cli.options import WORDS, Access, database_options
from memreg.cli.output import print_json, tell

if TYPE_CHECKING:
    from memreg.registry.exchange.draft import Imported

DIALECTS = ("postgres", "mysql", "sqlite", "tsql", "oracle", "snowflake", "bigquery", "duckdb")
FORMATS = ("sql", "json-schema", "python")


@click.command("import")
@click.argument("source", metavar="FILE|MODULE:CLASS", type=WORDS)
@click.option("--from", "kind", type=click.Choice(FORMATS), help="What it is, where its name does not tell.")
@click.option("--dialect", type=click.Choice(DIALECTS), help="Whose SQL it is (else found out by its words).")
@click.option("--name", metavar="NAME", type=WORDS, help="The schema's name (else that of the file).")
@click.option("-o", "--output", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write here.")
@database_options
def import_(
    access: Access, source: str, kind: str | None, dialect: str | None, name: str | None, output: Path | None
) -> None:
    """Make a schema file of SQL DDL, JSON Schema or Pydantic.

    Tables, objects and classes become classes; primary and unique keys identify; foreign keys and nested objects become
    references; lists of allowed values become enums; comments become descriptions. What cannot be carried over is told
    on stderr, each with its line. Nothing is registered: look at the file, then memreg register it.

    Ends with 1 where a part of the file could not be read; the rest is there.
    """
    from memreg.annotator.imported import with_searched
    from memreg.registry.dump import dump_schema, schema_data

    imported, dialect = _read(source, kind, dialect, name)
    # DDL says only what identifies; what declares an annotation otherwise has written down all of it.
    spec = imported.spec if dialect is None else with_searched(imported.spec)
    text = dump_schema(spec)
    if output is not None:
        _write(output, text)
    if access.as_json:
        print_json(
            {
                "schema": schema_data(spec),
                "yaml": text,
                "dialect": dialect,
                "written": str(output) if output else None,
                "notes": imported.notes,
            }
        )
    else:
        for note in imported.notes:
            place = f"{source}:{note.line}:{note.column}" if note.line else source
            tell(f"{place}: {note.text}")
        classes, notes = len(spec.classes), len(imported.notes)
        told = f"{classes} class{'es' if classes != 1 else ''}; {notes} thing{'s' if notes != 1 else ''} not as it was."
        if dialect is not None:
            told = f"Read as {dialect}: {told}"
        if output is not None:
            tell(f"{told} Next: memreg register {output}")
        else:
            tell(told)
            click.echo(text, nl=False)
    if imported.not_understood:
        raise Exit(1)


def _read(source: str, kind: str | None, dialect: str | None, name: str | None) -> tuple[Imported, str | None]:
    """The import of a file or of classes, and the dialect as which DDL was read."""
    from memreg.core.errors import ImportInvalid
    from memreg.registry.exchange.draft import Imported
    from memreg.registry.parse import read_bytes

    if kind == "python" or (kind is None and ":" in source and not Path(source).exists()):
        from memreg.registry.from_pydantic import load_reference

        return Imported(load_reference(source, name=name)), None
    content = read_bytes(Path(source), ImportInvalid)
    if kind == "json-schema" or (kind is None and Path(source).suffix.lower() in (".json", ".yaml", ".yml")):
        from memreg.registry.exchange.json_schema_in import read_json_schema

        return read_json_schema(content, source, name), None
    from memreg.registry.exchange.ddl import read_ddl
    from memreg.registry.exchange.dialect import guess_dialect

    dialect = dialect or guess_dialect(content)
    return read_ddl(content, source, dialect, name), dialect


def _write(path: Path, text: str) -> None:
    from memreg.core.errors import ArgumentInvalid

    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        reason = f"it cannot be written ({error.strerror or error})"
        raise ArgumentInvalid(name="--output", value=str(path), reason=reason) from error
