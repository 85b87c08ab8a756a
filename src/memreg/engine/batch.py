"""Messages decided together: in order, as if one by one, in one transaction that locks only while it is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from time import perf_counter

from psycopg.types.json import Jsonb

from memreg.core.errors import MessageConflict
from memreg.core.queries import Statement
from memreg.core.steps import Last, Row, Steps, fetch, fetch_rows
from memreg.core.tracing import step, whole
from memreg.engine.hand import Hand, Stand
from memreg.engine.ingest import Walk, keep_calls, kept, known_of
from memreg.engine.model import Decision, Extraction, IngestResult, Message
from memreg.engine.refresh import Due
from memreg.engine.storable import storable_text
from memreg.engine.store import SQL, JsonRow, Writes, bytea
from memreg.engine.turn import Turn, lock_for, lock_turn, read
from memreg.engine.writing import due, statements
from memreg.registry import versions
from memreg.registry.models import SchemaVersion

Stop = Callable[[Sequence[Decision]], bool]
Result = IngestResult | MessageConflict


@dataclass(frozen=True, slots=True)
class Given:
    """A message (with its id) and what it says. `note`: why nothing was extracted."""

    message: Message
    extraction: Extraction
    note: str | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class DecidedMany:
    """The results of the first messages that were given, at least one, and the classes whose statistics are due."""

    results: tuple[Result, ...]
    due: dict[str, Due] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decided:
    """The result of a message, and the classes whose statistics are due."""

    result: IngestResult
    due: dict[str, Due] = field(default_factory=dict)


def deciding(walk: Walk, given: Sequence[Given], *, stop: Stop | None = None) -> Callable[[], Steps[DecidedMany]]:
    """The plan that decides messages, to be run until it is not told to begin again.

    The first time it locks nothing before it writes. Where somebody else has changed what it was decided by until
    then, it is run again, and holds the locks from before it reads what has changed.
    """
    tries = iter(range(1_000_000))
    return lambda: decide_messages(walk, given, stop=stop, holding=next(tries) > 0)


def decide_message(
    walk: Walk, message: Message, extraction: Extraction, actor: str | None = None, note: str | None = None
) -> Steps[Decided]:
    """Decide every proposal of a message, in order, in this transaction, and commit it; the message is kept by it if it
    was not yet.

    `note`: why nothing was extracted, kept with the message. Raises MessageConflict, NoUsableVersion, SchemaNotFound.
    """
    decided = yield from decide_messages(walk, [Given(message, extraction, note, actor)], holding=True)
    result = decided.results[0]
    if isinstance(result, MessageConflict):
        raise result
    return Decided(result, decided.due)


def decide_messages(
    walk: Walk, given: Sequence[Given], *, stop: Stop | None = None, holding: bool = False
) -> Steps[DecidedMany]:
    """Decide messages in their order, and commit. It ends early where statistics are due, where `stop`, asked with the
    decisions so far, says so, and before a message that is not to be decided with others: what is left is for the next
    call. `holding`: hold the locks of the classes while it decides, not only while it writes.

    Raises NoUsableVersion, SchemaNotFound.
    """
    began = perf_counter()
    given = _distinct(given)
    version = yield from _assumed(walk)
    settled: dict[str, Result] = {}
    if len(given) > 1:  # what is settled needs no looking up
        settled = yield from _look_at(walk, given)
        if len(settled) == len(given):
            return DecidedMany(tuple(settled[_id(each)] for each in given))
    switched: frozenset[str] = frozenset()
    while True:
        batch = Batch(walk, version, switched, [each for each in given if _id(each) not in settled], began)
        stand = yield from read(batch.turns, [_id(each) for each in batch.given], batch.fit)
        if not stand.is_of(version):
            version = yield from walk.cache.usable(walk.schema, stand.heads)
            continue
        if holding or batch.is_tied:
            (rows,) = yield from lock_for(batch.turns, *batch.look_again())
            stand = Stand.of(rows[0])
        if stand.switched == switched:
            break
        switched = stand.switched
    whole().tell(version=version.version)
    settled |= yield from known_of(walk, [each.message for each in batch.given], stand.messages)
    due_now = yield from batch.decide(stand, settled, stop)
    decided = takewhile(lambda each: _id(each) in settled, given)
    return DecidedMany(tuple(settled[_id(each)] for each in decided), due_now)


def _look_at(walk: Walk, given: Sequence[Given]) -> Steps[dict[str, Result]]:
    """What became of messages that are settled already."""
    rows = yield from fetch_rows(
        SQL["kept_messages"](tenant=walk.tenant, schema=walk.schema, ids=[_id(each) for each in given])
    )
    return (yield from known_of(walk, [each.message for each in given], {row["id"]: row for row in rows}))


def _id(given: Given) -> str:
    return given.message.id or ""


def _assumed(walk: Walk) -> Steps[SchemaVersion]:
    """The version that was in use when it was last looked at, which saves asking before reading; reading tells."""
    found = walk.cache.newest(walk.schema)
    if found is not None:
        return found
    _, heads = yield from fetch(versions.lock_shared(walk.schema), versions.usable_head(walk.schema))
    return (yield from walk.cache.usable(walk.schema, heads))


def _distinct(given: Sequence[Given]) -> Sequence[Given]:
    """The first messages that have different ids: the same one again is a replay of what is decided here."""
    seen: set[str | None] = set()
    for count, each in enumerate(given):
        if each.message.id in seen:
            return given[:count]
        seen.add(each.message.id)
    return given


class Batch:
    """Messages with what they say, as turns with one hand. A turn in which others have a part by its references is
    alone: the batch ends before it."""

    def __init__(
        self, walk: Walk, version: SchemaVersion, switched: frozenset[str], given: Sequence[Given], began: float
    ) -> None:
        self.walk = walk
        self.hand = Hand(walk.tenant, version, walk.cache)
        self.switched = switched
        self.now = walk.clock()
        self.writes = Writes(walk.tenant, walk.schema, self.now)
        self.turns: list[Turn] = []
        for each in given:
            turn = self._turn(each, began)
            if self.turns and turn.resolving is not None:
                break
            self.turns.append(turn)
            if turn.resolving is not None:
                break
        self.given = given[: len(self.turns)]

    def _turn(self, given: Given, began: float) -> Turn:
        return Turn(
            hand=self.hand,
            writes=self.writes,
            message_id=_id(given),
            extraction=given.extraction,
            switched=self.switched,
            now=self.now,
            new_id=self.walk.new_id,
            actor=given.actor,
            began=began,
        )

    def fit(self) -> Sequence[Turn]:
        """Leave for later what comes after the next statistics of a class may be due, or more than is decided at once:
        it would be read in vain."""
        hand, counted = self.hand, Counter[str]()
        for count, turn in enumerate(self.turns):
            if any(hand.changes[name] + counted[name] >= hand.statistics[name].due_at for name in turn.classes):
                self.turns = self.turns[: max(count, 1)]
                self.given = self.given[: len(self.turns)]
                break
            counted.update(item.checked.class_name for item in turn.items if item.spec is not None)
        return self.turns

    def look_again(self) -> tuple[Statement, ...]:
        """Reads how things stand, now that the locks are held."""
        return (self.hand.stand((), [_id(each) for each in self.given]),)

    @property
    def is_tied(self) -> bool:
        """Whether others have a part in it by its references: what refers to a memory is not known by what it holds."""
        return any(turn.resolving is not None for turn in self.turns)

    def decide(self, stand: Stand, settled: dict[str, Result], stop: Stop | None) -> Steps[dict[str, Due]]:
        """Decide the turns of the messages that are not `settled`, as far as it may go, write them, and add their
        results. Gives the classes whose statistics are due."""
        decisions: list[Decision] = []
        decided: list[Given] = []
        calls: list[Statement] = []
        due_now: dict[str, Due] = {}
        for each, turn in zip(self.given, self.turns, strict=True):
            said = each.extraction
            calls += keep_calls(self.walk, each.message, said.extractor, said.prompt_hash, said.calls)
            if _id(each) in settled:
                continue
            made = yield from turn.decide()
            settled[_id(each)] = IngestResult(_id(each), "decided", tuple(made))
            decided.append(each)
            decisions += made
            due_now = due(self.hand)
            if due_now or (stop is not None and stop(decisions)):
                break
        waiting = [(each, stand.messages[_id(each)]) for each in decided if _id(each) in stand.messages]
        yield from self._write([each for each in decided if _id(each) not in stand.messages], waiting, calls)
        return due_now

    def _write(
        self, settled: Sequence[Given], waiting: Sequence[tuple[Given, Row]], calls: Sequence[Statement]
    ) -> Steps[None]:
        if not settled and not waiting:
            if calls:
                yield Last(calls)
            return
        writes = statements(self.hand, self.writes, held=True)
        with step("write", statements=len(writes)):
            yield Last((lock_turn(self.turns), self._claim(settled, waiting), *self._dead(waiting), *writes, *calls))

    def _claim(self, settled: Sequence[Given], waiting: Sequence[tuple[Given, Row]]) -> Statement:
        """What holds that the turns may be written as they were decided."""
        hand, version = self.hand, self.hand.version
        asking = [item for turn in self.turns for item in turn.asking]
        classes = sorted(hand.changes)
        return SQL["claim_turn"](
            tenant=hand.tenant,
            schema=version.name,
            version=version.version,
            status=version.status,
            annotation=version.annotation,
            switched=sorted(self.switched),
            settled=Jsonb([self._kept(each) for each in settled]),
            waiting=Jsonb([self._decided(each) for each, _ in waiting]),
            ids=[_id(each) for each, _ in waiting],
            held=sorted(id for id in hand.workspace.changed if not hand.workspace.memories[id].is_new),
            classes=classes,
            changes=[hand.changes[name] for name in classes],
            read=[id for id, state in hand.workspace.memories.items() if not state.is_new],
            probes=list({key for item in asking if item.looked_up for key in item.probes}),
            digests=list({place[2] for place in hand.workspace.known_keys}),
        )

    def _dead(self, waiting: Sequence[tuple[Given, Row]]) -> list[Statement]:
        """Messages that failed before may have been dead: what was asked of a person about them is answered."""
        return [
            SQL["settle_dead_letter"](tenant=self.walk.tenant, schema=self.walk.schema, subject=f"message {_id(each)}")
            for each, row in waiting
            if row["error"] is not None
        ]

    def _decided(self, given: Given) -> JsonRow:
        reply = given.extraction.reply
        return {
            "id": given.message.id,
            "now": self.now.isoformat(),
            "note": given.note,
            "reply": storable_text(reply) if reply else None,
        }

    def _kept(self, given: Given) -> JsonRow:
        row = kept(self.walk, given.message, self.now)
        at = given.message.at
        digest = row["digest"]
        assert isinstance(digest, bytes)
        told = {"arrival": str(row["arrival"]), "digest": bytea(digest), "at": at.isoformat() if at else None}
        return {**row, **told, "now": self.now.isoformat(), "note": given.note}
