"""A message's way through the model: what to ask, what to make of the answer, and when to ask once more. A plan: it
yields questions and is sent the answers, so that the blocking and the asynchronous extractor do the same. No I/O."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

from memreg.annotator.disguise import visible
from memreg.annotator.extract_prompt import asked_again, asked_whole, question
from memreg.annotator.failure import ModelFailed
from memreg.annotator.items import Read, Source, read
from memreg.annotator.mask import Mask
from memreg.annotator.options import ExtractOptions
from memreg.annotator.settling import settle, that_fit
from memreg.annotator.told import Told, told_of
from memreg.annotator.wire import Ask, Reply
from memreg.core.errors import ExtractionFailed
from memreg.engine.extract import MAX_PROPOSALS
from memreg.engine.model import Call, Extraction, Message, Refused
from memreg.registry.models import SchemaVersion

NAME = "llm"
MOST_REFUSED = 50
"""Refusals that are told one by one; more are told together."""
ASKED_AGAIN = frozenset({"unreadable", "cut off"})
"""Outcomes of a request that was answered with nothing to read: asked in other words, the model may do better."""

Answered = Generator[Ask, Reply, Reply]


@dataclass
class Conversation:
    """The questions about one message, and what came of them: every request, and what the model said."""

    message: Message
    version: SchemaVersion
    before: Sequence[Message] = ()
    options: ExtractOptions = field(default_factory=ExtractOptions)
    calls: list[Call] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    told: Told | None = None
    lost_way: ModelFailed | None = None

    def plan(self) -> Generator[Ask, Reply, Extraction]:
        """Ask, read item by item, and ask once more for what was refused or is missing.

        Raises ExtractionFailed: a message that is too long, no answer, or twice one that nothing can be read of. Where
        only the second question did not get through, it is worth another try, and `partial` is what there is so far.
        """
        self._check_length()
        source = self._source()
        self.told = told_of(self.version, source.mask if self.options.pii == "mask" else None)
        if self.told is None:
            self._fail("every column has personal values that cannot be masked; set MEMREG_LLM_PII to send")
        ask = Ask(self.told.shape, self.told.system, self._user(source.mask), items=True)
        reply, may_ask = yield from self._first(ask)
        items = reply.listed(ask.field)
        reads = [read(item, source) for item in items[:MAX_PROPOSALS]]
        lost: list[Refused] = []
        if len(items) > MAX_PROPOSALS:
            more = f"it gave {len(items):,} items, and only the first {MAX_PROPOSALS:,} were read"
            lost.append(Refused(more))
        whole = reply.whole or bool(lost)
        if may_ask and not (whole and all(each.problem is None for each in reads)):
            reads, whole = yield from self._second(ask, reads, whole, source)
        if not whole:
            lost.append(Refused("its answer broke off, and what came after that is not known"))
        extraction = self._extraction(reads, lost, source.mask)
        if self.lost_way is not None:
            self._fail(self.lost_way.reason, self.lost_way, extraction)
        return extraction

    def _first(self, ask: Ask) -> Generator[Ask, Reply, tuple[Reply, bool]]:
        """The first answer that can be read, and whether the model may be asked once more."""
        try:
            return (yield from self._ask(ask)), True
        except ModelFailed as exc:
            if exc.outcome not in ASKED_AGAIN:
                self._fail(exc.reason, exc)
            reason = exc.reason
        try:
            return (yield from self._ask(replace(ask, user=asked_whole(ask.user, reason)))), False
        except ModelFailed as exc:
            twice = ", also when asked again" if exc.outcome in ASKED_AGAIN else ""
            self._fail(exc.reason + twice, exc)

    def _second(
        self, ask: Ask, reads: list[Read], whole: bool, source: Source
    ) -> Generator[Ask, Reply, tuple[list[Read], bool]]:
        """Ask for what was refused and for the rest: the items after that, and whether any can still be missing."""
        chosen = that_fit(reads)
        kept = () if whole else tuple(each.item for each in reads if each.problem is None)
        hide = source.mask.hide if self.options.pii == "mask" else str  # a reason may say what the model must not see
        refused = [(reads[at].item, hide(reads[at].problem or "")) for at in chosen]
        try:
            reply = yield from self._ask(replace(ask, user=asked_again(ask.user, refused, kept, cut_off=not whole)))
        except ModelFailed as exc:
            self.lost_way = exc if exc.transient else None
            return reads, whole
        answers = [read(item, source) for item in reply.listed(ask.field)[:MAX_PROPOSALS]]
        settled, more = settle(reads, chosen, answers, in_order=whole)
        return [*settled, *more][:MAX_PROPOSALS], whole or reply.whole

    def _ask(self, ask: Ask) -> Answered:
        try:
            reply = yield ask
        except ModelFailed as exc:
            if exc.call is not None:
                self.calls.append(exc.call)
            if exc.reply:
                self.replies.append(exc.reply)
            raise
        self.calls.append(reply.call)
        self.replies.append(reply.raw)
        return reply

    def _check_length(self) -> None:
        length, most = len(self.message.text), self.options.max_characters
        if length > most:
            self._fail(
                f"the message has {length:,} characters, and at most {most:,} are sent to a model; send it in parts, or"
                " raise MEMREG_LLM_MAX_CHARACTERS"
            )

    def _source(self) -> Source:
        text, turns = visible(self.message.text), tuple(visible(turn.text) for turn in self.before)
        mask = Mask.of([text, *turns]) if self.options.pii == "mask" else Mask()
        times = tuple(turn.at for turn in self.before)
        return Source(text, turns, self.message.at, self.version, mask, times)

    def _user(self, mask: Mask) -> str:
        if self.options.pii != "mask":
            return question(self.message, self.before)
        hidden = [replace(each, text=mask.hide(visible(each.text))) for each in (self.message, *self.before)]
        return question(hidden[0], hidden[1:])

    def _extraction(self, reads: Sequence[Read], lost: Sequence[Refused], mask: Mask) -> Extraction:
        refused = [each for one in reads for each in one.refusals] + list(lost)
        if len(refused) > MOST_REFUSED:
            rest = refused[MOST_REFUSED - 1 :]
            reason = f"{len(rest)} more items of its answer were refused: {rest[0].reason}"
            letter = any(each.dead_letter for each in rest)
            refused[MOST_REFUSED - 1 :] = [Refused(reason, [each.given for each in rest], dead_letter=letter)]
        return Extraction(
            tuple(each.proposal for each in reads if each.proposal is not None),
            extractor=NAME,
            refused=tuple(replace(each, given=mask.reveal(each.given)) for each in refused),
            model=next((call.model for call in reversed(self.calls) if call.model), None),
            prompt_hash=None if self.told is None else self.told.prompt_hash,
            tokens_in=_sum([call.tokens_in for call in self.calls]),
            tokens_out=_sum([call.tokens_out for call in self.calls]),
            latency_ms=_total(self.calls),
            reply="\n".join(self.replies) or None,
            calls=tuple(self.calls),
        )

    def _fail(self, reason: str, cause: ModelFailed | None = None, partial: Extraction | None = None) -> NoReturn:
        raise ExtractionFailed(
            extractor=NAME,
            reason=reason,
            reply="\n".join(self.replies) or None,
            transient=cause is not None and cause.transient,
            retry_after=None if cause is None else cause.retry_after,
            calls=tuple(self.calls),
            prompt_hash=None if self.told is None else self.told.prompt_hash,
            partial=partial,
        ) from cause


def _sum(counts: Sequence[int | None]) -> int | None:
    """What was counted; None where nothing was."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _total(calls: Sequence[Call]) -> float | None:
    known = [call.latency_ms for call in calls if call.latency_ms is not None]
    return round(sum(known), 1) if known else None
