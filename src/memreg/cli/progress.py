"""Progress bars: on stderr, only on a terminal, and gone at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(what: str, unit: str = "", *, wanted: bool = True) -> Iterator[Callable[[int, int | None, int], None]]:
    """A bar to be called with how much is done, how much there is (None: not known), and a count to be shown."""
    if not wanted or not sys.stderr.isatty():
        yield lambda _done, _total, _count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"))
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None, count="")
        yield lambda done, total, count: progress.update(
            task, completed=done, total=total, count=f"{count:,} {unit}".strip()
        )
