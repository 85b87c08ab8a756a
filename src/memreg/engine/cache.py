"""What an engine keeps between messages: compiled schema versions and statistics, both immutable under their
numbers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Generic, TypeVar

from memreg.core.steps import Rows, Steps, fetch_row
from memreg.engine.calibration import Calibration
from memreg.engine.contention import Contention
from memreg.engine.statistics import Statistics
from memreg.engine.store import SQL
from memreg.registry import versions
from memreg.registry.models import SchemaVersion

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

VersionKey = tuple[str, int, int]
ClassKey = tuple[str, str, str]

MOST_VERSIONS = 100
MOST_TOKENS = 1_000_000
"""The tokens of all statistics in hand: about 100 MB, however many tenants an engine serves."""


class Recent(Generic[K, V]):
    """The entries used last, by key, as far as their sizes together fit; at least the newest. Safe between threads."""

    def __init__(self, room: int, size: Callable[[V], int]) -> None:
        self._room = room
        self._size = size
        self._lock = Lock()
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._used = 0

    def get(self, key: K) -> V | None:
        """The entry of a key, if it is still here."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: K, value: V) -> None:
        """Keep an entry, in the place of the one before; those not used for the longest time make room for it."""
        with self._lock:
            before = self._entries.pop(key, None)
            if before is not None:
                self._used -= self._size(before)
            self._entries[key] = value
            self._used += self._size(value)
            while self._used > self._room and len(self._entries) > 1:
                self._used -= self._size(self._entries.popitem(last=False)[1])

    def __len__(self) -> int:
        return len(self._entries)


def _tokens_of(statistics: Statistics) -> int:
    return 1 + len(statistics.frequencies)


@dataclass
class Cache:
    """Safe to share between threads and tenants; bounded, whatever their number."""

    versions: Recent[VersionKey, SchemaVersion] = field(default_factory=lambda: Recent(MOST_VERSIONS, lambda _: 1))
    latest: Recent[str, SchemaVersion] = field(default_factory=lambda: Recent(MOST_VERSIONS, lambda _: 1))
    statistics: Recent[ClassKey, Statistics] = field(default_factory=lambda: Recent(MOST_TOKENS, _tokens_of))
    contention: Contention = field(default_factory=Contention)

    def usable(self, schema: str, head_rows: Rows) -> Steps[SchemaVersion]:
        """The version that `versions.usable_head` points to. Raises NoUsableVersion, SchemaNotFound."""
        head = versions.head_from(head_rows)
        if head is None:
            raise (yield from versions.no_usable(schema))
        found = self.versions.get((schema, head.version, head.annotation))
        if found is None:
            found = yield from versions.load_version(schema, head.version)
            # Without the schema's lock it may have been annotated again since its head was read.
            self.versions.put((schema, found.version, found.annotation), found)
        found = found if found.status is head.status else replace(found, status=head.status)
        self.latest.put(schema, found)
        return found

    def newest(self, schema: str) -> SchemaVersion | None:
        """The version that was in use when somebody last looked; it may not be any more."""
        return self.latest.get(schema)

    def snapshot(self, tenant: str, schema: str, class_name: str, number: int | None) -> Steps[Statistics]:
        """The statistics of a class under a number; without one, the empty snapshot 0."""
        if not number:
            return self._none_yet(schema, class_name)
        key = (tenant, schema, class_name)
        found = self.statistics.get(key)
        if found is None or found.snapshot != number:
            row = yield from fetch_row(
                SQL["one_snapshot"](tenant=tenant, schema=schema, class_name=class_name, snapshot=number)
            )
            assert row is not None
            found = Statistics(
                row["snapshot"],
                row["documents"],
                row["frequencies"],
                row["change"],
                Calibration.from_json(row["model"]),
            )
            self.statistics.put(key, found)
        return found

    def _none_yet(self, schema: str, class_name: str) -> Statistics:
        """Those of a class in whichever tenant has none: what they say of its columns is worked out once."""
        key = ("", schema, class_name)
        found = self.statistics.get(key)
        if found is None:
            found = Statistics()
            self.statistics.put(key, found)
        return found
