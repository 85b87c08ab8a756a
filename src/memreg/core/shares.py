"""Who may have a connection of a process's pool: a tenant that holds many of them, waiting for one lock perhaps, leaves
some to the others."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

SMALL = 4
"""Connections below which a pool is not shared out."""
_TIMES = 3


class Wakes(Protocol):
    """What somebody in line waits at."""

    def set(self) -> None:
        """Tell that it is their turn."""
        ...


S = TypeVar("S", bound=Wakes)


class Shares(Generic[S]):
    """The connections of a pool of `size`, shared out among tenants; safe to be used by many threads.

    A tenant may hold at most three times as many as stay free, and always one (a dynamic threshold, as in A. Choudhury
    and E. Hahne, Dynamic queue length thresholds for shared-memory packet switches, 1998): alone, three quarters of
    them; of two, each three sevenths. So the next tenant finds one free whatever the others wait for, or gets the
    next. Who is in line comes in by who holds the fewest, and then in order.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._held: Counter[str] = Counter()
        self._lines: dict[str, deque[S]] = {}
        self._lock = threading.Lock()

    def ask(self, tenant: str, make: Callable[[], S]) -> S | None:
        """Have a connection (None), or be in line and wait at what `make` gives."""
        with self._lock:
            if tenant not in self._lines and self._may(tenant):
                self._held[tenant] += 1
                return None
            signal = make()
            self._lines.setdefault(tenant, deque()).append(signal)
            return signal

    def withdraw(self, tenant: str, signal: S) -> bool:
        """Leave the line; False where it was one's turn already."""
        with self._lock:
            line = self._lines.get(tenant, deque())
            with suppress(ValueError):
                line.remove(signal)
                if not line:
                    del self._lines[tenant]
                return True
            return False

    def reason(self) -> str:
        """Why somebody has waited in vain."""
        with self._lock:
            if self._held.total() < self.size:
                return "one tenant has its share of this process's, and waits with all of them"
            return "all connections of this process are in use"

    def give_back(self, tenant: str) -> None:
        """A tenant's connection is free again."""
        with self._lock:
            self._held[tenant] -= 1
            if not self._held[tenant]:
                del self._held[tenant]
            while able := [each for each in self._lines if self._may(each)]:
                first = min(able, key=self._held.__getitem__)
                self._held[first] += 1
                self._lines[first].popleft().set()
                if not self._lines[first]:
                    del self._lines[first]

    def _may(self, tenant: str) -> bool:
        free = self.size - self._held.total()
        held = self._held[tenant]
        return free > 0 and (not held or self.size < SMALL or held + 1 <= _TIMES * (free - 1))


class Signal:
    """What a thread waits at."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Tell that it is their turn."""
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Whether it was told within so long."""
        return self._event.wait(seconds)


class AsyncSignal:
    """What a task waits at."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Tell that it is their turn."""
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Whether it was told within so long."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return False
        return True
