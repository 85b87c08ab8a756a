"""Turns of a file on their way into the engine: many at once where that is fast, and an end that loses nothing."""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from memreg.cli.messages import Given, Problem
from memreg.cli.output import tell
from memreg.core.errors import MemregError

if TYPE_CHECKING:
    from memreg.api.engine import Engine
    from memreg.cli.tally import Tally
    from memreg.engine.model import IngestResult

FEWEST, MOST = 4, 1_000
MOST_CHARACTERS = 4_000_000
QUICK, SLOW = 0.5, 2.0
"""Seconds that the messages at hand take: more are taken next time, or fewer."""
INTERRUPTED = "It was interrupted. The same command goes on from here, as far as the lines have ids (see --resume)."


class Stopping:
    """Ctrl-C while messages are decided is heard when they are; while nothing is under way, or the second time, at
    once."""

    def __init__(self) -> None:
        self.is_wanted = False
        self.is_busy = False
        self._before: Any = None

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self.is_wanted or not self.is_busy:
            raise KeyboardInterrupt
        self.is_wanted = True
        tell("Stopping after the messages at hand; Ctrl-C again stops at once.")


class Load:
    """Takes turns, counts what became of them, and shows and tells it in the order of the lines."""

    def __init__(
        self,
        engine: Engine,
        tally: Tally,
        show: Callable[[IngestResult], None] | None,
        refuse: Callable[[Problem], None],
        advance: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._tally = tally
        self._show = show
        self._refuse = refuse
        self._advance = advance
        self._most = FEWEST

    def take(self, given: Iterator[Given], is_ready: Callable[[], bool], stopping: Stopping) -> Problem | None:
        """Ingest every turn; gives where and why it stopped, if it was interrupted or no further turn would have been
        taken either. `is_ready`: whether the next turn is there, so that it need not be waited for."""
        line = 1
        try:
            while not stopping.is_wanted:
                some = self._next(given, is_ready)
                if not some:
                    return None
                line = some[0].line
                stopping.is_busy = True
                began = time.monotonic()
                stopped = self._take(waiting := deque(some))
                if stopped is not None:
                    return stopped
                self._adapt(len(some), time.monotonic() - began)
                line = some[-1].line + 1
                stopping.is_busy = False
            is_at_end = is_ready() and not self._next(given, lambda: False)
            return None if is_at_end else Problem(line, INTERRUPTED)
        except KeyboardInterrupt:
            if stopping.is_busy and waiting:
                line = waiting[0].line
            return Problem(line, INTERRUPTED)

    def _next(self, given: Iterator[Given], is_ready: Callable[[], bool]) -> list[Given]:
        some: list[Given] = []
        size = 0
        for each in given:
            some.append(each)
            size += each.size
            if len(some) >= self._most or size >= MOST_CHARACTERS or not is_ready():
                break
        return some

    def _adapt(self, taken: int, seconds: float) -> None:
        """However slow a model is, what is at hand is done soon."""
        if seconds > SLOW:
            self._most = max(1, self._most // 2)
        elif seconds < QUICK and taken >= self._most:
            self._most = min(MOST, self._most * 2)

    def _take(self, waiting: deque[Given]) -> Problem | None:
        """Ingest turns that are at hand; those that are done are taken from them."""

        from memreg.cli.tally import FEW

        def refused(_: int, error: MemregError) -> None:
            self._tell_bad(waiting)
            line = waiting.popleft().line
            self._bad((Problem(line, str(error)),))

        items = [each.item for each in waiting if not each.problems]
        # Once there are more than a few results, only counts are told of them, unless each is shown.
        replays = self._show is not None or len(self._tally.first) <= FEW
        try:
            found = self._engine.ingest_many(items, on_error=refused, chunk=MOST, replays=replays) if items else ()
            for result in found:
                self._tell_bad(waiting)
                waiting.popleft()
                self._tally.add(result)
                if self._show is not None:
                    self._show(result)
                self._advance()
        except MemregError as error:
            self._tell_bad(waiting)
            return Problem(waiting[0].line, str(error))
        self._tell_bad(waiting)
        return None

    def _tell_bad(self, waiting: deque[Given]) -> None:
        while waiting and waiting[0].problems:
            self._bad(waiting.popleft().problems)

    def _bad(self, problems: tuple[Problem, ...]) -> None:
        self._tally.refuse(problems)
        for problem in problems:
            self._refuse(problem)
        self._advance()
