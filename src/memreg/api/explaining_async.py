"""How an asynchronous engine tells why: one decision or act with its whole story."""

from __future__ import annotations

from uuid import UUID

from memreg.api.arguments import as_uuid
from memreg.api.part_async import AsyncPart
from memreg.engine.model import Explanation


class AsyncExplaining(AsyncPart):
    """The telling of reasons; a base of `AsyncEngine`."""

    async def explain(self, audit_id: UUID | str, *, why_not: UUID | str | None = None) -> Explanation:
        """Why one decision or act came about, what it changed, and what became of that: as text, and as facts.

        `why_not`: also why it did not choose that memory. What the entry does not keep about it is computed again from
        the memory's revision and the statistics of that time, and told to be so (`facts["why_not"]`).

        Raises AuditNotFound, MemoryNotFound, ArgumentInvalid and `schema`'s.
        """

        from memreg.engine.explain import explain
        from memreg.operations.usage import Prices

        wanted = as_uuid("audit_id", audit_id)
        other = None if why_not is None else as_uuid("why_not", why_not)
        schema = await self.schema()
        cost = Prices.of(self.database.settings).cost
        return await self._run(lambda: explain(self.tenant, schema, wanted, other, cost))
