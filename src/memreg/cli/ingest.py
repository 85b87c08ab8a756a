"""`memreg ingest`: messages or proposals from a file or a pipe, each decided, every bad line named."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import rich_click as click
from click.exceptions import Exit

from memreg.cli.options import Access, data_options
from memreg.cli.output import json_text, tell
from memreg.cli.progress import bar

if TYPE_CHECKING:
    from memreg.api.engine import Engine
    from memreg.cli.messages import Problem
    from memreg.cli.tally import Tally
    from memreg.engine.model import IngestResult

LONGEST_NAME = 150


@click.command()
@click.argument("file", metavar="[FILE|-]", default="-", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--proposals", is_flag=True, help="The input is JSON lines of proposals; no extraction.")
@click.option("--queue", is_flag=True, help="Only keep the messages, and leave them to memreg worker.")
@click.option(
    "--resume",
    metavar="NAME",
    help="Give lines without an id the id NAME:LINE, so that the same command goes on where it was interrupted.",
)
@data_options
def ingest(access: Access, file: str, proposals: bool, queue: bool, resume: str | None) -> None:
    """Take messages or proposals, and decide each.

    From FILE, or from standard input.

    Messages are JSON lines, {"text": ..., "id": ..., "session": ..., "role": ..., "at": ...} of which only text is
    needed, or plain text with a message a line. Proposals are JSON lines, {"class": ..., "values": {...},
    "operation": "upsert" or "delete", "evidence": ..., "confidence": ..., "message_id": ...}; lines of one message_id
    are one turn.

    A bad line is told by its number and the rest goes on; the exit status is 1 then. Messages with an id can be sent
    again: what was decided is not decided twice. Ctrl-C ends after the messages at hand. After an interruption, give
    the same file again: lines with ids go on where it was, those without where --resume NAME gave them ids, with the
    same NAME for the same file.
    """
    from memreg.cli.lines import Source
    from memreg.cli.loading import Load, Stopping
    from memreg.cli.messages import named_by_line, read_messages, read_turns
    from memreg.cli.tally import FEW, Tally, show_result

    if resume is not None and not 0 < len(resume.strip()) <= LONGEST_NAME:
        raise click.UsageError(f"The NAME of --resume has 1 to {LONGEST_NAME} characters.")

    if queue:
        from memreg.cli.leave import leave

        if proposals:
            raise click.UsageError("Give --queue or --proposals, not both: proposals need no model, so nothing waits.")
        with _opened(file) as stream:
            leave(access, Source(stream, "standard input" if file == "-" else file, _size(stream)), resume)
        return
    tally = Tally()
    with _opened(file) as stream, access.engine() as engine:
        source = Source(stream, "standard input" if file == "-" else file, _size(stream))
        live = file == "-" and stream.isatty() and not access.as_json
        if live:
            what = "proposals" if proposals else "messages"
            tell(f"Reading {what} from the terminal, one a line; Ctrl-D ends.")
        _tell_pending(engine)
        if not proposals:
            source.wait_for_nothing()
        given = read_turns(source) if proposals else read_messages(source)
        if resume is not None:
            given = named_by_line(given, resume)
        with (
            bar("ingesting", "messages", wanted=not live) as advance,
            _Results(access.as_json) as results,
            Stopping() as stopping,
        ):
            load = Load(
                engine,
                tally,
                results if access.as_json else show_result if live else None,
                lambda problem: tell(f"{source.name}, line {problem.line}: {problem.error}"),
                lambda: advance(source.taken, source.size, tally.messages),
            )
            stopped = load.take(given, lambda: source.is_ready, stopping)
            results.end(tally, stopped)
    if not access.as_json:
        few = len(tally.first) <= FEW
        if few and not live:
            for result in tally.first:
                show_result(result)
        tally.show()
        if tally.first_dead is not None and not (few or live):
            tell(f"The first dead message is {tally.first_dead.message_id}: {tally.first_dead.error}")
    _tell_create_only(tally)
    if stopped is not None:
        tell(f"Stopped at {source.name}, line {stopped.line}; what came before is kept. {stopped.error}")
    if stopped is not None or tally.failed:
        raise Exit(1)


class _Results:
    """The JSON document of an ingest, written as it grows; silent when it is not asked for."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._count = 0

    def __enter__(self) -> _Results:
        if self._wanted:
            click.echo('{"results": [', nl=False)
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing: a broken document is better than one that looks whole."""

    def __call__(self, result: IngestResult) -> None:
        """Write one result."""
        click.echo(("," if self._count else "") + "\n  " + json_text(result, indent=None), nl=False)
        self._count += 1

    def end(self, tally: Tally, stopped: Problem | None) -> None:
        """Write what follows the results."""
        rest = {
            "problems": tally.problems,
            "stopped": stopped,
            "counts": tally.counts(),
            "decisions": tally.by_rule(),
        }
        if self._wanted:
            click.echo("\n],\n" + json_text(rest).removeprefix("{\n"))


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
    else:
        with open(file, "rb") as stream:
            yield stream


def _size(stream: IO[bytes]) -> int | None:
    try:
        return os.fstat(stream.fileno()).st_size or None
    except OSError:
        return None


def _tell_pending(engine: Engine) -> None:
    version = engine.version()
    if str(version.status) == "pending":
        tell(
            f"{version} is pending: messages only create memories, unresolved, and nothing is merged or deleted. "
            f"Approve it with memreg approve {version.name}."
        )


def _tell_create_only(tally: Tally) -> None:
    switched = sorted(name for name in tally.create_only.get("kill_switch", ()))
    if switched:
        tell(
            f"The kill switch is on for {', '.join(switched)}: memories were only created, unresolved. "
            "memreg kill-switch status tells why, and how to go on."
        )
