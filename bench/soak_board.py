"""What the processes of a soak tell each other through a file that outlives them: what to do, how far each is."""

from __future__ import annotations

import mmap
import struct
from enum import IntEnum
from pathlib import Path

_WORDS = 8
_WORD = struct.Struct("<q")
_MOST = 64  # slots


class Order(IntEnum):
    """What everybody is to do."""

    GO = 0
    PAUSE = 1
    """End the step at hand and wait."""
    STOP = 2
    """End the step at hand, and end."""


class Field(IntEnum):
    """What a loader tells of itself."""

    BEGUN = 0
    """Steps that it began with: what it may have said."""
    DONE = 1
    """Steps of which every message was taken: what it has said."""
    WAITS = 2
    FOREIGN = 3
    """Things that it read and that were another tenant's."""
    CHANGED = 4
    """Messages given again that were not answered as what they are: a replay, or a conflict."""
    REPLAYS = 5


class Board:
    """The orders, and a slot for each loader."""

    def __init__(self, path: Path) -> None:
        size = (_MOST + 1) * _WORDS * _WORD.size
        if not path.exists():
            path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)

    @property
    def order(self) -> Order:
        """What everybody is to do now."""
        return Order(_WORD.unpack_from(self._map, 0)[0])

    @order.setter
    def order(self, order: Order) -> None:
        _WORD.pack_into(self._map, 0, order)

    def get(self, loader: int, field: Field) -> int:
        """What a loader tells of itself."""
        return int(_WORD.unpack_from(self._map, self._at(loader, field))[0])

    def put(self, loader: int, field: Field, value: int) -> None:
        """Tell it."""
        _WORD.pack_into(self._map, self._at(loader, field), value)

    def count(self, loader: int, field: Field) -> None:
        """Tell of one more."""
        self.put(loader, field, self.get(loader, field) + 1)

    def _at(self, loader: int, field: Field) -> int:
        return ((loader + 1) * _WORDS + field) * _WORD.size
