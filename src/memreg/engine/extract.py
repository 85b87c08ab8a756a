"""What an extractor is: it turns a message into proposals, or says in one sentence why it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from memreg.engine.model import Extraction, Message
from memreg.registry.models import SchemaVersion

MAX_PROPOSALS = 1000
"""The proposals of one message; more are left out, which is named among the refused."""


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
class Contextual(Protocol):
    """An extractor that wants to see the messages of the session before the one that it extracts."""

    name: str
    context_turns: int

    def extract_in_context(self, message: Message, version: SchemaVersion, before: Sequence[Message]) -> Extraction:
        """The proposals of a message, `before` being up to `context_turns` earlier ones, oldest first; nothing is
        extracted from those. Raises ExtractionFailed."""
        ...


@runtime_checkable
class AsyncContextual(Protocol):
    """An asynchronous extractor that wants to see the messages of the session before the one that it extracts."""

    name: str
    context_turns: int

    async def extract_in_context(
        self, message: Message, version: SchemaVersion, before: Sequence[Message]
    ) -> Extraction:
        """The proposals of a message, `before` being up to `context_turns` earlier ones, oldest first; nothing is
        extracted from those. Raises ExtractionFailed."""
        ...


@runtime_checkable
class Local(Protocol):
    """An extractor that asks nobody: the same of the same text under one version, and at once."""

    name: str
    is_local: Literal[True]

    def extract(self, message: Message, version: SchemaVersion) -> Extraction:
        """The proposals of a message. Raises ExtractionFailed when nothing usable came of it."""
        ...


@runtime_checkable
class AsyncLocal(Protocol):
    """An asynchronous extractor that asks nobody: the same of the same text under one version, and at once."""

    name: str
    is_local: Literal[True]

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
