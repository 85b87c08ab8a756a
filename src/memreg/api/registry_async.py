"""The asynchronous registry: schemas in, annotated, approved or rejected by a person."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from memreg.api.arguments import as_number, as_optional, as_text
from memreg.api.sources import AnnotationSource, read_annotations, read_source
from memreg.core.clock import Clock, utc_now
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import (
    AnnotationFailed,
    ArgumentInvalid,
    DatabaseError,
    MemregError,
    VersionStatus,
)
from memreg.operations.key_precision import KeyPrecision, read_precision
from memreg.registry import versions
from memreg.registry.annotation_file import dump_annotation
from memreg.registry.models import ClassAnnotation, SchemaSpec, SchemaVersion, Status
from memreg.registry.records import Registered, VersionRecord

if TYPE_CHECKING:
    from memreg.annotator.client_async import AsyncOpenAIClient
    from memreg.annotator.model import Annotated
    from memreg.api.sources import SchemaSource

AnnotatorChoice = Literal["auto", "llm", "heuristic"]
ANNOTATORS: tuple[AnnotatorChoice, ...] = ("auto", "llm", "heuristic")
AUTO_APPROVAL = "auto-approval"


class AsyncRegistry:
    """The schemas of a database: registered, annotated, approved, rejected and looked at.

    `by`, where taken, is who does it; it is recorded with the time.
    """

    def __init__(self, database: AsyncDatabase, *, clock: Clock = utc_now) -> None:
        self.database = database
        self._clock = clock

    async def register(
        self, source: SchemaSource, *, annotate: AnnotatorChoice = "auto", by: str | None = None
    ) -> Registered:
        """Register a schema: a path, YAML text, `module:Class`, Pydantic classes or a SchemaSpec.

        The same content as the newest version's is that version (`created` is False); other content is the next one. A
        new version, and one that was a draft or rejected, is annotated and then pending; it is approved at once only
        above the setting `auto_approve`. `annotate` auto: the LLM if one is configured, else the heuristic; classes
        with a declared annotation keep that.

        Raises SchemaInvalid, AnnotationFailed (the version is a draft then), ExtractorUnavailable, DatabaseError.
        """
        spec, by = read_source(source), as_optional("by", by)
        client = self._client(spec, annotate)
        try:
            registered = await self.database.run_admin(lambda: versions.register(spec, by, self._clock))
            if registered.version.status not in (Status.DRAFT, Status.REJECTED):
                return registered
            try:
                version = await self._annotate(registered.version, client)
            except VersionStatus:
                # somebody else registered the same at the same time, and it is settled already
                name, number = registered.version.name, registered.version.version
                version = await self.database.run_admin(lambda: versions.get_version(name, number))
            return Registered(version, registered.created)
        finally:
            if client is not None:
                await client.aclose()

    async def annotate(self, name: str, *, annotate: AnnotatorChoice = "auto", by: str | None = None) -> SchemaVersion:
        """Annotate the newest version again while it is a draft, pending or rejected; else make the next one of it.

        Raises SchemaNotFound, AnnotationFailed, ExtractorUnavailable, DatabaseError.
        """
        name, by = as_text("name", name), as_optional("by", by)
        newest = await self.database.run_admin(lambda: versions.newest(name))
        client = self._client(newest.spec, annotate)
        try:
            version = await self.database.run_admin(lambda: versions.reopen(name, by, self._clock))
            return await self._annotate(version, client)
        finally:
            if client is not None:
                await client.aclose()

    async def approve(
        self,
        name: str,
        version: int | None = None,
        *,
        annotations: AnnotationSource | None = None,
        by: str | None = None,
    ) -> SchemaVersion:
        """Approve a pending version (the newest one without a number), by an edited annotation file where one is given.

        It is active at once when no live memory is on an older version, else approved until its backfill.
        Raises AnnotationInvalid, VersionStatus, VersionNotFound, NothingPending, SchemaNotFound, DatabaseError.
        """
        name, version, by = as_text("name", name), as_number("version", version), as_optional("by", by)
        if annotations is None:
            return await self.database.run_admin(lambda: versions.approve(name, version, by, self._clock))
        pending = await self.database.run_admin(lambda: versions.pending_version(name, version))
        edited = read_annotations(annotations, pending)
        return await self.database.run_admin(lambda: versions.approve(name, pending.version, by, self._clock, edited))

    async def reject(self, name: str, why: str, version: int | None = None, *, by: str | None = None) -> SchemaVersion:
        """Reject a pending version (the newest one without a number) for a reason.

        Raises ArgumentInvalid, VersionStatus, VersionNotFound, NothingPending, SchemaNotFound, DatabaseError.
        """
        name, why, version = as_text("name", name), as_text("why", why), as_number("version", version)
        by = as_optional("by", by)
        return await self.database.run_admin(lambda: versions.reject(name, version, why, by, self._clock))

    async def versions(self, name: str | None = None) -> tuple[VersionRecord, ...]:
        """Every version of every schema, or of one, by name and number, with its history."""
        name = as_optional("name", name)
        return await self.database.run_admin(lambda: versions.list_versions(name))

    async def get(self, name: str, version: int | None = None) -> VersionRecord:
        """One version, or the newest, with its history. Raises VersionNotFound, SchemaNotFound, ArgumentInvalid."""
        name, version = as_text("name", name), as_number("version", version)
        return await self.database.run_admin(lambda: versions.get_record(name, version))

    async def annotation_yaml(self, name: str, version: int | None = None) -> str:
        """The annotation of a version, or the newest, as the file that `approve` takes back.

        Raises VersionNotFound, SchemaNotFound, and VersionStatus where there is no annotation yet.
        """
        found = (await self.get(name, version)).version
        if not found.annotation:
            raise VersionStatus(
                name=name,
                version=found.version,
                status=str(found.status),
                verb="shown as an annotation file",
                advice=f"it has no annotation; run `memreg annotate {name}` first",
            )
        return dump_annotation(found)

    async def key_precision(
        self, name: str, version: int | None = None, *, tenant: str | None = None
    ) -> tuple[KeyPrecision, ...]:
        """How often each identity key of a version (the newest without a number) answered, and was contradicted.

        By the evidence of the newest 10,000 identity decisions of each class, in every tenant, or in one.
        Raises VersionNotFound, SchemaNotFound, ArgumentInvalid, TenantInvalid, DatabaseError.
        """
        name, version, tenant = as_text("name", name), as_number("version", version), as_optional("tenant", tenant)
        if tenant is None:
            return await self.database.run_admin(lambda: read_precision(name, version, None))
        return await self.database.run(tenant, lambda: read_precision(name, version, tenant))

    def _client(self, spec: SchemaSpec, annotate: AnnotatorChoice) -> AsyncOpenAIClient | None:
        """The model's client where the model will annotate, else None."""
        if annotate not in ANNOTATORS:
            raise ArgumentInvalid(name="annotate", value=repr(annotate), reason=f"write one of {', '.join(ANNOTATORS)}")
        settings = self.database.settings
        if annotate == "heuristic" or (annotate == "auto" and not settings.llm_configured):
            return None
        if all(each.declared is not None for each in spec.classes):
            return None
        from memreg.annotator.client_async import AsyncOpenAIClient

        return AsyncOpenAIClient.of(settings)

    async def _annotate(self, version: SchemaVersion, client: AsyncOpenAIClient | None) -> SchemaVersion:
        name, number = version.name, version.version
        declared = {each.name: each.declared for each in version.spec.classes if each.declared is not None}
        try:
            made = await self._ask(version.spec, declared, client)
        except DatabaseError:
            raise
        except MemregError as error:
            reason = str(error).rstrip(".")
            await self.database.run_admin(lambda: versions.annotation_failed(name, number, reason))
            raise AnnotationFailed(name=name, version=number, reason=reason) from error
        classes = {**(made.classes if made else {}), **declared}
        stored = await self.database.run_admin(
            lambda: versions.store_annotation(
                name,
                number,
                classes,
                source=made.source if made else "declared",
                model=made.model if made else None,
                prompt_hash=made.prompt_hash if made else None,
                tokens_in=made.tokens_in if made else None,
                tokens_out=made.tokens_out if made else None,
                clock=self._clock,
            )
        )
        threshold = self.database.settings.auto_approve
        if threshold is None or any(each.confidence <= threshold for each in classes.values()):
            return stored
        return await self.database.run_admin(lambda: versions.approve(name, number, AUTO_APPROVAL, self._clock))

    async def _ask(
        self, spec: SchemaSpec, declared: dict[str, ClassAnnotation], client: AsyncOpenAIClient | None
    ) -> Annotated | None:
        """What the annotator says; None where every class declares its own annotation."""
        rest = tuple(each for each in spec.classes if each.name not in declared)
        if not rest:
            return None
        if client is None:
            from memreg.annotator.heuristic import annotate

            return annotate(spec)
        from memreg.annotator.llm_async import AsyncLLMAnnotator

        return await AsyncLLMAnnotator(client).annotate(replace(spec, classes=rest))
