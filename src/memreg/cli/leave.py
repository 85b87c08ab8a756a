"""`memreg ingest --queue`: messages of a file, kept and left to the workers."""

from __future__ import annotations

from click.exceptions import Exit

from memreg.cli.lines import Source
from memreg.cli.messages import Problem, named_by_line, read_messages
from memreg.cli.options import Access
from memreg.cli.output import print_json, say, tell
from memreg.cli.progress import bar
from memreg.cli.tally import MOST_PROBLEMS
from memreg.core.errors import MemregError, MessageConflict, MessageInvalid

ROOM = 60.0
"""Seconds that a full queue is waited for."""


def leave(access: Access, source: Source, resume: str | None = None) -> None:
    """Keep every message of a source; a bad line is told by its number, and what comes after it goes on. `resume`: the
    name that lines without an id get one of."""
    kept, problems, stopped = 0, list[Problem](), None
    with access.engine(workers=0) as engine, bar("keeping", "messages", wanted=True) as advance:
        every = read_messages(source)
        for given in every if resume is None else named_by_line(every, resume):
            wrong = given.problems
            if given.message is not None and not wrong:
                try:
                    engine.submit(given.message, timeout=ROOM)
                    kept += 1
                except (MessageInvalid, MessageConflict) as error:
                    wrong = (Problem(given.line, str(error)),)
                except MemregError as error:
                    stopped = Problem(given.line, str(error))
                    break
            for problem in wrong:
                tell(f"{source.name}, line {problem.line}: {problem.error}")
            problems += wrong
            advance(source.taken, source.size, kept)
    if access.as_json:
        print_json({"queued": kept, "problems": problems[:MOST_PROBLEMS], "stopped": stopped})
    else:
        said, them = ("1 message was", "it") if kept == 1 else (f"{kept:,} messages were", "them")
        say(f"{said} left to the workers. memreg worker decides {them}; memreg inbox shows what waits.")
    if stopped is not None:
        tell(f"Stopped at {source.name}, line {stopped.line}; what came before is kept. {stopped.error}")
    if stopped is not None or problems:
        raise Exit(1)
