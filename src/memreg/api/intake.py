# Generated from intake_async.py by scripts/generate_sync.py: change that file, not this one.
"""The blocking intake: one message extracted, tried again where that may help, and decided."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from memreg.api.extractors import Extractors
from memreg.api.watch import Watch
from memreg.core.backoff import LONGEST, pause
from memreg.core.database import Database
from memreg.core.errors import CommitUnknown, DatabaseError, ExtractionFailed, MemregError, MessageConflict
from memreg.core.logs import get_logger
from memreg.core.steps import Steps
from memreg.core.tracing import span, step, whole
from memreg.engine import inbox
from memreg.engine.batch import deciding
from memreg.engine.decided import DecidedMany, Given
from memreg.engine.extract import Contextual, Extractor, Local
from memreg.engine.inbox import Claimed
from memreg.engine.ingest import Accepted, Walk, accept, bury, postpone
from memreg.engine.model import Call, Decision, Extraction, IngestResult, Message
from memreg.engine.recalled import without_recalled
from memreg.engine.refresh import Due, look_at_tables, refresh
from memreg.operations.trip.pending import Ahead

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 600.0  # seconds, between the tries of a message that waits in the queue
_UNUSABLE = 15.0  # seconds at least, before one is looked at again whose schema or extractor is not usable now
_TRIES_TO_DECIDE = 5
MOST_IN_A_ROW = 100
"""Messages of one session that a worker decides before it looks at the others."""
SHARE = 4
"""The same, where another tenant waits."""
_log = get_logger(__name__)


class Intake:
    """What `ingest` and the workers have in common: the walk of one message, with its model call outside of any
    transaction."""

    def __init__(self, database: Database, extractors: Extractors) -> None:
        self.database = database
        self.extractors = extractors
        self.watch = Watch(database)
        self._ignored = frozenset(role.strip().lower() for role in database.settings.ignored_roles.split(","))

    def take(self, walk: Walk, message: Message) -> IngestResult:
        """Keep a message, extract it and decide what it says; a failure that may pass is tried again before it is dead.

        Raises MessageConflict, NoUsableVersion, SchemaNotFound, ExtractorUnavailable, DatabaseError.
        """
        with span("message", schema=walk.schema) as told:
            result = self._take(walk, message)
            told.tell(status=result.status, decisions=len(result.decisions))
        return result

    def given(self, walk: Walk, message: Message, extraction: Extraction) -> IngestResult:
        """Decide proposals that came instead of a text to extract, or beside one. Raises as `take`."""
        with span("message", schema=walk.schema) as told:
            result = self.decide(walk, message, extraction)
            told.tell(status=result.status, decisions=len(result.decisions))
        return result

    def _take(self, walk: Walk, message: Message) -> IngestResult:
        extractor = self.extractors.pick()
        turns = _turns(extractor)
        with step("accept"):
            accepted: Accepted = self._run(walk, lambda: accept(walk, message, turns))
        whole().tell(version=accepted.version.version)
        if accepted.replayed is not None:
            return accepted.replayed
        tries, tried = 0, list[Call]()
        while True:
            try:
                extraction, note = self._extract(extractor, accepted)
                break
            except ExtractionFailed as failure:
                tries += 1
                tried += failure.calls
                if not self._is_worth_another(failure, tries):
                    return self._give_up(walk, message, _after(failure, tried))
                time.sleep(pause(tries, failure.retry_after))
            except Exception as exc:
                failed = _after(_failure_of(exc, self.extractors), tried)
                self._run(walk, _postponing(walk, message, failed, walk.clock()))
                raise
        return self.decide(walk, message, _with(extraction, tried), note)

    def work(self, walk: Walk, arrival: UUID, goes_on: Callable[[], bool]) -> datetime | None:
        """Take up the message of a job, and those of its session after it while the worker `goes_on`.

        Gives when to go on with them; None: never.

        Raises DatabaseError; whatever else happens is kept with the message.
        """
        for taken in range(1, MOST_IN_A_ROW + 1):
            done, again = self._work_one(walk, arrival)
            if done or again is not None:
                return again
            if not goes_on():
                return walk.clock()  # another worker does it
            if taken >= SHARE and self._run(walk, lambda: inbox.others_wait(walk)):
                break
        self._run(walk, lambda: inbox.pass_on(walk, arrival))  # the others had to wait long enough
        return None

    def _work_one(self, walk: Walk, arrival: UUID) -> tuple[bool, datetime | None]:
        """Whether nothing is left to do; and when one that failed is tried again."""
        began = time.time_ns()
        try:
            extractor = self.extractors.pick()
            turns = _turns(extractor)
            claimed: Claimed | None = self._run(walk, lambda: inbox.claim(walk, arrival, turns))
        except DatabaseError:
            raise
        except Exception as exc:
            return False, self._put_off(walk, None, exc)
        if claimed is None or claimed.accepted.replayed is not None:
            return claimed is None, None
        version = claimed.accepted.version.version
        # Only now it is known which message this is, and in whose trace.
        parent = claimed.traceparent
        with span("message", kind="consumer", parent=parent, start=began, schema=walk.schema, version=version):
            with step("accept", start=began):
                pass
            return self._work_on(walk, extractor, claimed)

    def _work_on(self, walk: Walk, extractor: Extractor, claimed: Claimed) -> tuple[bool, datetime | None]:
        try:
            extraction, note = self._extract(extractor, claimed.accepted)
        except DatabaseError:
            raise
        except Exception as exc:
            return False, self._put_off(walk, claimed, exc)
        again = self._settle(walk, claimed, extraction, note)
        return again is None and claimed.accepted.message.session is None, again

    def _settle(self, walk: Walk, claimed: Claimed, extraction: Extraction, note: str | None) -> datetime | None:
        """Decide what was extracted for the queue; gives when it is tried again, should that fail.

        What fails for a moment is decided once more without the model, whose answer is paid for already. What cannot be
        decided counts as a try, so that it does not ask the model for ever.
        """
        tries = 0
        while True:
            try:
                self.decide(walk, claimed.accepted.message, extraction, note)
                return None
            except CommitUnknown:
                raise  # it may be decided, which the next look tells
            except DatabaseError as exc:
                tries += 1
                if tries < _TRIES_TO_DECIDE:
                    time.sleep(pause(tries, first=0.2))
                    continue
                failure = ExtractionFailed(
                    extractor=extraction.extractor,
                    reason=f"it cannot be decided, because {str(exc).rstrip('.')}",
                    reply=extraction.reply,
                    transient=True,
                    calls=extraction.calls,
                    prompt_hash=extraction.prompt_hash,
                )
                return self._put_off(walk, claimed, failure, counts=True)

    def decide(self, walk: Walk, message: Message, extraction: Extraction, note: str | None = None) -> IngestResult:
        """Decide what was extracted, in one transaction, take the statistics that are due, and look at what was decided
        where it may speak against going on."""
        (result,) = self._decide(walk, [Given(message, extraction, note)], None)
        if isinstance(result, MessageConflict):
            raise result
        whole().tell(status=result.status, decisions=len(result.decisions))
        return result

    def decide_many(self, walk: Walk, given: Sequence[Given], ahead: Ahead) -> Sequence[IngestResult | MessageConflict]:
        """Decide what messages say, in their order and as if one by one, but in one transaction; gives the results of
        the first ones, at least one: up to where statistics are due, or a class is looked at, as `ahead` knows.

        Raises NoUsableVersion, SchemaNotFound, DatabaseError, after which none of them was decided.
        """
        with span("messages", schema=walk.schema) as told:
            results = self._decide(walk, given, ahead)
            made = [each for each in results if isinstance(each, IngestResult)]
            told.tell(messages=len(results), decisions=sum(len(each.decisions) for each in made))
        return results

    def _decide(
        self, walk: Walk, given: Sequence[Given], ahead: Ahead | None
    ) -> Sequence[IngestResult | MessageConflict]:
        done: DecidedMany = self._run(walk, deciding(walk, given, stop=ahead))
        made: list[Decision] = []
        is_told = _log.tells()
        for result in done.results:
            if isinstance(result, MessageConflict) or result.status != "decided":
                continue
            made += result.decisions
            for decision in result.decisions if is_told else ():
                _log.info(
                    "decided",
                    message_id=result.message_id,
                    action=str(decision.action),
                    basis=str(decision.basis),
                    class_name=decision.class_name,
                    memory_id=str(decision.memory_id),
                    audit_id=str(decision.audit_id),
                )
        self._refresh(walk, done.due)
        self.watch.decided(walk.tenant, walk.schema, made, walk.cache, walk.clock, walk.new_id)
        return done.results

    def read_alone(self, accepted: Accepted) -> tuple[Extraction, str | None] | None:
        """What a message says, with a note where it is not asked, where that takes nobody else: a local extractor, and
        one that can read it. None: it is for `take`."""
        try:
            extractor = self.extractors.pick()
            if not isinstance(extractor, Local):
                return None
            return self._extract(extractor, accepted)
        except Exception:  # what is done about it is told by taking it
            return None

    def _give_up(self, walk: Walk, message: Message, failure: ExtractionFailed) -> IngestResult:
        """The end of the tries: what could be read is decided all the same, the rest being refused in it; else it is
        dead."""
        if failure.partial is None or not failure.partial.proposals:
            return self.bury(walk, message, failure)
        return self.decide(walk, message, _costing(failure.partial, failure.calls))

    def bury(self, walk: Walk, message: Message, failure: ExtractionFailed) -> IngestResult:
        """A message that cannot be extracted is dead: kept with the reason, to be tried again by a person."""
        _log.warning("extraction_failed", message_id=message.id, extractor=failure.facts["extractor"])
        whole().tell(status="dead")
        whole().fail(failure)
        return self._run(walk, lambda: bury(walk, message, failure))

    def _extract(self, extractor: Extractor, accepted: Accepted) -> tuple[Extraction, str | None]:
        """What a message says, with a note where it is not asked. Raises ExtractionFailed, and what an extractor
        raises."""
        with step("extract", extractor=extractor.name) as told:
            extraction, note = self._extract_once(extractor, accepted)
            told.tell(
                model=extraction.model,
                proposals=len(extraction.proposals),
                refused=len(extraction.refused),
                requests=len(extraction.calls),
                tokens_in=extraction.tokens_in,
                tokens_out=extraction.tokens_out,
            )
        return extraction, note

    def _extract_once(self, extractor: Extractor, accepted: Accepted) -> tuple[Extraction, str | None]:
        message = replace(accepted.message, text=without_recalled(accepted.message.text))
        if message.role.strip().lower() in self._ignored:
            note = f"messages of the role {message.role!r} are not extracted (MEMREG_IGNORED_ROLES)"
            return Extraction((), extractor.name), note
        if not message.text.strip():
            return Extraction((), extractor.name), "it only repeats what was recalled from memory"
        started = time.perf_counter()
        if isinstance(extractor, Contextual):
            before = [replace(turn, text=without_recalled(turn.text)) for turn in accepted.before]
            extraction = extractor.extract_in_context(
                message, accepted.version, [turn for turn in before if turn.text.strip()]
            )
        else:
            extraction = extractor.extract(message, accepted.version)
        extraction = replace(extraction, version=accepted.version.version)
        if extraction.latency_ms is None:
            extraction = replace(extraction, latency_ms=(time.perf_counter() - started) * 1000)
        return extraction, None

    def _is_worth_another(self, failure: ExtractionFailed, tries: int) -> bool:
        """Whether somebody who waits should wait for one more try."""
        settings = self.database.settings
        return failure.transient and tries <= settings.llm_max_retries and (failure.retry_after or 0.0) <= LONGEST

    def _put_off(
        self, walk: Walk, claimed: Claimed | None, error: Exception, *, counts: bool = False
    ) -> datetime | None:
        """When a message of the queue is tried again after an error; None once it is dead or settled.

        It counts as a try where a model was asked, or always (`counts`).
        """
        tries = claimed.attempts + 1 if claimed is not None else 1
        failure = _failure_of(error, self.extractors)
        if claimed is None:  # the schema or the extractor is not usable now; the message stays as it is
            _log.warning("message_not_claimed", error=type(error).__name__)
            return walk.clock() + timedelta(seconds=pause(1, _UNUSABLE, first=_UNUSABLE))
        seconds = pause(tries, failure.retry_after, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
        again = walk.clock() + timedelta(seconds=seconds)
        message = claimed.accepted.message
        counts = counts or bool(failure.calls)
        if not failure.transient or (tries >= self.database.settings.inbox_attempts and counts):
            self._give_up(walk, message, failure)
            return None
        _log.info("message_postponed", message_id=message.id, tries=tries)
        before = self._run(walk, _postponing(walk, message, failure, again, counts=counts))
        whole().tell(status="postponed" if before is None else before.status)
        return again if before is None else None

    def _refresh(self, walk: Walk, due: Mapping[str, Due]) -> None:
        """Take the snapshots that are due. The message is decided already, so a failure here is only logged."""
        for class_name, due_now in due.items():
            try:
                with step("refresh", class_=class_name):
                    self._run(walk, _refreshing(walk, class_name, due_now))
                    self._run(walk, look_at_tables)
            except DatabaseError as exc:
                _log.warning("statistics_not_refreshed", class_name=class_name, error=type(exc).__name__)

    def _run(self, walk: Walk, plan: Callable[[], Steps[T]]) -> T:
        return self.database.run(walk.tenant, plan)


def _refreshing(walk: Walk, class_name: str, due: Due) -> Callable[[], Steps[int | None]]:
    return lambda: refresh(walk.tenant, walk.schema, class_name, due, walk.clock)


def _postponing(
    walk: Walk, message: Message, failure: ExtractionFailed, again: datetime, *, counts: bool = False
) -> Callable[[], Steps[IngestResult | None]]:
    return lambda: postpone(walk, message, failure, again, counts=counts)


def _turns(extractor: Extractor) -> int:
    return extractor.context_turns if isinstance(extractor, Contextual) else 0


def _with(extraction: Extraction, tried: list[Call]) -> Extraction:
    """An extraction with the requests that failed before it."""
    return _costing(extraction, (*tried, *extraction.calls)) if tried else extraction


def _costing(extraction: Extraction, calls: tuple[Call, ...]) -> Extraction:
    """An extraction that took these requests."""
    tokens_in = [call.tokens_in for call in calls if call.tokens_in is not None]
    tokens_out = [call.tokens_out for call in calls if call.tokens_out is not None]
    return replace(
        extraction,
        calls=calls,
        tokens_in=sum(tokens_in) if tokens_in else None,
        tokens_out=sum(tokens_out) if tokens_out else None,
        latency_ms=sum(call.latency_ms or 0.0 for call in calls),
    )


def _after(failure: ExtractionFailed, tried: list[Call]) -> ExtractionFailed:
    """A failure with every request that was made, not only the last one's."""
    return ExtractionFailed(**{**failure.facts, "calls": tuple(tried)})


def _failure_of(error: Exception, extractors: Extractors) -> ExtractionFailed:
    """An error as what became of the extraction; a foreign one is named by its type, because its text may quote."""
    if isinstance(error, ExtractionFailed):
        return error
    name = extractors.name
    if isinstance(error, MemregError):
        return ExtractionFailed(extractor=name, reason=str(error).rstrip("."))
    return ExtractionFailed(extractor=name, reason=f"it raised {type(error).__name__}")
