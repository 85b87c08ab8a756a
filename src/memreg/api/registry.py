# Generated from registry_async.py by scripts/generate_sync.py: change that file, not this one.
"""The blocking registry: schemas in, annotated, approved or rejected by a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from memreg.annotator.gate import Note, notes_of
from memreg.api.annotating import Annotating, AnnotatorChoice, Tell, Wish
from memreg.api.arguments import as_number, as_optional, as_text
from memreg.api.sources import AnnotationSource, label_of, read_annotations, read_source, versioned_name
from memreg.core.clock import Clock, utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, SchemaInvalid, VersionStatus
from memreg.core.steps import Steps
from memreg.core.tenant import check_tenant
from memreg.operations.examples import ClassExamples
from memreg.operations.key_precision import KeyPrecision, read_precision
from memreg.operations.match_examples import read_examples
from memreg.operations.preview import Preview, read_preview
from memreg.operations.trip.held import with_entries
from memreg.registry import versions
from memreg.registry.annotation_file import dump_annotation
from memreg.registry.comparison import Comparison, between, check_mark, compare
from memreg.registry.compatibility import annotation_reasons, can_read, line
from memreg.registry.fingerprint import fingerprint as fingerprint_of
from memreg.registry.history import Event, read_history
from memreg.registry.holds import held_back, settle
from memreg.registry.models import SchemaVersion, Status
from memreg.registry.reading import Side, side_of
from memreg.registry.records import AnnotationRecord, Registered, VersionRecord

if TYPE_CHECKING:
    from memreg.annotator.estimate import Estimate, Reused
    from memreg.annotator.samples import Samples
    from memreg.api.sources import SchemaSource

T = TypeVar("T")


class Registry:
    """The schemas of a database: registered, annotated, approved, rejected and looked at.

    `by`, where taken, is who does it; it is recorded with the time.
    """

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self.database = database
        self._clock = clock

    def register(
        self,
        source: SchemaSource,
        *,
        annotate: AnnotatorChoice = "auto",
        by: str | None = None,
        samples: Samples | None = None,
        fresh: bool = False,
        tell: Tell | None = None,
        force: str | None = None,
        fingerprint: str | None = None,
    ) -> Registered:
        """Register a schema: a path, YAML text, `module:Class`, Pydantic classes or a SchemaSpec.

        The same content as the newest version's is that version (`created` is False); other content is the next one. A
        new version, and one that was a draft or rejected, is annotated and then pending; it is approved at once only
        above the setting `auto_approve`, and then a class with an identity key below `min_identity_confidence` stays
        create-only until a person approves it. `annotate` auto: the LLM if one is configured, else the heuristic;
        classes with a declared annotation keep that.

        A new version must be compatible with those before, as the schema's `compatibility` says; `force`: the reason
        why it is registered although it is not, which is kept. `fingerprint`: what `diff` or `preview` gave; a file
        that was edited since is refused.

        What the model is asked: `samples`, rows that it may see (none by default, and never a pii column); `fresh`: ask
        even where the same model was asked the same before, instead of taking its answer again; `tell` is called with
        an Estimate before the call and with Spent after it, or with Reused where none is made.

        Raises SchemaInvalid, SchemaIncompatible, FileChanged, SamplesInvalid, AnnotationFailed (the version is a draft
        then), ExtractorUnavailable, DatabaseError.
        """
        spec, by, force = read_source(source), as_optional("by", by), as_optional("force", force)
        if force is not None and not force.strip():
            raise ArgumentInvalid(name="force", value="empty", reason="say why it is registered all the same")
        if fingerprint is not None:
            check_mark(spec, fingerprint, label_of(source))
        work = Annotating(self.database, self._clock, Wish(annotate, samples, fresh, tell))
        work.check(spec)
        try:
            registered = self.database.run_admin(lambda: versions.register(spec, by, self._clock, force=force))
        except SchemaInvalid as error:  # a `from:` that does not fit what is registered
            raise SchemaInvalid(label_of(source), error.mistakes) from error
        if registered.version.status not in (Status.DRAFT, Status.REJECTED):
            return registered
        try:
            version = work.annotate(registered.version)
        except VersionStatus:
            # somebody else registered the same at the same time, and it is settled already
            name, number = registered.version.name, registered.version.version
            version = self.database.run_admin(lambda: versions.get_version(name, number))
        return Registered(version, registered.created)

    def annotate(
        self,
        name: str,
        *,
        annotate: AnnotatorChoice = "auto",
        by: str | None = None,
        samples: Samples | None = None,
        fresh: bool = False,
        tell: Tell | None = None,
    ) -> SchemaVersion:
        """Annotate the newest version again while it is a draft, pending or rejected; else make the next one of it.

        `samples`, `fresh` and `tell` as for `register`. Earlier annotations stay in the version's history.
        Raises SchemaNotFound, SamplesInvalid, AnnotationFailed, ExtractorUnavailable, DatabaseError.
        """
        name, by = as_text("name", name), as_optional("by", by)
        newest = self.database.run_admin(lambda: versions.newest(name))
        work = Annotating(self.database, self._clock, Wish(annotate, samples, fresh, tell))
        work.check(newest.spec)
        version = self.database.run_admin(lambda: versions.reopen(name, by, self._clock))
        return work.annotate(version)

    def estimate(
        self,
        source: SchemaSource | None = None,
        *,
        name: str | None = None,
        annotate: AnnotatorChoice = "auto",
        samples: Samples | None = None,
        fresh: bool = False,
    ) -> Estimate | Reused | None:
        """What registering a source, or annotating the schema of a name again, would come to, without doing it.

        None where no model would be asked: the rules or the schema itself say it all, or the content is registered and
        annotated. Raises SchemaInvalid, SamplesInvalid, SchemaNotFound, ArgumentInvalid, ExtractorUnavailable.
        """
        if (source is None) == (name is None):
            raise ArgumentInvalid(name="source", value="given twice or not at all", reason="give a source or a name")
        work = Annotating(self.database, self._clock, Wish(annotate, samples, fresh))
        if name is not None:
            name = as_text("name", name)
            newest = self.database.run_admin(lambda: versions.newest(name))
            work.check(newest.spec)
            return work.expect(newest.spec, newest.fingerprint, newest.version)
        assert source is not None
        spec = read_source(source)
        work.check(spec)
        known = self.database.run_admin(lambda: versions.list_versions(spec.name))
        digest = fingerprint_of(spec)
        if known and known[-1].version.fingerprint == digest:
            status = known[-1].version.status
            if status not in (Status.DRAFT, Status.REJECTED):
                return None
        return work.expect(spec, digest)

    def preview(self, source: SchemaSource, *, fingerprint: str | None = None, plan: bool = True) -> Preview:
        """What registering a schema would come to, without doing it: the differences from the version that it would be
        based on, the verdict by its mode, and, with `plan`, what a backfill would touch (a sample of the memories is
        looked at). Raises SchemaInvalid, DatabaseError."""
        spec = read_source(source)
        if fingerprint is not None:
            check_mark(spec, fingerprint, label_of(source))
        try:
            return self.database.run_admin(lambda: read_preview(spec, with_plan=plan))
        except SchemaInvalid as error:
            raise SchemaInvalid(label_of(source), error.mistakes) from error

    def diff(self, before: SchemaSource, after: SchemaSource) -> Comparison:
        """What differs from one schema to another, and what each can read of the other.

        Either is a registered version, as `assistant@1` (`assistant`: the newest), or a source as for `register`.
        Raises SchemaInvalid, SchemaNotFound, VersionNotFound, DatabaseError.
        """
        older, newer = versioned_name(before), versioned_name(after)
        if older is None or newer is None or older[0] != newer[0]:
            return compare(self._side(before), self._side(after))
        first, last = (self.get(*older)).version, (self.get(*newer)).version
        return compare(side_of(first), side_of(last), between(first.version, last))

    def _side(self, source: SchemaSource) -> Side:
        named = versioned_name(source)
        if named is None:
            return Side(read_source(source), label_of(source))
        return side_of((self.get(*named)).version)

    def approve(
        self,
        name: str,
        version: int | None = None,
        *,
        annotations: AnnotationSource | None = None,
        by: str | None = None,
    ) -> SchemaVersion:
        """Approve a pending version (the newest one without a number), by an edited annotation file where one is given.

        It is active at once when no live memory is on an older version, else approved until its backfill. Where a
        version is in force by auto-approval, this lets its classes go that were held back until a person approves.
        Raises AnnotationInvalid, VersionStatus, VersionNotFound, NothingPending, SchemaNotFound, DatabaseError.
        """
        name, version, by = as_text("name", name), as_number("version", version), as_optional("by", by)
        if annotations is None:
            settled = self._decide(lambda: settle(name, version, by, self._clock), name, by)
            if settled is not None:
                return settled
            return self._decide(lambda: versions.approve(name, version, by, self._clock), name, by)
        pending = self.database.run_admin(lambda: versions.pending_version(name, version))
        edited = read_annotations(annotations, pending)
        return self._decide(lambda: versions.approve(name, pending.version, by, self._clock, edited), name, by)

    def _decide(self, plan: Callable[[], Steps[T]], name: str, by: str | None) -> T:
        """Run a plan that may let classes go which auto-approval held back: the audit tells of it."""
        return self.database.run_admin(lambda: with_entries(name, plan(), self._clock, by))

    def reject(self, name: str, why: str, version: int | None = None, *, by: str | None = None) -> SchemaVersion:
        """Reject a pending version (the newest one without a number) for a reason.

        Raises ArgumentInvalid, VersionStatus, VersionNotFound, NothingPending, SchemaNotFound, DatabaseError.
        """
        name, why, version = as_text("name", name), as_text("why", why), as_number("version", version)
        by = as_optional("by", by)
        return self.database.run_admin(lambda: versions.reject(name, version, why, by, self._clock))

    def versions(self, name: str | None = None) -> tuple[VersionRecord, ...]:
        """Every version of every schema, or of one, by name and number, with its history."""
        name = as_optional("name", name)
        return self.database.run_admin(lambda: versions.list_versions(name))

    def get(self, name: str, version: int | None = None) -> VersionRecord:
        """One version, or the newest, with its history. Raises VersionNotFound, SchemaNotFound, ArgumentInvalid."""
        name, version = as_text("name", name), as_number("version", version)
        return self.database.run_admin(lambda: versions.get_record(name, version))

    def history(self, name: str, version: int | None = None) -> tuple[AnnotationRecord, ...]:
        """Every annotation of a version, or of the newest, the first one first: the last one counts.

        Raises VersionNotFound, SchemaNotFound, ArgumentInvalid.
        """
        name, version = as_text("name", name), as_number("version", version)
        return self.database.run_admin(lambda: versions.annotation_history(name, version))

    def events(self, name: str) -> tuple[Event, ...]:
        """Everything that was done to a schema, the oldest first: who registered, annotated, approved and rejected
        which version, when and why, and what backfills came to. Raises SchemaNotFound, ArgumentInvalid."""
        name = as_text("name", name)
        return self.database.run_admin(lambda: read_history(name))

    def notes(
        self, name: str, version: int | None = None, *, annotations: AnnotationSource | None = None
    ) -> tuple[Note, ...]:
        """What a person should look at before approving a version, or the newest: the gravest first.

        Identity keys of low confidence, doubtful keys, classes that overlap, and what rules by name and type would do
        otherwise; before all, what a pending version would break, and change in what identifies and is searched,
        against the one in force. With an edited annotation (as `approve` takes it), the notes on that one.
        Raises AnnotationInvalid, VersionNotFound, SchemaNotFound, ArgumentInvalid.
        """
        record = self.get(name, version)
        found, said = record.version, record.annotation
        if annotations is not None:
            found = replace(found, annotations={**found.annotations, **read_annotations(annotations, found)})
        is_settled = said is not None and said.verdict == "approved" and said.decided_by != versions.AUTO_APPROVAL
        least = 0.0 if is_settled else self.database.settings.min_identity_confidence
        changed = () if is_settled else self._changed(found)
        return (*changed, *notes_of(found, least))

    def _changed(self, found: SchemaVersion) -> tuple[Note, ...]:
        """What a version would change for what is stored: all that breaks against the version in force now, and what
        its annotation changes."""
        known = self.database.run_admin(lambda: versions.list_versions(found.name))
        in_force = [
            each.version
            for each in known
            if each.version.status in (Status.ACTIVE, Status.APPROVED) and each.version.version < found.version
        ]
        if not in_force:
            return ()
        before, after = side_of(in_force[-1]), side_of(found)
        told = [reason for reason in can_read(after, before) if reason.breaks]
        told += [reason for reason in annotation_reasons(after, before) if not reason.breaks]
        return tuple(Note("change", (each.where.partition(".")[0],), line(each)) for each in told)

    def held_back(self, name: str) -> dict[str, str]:
        """The classes of a schema that auto-approval keeps create-only until a person approves, with the reasons."""
        name = as_text("name", name)
        return self.database.run_admin(lambda: held_back(name))

    def examples(
        self, name: str, version: int | None = None, *, tenant: str | None = None, show_pii: bool = False
    ) -> tuple[ClassExamples, ...]:
        """What would match and what would not, by each key and by the text of each class of a version, or the newest.

        Computed from what is stored in a tenant (None: the setting's); where nothing is, from the examples in the
        schema; else from invented values. pii columns have placeholders unless `show_pii`
        is set. Raises VersionNotFound, SchemaNotFound, ArgumentInvalid, TenantInvalid.
        """
        name, version = as_text("name", name), as_number("version", version)
        tenant = check_tenant(as_optional("tenant", tenant) or self.database.settings.tenant)
        return self.database.run(tenant, lambda: read_examples(tenant, name, version, show_pii=show_pii))

    def annotation_yaml(self, name: str, version: int | None = None) -> str:
        """The annotation of a version, or the newest, as the file that `approve` takes back.

        Raises VersionNotFound, SchemaNotFound, and VersionStatus where there is no annotation yet.
        """
        found = (self.get(name, version)).version
        if not found.annotation:
            raise VersionStatus(
                name=name,
                version=found.version,
                status=str(found.status),
                verb="shown as an annotation file",
                advice=f"it has no annotation; run `memreg annotate {name}` first",
            )
        return dump_annotation(found)

    def key_precision(
        self, name: str, version: int | None = None, *, tenant: str | None = None
    ) -> tuple[KeyPrecision, ...]:
        """How often each identity key of a version (the newest without a number) answered, and was contradicted.

        By the evidence of the newest 10,000 identity decisions of each class, in every tenant, or in one.
        Raises VersionNotFound, SchemaNotFound, ArgumentInvalid, TenantInvalid, DatabaseError.
        """
        name, version, tenant = as_text("name", name), as_number("version", version), as_optional("tenant", tenant)
        if tenant is None:
            return self.database.run_admin(lambda: read_precision(name, version, None))
        return self.database.run(tenant, lambda: read_precision(name, version, tenant))
