"""Turns that are decided together: each sees what those before it did, and all are written in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from time import perf_counter

from psycopg.types.json import Jsonb

from memreg.core.queries import Statement
from memreg.core.steps import Last, Row, Steps, fetch
from memreg.core.tracing import step
from memreg.engine.candidates import CANDIDATES
from memreg.engine.decided import Given, Result, Stop
from memreg.engine.hand import Hand, Stand
from memreg.engine.ingest import Walk, keep_calls, kept
from memreg.engine.item import Item
from memreg.engine.model import Decision, IngestResult
from memreg.engine.refresh import Due
from memreg.engine.storable import storable_text
from memreg.engine.store import SQL, JsonRow, Writes, bytea
from memreg.engine.turn import Turn, lock_turn
from memreg.engine.writing import due, statements
from memreg.registry.models import SchemaVersion

LONGEST_HELD = 0.25
"""Seconds from the first writing on, after which no further turn is looked up under the locks: others wait for them."""
WINDOW = 32
"""The most turns whose proposals are looked up at once."""


class Together:
    """Messages with what they say, as turns with one hand, decided as if one by one. A turn in which others have a part
    by its references is alone: it ends before that."""

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
        self._stand = Stand([], switched, {}, {})
        self._unwritten: list[Given] = []
        self._calls: list[Statement] = []
        self._held_since: float | None = None
        self._mark = -1
        self._is_overtaking = False
        self._ahead = 1

    def _turn(self, given: Given, began: float) -> Turn:
        return Turn(
            hand=self.hand,
            writes=self.writes,
            message_id=given.id,
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
        return (self.hand.stand((), [each.id for each in self.given]),)

    @property
    def is_told_by_keys(self) -> bool:
        """Whether its proposals' keys say what they are about, so that little is read for them: under the locks at
        once, it is read only once."""
        return all(item.key_places for turn in self.turns for item in turn.asking if item.spec is not None)

    @property
    def is_tied(self) -> bool:
        """Whether others have a part in it by its references: what refers to a memory is not known by what it holds."""
        return any(turn.resolving is not None for turn in self.turns)

    def decide(self, stand: Stand, settled: dict[str, Result], stop: Stop | None) -> Steps[dict[str, Due]]:
        """Decide the turns of the messages that are not `settled`, as far as it may go, write them, and add their
        results. Gives the classes whose statistics are due."""
        decisions: list[Decision] = []
        due_now: dict[str, Due] = {}
        self._stand = stand
        for nth, (each, turn) in enumerate(zip(self.given, self.turns, strict=True)):
            if each.id not in settled:
                if not (yield from self._look_up(nth)):
                    break
                made = yield from turn.decide()
                settled[each.id] = IngestResult(each.id, "decided", tuple(made))
                self._unwritten.append(each)
                decisions += made
                due_now = due(self.hand)
            said = each.extraction
            self._calls += keep_calls(self.walk, each.message, said.extractor, said.prompt_hash, said.calls)
            if due_now or (decisions and stop is not None and stop(decisions)):
                break
        if self._unwritten or self._calls or self._held_since is not None:
            writes = self._write()
            with step("write", statements=len(writes)):
                yield Last(writes)
        return due_now

    # Looking up, turn by turn

    def _look_up(self, nth: int) -> Steps[bool]:
        """Look up what the proposals of the `nth` turn resemble, if that is asked, as it is after the turns before.

        What these changed is known here, and joined with what the database finds; where that is not sure to be what it
        would find by now, it is written first. False: the locks have been held for long, so the batch ends before it.
        """
        asking = self._asking(nth)
        if len(self.turns) == 1 or not asking:
            return True
        if not self._is_overtaking and not all(item.looked_up for item in asking):
            yield from self._find(nth)
        if all(item.looked_up for item in asking) and not self._is_overtaken(nth):
            return True
        if not self._unwritten:
            yield from self._find(nth)
            return True
        if self._held_since is not None and perf_counter() - self._held_since > LONGEST_HELD:
            return False
        self._is_overtaking = True
        yield from self._find(nth, *self._write())
        return True

    def _find(self, nth: int, *writes: Statement) -> Steps[None]:
        """Look up the window that begins with the `nth` turn, after `writes`, which are all that was decided so far."""
        items = self._window(nth)
        with step("write", statements=len(writes)) if writes else step("look_up", proposals=len(items)):
            *_, rows = yield from fetch(*writes, self.hand.candidates(items))
        if writes:
            self._written()
        for item in items:
            item.found.clear()
            item.mark = self._mark
        self.hand.take_candidates(items, rows)

    def _written(self) -> None:
        self._mark = self.hand.workspace.touches
        self._held_since = self._held_since or perf_counter()
        self.hand.written_out()
        self.writes.clear()
        self._unwritten, self._calls = [], []

    def _asking(self, nth: int) -> list[Item]:
        """The proposals of a turn that no key tells what they are about, as things stand."""
        return [item for item in self.turns[nth].asking if not self.hand.hits(item) and item.probes]

    def _window(self, nth: int) -> list[Item]:
        """The proposals to look up: of a turn, and of the next ones, the more of them the longer what is decided before
        does not matter."""
        items = self._asking(nth)
        if not self._is_overtaking:
            for later in range(nth + 1, min(nth + self._ahead, len(self.turns))):
                items += self._asking(later)
            self._ahead = min(2 * self._ahead, WINDOW)
        return items

    def _is_overtaken(self, nth: int) -> bool:
        """Whether the turns before changed what the database would find now, so that it has to be asked again.

        It would find all that a proposal resembles as long as that is no more than it gives; beyond, which ones depends
        on how many memories there are under each key.
        """
        for item in self._asking(nth):
            changed = self.hand.sharing(item)
            if len(item.found) >= CANDIDATES and (changed or self.hand.workspace.last_loss > item.mark):
                return True
            if len({*item.found, *changed}) > CANDIDATES:
                return True
        return False

    # Writing

    def _write(self) -> list[Statement]:
        """What was decided since the last time, with what holds that it may be written. The first time it takes the
        locks."""
        first = self._held_since is None
        settled = [each for each in self._unwritten if each.id not in self._stand.messages]
        waiting = [(each, self._stand.messages[each.id]) for each in self._unwritten if each.id in self._stand.messages]
        if not self._unwritten and first:
            return self._calls
        locks = [lock_turn(self.turns)] if first else []
        writes = statements(self.hand, self.writes, held=True)
        return [*locks, self._claim(settled, waiting, first), *self._dead(waiting), *writes, *self._calls]

    def _claim(self, settled: Sequence[Given], waiting: Sequence[tuple[Given, Row]], first: bool) -> Statement:
        """What holds that the turns may be written as they were decided. What was read before the locks were taken has
        to be looked at but once."""
        hand, version = self.hand, self.hand.version
        asking = [item for turn in self.turns for item in turn.asking]
        classes = sorted(hand.changes) if first else []
        memories = hand.workspace.memories
        held = sorted(id for id in {*hand.workspace.changed, *hand.workspace.seen} if not memories[id].is_new)
        return SQL["claim_turn"](
            tenant=hand.tenant,
            schema=version.name,
            version=version.version,
            status=version.status,
            annotation=version.annotation,
            switched=sorted(self.switched),
            settled=Jsonb([self._kept(each) for each in sorted(settled, key=lambda one: one.id)]),
            waiting=Jsonb([self._decided(each, row) for each, row in sorted(waiting, key=lambda one: one[0].id)]),
            ids=[each.id for each, _ in waiting],
            held=held,
            revisions=[hand.workspace.revisions[id] for id in held],
            classes=classes,
            changes=[hand.changes[name] for name in classes],
            read=[id for id, state in memories.items() if not state.is_new] if first else [],
            probes=list({key for item in asking if item.looked_up for key in item.probes}) if first else [],
            digests=list({place[2] for place in hand.workspace.known_keys}) if first else [],
        )

    def _dead(self, waiting: Sequence[tuple[Given, Row]]) -> list[Statement]:
        """Messages that failed before may have been dead: what was asked of a person about them is answered."""
        return [
            SQL["settle_dead_letter"](tenant=self.walk.tenant, schema=self.walk.schema, subject=f"message {each.id}")
            for each, row in waiting
            if row["error"] is not None
        ]

    def _decided(self, given: Given, row: Row) -> JsonRow:
        reply = given.extraction.reply
        return {
            "id": given.message.id,
            "now": self.now.isoformat(),
            "note": given.note,
            "reply": storable_text(reply) if reply else None,
            "has_failed": row["error"] is not None,
        }

    def _kept(self, given: Given) -> JsonRow:
        row = kept(self.walk, given.message, self.now)
        at = given.message.at
        digest = row["digest"]
        assert isinstance(digest, bytes)
        told = {"arrival": str(row["arrival"]), "digest": bytea(digest), "at": at.isoformat() if at else None}
        return {**row, **told, "now": self.now.isoformat(), "note": given.note}
