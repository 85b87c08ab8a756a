"""How far two values of a column agree, in steps that every kind of column shares."""

from __future__ import annotations

from enum import IntEnum


class Level(IntEnum):
    """From nothing in common to equal. Evidence never falls from one level to the next."""

    NONE = 0
    LOW = 1
    PART = 2
    MOST = 3
    CONTAINED = 4
    NEAR = 5
    EQUAL = 6


LEVELS = len(Level)
