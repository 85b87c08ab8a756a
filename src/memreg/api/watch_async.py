"""The asynchronous watch over kill switches: looks after decisions that could matter, in a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from memreg.core.clock import Clock
from memreg.core.database_async import AsyncDatabase
from memreg.core.ids import uuid7
from memreg.core.logs import get_logger
from memreg.core.tracing import step
from memreg.engine.cache import Cache
from memreg.engine.model import Decision
from memreg.operations.trip.pending import Ahead, Pending

if TYPE_CHECKING:
    from memreg.operations.trip.look import Looker, Trip

_log = get_logger(__name__)


class AsyncWatch:
    """What a process has to look at, and the looking. What was decided is committed before: no failure here undoes or
    refuses it, and nothing waits for its locks."""

    def __init__(self, database: AsyncDatabase, pending: Pending | None = None) -> None:
        self.database = database
        self.is_on = True
        self._pending = pending or Pending()

    def ahead(self, tenant: str, schema: str) -> Ahead:
        """Tells of decisions that are not committed yet, to be asked with more and more of them, when a class is to be
        looked at after them."""
        return self._pending.ahead(tenant, schema) if self.is_on else Ahead({}, looks=False)

    async def decided(
        self,
        tenant: str,
        schema: str,
        decisions: Sequence[Decision],
        cache: Cache,
        clock: Clock,
        new_id: Callable[[], UUID] = uuid7,
    ) -> tuple[Trip, ...]:
        """Look at the classes of decisions where that is due; gives what tripped. Raises nothing."""
        if not self.is_on or not decisions:
            return ()
        classes = self._pending.decided(tenant, schema, decisions)
        if not classes:
            return ()
        from memreg.operations.trip.look import Looker

        return await self._look(Looker(tenant, schema, cache, clock, new_id), classes)

    async def acted(self, tenant: str, schema: str, cache: Cache, clock: Clock) -> tuple[Trip, ...]:
        """Look at what a person's act may have found out about decisions; gives what tripped. Raises nothing."""
        if not self.is_on:
            return ()
        from memreg.operations.trip.look import Looker, judged_classes

        looker = Looker(tenant, schema, cache, clock, uuid7)
        try:
            classes = await self.database.run(tenant, lambda: judged_classes(looker))
        except Exception as exc:  # what the person did is done
            _failed(looker, exc)
            return ()
        return await self._look(looker, classes)

    async def look_after(self, cache: Cache, clock: Clock) -> tuple[Trip, ...]:
        """Look at what was decided in this process a while ago and was not looked at since. Raises nothing."""
        return await self._look_at(self._pending.overdue(), cache, clock)

    async def look_at_rest(self, cache: Cache, clock: Clock) -> tuple[Trip, ...]:
        """Look at what a process that ends leaves: contradicted updates that were too few to be looked at. Many short
        processes would never look otherwise. Raises nothing."""
        return await self._look_at(self._pending.contradicted(), cache, clock)

    async def _look_at(
        self, places: Mapping[tuple[str, str], tuple[str, ...]], cache: Cache, clock: Clock
    ) -> tuple[Trip, ...]:
        if not places:
            return ()
        from memreg.operations.trip.look import Looker

        found: tuple[Trip, ...] = ()
        for (tenant, schema), classes in places.items():
            found += await self._look(Looker(tenant, schema, cache, clock, uuid7), classes)
        return found

    async def _look(self, looker: Looker, classes: Sequence[str]) -> tuple[Trip, ...]:
        if not classes or not self.is_on:
            return ()
        from memreg.operations.trip.look import look

        try:
            with step("watch", classes=len(classes)) as told:
                trips: tuple[Trip, ...] = await self.database.run(looker.tenant, lambda: look(looker, classes))
                told.tell(tripped=len(trips))
        except Exception as exc:  # the messages are decided, and the next ones will look again
            _failed(looker, exc)
            return ()
        for trip in trips:
            _log.warning(
                "kill_switch_tripped",
                tenant=looker.tenant,
                schema=looker.schema,
                class_name=trip.class_name,
                rule_name=trip.finding.rule,
                audit_id=str(trip.audit_id),
            )
        return trips


def _failed(looker: Looker, exc: Exception) -> None:
    _log.warning("kill_switch_not_looked_at", schema=looker.schema, error=type(exc).__name__)
