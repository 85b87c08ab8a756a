"""Many messages for an asynchronous engine: decided in order as one by one, but many in one transaction."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from memreg.api.arguments import as_number
from memreg.api.many_sources import check, items_async
from memreg.api.part_async import AsyncPart
from memreg.core.errors import ArgumentInvalid, MemregError, MessageConflict
from memreg.core.ids import uuid7
from memreg.engine.model import IngestResult

if TYPE_CHECKING:
    from memreg.api.many_sources import AsyncSource
    from memreg.engine.decided import Given
    from memreg.engine.ingest import Walk
    from memreg.engine.many import Entry
    from memreg.operations.trip.pending import Ahead
    from memreg.registry.models import SchemaVersion

CHUNK = 500
MOST_AT_ONCE = 10_000
MOST_CHARACTERS = 4_000_000
"""Of the texts that are held at once; at least one message is, however long."""
_FIRST = 50

OnError = Callable[[int, MemregError], None]


class AsyncMany(AsyncPart):
    """What an engine does with many messages at once; a base of `AsyncEngine`."""

    @abstractmethod
    async def _walk(self) -> Walk: ...

    @abstractmethod
    async def _decided_again(self, decisions: int) -> None: ...

    def ingest_many(
        self, messages: AsyncSource, *, on_error: OnError | None = None, chunk: int = CHUNK, replays: bool = True
    ) -> AsyncIterator[IngestResult]:
        """Take many messages, in order, and decide them as `ingest` would one after the other, but many in one
        transaction. Gives their results in order, as they come: each once it is kept for good.

        Each of `messages` is a text, a Message, or a Turn, which has its proposals with it. Up to `chunk` of them (1 to
        10,000) and about 4 million characters are held at once; those that were given an id can be sent again after an
        interruption, and give what was recorded. Where the source is slow, a smaller `chunk` waits less.

        `on_error` is called with the place (from 0) and the error of a message that is refused: MessageInvalid,
        ProposalInvalid, MessageConflict; the others are taken all the same, and it has no result. Without it that error
        is raised once everything before is kept and given, and nothing after it is decided. With `replays` False, the
        result of a message that was decided before comes without its decisions, in less time.

        Raises these, ArgumentInvalid, and what else `ingest` raises; then the messages without a result are not
        decided, unless it is CommitUnknown.
        """
        check(messages)
        if not 1 <= (as_number("chunk", chunk) or 0) <= MOST_AT_ONCE:
            raise ArgumentInvalid(name="chunk", value=str(chunk), reason=f"it must be 1 to {MOST_AT_ONCE:,}")
        return self._many(messages, on_error, chunk, replays)

    async def _many(
        self, messages: AsyncSource, on_error: OnError | None, chunk: int, replays: bool
    ) -> AsyncIterator[IngestResult]:
        load = AsyncLoad(self, messages, chunk, goes_on=on_error is not None, replays=replays)
        while entries := await load.next():
            for entry, result in entries:
                if isinstance(result, IngestResult):
                    if result.status != "replayed":
                        await self._decided_again(len(result.decisions))
                    yield result
                elif on_error is None:
                    raise result
                else:
                    on_error(entry.position, result)


class AsyncLoad:
    """Many messages on their way through an engine. `goes_on`: the others are taken after one that is refused;
    `replays`: what was decided before is read."""

    def __init__(self, engine: AsyncMany, messages: AsyncSource, chunk: int, *, goes_on: bool, replays: bool) -> None:
        self._engine = engine
        self._source = aiter(items_async(messages))
        self._chunk = chunk
        self._goes_on = goes_on
        self._replays = replays
        self._waiting: deque[Entry] = deque()
        self._read = 0
        self._size = 0
        self._ends = False
        self._most = _FIRST
        self._version: SchemaVersion | None = None
        self._walked: Walk | None = None

    async def next(self) -> Sequence[tuple[Entry, IngestResult | MemregError]]:
        """What became of the next messages, at least one; nothing at the end."""
        await self._fill()
        if not self._waiting:
            return []
        found = self._known()
        if not found:
            walk = await self._walk()
            await self._look_up(walk)
            found = self._known() or await self._decide(walk)
        for _ in found:
            self._size -= self._waiting.popleft().size
        return found

    def _known(self) -> list[tuple[Entry, IngestResult | MemregError]]:
        """The first ones that need no deciding."""
        found: list[tuple[Entry, IngestResult | MemregError]] = []
        for each in self._waiting:
            known = each.error or each.result
            if known is None:
                break
            found.append((each, known))
        return found

    async def _walk(self) -> Walk:
        if self._walked is None:
            self._walked = await self._engine._walk()
        return self._walked

    async def _fill(self) -> None:
        from memreg.engine.many import entry_of

        while not self._ends and len(self._waiting) < self._chunk and self._size < MOST_CHARACTERS:
            try:
                item = await anext(self._source)
            except StopAsyncIteration:
                self._ends = True
                return
            entry = entry_of(self._read, item, uuid7)
            self._read += 1
            self._size += entry.size
            self._waiting.append(entry)

    async def _look_up(self, walk: Walk) -> None:
        """Find out what was settled before. It is done anew for those that came since, once there are many of them."""
        from memreg.engine.many import look_up

        if self._waiting[0].is_looked_up and self._version is not None:
            return
        entries = [each for each in self._waiting if each.error is None]
        self._version = await self._engine._run(lambda: look_up(walk, entries, whole=self._replays))

    async def _decide(self, walk: Walk) -> list[tuple[Entry, IngestResult | MemregError]]:
        """Decide the first ones of those that wait: together if they can be read at once, else the first one alone."""
        ahead = self._engine._intake.watch.ahead(walk.tenant, walk.schema)
        entries, given = await self._together(walk, ahead)
        if not given:
            return [await self._take(walk, self._waiting[0])]
        results = await self._engine._intake.decide_many(walk, given, ahead)
        if len(results) < len(given):
            self._most = max(_FIRST, 2 * len(results))
        elif len(given) >= self._most:
            self._most *= 2
        return list(zip(entries, results, strict=False))

    async def _together(self, walk: Walk, ahead: Ahead) -> tuple[list[Entry], list[Given]]:
        """The first ones that can be decided in one transaction, with what they say: as many as there are likely to be
        decided before somebody has to look at their classes."""
        from memreg.engine.decided import Given

        entries: list[Entry] = []
        given: list[Given] = []
        room: Counter[str] = Counter()
        for each in self._waiting:
            is_known = each.error is not None or each.result is not None or not each.is_looked_up
            if is_known or len(given) >= self._most or (given and each.is_alone):
                break
            said = Given(each.message, each.extraction) if each.extraction else await self._read_alone(walk, each)
            if said is None:
                break
            for proposal in said.extraction.proposals:
                room[proposal.class_name] += 1
            if given and any(count > ahead.room(name) for name, count in room.items()):
                break
            entries.append(each)
            given.append(said)
            if each.is_alone and not self._goes_on:
                break
        return entries, given

    async def _read_alone(self, walk: Walk, entry: Entry) -> Given | None:
        from memreg.engine.decided import Given
        from memreg.engine.ingest import Accepted

        assert self._version is not None
        message = replace(entry.message, at=entry.message.at or walk.clock())
        found = await self._engine._intake.read_alone(Accepted(message, self._version))
        return None if found is None else Given(entry.message, *found)

    async def _take(self, walk: Walk, entry: Entry) -> tuple[Entry, IngestResult | MemregError]:
        try:
            return entry, await self._engine._intake.take(walk, entry.message)
        except MessageConflict as conflict:
            return entry, conflict
