"""What acts leave and what their undo has to bring back, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from memreg.core.database import Database
from tests.support.replay import stored


def content(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state without the number of its revision, and without which ones were taken back: these only grow."""
    return {name: each for name, each in state.items() if name not in ("revision", "void")}


def contents(database: Database, tenant: str = "default") -> dict[UUID, dict[str, Any]]:
    """Every memory's state so."""
    return {memory_id: content(state) for memory_id, state in stored(database, tenant).items()}
