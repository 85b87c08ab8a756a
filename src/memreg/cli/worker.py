"""`memreg worker`: works the inbox off, until it is told to stop or nothing is left."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from types import FrameType

import rich_click as click

from memreg.cli.options import Access, database_options
from memreg.cli.output import print_json, say, tell

_LOOK = 0.1  # seconds


@click.command()
@click.option("--slots", type=click.IntRange(1, 1000), help="Messages at once; without it, the setting `workers`.")
@click.option("--until-empty", is_flag=True, help="Stop once nothing is left that could be done now.")
@database_options
def worker(access: Access, slots: int | None, until_empty: bool) -> None:
    """Decide the messages that were submitted, in the background.

    Takes the messages of every tenant and schema that were left to the workers, those of a session in order, and finds
    those again that a killed process left behind. Run as many as you like, on as many machines. A message that fails
    for a reason that may pass is tried again later.

    Backfills that were begun with --background are worked on in the same slots, a part at a time.

    Ctrl-C, or SIGTERM, ends what is at hand and stops; a second one stops at once, and nothing is lost either.
    """
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)  # it prints tracebacks of what is waited out here
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        taken, parts = _work(access, slots, until_empty, stopped)
    except KeyboardInterrupt:
        tell("Stopped at once; what was at hand is taken over by the next worker.")
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(130)  # an exit would wait for the threads, and they for the model
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if access.as_json:
        print_json({"jobs": taken, "backfill_parts": parts})
        return
    say(f"Stopped; {taken:,} {'job was' if taken == 1 else 'jobs were'} taken up: a message, or those of a session.")
    if parts:
        say(f"{parts:,} {'part of a backfill was' if parts == 1 else 'parts of backfills were'} done.")


def _work(access: Access, slots: int | None, until_empty: bool, stopped: threading.Event) -> tuple[int, int]:
    """Work until told to stop, or until nothing is left; gives how many jobs were taken up, and parts of backfills."""
    from memreg.engine.inbox import jobs_left
    from memreg.operations.backfill.life import BACKGROUND

    with access.engine() as engine:
        run_admin = engine.database.run_admin
        wanted = slots or engine.database.settings.workers or 1
        writer = engine.background(slots=wanted)
        writer.take_backfills()
        if not access.as_json:
            tell(f"Working with {wanted} {'slot' if wanted == 1 else 'slots'} on {engine.database.where}.")
        try:
            writer.start()
            while not stopped.wait(_LOOK):
                if until_empty and not run_admin(jobs_left) and not run_admin(lambda: jobs_left(BACKGROUND)):
                    break
        finally:
            writer.close(drain=0.0)
        return writer.taken, writer.parts
