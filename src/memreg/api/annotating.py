# Generated from annotating_async.py by scripts/generate_sync.py: change that file, not this one.
"""One annotation from start to end, blocking: what it will cost, whether it was made before, the call, the gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from memreg.annotator.estimate import Estimate, Event, Reused, Spent, estimate_of
from memreg.annotator.gate import unsure_keys
from memreg.annotator.model import Annotated
from memreg.annotator.question import SampleRows, question, question_hash
from memreg.annotator.samples import MOST_ROWS, Samples, masked, take
from memreg.annotator.wire import Endpoint, require_extra
from memreg.api.sources import read_rows
from memreg.core.clock import Clock
from memreg.core.database import Database
from memreg.core.errors import (
    AnnotationFailed,
    ArgumentInvalid,
    DatabaseError,
    MemregError,
)
from memreg.core.steps import Steps
from memreg.core.tenant import check_tenant
from memreg.operations.sample_rows import read_sample_rows
from memreg.operations.trip.held import with_entries
from memreg.registry import versions
from memreg.registry.holds import approve_without_person
from memreg.registry.models import ClassAnnotation, SchemaSpec, SchemaVersion, Status

if TYPE_CHECKING:
    from memreg.annotator.failure import ModelFailed
    from memreg.registry.records import AnnotationRecord

AnnotatorChoice = Literal["auto", "llm", "heuristic"]
ANNOTATORS: tuple[AnnotatorChoice, ...] = ("auto", "llm", "heuristic")
Tell = Callable[[Event], None]


@dataclass(frozen=True)
class Wish:
    """How a version is to be annotated. `samples`: rows that a model may see; `fresh`: ask it even where the same was
    asked before; `tell`: is called with the estimate before a call, with what it took, or with where it is from."""

    choice: AnnotatorChoice = "auto"
    samples: Samples | None = None
    fresh: bool = False
    tell: Tell | None = None

    def __post_init__(self) -> None:
        if self.choice not in ANNOTATORS:
            reason = f"write one of {', '.join(ANNOTATORS)}"
            raise ArgumentInvalid(name="annotate", value=repr(self.choice), reason=reason)
        if self.samples is not None and not 0 <= self.samples.stored <= MOST_ROWS:
            reason = f"from 1 to {MOST_ROWS} rows of each class can be sent"
            raise ArgumentInvalid(name="samples", value=self.samples.stored, reason=reason)
        if self.samples is not None and self.samples.tenant is not None:
            check_tenant(self.samples.tenant)


class Annotating:
    """Annotates versions as somebody wishes it."""

    def __init__(self, database: Database, clock: Clock, wish: Wish) -> None:
        self.database = database
        self.wish = wish
        self._clock = clock

    def check(self, spec: SchemaSpec) -> None:
        """Refuse what cannot be done before anything is written.

        Raises ExtractorUnavailable where a model is to be asked and none is configured, SamplesInvalid.
        """
        rest = _undeclared(spec)
        if not self._asks(rest):
            return
        Endpoint.of(self.database.settings)
        if find_spec("openai") is None or find_spec("instructor") is None:
            require_extra()
        read_rows(self.wish.samples, rest)

    def expect(self, spec: SchemaSpec, fingerprint: str, version: int | None = None) -> Estimate | Reused | None:
        """What annotating a schema would come to; None where no model would be asked. Nothing is called or written."""
        rest = _undeclared(spec)
        if not self._asks(rest):
            return None
        samples = self._samples(rest, version)
        before = self._asked_before(rest, fingerprint, samples)
        return self._estimate(rest, samples) if before is None else _reused(*before)

    def annotate(self, version: SchemaVersion) -> SchemaVersion:
        """Annotate a draft, pending or rejected version, and approve it where the setting `auto_approve` says so.

        Raises AnnotationFailed (the version is a draft then, with the reason), VersionStatus, DatabaseError.
        """
        name, number = version.name, version.version
        try:
            made = self._made(version)
        except DatabaseError:
            raise
        except MemregError as error:
            reason = str(error).rstrip(".")
            self.database.run_admin(lambda: versions.annotation_failed(name, number, reason))
            raise AnnotationFailed(name=name, version=number, reason=reason) from error
        declared = {each.name: each.declared for each in version.spec.classes if each.declared is not None}
        classes = {**(made.classes if made else {}), **declared}
        if version.status is Status.PENDING and classes == version.annotations and made is not None and _is_free(made):
            return self._approved(version, classes)  # the same again would only lengthen the history
        stored = self.database.run_admin(
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
        return self._approved(stored, classes)

    def _approved(self, version: SchemaVersion, classes: dict[str, ClassAnnotation]) -> SchemaVersion:
        """The version, approved without a person where every class is sure enough for that."""
        settings = self.database.settings
        threshold, least = settings.auto_approve, settings.min_identity_confidence
        if threshold is None or any(each.confidence <= threshold for each in classes.values()):
            return version
        name, number = version.name, version.version
        unsure = {
            each: f"the identity key {keys} is below the confidence {least:g}; `memreg approve {version}` settles it"
            for each, annotation in classes.items()
            if (keys := unsure_keys(annotation, least))
        }

        def plan() -> Steps[SchemaVersion]:
            approving = approve_without_person(name, number, unsure, self._clock)
            return with_entries(name, approving, self._clock)

        return self.database.run_admin(plan)

    def _made(self, version: SchemaVersion) -> Annotated | None:
        """What the annotator says; None where every class declares its own annotation."""
        rest = _undeclared(version.spec)
        if not rest.classes:
            return None
        if not self._asks(rest):
            from memreg.annotator.heuristic import annotate

            return annotate(version.spec)
        samples = self._samples(rest, version.version)
        before = self._asked_before(rest, version.fingerprint, samples)
        if before is not None:
            self._tell(_reused(*before))
            return _again(rest, before[1])
        self._tell(self._estimate(rest, samples))
        return self._called(rest, samples)

    def _called(self, rest: SchemaSpec, samples: SampleRows) -> Annotated:
        """What the model says, by a call. Raises ModelFailed, ExtractorUnavailable."""
        from memreg.annotator.client import OpenAIClient
        from memreg.annotator.failure import ModelFailed
        from memreg.annotator.llm import LLMAnnotator

        settings = self.database.settings
        with OpenAIClient.of(settings) as client:
            annotator = LLMAnnotator(client, self._model, retries=settings.llm_max_retries)
            try:
                made = annotator.annotate(rest, samples)
            except ModelFailed as failure:
                if failure.tokens_in is not None or failure.tokens_out is not None:
                    self._tell(self._spent(failure))
                raise
        self._tell(self._spent(made))
        return made

    def _asked_before(
        self, rest: SchemaSpec, fingerprint: str, samples: SampleRows
    ) -> tuple[str, AnnotationRecord] | None:
        """The version and annotation where the same was asked before, unless somebody insists on asking."""
        if self.wish.fresh:
            return None
        digest = question_hash(question(rest, samples), self._model)
        found = self.database.run_admin(lambda: versions.reusable_annotation(fingerprint, digest))
        return found if found is not None and _still_fits(rest, found[1]) else None

    def _samples(self, rest: SchemaSpec, version: int | None) -> SampleRows:
        """The rows that are sent: those given first, then stored ones."""
        wanted = self.wish.samples
        if wanted is None:
            return {}
        rows = read_rows(wanted, rest)
        if wanted.stored:
            tenant = wanted.tenant or self.database.settings.tenant
            rows += self.database.run(tenant, lambda: read_sample_rows(tenant, rest, version, wanted.stored))
        found = take(rest, rows)
        return masked(found) if self.database.settings.llm_pii == "mask" else found

    @property
    def _model(self) -> str:
        return self.database.settings.model or ""

    def _asks(self, rest: SchemaSpec) -> bool:
        """Whether the model is asked about the classes that declare no annotation of their own."""
        choice = self.wish.choice
        return bool(rest.classes) and (choice == "llm" or (choice == "auto" and self.database.settings.llm_configured))

    def _estimate(self, rest: SchemaSpec, samples: SampleRows) -> Estimate:
        settings = self.database.settings
        return estimate_of(rest, samples, self._model, settings.llm_price_in, settings.llm_price_out)

    def _spent(self, on: Annotated | ModelFailed) -> Spent:
        settings = self.database.settings
        return Spent(on.model, on.tokens_in, on.tokens_out, settings.llm_price_in, settings.llm_price_out)

    def _tell(self, event: Event) -> None:
        if self.wish.tell is not None:
            self.wish.tell(event)


def _undeclared(spec: SchemaSpec) -> SchemaSpec:
    """The schema with the classes that somebody must annotate."""
    return replace(spec, classes=tuple(each for each in spec.classes if each.declared is None))


def _reused(version: str, said: AnnotationRecord) -> Reused:
    return Reused(version, said.ordinal, said.model)


def _still_fits(rest: SchemaSpec, said: AnnotationRecord) -> bool:
    """Whether what was said before covers the classes and would not be refused today."""
    from memreg.annotator.check import check
    from memreg.annotator.doubts import doubts

    return all(
        each.name in said.classes
        and not check(each, said.classes[each.name])
        and not doubts(each, said.classes[each.name])
        for each in rest.classes
    )


def _is_free(made: Annotated) -> bool:
    return made.prompt_hash is not None and made.tokens_in == 0


def _again(rest: SchemaSpec, said: AnnotationRecord) -> Annotated:
    """What was said before, for nothing: zero tokens are what the history knows it by."""
    classes = {each.name: said.classes[each.name] for each in rest.classes}
    return Annotated(classes, said.source, said.model, said.prompt_hash, tokens_in=0, tokens_out=0)
