"""Progress bars: on stderr, only on a terminal, and gone at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_OFTEN = 0.1  # seconds between two looks of a bar
_SURE = 1.0  # seconds after which a rate says something


@contextmanager
def bar(what: str, unit: str = "", *, wanted: bool = True) -> Iterator[Callable[[int, int | None, int], None]]:
    """A bar to be called with how much is done, how much there is (None: not known), and a count to be shown."""
    if not wanted or not sys.stderr.isatty():
        yield lambda _done, _total, _count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[share]}{task.fields[count]}"))
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    began = shown = time.monotonic()
    with Progress(*columns, *times, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None, count="", share="")

        held_back: tuple[int, int | None, int] | None = None

        def advance(done: int, total: int | None, count: int) -> None:
            nonlocal shown, held_back
            now = time.monotonic()
            if count > 1 and now - shown < _OFTEN and done != total:
                held_back = (done, total, count)
                return
            shown, held_back = now, None
            rate = f", {count / (now - began):,.0f} a second" if now - began > _SURE else ""
            share = f"{100 * done // total} %, " if total else ""
            progress.update(task, completed=done, total=total, count=f"{count:,} {unit}".strip() + rate, share=share)

        yield advance
        if held_back is not None:
            shown = 0.0
            advance(*held_back)
