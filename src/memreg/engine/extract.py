"""What an extractor is: it turns a message into proposals, or says in one sentence why it cannot."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from memreg.engine.model import Extraction, Message
from memreg.registry.models import SchemaVersion

MAX_PROPOSALS = 1000
"""The proposals of one message; more are left out, and named in the extraction's problems."""


@runtime_checkable
class Extractor(Protocol):
    """Turns a message into proposals."""

    name: str

    def extract(self, message: Message, version: SchemaVersion) -> Extraction:
        """The proposals of a message. Raises ExtractionFailed when nothing usable came of it."""
        ...


@runtime_checkable
class AsyncExtractor(Protocol):
    """Turns a message into proposals, asynchronously."""

    name: str

    async def extract(self, message: Message, version: SchemaVersion) -> Extraction:
        """The proposals of a message. Raises ExtractionFailed when nothing usable came of it."""
        ...


@runtime_checkable
class Closing(Protocol):
    """An extractor that has something to give back at the end."""

    def close(self) -> None:
        """Give it back."""
        ...


@runtime_checkable
class AsyncClosing(Protocol):
    """An asynchronous extractor that has something to give back at the end."""

    async def aclose(self) -> None:
        """Give it back."""
        ...
