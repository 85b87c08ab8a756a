"""The error tree: a class's docstring is its message, the facts in it are the instance's attributes."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any


class MemregError(Exception):
    """memreg could not do what was asked."""

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        for name, value in facts.items():
            setattr(self, name, value)
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        template = inspect.cleandoc(type(self).__doc__ or type(self).__name__).replace("\n", " ")
        sentence = template.format(**self.facts)
        return sentence.encode("utf-8", "backslashreplace").decode("utf-8")  # so that it can always be printed

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.facts)


def _rebuild(kind: type[MemregError], facts: dict[str, Any]) -> MemregError:
    return kind(**facts)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a file: where (1-based line and column, 0 when unknown) and what to write instead."""

    text: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.text}" if self.line else self.text


class SettingsInvalid(MemregError):
    """The setting {name} is not usable: {reason}."""


# The database


class DatabaseError(MemregError):
    """The database refused: {reason}."""


class EmbeddedUnavailable(DatabaseError):
    """The embedded Postgres cannot be used: {reason}."""


class DatabaseUnavailable(DatabaseError):
    """The database at {where} cannot be reached: {reason}. Start it, or correct MEMREG_DATABASE_URL."""


class LoginRefused(DatabaseError):
    """The database at {where} refused the login: {reason}. Correct the user or password in MEMREG_DATABASE_URL."""


class TooManyConnections(DatabaseError):
    """No connection to the database at {where} became free: {reason}.
    Lower MEMREG_POOL_SIZE or raise max_connections."""


class ConnectionLost(DatabaseError):
    """The connection to the database at {where} was lost; nothing of this call was kept. Try again."""


class CommitUnknown(DatabaseError):
    """The connection to the database at {where} was lost while committing, so this call may or may not have been kept.
    Look before trying again; a message with an id can be sent again safely."""


class DatabaseReadOnly(DatabaseError):
    """The database at {where} is read-only (a standby?), and memreg writes.
    Point MEMREG_DATABASE_URL at the primary."""


class RoleRefused(DatabaseError):
    """The login at {where} cannot work for a tenant: {reason}. As an administrator, run
    `grant memreg_app, memreg_operator to` that login; `memreg doctor` tells what else is missing."""


class MigrationsBehind(DatabaseError):
    """The database is at migration {current}, this memreg needs {expected}. Run `memreg migrate`."""


class MigrationsAhead(DatabaseError):
    """The database is at migration {current}, newer than this memreg knows ({expected}). Upgrade memreg."""


# The registry


class RegistryError(MemregError):
    """The schema registry refused."""


class FileInvalid(RegistryError):
    """{source} has {count}: {listing}"""

    mistakes: tuple[Mistake, ...]

    def __init__(self, source: str, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = tuple(mistakes)
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        listing = "; ".join(str(mistake) for mistake in mistakes)
        super().__init__(source=source, mistakes=self.mistakes, count=count, listing=listing)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.facts["source"], self.mistakes)


class SchemaInvalid(FileInvalid):
    """The schema {source} has {count}: {listing}"""


class AnnotationInvalid(FileInvalid):
    """The annotation {source} has {count}: {listing}"""


class SamplesInvalid(FileInvalid):
    """The sample rows {source} have {count}: {listing}"""


class GoldenInvalid(FileInvalid):
    """The golden file {source} has {count}: {listing}"""


class ImportInvalid(FileInvalid):
    """{source} cannot be imported, it has {count}: {listing}"""


class SchemaIncompatible(RegistryError):
    """The schema {name!r} would not be {mode} compatible with version {base}: {reasons}. Change the file, declare what
    became of it with `from:` or `default:`, or register it with --force and the reason why."""


class FileChanged(RegistryError):
    """The schema {source} is not what was looked at: its fingerprint is {found}, not {expected}.
    Look at `memreg diff` again, and register what it showed."""


class SchemaNotFound(RegistryError):
    """No schema named {name!r} is registered. `memreg schemas` lists them; `memreg register FILE` adds one."""


class SchemaAmbiguous(RegistryError):
    """Several schemas are registered ({names}): say which with --schema, MEMREG_SCHEMA or schema=."""


class NoSchema(RegistryError):
    """No schema is registered yet. Write a schema file and run `memreg register FILE`."""


class VersionNotFound(RegistryError):
    """The schema {name!r} has no version {version}. `memreg schemas` lists the versions."""


class VersionStatus(RegistryError):
    """{name}@{version} is {status}, so it cannot be {verb}: {advice}."""


class NothingPending(RegistryError):
    """The schema {name!r} has no pending version to {verb}. `memreg schemas` lists the versions and their status."""


class NoUsableVersion(RegistryError):
    """The schema {name!r} has only {statuses} versions: register, annotate and approve one before ingesting."""


class AnnotationFailed(RegistryError):
    """The annotation of {name}@{version} failed: {reason}. Run `memreg annotate {name}` to try again."""


# Ingest and reads


class IngestError(MemregError):
    """The message could not be taken: {reason}."""


class MessageInvalid(IngestError):
    """The message cannot be taken: {reason}."""


class ProposalInvalid(IngestError):
    """The proposal cannot be read: {reason}."""


class TenantInvalid(IngestError):
    """The tenant {tenant} cannot be used: {reason}."""


class MessageConflict(IngestError):
    """The message {message_id!r} was already taken with another text. Give the new text a new id."""


class ExtractionFailed(IngestError):
    """The extractor {extractor} gave nothing usable: {reason}."""

    reply: str | None = None
    """What the model said, where it said anything."""
    transient: bool = False
    """Whether the same may well work a little later: a rate limit, an error of the server, a time-out."""
    retry_after: float | None = None
    """Seconds that the server asks to wait."""
    calls: tuple[Any, ...] = ()
    """The requests that were made (`memreg.engine.model.Call`)."""
    prompt_hash: str | None = None
    partial: Any = None
    """What could be read all the same (`memreg.engine.model.Extraction`), to be decided when nobody tries again."""


class ExtractorUnavailable(IngestError):
    """The extractor {extractor!r} cannot be used: {reason}."""


class QueueFull(IngestError):
    """The queue of schema {schema!r} in tenant {tenant!r} is full: {pending} messages wait, and it holds {capacity}.
    Wait and submit again, run more `memreg worker`, or raise MEMREG_QUEUE_CAPACITY."""


class WaitTimeout(IngestError):
    """The message {message_id!r} was not decided within {timeout} s: it is {status}. It is kept; wait again, or see
    `memreg inbox`."""


class MessageNotFound(IngestError):
    """No message {message_id!r} was taken in tenant {tenant!r}. `memreg inbox` lists those that wait."""


class MessageSettled(IngestError):
    """The message {message_id!r} cannot be {verb}: it is {status} already."""


class MemoryNotFound(MemregError):
    """No memory {memory_id} in tenant {tenant!r}. `memreg memories` lists them."""


class MemoryNotThere(MemoryNotFound):
    """No memory {memory_id} in tenant {tenant!r} at {at}: {reason}."""


class AuditNotFound(MemregError):
    """No audit entry {audit_id} in tenant {tenant!r}. `memreg audit` lists them."""


class ArgumentInvalid(MemregError):
    """{name} cannot be {value}: {reason}."""


# Operations


class BackfillRefused(MemregError):
    """The backfill of {name} to version {version} cannot {verb}: {reason}."""


class ActRefused(MemregError):
    """The {verb} of {what} is refused: {reason}."""

    blockers: tuple[Any, ...] = ()
    """What stands in the way, the newest first: audit ids of later decisions, or sentences."""

    def __init__(self, *, verb: str, what: str, reason: str, blockers: tuple[Any, ...] = ()) -> None:
        self.blockers = blockers
        super().__init__(verb=verb, what=what, reason=reason, blockers=blockers)


class ReviewNotFound(MemregError):
    """No question {review_id} was asked in tenant {tenant!r}. `memreg review` lists those that are open."""


class ViewsRefused(MemregError):
    """The views of {name} cannot be {verb}: {reason}."""


class MetricsUnavailable(MemregError):
    """Metrics need prometheus-client, which is not installed: `pip install "memreg[metrics]"`."""


class TracesUnavailable(MemregError):
    """Traces need OpenTelemetry's SDK, which is not installed: `pip install "memreg[traces]"`."""


# Evaluation


class EvaluationRefused(MemregError):
    """The evaluation of {source} cannot run: {reason}."""


class PlotsUnavailable(MemregError):
    """Plots need matplotlib, which is not installed: `pip install "memreg[plots]"`."""
