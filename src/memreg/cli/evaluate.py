"""`memreg eval`: a stream of records with gold entities through the real engine, and how often it was wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click
from click.exceptions import Exit

from memreg.cli.options import WORDS, Access, database_options
from memreg.cli.output import print_json, tell
from memreg.cli.progress import bar

if TYPE_CHECKING:
    from memreg.evaluation.run import Pass

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, writable=True, path_type=Path)


@click.command("eval")
@click.argument("stream", metavar="STREAM", type=_FILE)
@click.option(
    "--schema",
    "schema_file",
    metavar="FILE",
    type=_FILE,
    help="A memreg schema, or the .schema.json beside a stream.",
)
@click.option("--class", "class_name", metavar="NAME", type=WORDS, help="Which class, where the schema has several.")
@click.option("--annotation", metavar="FILE", type=_FILE, help="An annotation file to use over the schema's own.")
@click.option("--without-identity", is_flag=True, help="Drop the identity keys: decide by score alone.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Take the first N records only.")
@click.option("--decisions", metavar="OUT", type=_OUT, help="Write each decision as a JSON line.")
@database_options
def evaluate(
    access: Access,
    stream: Path,
    schema_file: Path | None,
    class_name: str | None,
    annotation: Path | None,
    without_identity: bool,
    limit: int | None,
    decisions: Path | None,
) -> None:
    """Measure how often memreg is wrong on your records."""
    from memreg.core.database import Database
    from memreg.evaluation.decisions import write_decisions
    from memreg.evaluation.given_schema import read_subject
    from memreg.evaluation.place import throwaway
    from memreg.evaluation.result import judge_pass, result_data, result_of
    from memreg.evaluation.run import prepare, refuse_empty, replay
    from memreg.evaluation.streams import read_stream
    from memreg.evaluation.study import study

    if schema_file is None:
        raise click.UsageError("Give the schema of the stream with --schema FILE.")
    subject = read_subject(
        schema_file, class_name=class_name, annotation=annotation, with_identity=not without_identity
    )
    settings = access.settings()
    with throwaway(settings) as dsn, Database.connect(settings, dsn=dsn) as database:
        engine = prepare(database, subject)
        with bar("evaluating", "records") as advance:
            done = replay(
                engine, subject, read_stream(stream), limit=limit, advance=lambda count: advance(count, None, count)
            )
        refuse_empty(done, stream)
        judged = judge_pass(done, subject)
        result = result_of(str(stream), subject, done, judged, study(database, subject, done, judged))
    if decisions is not None:
        write_decisions(decisions, done.outcomes)
    if access.as_json:
        print_json(result_data(result))
    if _tell_problems(done, stream):
        raise Exit(1)


def _tell_problems(done: Pass, stream: Path) -> bool:
    for problem in done.problems:
        tell(f"{stream}, line {problem.line}: {problem.error}")
    for name, (line, count) in done.unknown_fields.items():
        tell(f"{stream}, line {line}: the class has no field {name!r}, so it was left out of {count:,} records")
    return bool(done.problems or done.unknown_fields)
