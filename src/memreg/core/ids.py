"""Identifiers: UUIDv7, ordered by the time of their making (RFC 9562, section 5.7)."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID, SafeUUID

_TAIL = (1 << 62) - 1
_new, _set = object.__new__, object.__setattr__
_lock = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """A new UUIDv7, larger than every one this process made before.

    48 bits of Unix milliseconds, then 12 bits that count on within a millisecond (RFC 9562, section 6.2, method 3:
    they start as the fraction of the millisecond), then 62 random bits.
    """
    global _last
    with _lock:
        now = time.time_ns()
        stamp = (now // 1_000_000 << 12) | (now % 1_000_000 * 4096 // 1_000_000)
        _last = stamp = max(stamp, _last + 1)
    tail = int.from_bytes(os.urandom(8), "big") & _TAIL
    made = _new(UUID)  # what its constructor looks at is known here
    _set(made, "int", stamp >> 12 << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | tail)
    _set(made, "is_safe", SafeUUID.unknown)
    return made
