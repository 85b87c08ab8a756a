"""How often what messages were decided by had changed until they were written, lately: where it mostly had, deciding
without the locks is work for nothing, and they are held from the beginning."""

from __future__ import annotations

import threading

_WEIGHT = 0.1
_MOST = 0.5
_LITTLE = 0.01
_PROBE = 16


class Contention:
    """The share of tries in vain by place (a tenant and schema), each try counting a tenth; safe for many threads.

    Where it is above a half, `is_high` says so, but for every 16th time, so that a better time is noticed.
    """

    def __init__(self) -> None:
        self._shares: dict[tuple[str, str], float] = {}
        self._asked = 0
        self._lock = threading.Lock()

    def is_high(self, tenant: str, schema: str) -> bool:
        """Whether a turn should hold the locks from its beginning; it counts as a try where not."""
        if not self._shares:
            return False
        with self._lock:
            place = tenant, schema
            share = self._shares.get(place, 0.0)
            self._asked += 1
            if share > _MOST and self._asked % _PROBE:
                return True
            share *= 1 - _WEIGHT
            if share > _LITTLE:
                self._shares[place] = share
            else:
                self._shares.pop(place, None)
            return False

    def was_in_vain(self, tenant: str, schema: str) -> None:
        """A try without the locks has to begin again."""
        with self._lock:
            self._shares[tenant, schema] = self._shares.get((tenant, schema), 0.0) + _WEIGHT
