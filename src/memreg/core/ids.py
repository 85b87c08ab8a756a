"""Identifiers: UUIDv7, ordered by the time of their making (RFC 9562, section 5.7)."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

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
    milliseconds, count = stamp >> 12, stamp & 0xFFF
    tail = int.from_bytes(os.urandom(8), "big") & (1 << 62) - 1
    return UUID(int=milliseconds << 80 | 0x7 << 76 | count << 64 | 0b10 << 62 | tail)
