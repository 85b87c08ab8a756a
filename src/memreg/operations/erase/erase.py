"""Erasing a memory for good: what it said is taken away everywhere, and a tombstone and an entry are left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from memreg.core.errors import ActRefused, ArgumentInvalid, MemoryNotFound
from memreg.core.queries import Statement
from memreg.core.steps import Row, Rows, Steps, fetch, fetch_row, fetch_rows
from memreg.engine.change import Change
from memreg.engine.model import Action
from memreg.engine.state import name_at
from memreg.engine.store import REFERENCES, JsonRow, Writes, class_lock, lock_classes
from memreg.engine.store import SQL as ENGINE_SQL
from memreg.engine.text import tokens
from memreg.operations.acts.act import SQL as ACTS
from memreg.operations.acts.act import Act, Actor, begin
from memreg.operations.acts.entry import ActEntry
from memreg.operations.erase.others import Others
from memreg.operations.erase.outcome import Erased
from memreg.operations.erase.said import Said
from memreg.operations.erase.scrub import ERASED, Scrub, blank
from memreg.operations.erase.sweep import FIRST, PART, SQL, Sweep
from memreg.operations.quotes import Quotes, is_findable
from memreg.registry.lookup import load_version
from memreg.registry.models import SchemaVersion


@dataclass(frozen=True, slots=True)
class Erase:
    """What is to be erased: a memory, and texts that are erased from the data of other memories too (`also`)."""

    memory_id: UUID
    also: tuple[str, ...] = ()
    dry_run: bool = False

    def __post_init__(self) -> None:
        for text in self.also:
            if not is_findable(text):
                raise ArgumentInvalid(name="also", value="too short", reason="give two letters or digits at least")


def erase(actor: Actor, wanted: Erase) -> Steps[Erased]:
    """Erase a memory and those merged into it, in one transaction. Nothing brings the values back.

    Raises MemoryNotFound, ArgumentInvalid, NoUsableVersion, SchemaNotFound, and ActRefused for a memory that went into
    another one, which has its values.
    """
    act = yield from begin(actor, "erase")
    family = yield from _family(act, wanted)
    if family[0]["erased_at"] is not None:
        row = yield from fetch_row(SQL["erased_by"](tenant=act.tenant, id=wanted.memory_id))
        return Erased(wanted.memory_id, (wanted.memory_id,), row["id"] if row else None, already=True)
    return (yield from _Erasing(act, wanted, family).run())


def _family(act: Act, wanted: Erase) -> Steps[Rows]:
    """The memory and those that went into it, as rows, under the locks of their classes."""
    place = {"tenant": act.tenant, "schema": act.schema}
    rows = yield from fetch_rows(SQL["rows_of"](**place, ids=[wanted.memory_id]))
    if not rows:
        raise MemoryNotFound(memory_id=wanted.memory_id, tenant=act.tenant)
    if not wanted.dry_run:
        # One erasing at a time in a tenant: it takes the locks of its own schema first, and those of the others then.
        # All of them, as a memory may become another's part while one of the locks is waited for.
        yield from fetch(
            ENGINE_SQL["lock_class"](lock=class_lock(act.tenant, "", "erase")),
            *lock_classes(act.tenant, act.schema, {*act.version.spec.by_name, rows[0]["class"]}),
        )
    merged = yield from fetch_rows(REFERENCES["gone_into"](tenant=act.tenant, ids=[wanted.memory_id]))
    ids = [wanted.memory_id, *sorted(row["id"] for row in merged)]
    found = {row["id"]: row for row in (yield from fetch_rows(SQL["rows_of"](**place, ids=ids)))}
    into = found[wanted.memory_id]["merged_into"]
    if into is not None and found[wanted.memory_id]["erased_at"] is None:
        reason = f"it went into memory {into}, which has its values: erase that one"
        raise ActRefused(verb="erase", what=f"memory {wanted.memory_id}", reason=reason, blockers=(into,))
    return [found[each] for each in ids if each in found]


class _Erasing:
    """One erasing: what the family said is gathered, looked for everywhere and taken away."""

    def __init__(self, act: Act, wanted: Erase, family: Sequence[Row]) -> None:
        self.act = act
        self.wanted = wanted
        self.family = family
        self.ids: list[UUID] = [row["id"] for row in family]
        self.said = Said()
        self.messages: set[str] = set()
        self.classes: set[str] = {row["class"] for row in family}
        self.entry_id = act.new_id()
        self.sweep = Sweep(
            act.tenant, act.schema, act.actor.by, act.now, self.entry_id, self.ids, self.messages, wanted.dry_run
        )
        self._versions = {act.version.version: act.version}

    def run(self) -> Steps[Erased]:
        """All of it, in an order in which nothing is looked for after what tells it is gone."""
        yield from self._gather()
        sweep, everywhere = self.sweep, Quotes.of(self.wanted.also)
        shared = yield from sweep.shared(self.said, everywhere)
        quotes = Quotes.of((*self.said.without(shared), *self.wanted.also))
        self.said.tokens.update(token for text in self.wanted.also for token in tokens(text))
        self._check_by(quotes)
        scrub = Scrub(frozenset(map(str, self.ids)), quotes, everywhere, self._is_needed)
        others = Others(self.act, sweep, scrub)
        if everywhere:
            yield from others.lock()
        yield from sweep.take_messages(quotes)
        if everywhere:
            yield from others.take()
            self.classes |= others.classes
            scrub = replace(scrub, digests=frozenset(others.digests))
        yield from sweep.take_entries(scrub)
        yield from sweep.take_reviews(quotes)
        yield from sweep.take_notes(quotes)
        yield from sweep.take_tokens(self.classes, self.said.tokens - others.tokens, others.ids)
        yield from sweep.schemas(quotes)
        keys, referrers = yield from fetch(
            SQL["count_keys"](tenant=self.act.tenant, ids=self.ids),
            SQL["count_referrers"](tenant=self.act.tenant, ids=self.ids),
        )
        sweep.count(memories=len(self.ids), keys=int(keys[0]["rows"]))
        if not self.wanted.dry_run:
            yield from self._bury(quotes)
            yield from others.find_again(_text(self.wanted.memory_id))
        return Erased(
            memory_id=self.wanted.memory_id,
            memories=tuple(self.ids),
            audit_id=None if self.wanted.dry_run else self.entry_id,
            removed=sweep.removed,
            still_said=tuple(sweep.still_said),
            still_said_in=sweep.still_said_in,
            referring=referrers[0]["memories"],
            dry_run=self.wanted.dry_run,
        )

    # What they said

    def _gather(self) -> Steps[None]:
        """Every value that the memories ever had or were proposed, and the messages that told about them."""
        classes = {row["id"]: self._class_now(row["class"], row["version"]) for row in self.family}
        for row in self.family:
            yield from self._take(row["class"], row["version"], row["payload"], row["originals"])
        after: dict[str, Any] = {"after_id": FIRST, "after_revision": 0}
        asked: dict[str, Any] = {"tenant": self.act.tenant, "ids": self.ids, "limit": PART}
        while rows := (yield from fetch_rows(SQL["said_in_revisions"](**asked, **after))):
            for row in rows:
                class_name = self._name_at(classes[row["memory_id"]], row["version"])
                yield from self._take(class_name, row["version"], row["payload"], row["originals"])
            after = {"after_id": rows[-1]["memory_id"], "after_revision": rows[-1]["revision"]}
            self.sweep.count(revisions=len(rows))
        last = FIRST
        while rows := (yield from fetch_rows(SQL["said_in_entries"](**asked, schema=self.act.schema, after=last))):
            for row in rows:
                self.messages.add(row["message_id"])
                self.classes.add(row["class"])
                said = (row["given"], row["read"], row["originals"], row["conflicts"])
                yield from self._take(row["class"], row["version"], *said)
            last = rows[-1]["id"]

    def _take(self, class_name: str, number: int, *said: Any) -> Steps[None]:
        version = self._versions.get(number)
        if version is None:
            version = self._versions[number] = yield from load_version(self.act.schema, number)
        for values in said:
            self.said.take(values, class_name, version, self._class_now(class_name, number))

    def _class_now(self, class_name: str, number: int) -> str:
        lineage = self.act.version.lineage
        return (lineage.class_now(class_name, number) if lineage is not None else None) or class_name

    def _name_at(self, class_name: str, number: int) -> str:
        lineage = self.act.version.lineage
        return class_name if lineage is None else name_at(lineage, class_name, number)

    def _check_by(self, quotes: Quotes) -> None:
        """Who erases is kept in the audit's chain, from where nothing can be erased."""
        if quotes.are_in(self.act.actor.by):
            reason = "it quotes what is erased, and is kept: name whoever does it, or a role, as in 'privacy desk'"
            raise ArgumentInvalid(name="by", value="what is erased", reason=reason)

    def _is_needed(self, class_name: str, column_name: str) -> bool:
        return _is_needed(self.act.version, class_name, column_name)

    # What is left

    def _bury(self, quotes: Quotes) -> Steps[None]:
        """The tombstones, the entry that tells of it, and the message that stands for it."""
        act, root = self.act, self._in_use(self.family[0])
        classes = sorted({*self.classes, root["class"]})
        changes = yield from fetch_rows(ACTS["newest_changes"](tenant=act.tenant, schema=act.schema, classes=classes))
        newest = {row["class"]: row["change"] or 0 for row in changes}
        tombs: list[JsonRow] = []
        for row in (root, *self.family[1:]):
            newest[row["class"]] += 1
            tombs.append(
                {
                    "id": str(row["id"]),
                    "class": row["class"],
                    "version": row["version"],
                    "revision": row["revision"] + (row is root),
                    "change": newest[row["class"]],
                    "updated_at": (max(act.now, row["updated_at"]) if row is root else row["updated_at"]).isoformat(),
                }
            )
        yield (
            SQL["erase_keys"](ids=self.ids),
            SQL["erase_revisions"](rows=Jsonb([{"memory_id": str(each)} for each in self.ids])),
            SQL["erase_memories"](tenant=act.tenant, now=act.now, rows=Jsonb(tombs)),
            *self._entry(root, quotes),
        )

    def _in_use(self, row: Row) -> Row:
        """A memory as one of the version in use, if that has its class: whoever decides about memories of that class by
        what they read counts what was written under the name that it has now."""
        version, number = self.act.version, row["version"]
        name = self._class_now(row["class"], number)
        if number >= version.version or name not in version.spec.by_name:
            return row
        return {**row, "class": name, "version": version.version}

    def _entry(self, root: Row, quotes: Quotes) -> Iterable[Statement]:
        actor = self.act.actor
        why = None if actor.why is None else quotes.hide(actor.why, ERASED)
        act = replace(self.act, actor=replace(actor, why=why))
        before = _state(self.family[0])
        after = before | {"version": root["version"], "revision": root["revision"] + 1, "is_deleted": True}
        entry = ActEntry(
            id=self.entry_id,
            act_id=act.id,
            ordinal=0,
            action=Action.ERASE,
            basis=act.basis,
            class_name=root["class"],
            version=act.version.version,
            annotation=act.version.annotation,
            by=actor.by,
            why=why,
            now=act.now,
            changes=[Change(root["id"], root["class"], before, after)],
            reasons=["what it said was erased for good"],
            details={
                "left": self.sweep.digests,
                "memories": [str(each) for each in self.ids],
                "removed": dict(self.sweep.removed.counts),
            },
        )
        log, values = entry.rows
        revision: JsonRow = {
            "memory_id": str(root["id"]),
            **{
                name: after[name]
                for name in ("revision", "version", "payload", "originals", "is_deleted", "unresolved")
            },
            "pinned": {},
            "audit_id": str(entry.id),
            "created_at": max(act.now, root["updated_at"]).isoformat(),
        }
        writes = Writes(act.tenant, act.schema, act.now, revisions=[revision], audit=[log], values=[values])
        return [act.message(_text(root["id"])), *writes.statements()]


def _text(memory_id: UUID) -> str:
    return f"erase of memory {memory_id}"


def _state(row: Row) -> JsonRow:
    """The state of a memory that is erased, as the audit keeps it."""
    found = blank(row)
    assert found is not None
    into, void = found.pop("merged_into", None), row["void_revisions"]
    found |= {"merged_into": str(into)} if into else {}
    return found | ({"void": sorted(void)} if void else {})


def _is_needed(version: SchemaVersion, class_name: str, column_name: str) -> bool:
    """Whether a text may not be left out of a memory: it is required, and no key is made of it."""
    spec = version.spec.by_name.get(class_name)
    column = None if spec is None else spec.by_name.get(column_name)
    if column is None or not column.required or column.dtype.is_list:
        return False
    return (
        str(column.dtype.kind) in ("string", "text")
        and column_name not in version.annotation_of(class_name).identity_columns
    )
