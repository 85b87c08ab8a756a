"""Erasing for good, and showing what is masked: what an asynchronous engine does with personal values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from memreg.api.arguments import as_text, as_uuid
from memreg.api.part_async import AsyncPart
from memreg.core.errors import ArgumentInvalid

if TYPE_CHECKING:
    from memreg.operations.erase.outcome import Erased


class AsyncErasing(AsyncPart):
    """How an engine erases a memory for good; a base of `AsyncEngine`."""

    async def erase(
        self,
        memory_id: UUID | str,
        *,
        by: str,
        why: str | None = None,
        also: Sequence[str] = (),
        dry_run: bool = False,
    ) -> Erased:
        """Take away for good what a memory said, in all its revisions and in those that were merged into it.

        It goes out of the memories, the audit's values, the messages that told it or quote it, questions, keys and
        statistics. A tombstone and an entry are left, and the audit's chain stays whole. Nothing brings it back.
        Other memories keep their own data; where that quotes it, the result tells. `also`: texts, as "Ana Lopez", that
        are erased from the data of other memories too. `dry_run`: only count. Erasing again does nothing.

        Raises MemoryNotFound, ArgumentInvalid, NoUsableVersion, and ActRefused for a memory that went into another.
        """

        from memreg.operations.erase.erase import Erase, erase

        wanted = as_uuid("memory_id", memory_id)
        if isinstance(also, str):
            raise ArgumentInvalid(name="also", value="one text", reason="give a list of texts")
        texts = tuple(as_text("also", text) for text in also)
        actor = await self._actor(by, why)
        return await self._act(lambda: erase(actor, Erase(wanted, texts, dry_run)))

    async def reveal(self, what: str, *, by: str, why: str | None = None, class_name: str | None = None) -> UUID:
        """Note in the audit that masked values were shown: which listing (`what`, without values), to whom and why.

        Commands do so where `--reveal` asks for them; an application that shows masked values calls it. Gives the id of
        the entry. Raises ArgumentInvalid, DatabaseError.
        """

        from memreg.operations.acts.reveal import reveal

        words = as_text("what", what)
        actor = await self._actor(by, why)
        return await self._run(lambda: reveal(actor, words, class_name))
