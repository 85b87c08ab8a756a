"""The asynchronous engine: what an application talks to."""

from __future__ import annotations

import builtins
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload
from uuid import UUID

from memreg.api.acting_async import AsyncActing
from memreg.api.arguments import as_uuid, as_words, class_of, who_and_why
from memreg.api.auditing_async import AsyncAuditing
from memreg.api.erasing_async import AsyncErasing
from memreg.api.explaining_async import AsyncExplaining
from memreg.api.extractors_async import AsyncExtractors, ExtractorChoice
from memreg.api.many_async import AsyncMany
from memreg.api.monitoring_async import AsyncMonitoring
from memreg.api.queueing_async import AsyncQueueing
from memreg.api.reviewing_async import AsyncReviewing
from memreg.api.undoing_async import AsyncUndoing
from memreg.core.clock import Clock, utc_now
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import ArgumentInvalid
from memreg.core.ids import uuid7
from memreg.core.steps import Steps, fetch_rows
from memreg.core.tenant import check_tenant
from memreg.engine.extract import AsyncExtractor
from memreg.engine.model import (
    Extraction,
    IngestResult,
    Message,
    Payload,
    Proposal,
    Revision,
    Stored,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

    from memreg.api.registry_async import AsyncRegistry
    from memreg.core.settings import Settings
    from memreg.engine.cache import Cache
    from memreg.engine.class_calibration import ClassCalibration
    from memreg.registry.models import SchemaVersion

M = TypeVar("M", bound="BaseModel")
T = TypeVar("T")


class AsyncEngine(
    AsyncQueueing,
    AsyncUndoing,
    AsyncActing,
    AsyncExplaining,
    AsyncErasing,
    AsyncAuditing,
    AsyncReviewing,
    AsyncMonitoring,
    AsyncMany,
):
    """Decides what becomes of messages in one tenant and schema, and reads what was remembered.

    Made by `connect`; use it in `async with`, or call `aclose` at the end. Safe to share between tasks.
    """

    def __init__(
        self,
        database: AsyncDatabase,
        *,
        tenant: str = "default",
        schema: str | None = None,
        extractor: ExtractorChoice | AsyncExtractor = "auto",
        cache: Cache | None = None,
        clock: Clock = utc_now,
        owns_database: bool = False,
        trips: bool = True,
    ) -> None:
        """`trips` False: what it decides trips no kill switch, as where a key is only tried out."""

        from memreg.api.intake_async import AsyncIntake
        from memreg.api.writers import AsyncWriter
        from memreg.engine.cache import Cache

        self.database = database
        self.tenant = check_tenant(tenant)
        self._schema = schema or database.settings.schema_
        self._names: dict[str | None, str] = {}
        self._cache = cache or Cache()
        self._clock = clock
        self._intake = AsyncIntake(database, AsyncExtractors(extractor, database.settings))
        self._intake.watch.is_on = trips
        self._writer = AsyncWriter(self._intake, self._cache, clock, database.settings.workers)
        self._owns_database = owns_database
        self._is_shared = False
        self._decided = Counter()

    @classmethod
    def connect(
        cls,
        dsn: str | None = None,
        *,
        tenant: str = "default",
        schema: str | None = None,
        extractor: ExtractorChoice | AsyncExtractor = "auto",
        settings: Settings | None = None,
    ) -> Self:
        """An engine on the database at `dsn`, else at MEMREG_DATABASE_URL, else on the embedded Postgres.

        `schema` None: the only one registered. `extractor` auto: the LLM if one is configured, else the schema's
        patterns.
        The database is reached on entering the context or at the first call, which then raises DatabaseUnavailable and
        its kin. Raises TenantInvalid, SettingsInvalid.
        """

        from memreg.core.settings import Settings

        database = AsyncDatabase(settings or Settings(), dsn=dsn)
        return cls(database, tenant=tenant, schema=schema, extractor=extractor, owns_database=True)

    async def __aenter__(self) -> Self:
        await self.database.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close(0.0 if kind is not None else self.database.settings.drain_timeout)

    async def aclose(self) -> None:
        """Wait until the workers have emptied the queue (setting `drain_timeout`), then give the connections back.

        What they did not get to is kept, and done by the next one. Leaving the context by an error waits only for
        the messages at hand. An engine made by `for_tenant` leaves all this to the one it was made from.
        """
        await self._close(self.database.settings.drain_timeout)

    async def _close(self, drain: float) -> None:
        if self._is_shared:
            return
        try:
            await self._writer.aclose(drain, for_good=self._owns_database)
        finally:
            try:
                await self._intake.extractors.aclose()
                if drain:
                    await self._intake.watch.look_at_rest(self._cache, self._clock)
                for each in list(self._decided) if drain else ():
                    await self._seal_when_due(each)
            finally:
                if self._owns_database:
                    await self.database.close()

    def for_tenant(self, tenant: str) -> AsyncEngine:
        """An engine for another tenant that shares the connections, to the model too. It need not be closed.

        Raises TenantInvalid.
        """
        other = AsyncEngine(self.database, tenant=tenant, schema=self._schema, cache=self._cache, clock=self._clock)
        other._intake, other._writer = self._intake, self._writer
        other._names, other._decided = self._names, self._decided
        other._is_shared = True
        return other

    @property
    def registry(self) -> AsyncRegistry:
        """The schemas: register, annotate, approve, reject."""
        from memreg.api.registry_async import AsyncRegistry

        return AsyncRegistry(self.database, clock=self._clock)

    # Ingest

    async def ingest(
        self, message: str | Message | None = None, *, proposals: Sequence[Proposal] | None = None
    ) -> IngestResult:
        """Take one message: extract proposals and decide each, or decide the `proposals` given instead.

        The message is kept before the model is asked; a failed extraction makes it `dead`, to be ingested again
        under the same id. The same id with the same text gives the recorded result and writes nothing.

        Raises MessageInvalid, ProposalInvalid, MessageConflict, NoSchema, SchemaAmbiguous, NoUsableVersion,
        ExtractorUnavailable, DatabaseError; after any of these nothing was decided.
        """

        from memreg.engine.given import as_proposals
        from memreg.engine.message import prepare

        given = None if proposals is None else as_proposals(proposals)
        prepared = prepare(message, given, uuid7)
        walk = await self._walk()
        if given is not None:
            result = await self._intake.given(walk, prepared, Extraction(given, "structured", ids=True))
        else:
            result = await self._intake.take(walk, prepared)
        await self._decided_again(len(result.decisions))
        return result

    # Reads

    async def get(self, memory_id: UUID | str, *, as_of: datetime | None = None) -> Stored[Payload]:
        """One memory; `as_of`: as it was at a time (with a zone), with what it referred to then.

        Raises MemoryNotFound, MemoryNotThere (it was not there at that time), ArgumentInvalid.
        """

        from memreg.operations.acts.as_of import check_time, get_at

        wanted = as_uuid("memory_id", memory_id)
        if as_of is not None:
            at, version = check_time("as_of", as_of), await self.version()
            return await self._run(lambda: get_at(self.tenant, version, wanted, at))
        schema = await self.schema()
        return await self._run(lambda: self._get(schema, wanted))

    @overload
    async def list(
        self,
        class_name: type[M],
        *,
        limit: int = 100,
        after: UUID | str | None = None,
        as_of: datetime | None = None,
    ) -> builtins.list[Stored[M]]: ...

    @overload
    async def list(
        self,
        class_name: str | None = None,
        *,
        limit: int = 100,
        after: UUID | str | None = None,
        as_of: datetime | None = None,
    ) -> builtins.list[Stored[Payload]]: ...

    async def list(
        self,
        class_name: type[BaseModel] | str | None = None,
        *,
        limit: int = 100,
        after: UUID | str | None = None,
        as_of: datetime | None = None,
    ) -> builtins.list[Any]:
        """Up to `limit` (1 to 10,000) memories of a class by id, after the one with the id `after`. With `as_of` (a
        time with a zone): those that were there then, deleted or merged since or not, each as it was.

        With the Pydantic class that the class was registered from, now or in an earlier version, `values` are its
        instances; a field whose type is another Pydantic class has what it refers to. Without a class: the first ones
        of every class. Raises ArgumentInvalid, also where a memory does not fit the Pydantic class.
        """

        from memreg.api.typed import typed
        from memreg.engine import reads
        from memreg.operations.acts.as_of import check_time, list_at, with_references_at

        version = await self.version()
        name, model = class_of(class_name, version)
        start = None if after is None else as_uuid("after", after)
        at = None if as_of is None else check_time("as_of", as_of)

        def plan() -> Steps[builtins.list[Stored[Any]]]:
            if at is not None:
                then = yield from list_at(self.tenant, version, name, at, limit, start)
                return (yield from typed(self.tenant, version, then, model, partial(with_references_at, at=at)))
            found = yield from reads.list_memories(self.tenant, version, name, limit, start)
            return (yield from typed(self.tenant, version, found, model))

        return await self._run(plan)

    @overload
    async def search(self, text: str, class_name: type[M], *, limit: int = 10) -> builtins.list[Stored[M]]: ...

    @overload
    async def search(
        self, text: str, class_name: str | None = None, *, limit: int = 10
    ) -> builtins.list[Stored[Payload]]: ...

    async def search(
        self, text: str, class_name: type[BaseModel] | str | None = None, *, limit: int = 10
    ) -> builtins.list[Any]:
        """Memories whose searchable columns have words that begin like those of `text`, best first, up to `limit`.

        `limit` is 1 to 10,000. With a Pydantic class as in `list`. Raises ArgumentInvalid.
        """

        from memreg.api.typed import typed
        from memreg.engine import reads

        text = as_words("text", text)
        version = await self.version()
        name, model = class_of(class_name, version)

        def plan() -> Steps[builtins.list[Stored[Any]]]:
            found = yield from reads.search(self.tenant, version, text, name, limit)
            return (yield from typed(self.tenant, version, found, model))

        return await self._run(plan)

    async def history(self, memory_id: UUID | str) -> builtins.list[Revision]:
        """Every revision of a memory, deleted ones too, oldest first. Raises MemoryNotFound, ArgumentInvalid."""

        from memreg.engine import reads

        wanted = as_uuid("memory_id", memory_id)
        schema = await self.schema()
        return await self._run(lambda: reads.history(self.tenant, schema, wanted))

    # Calibration

    async def calibration(self, class_name: type[BaseModel] | str) -> ClassCalibration:
        """What agreement is worth in a class of this tenant, what a person set, and the newest 2,000 decisions' scores.

        Raises ArgumentInvalid, NoUsableVersion and `schema`'s.
        """
        from memreg.engine import calibrate

        version = await self.version()
        name = str(class_of(class_name, version)[0])
        return await self._run(lambda: calibrate.read_calibration(self.tenant, version, name))

    async def calibrate(
        self,
        class_name: type[BaseModel] | str,
        *,
        recompute: bool = False,
        shift: float | None = None,
        hold: bool | None = None,
        by: str | None = None,
        why: str | None = None,
    ) -> ClassCalibration:
        """Have a class of this tenant calibrated anew, or set what a person wants of it; gives what is in force then.

        `recompute`: take a snapshot now, due or not. Otherwise `shift` (natural log odds added to every score of the
        class, -10 to 10; 0 takes it back) and `hold` (True: no snapshot by schedule; False: again) make a snapshot that
        is the newest one in all else. `by` is who wants it, `why` the reason, needed for `shift` and `hold`; both are
        kept. It holds for every engine from its next decision on; earlier decisions keep their snapshot.

        Raises ArgumentInvalid, NoUsableVersion and `schema`'s.
        """
        from memreg.engine import calibrate

        changes = shift is not None or hold is not None
        if recompute == changes:
            problem = "it goes alone: ask for it first, then set the rest" if recompute else "nothing is asked for"
            raise ArgumentInvalid(name="recompute", value=str(recompute), reason=problem)
        wanted = calibrate.check_shift(shift)
        if hold is not None and not isinstance(hold, bool):
            raise ArgumentInvalid(name="hold", value=repr(hold), reason="it must be True, False or None")
        who, reason = who_and_why(by, why, needs_why=changes)
        version = await self.version()
        name = str(class_of(class_name, version)[0])

        def plan() -> Steps[int | None]:
            if recompute:
                return calibrate.recompute(self.tenant, version, name, who, reason, self._clock)
            return calibrate.override(self.tenant, version, name, who, reason, self._clock, shift=wanted, hold=hold)

        await self._run(plan)
        return await self.calibration(name)

    # Parts

    async def schema(self) -> str:
        """The schema's name. Raises NoSchema, SchemaNotFound, SchemaAmbiguous."""

        from memreg.registry import versions

        found = self._names.get(self._schema)
        if found is None:
            found = await self.database.run_admin(lambda: versions.resolve_name(self._schema))
            self._names[self._schema] = found
        return found

    async def version(self) -> SchemaVersion:
        """The schema version in use: the active one, else the newest pending one. Raises NoUsableVersion and
        `schema`'s."""
        name = await self.schema()
        return await self.database.run_admin(lambda: self._usable(name))

    def _get(self, schema: str, memory_id: UUID) -> Steps[Stored[Payload]]:
        from memreg.engine import reads
        from memreg.registry import versions

        heads = yield from fetch_rows(versions.usable_head(schema))
        # Without a version to use, a memory can be looked at all the same.
        version = (yield from self._cache.usable(schema, heads)) if heads else None
        return (yield from reads.get(self.tenant, schema, memory_id, version))

    def _usable(self, name: str) -> Steps[SchemaVersion]:
        from memreg.registry import versions

        heads = yield from fetch_rows(versions.usable_head(name))
        return (yield from self._cache.usable(name, heads))
