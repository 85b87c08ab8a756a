"""Resolve: what was held back while a class was create-only is decided by the rules, in the order it came.

Unresolved memories, refused deletes, refused incomplete proposals and skipped repeats of one message are one turn, as
they would have been, so that the memories end as if the class had never been create-only. An unresolved memory either
becomes live under its own id, or goes into the memory that it turns out to be and is deleted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import UUID

from memreg.core.clock import Clock, utc_now
from memreg.core.database import Database
from memreg.core.errors import DatabaseError
from memreg.core.ids import uuid7
from memreg.core.queries import Statement
from memreg.core.steps import Rows, Steps, fetch, fetch_rows
from memreg.core.tracing import span, step
from memreg.engine.cache import Cache
from memreg.engine.hand import Hand
from memreg.engine.identity import digest
from memreg.engine.model import Decision
from memreg.engine.refresh import refresh
from memreg.engine.store import SQL as ENGINE_SQL
from memreg.engine.store import Writes, lock_classes
from memreg.engine.turn import Turn
from memreg.engine.writing import due, statements
from memreg.operations.held_back import HeldTurn, referred_again, turns_from
from memreg.operations.store import EVERY, SQL
from memreg.operations.trip.look import Looker, look
from memreg.operations.trip.pending import Pending
from memreg.registry import versions
from memreg.registry.models import SchemaVersion, Status

CHUNK = 25
"""Turns a transaction."""

_MORE = "more came meanwhile; resolve again"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one proposal that was held back.

    `audit_id` is its first entry, `decision` the second one. `memory_id`: the unresolved memory that it had made; the
    decision names the memory that it is now (its own id where it became live).
    """

    audit_id: UUID
    message_id: str
    memory_id: UUID | None
    decision: Decision


@dataclass(frozen=True, slots=True)
class Resolved:
    """What resolving came to. `left`: classes that were not resolved, each with the reason and how much waits there."""

    outcomes: tuple[Outcome, ...]
    left: tuple[LeftOut, ...]
    dry_run: bool

    @property
    def counts(self) -> dict[tuple[str, str], int]:
        """How many by action and basis."""
        found = Counter((str(each.decision.action), str(each.decision.basis)) for each in self.outcomes)
        return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one transaction resolved. `last`: the first entry of its last turn, where the next chunk goes on."""

    outcomes: tuple[Outcome, ...]
    last: UUID


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A class in which proposals wait that cannot be decided now."""

    class_name: str
    proposals: int
    reason: str


@dataclass(frozen=True)
class Resolver:
    """Who resolves: a tenant and schema; what is cached between transactions, the clock, new ids, the person."""

    tenant: str
    schema: str
    by: str | None = None
    clock: Clock = utc_now
    new_id: Callable[[], UUID] = uuid7
    cache: Cache = field(default_factory=Cache)


class _DryRunEnds(Exception):
    """Carries a dry run's outcome out of its transaction, which is rolled back by it."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        self.outcomes = outcomes


def resolve(
    database: Database,
    tenant: str,
    schema: str,
    *,
    dry_run: bool = False,
    by: str | None = None,
    clock: Clock = utc_now,
    progress: Progress | None = None,
) -> Resolved:
    """Decide all that was held back in the classes that are no longer create-only.

    Commits every 25 messages; stopped in the middle, it goes on where it stood. What it decides may trip the switch
    again, and is left as it is from then on. A dry run decides in one transaction that is rolled back.

    `progress` is called with the proposals done and their number at the start.
    Raises NoUsableVersion, SchemaNotFound, TenantInvalid, DatabaseError.
    """
    resolver = Resolver(tenant, schema, by, clock)
    waiting = database.run(tenant, lambda: _waiting(resolver))
    total = sum(waiting.values())
    outcomes: list[Outcome] = []
    if dry_run:
        try:
            database.run(tenant, lambda: _rehearse(resolver))
        except _DryRunEnds as ended:
            outcomes = ended.outcomes
        left = database.run(tenant, lambda: left_out(resolver))
        closed = tuple(each for each in left if each.reason != _MORE)
        return Resolved(tuple(outcomes), closed, dry_run=True)
    after: UUID | None = None
    pending = Pending()
    while True:
        done = database.run(tenant, partial(_fresh_chunk, resolver, after))
        if done is None:
            if after is None:
                break
            after = None  # once more from the start: entries may commit in another order than that of their ids
            continue
        after = done.last
        outcomes += done.outcomes
        _look(database, resolver, pending.decided(tenant, schema, [each.decision for each in done.outcomes]))
        if progress is not None:
            progress(len(outcomes), max(total, len(outcomes)))
    return Resolved(tuple(outcomes), database.run(tenant, lambda: left_out(resolver)), dry_run=False)


def _look(database: Database, resolver: Resolver, classes: Sequence[str]) -> None:
    """Look whether the switch of a class is to trip by what was resolved, which is committed whatever comes of it."""
    looker = Looker(resolver.tenant, resolver.schema, resolver.cache, resolver.clock, resolver.new_id)
    if classes:
        with suppress(DatabaseError):
            database.run(resolver.tenant, partial(look, looker, classes))


def resolve_chunk(resolver: Resolver, turns: int, after: UUID | None = None) -> Steps[Chunk | None]:
    """Decide the next turns that wait (`after` an entry, where one is given) in this transaction; None when none does.

    Raises NoUsableVersion, SchemaNotFound.
    """
    version, locked, _ = yield from _open_classes(resolver)
    now = _names_now(version)
    names = {now.get(name, name) for name in locked}
    if locked and version.spec.referring:  # a turn takes the locks of what it refers to: all are taken in one order
        names |= version.spec.by_name.keys()
    yield from fetch(*lock_classes(resolver.tenant, resolver.schema, names))
    version, still_open, _ = yield from _open_classes(resolver)  # a switch may have been turned during the wait
    classes = [name for name in locked if name in still_open]
    waiting = SQL["held_back"](
        tenant=resolver.tenant,
        schema=resolver.schema,
        version=version.version,
        classes=classes,
        after=after,
        limit=turns,
    )
    rows = yield from fetch_rows(waiting)
    gone: Rows = []
    if referred := sorted(referred_again(rows)):
        gone = yield from fetch_rows(SQL["gone_of"](tenant=resolver.tenant, schema=resolver.schema, ids=referred))
    found = turns_from(rows, [row["id"] for row in gone])
    if not found:
        return None
    outcomes: list[Outcome] = []
    touched: set[UUID] = set()
    last = found[0].order_id
    for held in found:
        if any(row["id"] in touched for row in held.unresolved.values()):
            break  # a turn before it changed what this one made, as a delete that cascades does: it is read again
        outcomes += yield from _decide(resolver, version, held, touched)
        last = held.order_id
    return Chunk(tuple(outcomes), last)


def left_out(resolver: Resolver) -> Steps[tuple[LeftOut, ...]]:
    """The classes in which proposals wait that cannot be decided now, with the reason."""
    _, _, closed = yield from _open_classes(resolver)
    waiting = yield from _waiting(resolver)
    return tuple(LeftOut(name, count, closed.get(name, _MORE)) for name, count in waiting.items())


def _fresh_chunk(resolver: Resolver, after: UUID | None) -> Steps[Chunk | None]:
    """A chunk cached anew: snapshots taken by a transaction that is rolled back must not be seen by the next try."""
    return resolve_chunk(replace(resolver, cache=Cache()), CHUNK, after)


def _rehearse(resolver: Resolver) -> Steps[None]:
    outcomes: list[Outcome] = []
    rehearsing = replace(resolver, cache=Cache())
    after: UUID | None = None
    while (done := (yield from resolve_chunk(rehearsing, CHUNK, after))) is not None:
        after = done.last
        outcomes += done.outcomes
    raise _DryRunEnds(outcomes)


def _decide(resolver: Resolver, version: SchemaVersion, held: HeldTurn, touched: set[UUID]) -> Steps[list[Outcome]]:
    """Decide a turn; the memories that it changes are `touched` from then on."""
    with span("resolve", schema=resolver.schema, version=version.version) as told:
        outcomes = yield from _decide_turn(resolver, version, held, touched)
        told.tell(decisions=len(outcomes))
    return outcomes


def _decide_turn(
    resolver: Resolver, version: SchemaVersion, held: HeldTurn, touched: set[UUID]
) -> Steps[list[Outcome]]:
    tenant, schema, now = resolver.tenant, resolver.schema, resolver.clock()
    hand, writes = Hand(tenant, version, resolver.cache), Writes(tenant, schema, now)
    turn = Turn(
        hand=hand,
        writes=writes,
        message_id=held.resolution_id,
        extraction=held.extraction,
        switched=frozenset(),
        now=now,
        new_id=resolver.new_id,
        actor=resolver.by,
        unresolved=held.unresolved,
    )
    yield from turn.read()
    yield from turn.lock(
        SQL["keep_resolution"](
            tenant=tenant,
            schema=schema,
            id=held.resolution_id,
            arrival=resolver.new_id(),
            text=held.text,
            digest=digest([held.text]),
            now=now,
        )
    )
    decisions = yield from turn.decide()
    batch = (*_settled(resolver, held), *statements(hand, writes))
    with step("write", statements=len(batch)):
        yield batch
    touched.update(hand.workspace.changed)
    for name, due_now in due(hand).items():
        yield from refresh(tenant, schema, name, due_now, resolver.clock)
    return [
        Outcome(each.audit_id, held.message_id, each.memory_id, decision)
        for each, decision in zip(held.held, decisions, strict=False)  # what follows from deletes comes after them
    ]


def _settled(resolver: Resolver, held: HeldTurn) -> Iterable[Statement]:
    """The questions that the refusals had made are answered by deciding again, which makes new ones."""
    return [
        ENGINE_SQL["settle_dead_letter"](
            tenant=resolver.tenant, schema=resolver.schema, subject=f"proposal {each.audit_id}"
        )
        for each in held.held
    ]


def _waiting(resolver: Resolver) -> Steps[dict[str, int]]:
    rows = yield from fetch_rows(SQL["count_held_back"](tenant=resolver.tenant, schema=resolver.schema))
    return {row["class"]: row["proposals"] for row in rows}


def _open_classes(resolver: Resolver) -> Steps[tuple[SchemaVersion, list[str], dict[str, str]]]:
    """The version in use, its classes that are not create-only, and why others cannot be resolved."""
    _, heads, switches, names = yield from fetch(
        versions.lock_shared(resolver.schema),
        versions.usable_head(resolver.schema),
        ENGINE_SQL["switches"](tenant=resolver.tenant, schema=resolver.schema),
        SQL["class_names"](schema=resolver.schema),
    )
    version = yield from resolver.cache.usable(resolver.schema, heads)
    switched = {row["class"] for row in switches}
    now = _names_now(version)
    closed, is_open = {}, []
    for row in names:
        then = row["class"]
        name = now.get(then, then)
        if version.status is Status.PENDING:
            closed[then] = f"{version} is pending; approve it first with `memreg approve {version}`"
        elif name not in version.spec.by_name:
            closed[then] = f"{version} has no such class any more"
        elif EVERY in switched or name in switched:
            closed[then] = "its kill switch is on; `memreg kill-switch status` tells how to turn it off"
        else:
            is_open.append(then)
    return version, is_open, closed


def _names_now(version: SchemaVersion) -> dict[str, str]:
    """What classes are called in a version that had another name before; a name that is another class now is that."""
    if version.lineage is None:
        return {}
    return {
        place.class_name: name
        for name in version.spec.by_name
        for place in version.lineage.places(name)
        if place.class_name not in version.spec.by_name
    }
