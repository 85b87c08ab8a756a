"""`memreg eval`: a stream of records with gold entities through the real engine, and how often it was wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click
from click.core import Context, ParameterSource
from click.exceptions import Exit

from memreg.cli.golden import check_golden
from memreg.cli.options import WORDS, Access, database_options
from memreg.cli.progress import bar

if TYPE_CHECKING:
    from memreg.evaluation.compare import Run
    from memreg.evaluation.result import Result
    from memreg.evaluation.subject import Subject

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of one evaluation of a stream."""

    stream: Path
    schema: Path
    class_name: str | None
    annotation: Path | None
    without_identity: bool
    limit: int | None
    decided: Path | None


@click.command("eval")
@click.argument("stream", metavar="STREAM", type=_FILE)
@click.option("--schema", "schema_file", metavar="FILE", type=_FILE, help="What the records are; see above.")
@click.option("--class", "class_name", metavar="NAME", type=WORDS, help="Which class, where the schema has several.")
@click.option("--annotation", metavar="FILE", type=_FILE, help="An annotation file, over what the schema declares.")
@click.option("--without-identity", is_flag=True, help="Drop the identity keys: decide by score alone.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Take the first N records only.")
@click.option("--decisions", metavar="OUT", type=_OUT, help="Write every decision as a JSON line.")
@click.option("--report", "report_file", metavar="OUT", type=_OUT, help="Write a report, as .md or .html.")
@click.option("--compare", "compared", metavar="RUN", type=_FILE, help="Compare with an earlier --json or --decisions.")
@click.option("--fail-if-worse", is_flag=True, help="End with status 1 if that had fewer false or missed updates.")
@click.option("--decided", metavar="FILE", type=_FILE, help="Judge the decisions in FILE; decide nothing.")
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
    report_file: Path | None,
    compared: Path | None,
    fail_if_worse: bool,
    decided: Path | None,
) -> None:
    """Measure how often memreg is wrong on your records, and why.

    STREAM has one record a line with the entity that it is, {"record_id": ..., "entity_id": ..., "source": ...,
    "fields": {...}}, or is a table (.csv, .tsv) with the columns record_id, entity_id and source, and a column a field.
    The records go through the real engine in order, in a database made for it and dropped at the end. On a server that
    --database names, that takes the right to make databases.

    --schema is a memreg schema (.yaml) with the annotation that it declares, or a stream's own description (.json),
    {"class": ..., "fields": {NAME: {"kind": "name", "boost": 3, "searchable": true}}, "identity": [...]}, in which
    every field is text and nothing is refused for its value.

    A line that cannot be read is told by its number and the rest goes on; the exit status is 1 then.

    A STREAM in YAML (.yaml) is a golden file: records that must stay apart or come together. It may hold its schema,
    and the exit status is 1 where a case is not as expected.
    """
    if stream.suffix.lower() in (".yaml", ".yml"):
        _refuse_options_of_streams(click.get_current_context())
        check_golden(access, stream, schema_file)
        return
    if fail_if_worse and compared is None:
        raise click.UsageError("Name the run before with --compare RUN.")
    if schema_file is None:
        raise click.UsageError("Say what the records are with --schema FILE.")
    wanted = Wanted(stream, schema_file, class_name, annotation, without_identity, limit, decided)
    _evaluate(access, wanted, decisions, report_file, compared, fail_if_worse)


def _refuse_options_of_streams(context: Context | None) -> None:
    assert context is not None
    for param in context.command.params:
        given = context.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
        if given and param.name not in ("stream", "schema_file", "database", "as_json"):
            raise click.UsageError(f"{param.opts[0]} is for streams; a golden file takes --schema alone.")


def _evaluate(
    access: Access,
    wanted: Wanted,
    decisions: Path | None,
    report_file: Path | None,
    compared: Path | None,
    fail_if_worse: bool,
) -> None:
    from memreg.cli.measured import show_result, tell_problems
    from memreg.cli.output import print_json
    from memreg.evaluation.compare import compare, comparison_data, run_of
    from memreg.evaluation.decisions import check_writable, write_decisions
    from memreg.evaluation.report import check_report_path, write_report
    from memreg.evaluation.result import result_data

    if report_file is not None:
        check_report_path(report_file)
    for path in filter(None, (decisions, report_file)):
        check_writable(path)
    subject = _subject(wanted)
    before = None if compared is None else _before(wanted, compared, subject)
    result = _result(access, wanted, subject)
    comparison = None if before is None else compare(before, run_of(result, "this run"))
    if decisions is not None:
        write_decisions(decisions, result.done.outcomes)
    if report_file is not None:
        write_report(report_file, result, comparison)
    if access.as_json:
        print_json(result_data(result) | ({"compared": comparison_data(comparison)} if comparison else {}))
    else:
        show_result(result, comparison)
    whole = tell_problems(result.done, wanted.stream)
    if not whole or (fail_if_worse and comparison is not None and comparison.is_worse):
        raise Exit(1)


def _subject(wanted: Wanted) -> Subject:
    from memreg.evaluation.given_schema import read_subject

    return read_subject(
        wanted.schema,
        class_name=wanted.class_name,
        annotation=wanted.annotation,
        with_identity=not wanted.without_identity,
    )


def _result(access: Access, wanted: Wanted, subject: Subject) -> Result:
    """Run the stream through the engine, or read what was decided on it; then judge."""
    from memreg.core.database import Database
    from memreg.evaluation.place import throwaway
    from memreg.evaluation.result import judge_pass, result_of
    from memreg.evaluation.run import begun, prepare, replay
    from memreg.evaluation.streams import lines_of, read_stream
    from memreg.evaluation.study import study

    name = str(wanted.stream)
    if wanted.decided is not None:
        return _read(wanted, wanted.decided, subject)
    items = begun(read_stream(wanted.stream), wanted.stream)
    settings = access.settings()
    with throwaway(settings) as dsn, Database.connect(settings, dsn=dsn) as database:
        engine = prepare(database, subject)
        total = min(filter(None, (wanted.limit, lines_of(wanted.stream))))
        with bar("evaluating", "records") as show:
            done = replay(engine, subject, items, limit=wanted.limit, advance=lambda count: show(count, total, count))
        judged = judge_pass(done, subject)
        return result_of(name, subject, done, judged, study(database, subject, done, judged))


def _read(wanted: Wanted, decided: Path, subject: Subject) -> Result:
    """The result of the decisions that a file has on the stream."""
    from memreg.evaluation.decisions import read_decisions
    from memreg.evaluation.result import judge_pass, result_of
    from memreg.evaluation.run import begun
    from memreg.evaluation.streams import read_stream

    items = begun(read_stream(wanted.stream), wanted.stream)
    done = read_decisions(decided, subject, items, limit=wanted.limit)
    return result_of(str(wanted.stream), subject, done, judge_pass(done, subject), None)


def _before(wanted: Wanted, file: Path, subject: Subject) -> Run:
    """A run before, from its figures or from its decisions."""
    from memreg.evaluation.compare import Run, read_run, run_of

    data = read_run(file)
    return run_of(_read(wanted, file, subject), str(file)) if data is None else Run(str(file), data)
