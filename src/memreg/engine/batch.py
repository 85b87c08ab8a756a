"""Deciding messages as a plan: read, decide, and write in one transaction that locks only while it is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from time import perf_counter

from memreg.core.errors import MessageConflict
from memreg.core.steps import Steps, fetch, fetch_rows
from memreg.core.tracing import step, whole
from memreg.engine.decided import Decided, DecidedMany, Given, Result, Stop
from memreg.engine.hand import Stand
from memreg.engine.ingest import Walk, known_of
from memreg.engine.model import Extraction, Message
from memreg.engine.store import SQL
from memreg.engine.together import Together
from memreg.engine.turn import lock_for, lock_turn, read
from memreg.registry import versions
from memreg.registry.models import SchemaVersion


def deciding(walk: Walk, given: Sequence[Given], *, stop: Stop | None = None) -> Callable[[], Steps[DecidedMany]]:
    """The plan that decides messages, to be run until it is not told to begin again.

    The first time it locks nothing before it writes. Where somebody else has changed what it was decided by until
    then, it is run again, and holds the locks from before it reads what has changed; where that is so most of the time,
    it does so at once.
    """
    contention, tries = walk.cache.contention, iter(range(1_000_000))
    holding = contention.is_high(walk.tenant, walk.schema)

    def plan() -> Steps[DecidedMany]:
        again = next(tries) > 0
        if again and not holding:
            contention.was_in_vain(walk.tenant, walk.schema)
        return decide_messages(walk, given, stop=stop, holding=again or holding)

    return plan


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
            return DecidedMany(tuple(settled[each.id] for each in given))
    switched: frozenset[str] = frozenset()
    while True:
        batch = Together(walk, version, switched, [each for each in given if each.id not in settled], began)
        locked = holding and batch.is_told_by_keys
        if locked:
            with step("lock", classes=len({name for turn in batch.turns for name in turn.classes})):
                yield (lock_turn(batch.turns),)
        stand = yield from read(batch.turns, [each.id for each in batch.given], batch.fit)
        if not stand.is_of(version):
            version = yield from walk.cache.usable(walk.schema, stand.heads)
            if locked:  # another version has other classes, and locks are taken in one order
                yield (SQL["begin_again"](what="the version in use"),)
            continue
        if (holding and not locked) or batch.is_tied:
            (rows,) = yield from lock_for(batch.turns, *batch.look_again())
            stand = Stand.of(rows[0])
        if stand.switched == switched:
            break
        switched = stand.switched
    whole().tell(version=version.version)
    settled |= yield from known_of(walk, [each.message for each in batch.given], stand.messages)
    due_now = yield from batch.decide(stand, settled, stop)
    decided = takewhile(lambda each: each.id in settled, given)
    return DecidedMany(tuple(settled[each.id] for each in decided), due_now)


def _look_at(walk: Walk, given: Sequence[Given]) -> Steps[dict[str, Result]]:
    """What became of messages that are settled already."""
    rows = yield from fetch_rows(
        SQL["kept_messages"](tenant=walk.tenant, schema=walk.schema, ids=[each.id for each in given])
    )
    return (yield from known_of(walk, [each.message for each in given], {row["id"]: row for row in rows}))


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
