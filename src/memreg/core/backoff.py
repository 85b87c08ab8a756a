"""How long to wait before the next try: exponential, with full jitter, and as long as the server asks."""

from __future__ import annotations

import random
from collections.abc import Callable

LONGEST = 20.0
"""Seconds that somebody who waits for the result is made to wait at most before one more try."""


def pause(
    attempt: int,
    retry_after: float | None = None,
    *,
    first: float = 0.5,
    longest: float = LONGEST,
    chance: Callable[[], float] = random.random,
) -> float:
    """Seconds before the next try, after `attempt` tries (1, 2, …) failed.

    Uniform between 0 and `first` × 2^(attempt - 1), at most `longest` ("full jitter", M. Brooker, Exponential Backoff
    And Jitter, AWS Architecture Blog, 2015). Where the server asked for `retry_after` seconds, that is added: it is
    never asked earlier. `chance` gives numbers in [0, 1).
    """
    spread = min(longest, first * 2.0 ** min(attempt - 1, 60)) * chance()
    return spread + max(0.0, retry_after or 0.0)
