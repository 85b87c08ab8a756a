"""A circuit breaker: a server that fails again and again is left alone for a while, then tried by one request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from weakref import WeakValueDictionary

_LONGEST = 10
"""The pause doubles with each trial that fails, up to so many times the first."""


_SHARED: WeakValueDictionary[tuple[str, int, float], Breaker] = WeakValueDictionary()
_SHARING = threading.Lock()


def breaker_of(base_url: str, failures: int, seconds: float) -> Breaker:
    """The breaker of an endpoint, one for all clients of this process that ask it, for as long as there are any."""
    with _SHARING:
        found = _SHARED.get((base_url, failures, seconds))
        if found is None:
            found = _SHARED[base_url, failures, seconds] = Breaker(failures, seconds)
        return found


class Breaker:
    """Closed until `failures` requests in a row fail; then open for `seconds`, twice as long after each failed trial.

    Safe to share between threads. `clock` gives seconds that never go back.
    (M. Nygard, Release It!, 2nd edition 2018, section 5.2.)
    """

    def __init__(self, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._clock = failures, seconds, clock
        self._lock = threading.Lock()
        self._failed = 0
        self._pause = seconds
        self._opens_at: float | None = None
        self._trying = False

    @property
    def failed(self) -> int:
        """Requests that failed in a row."""
        return self._failed

    def wait(self) -> float | None:
        """None where a request may be made now; else for how many seconds none should be. After an open time, one
        request is let through as a trial, and its end has to be told by `succeeded`, `failed_again` or `gave_up`."""
        with self._lock:
            if self._opens_at is None:
                return None
            left = self._opens_at - self._clock()
            if left > 0:
                return left
            if self._trying:
                return min(1.0, self._seconds)
            self._trying = True
            return None

    def succeeded(self) -> None:
        """The server answered: whatever it said, it is there."""
        with self._lock:
            self._failed, self._pause, self._opens_at, self._trying = 0, self._seconds, None, False

    def failed_again(self) -> None:
        """The server did not answer, or refused for now."""
        with self._lock:
            self._failed += 1
            if self._trying:
                self._pause = min(self._pause * 2, self._seconds * _LONGEST)
            if self._trying or self._failed >= self._most:
                self._opens_at = self._clock() + self._pause
            self._trying = False

    def gave_up(self) -> None:
        """The request was broken off by ourselves, which tells nothing of the server."""
        with self._lock:
            self._trying = False
