"""Where many messages come from: an iterable, for asynchronous engines an asynchronous one too."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from memreg.core.errors import ArgumentInvalid
from memreg.engine.model import Message, Proposal

if TYPE_CHECKING:
    from memreg.engine.many import Item

    Source = Iterable[Item]
    AsyncSource = Iterable[Item] | AsyncIterable[Item]


def items(source: Source) -> Iterator[object]:
    """What comes from a source, one at a time."""
    return iter(source)


async def items_async(source: AsyncSource) -> AsyncIterator[object]:
    """What comes from a source, one at a time."""
    if isinstance(source, AsyncIterable):
        async for item in source:
            yield item
    else:
        for item in source:
            yield item


def check(source: object) -> None:
    """Hold that it can be a source: one message is none, and neither is a text. Raises ArgumentInvalid."""

    from memreg.engine.many import Turn

    alone = isinstance(source, str | bytes | Message | Turn | Proposal | Mapping)
    if alone or not isinstance(source, Iterable | AsyncIterable):
        what = type(source).__name__
        raise ArgumentInvalid(
            name="messages", value=f"a {what}", reason="it must be a list or another iterable of messages"
        )
