"""Looking through everything of a tenant for what is to be erased, part by part, and taking it away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from memreg.core.queries import Queries
from memreg.core.steps import Row, Steps, fetch_rows
from memreg.engine.store import JsonRow
from memreg.operations.erase.outcome import Removed, StillSaid
from memreg.operations.erase.said import Place, Said, same
from memreg.operations.erase.scrub import ERASED, Scrub, texts_of
from memreg.operations.quotes import Quotes

SQL = Queries.load("memreg.operations.erase")
PART = 500
"""Rows that one statement looks at."""
FIRST = UUID(int=0)
SHOWN = 100


@dataclass
class Sweep:
    """One look through a tenant's rows, and what it came to. In a dry run nothing is written.

    `ids`: the memories that are erased; `messages`: the ids of the messages that told about them, in `schema`.
    """

    tenant: str
    schema: str
    by: str
    now: Any
    entry: UUID
    ids: list[UUID]
    messages: set[str]
    dry_run: bool
    removed: Removed = field(default_factory=Removed)
    digests: dict[str, str] = field(default_factory=dict)
    still_said: dict[StillSaid, None] = field(default_factory=dict)
    still_said_in: int = 0
    _messages: set[tuple[str, str]] = field(default_factory=set)

    def count(self, **more: int) -> None:
        """Add to what was removed."""
        counts = self.removed.counts
        self.removed = replace(self.removed, **{name: counts[name] + number for name, number in more.items()})

    # What others say

    def shared(self, said: Said, everywhere: Quotes) -> Steps[set[str]]:
        """The texts that other memories have too: in the same column, or, of those that only may be telling, anywhere.
        What they have is theirs, and is told, unless it is erased `everywhere`."""
        found: set[str] = set()
        quotes = Quotes.of(said.texts)
        for query in ("other_memories", "other_revisions"):
            after: dict[str, Any] = {"after": FIRST} if query == "other_memories" else _FIRST_REVISION
            while rows := (yield from fetch_rows(SQL[query](**self._place(quotes), **after, limit=PART))):
                after = _after(rows[-1], query)
                for row in rows:
                    if row["may"]:
                        found |= self._shared_by(row, said, quotes, everywhere)
        return found

    def _shared_by(self, row: Row, said: Said, quotes: Quotes, everywhere: Quotes) -> set[str]:
        found = set()
        for part in ("payload", "originals", "pinned"):
            for column, value in (row[part] or {}).items():
                told = [everywhere.hide(each, ERASED) for each in texts_of(value)]
                for text in {quoted for each in told for quoted in quotes.quoted(each)}:
                    whole = same(told, text)
                    place: Place = row["class"] or "", column
                    if text not in said.identifying or (whole and place in said.places_of(text)):
                        found.add(text)
                    self.tell(StillSaid("memory", str(row["id"]), row["class"], column, whole))
        return found

    def tell(self, place: StillSaid) -> None:
        """A place where something is still said."""
        if place not in self.still_said:
            self.still_said_in += 1
            if len(self.still_said) < SHOWN:
                self.still_said[place] = None

    def schemas(self, quotes: Quotes) -> Steps[None]:
        """The schemas that quote something, as examples may: no tenant's data, so that it is only told."""
        anchors = anchors_of(quotes)
        for row in (yield from fetch_rows(SQL["schemas_quoting"](**anchors))):
            if quotes.are_in(row["told"]):
                self.tell(StillSaid("schema", f"{row['schema']}@{row['version']}"))

    # What is taken away

    def take_messages(self, quotes: Quotes) -> Steps[None]:
        """The messages that told about the memories, and those that quote what they said, lose their texts."""
        after_schema = after_id = ""
        while True:
            place = {"after_schema": after_schema, "after_id": after_id, "ids": sorted(self.messages)}
            rows = yield from fetch_rows(
                SQL["messages_after"](tenant=self.tenant, schema=self.schema, **anchors_of(quotes), **place, limit=PART)
            )
            if not rows:
                return
            after_schema, after_id = rows[-1]["schema"], rows[-1]["id"]
            gone = [row for row in rows if row["may"] and self._is_gone(row, quotes)]
            self._messages.update((row["schema"], row["id"]) for row in gone)
            undecided = sum(row["status"] not in ("decided", "dropped") for row in gone)
            self.count(messages=len(gone), dropped=undecided)
            if gone and not self.dry_run:
                left: list[JsonRow] = [
                    {
                        "schema": row["schema"],
                        "id": row["id"],
                        "keeps_session": not quotes.are_in(row["session"] or ""),
                    }
                    for row in gone
                ]
                yield (SQL["erase_messages"](tenant=self.tenant, by=self.by, now=self.now, rows=Jsonb(left)),)

    def _is_gone(self, row: Row, quotes: Quotes) -> bool:
        if quotes.are_in(row["id"]):
            self.tell(StillSaid("message", row["id"]))
        if row["is_meant"]:
            return True
        return any(quotes.are_in(row[name] or "") for name in ("text", "reply", "error", "session"))

    def take_entries(self, scrub: Scrub) -> Steps[None]:
        """The audit entries about the memories lose their values, others what quotes them."""
        after = FIRST
        both = Quotes.of((*scrub.quotes.texts, *scrub.everywhere.texts))
        asked = {
            **self._place(both),
            "schema": self.schema,
            "messages": sorted(self.messages),
            "named": [f"%{each}%" for each in self.ids],
        }
        while rows := (yield from fetch_rows(SQL["entries_after"](**asked, after=after, limit=PART))):
            after = rows[-1]["audit_id"]
            left = []
            for row in rows:
                if row["may"]:
                    if scrub.quotes.are_in(f"{row['class']} {row['actor']}"):
                        self.tell(StillSaid("audit", str(row["audit_id"])))
                    linked = row["schema"] == self.schema and row["message_id"] in self.messages
                    left.append(scrub.entry(row, is_linked=linked))
            yield from self._erase_entries([each for each in left if each is not None])

    def _erase_entries(self, left: list[JsonRow]) -> Steps[None]:
        self.count(entries=len(left))
        if left and not self.dry_run:
            rows = yield from fetch_rows(SQL["erase_entries"](rows=Jsonb(left), act_entry=self.entry, now=self.now))
            self.digests.update((str(row["entry"]), bytes(row["left_digest"]).hex()) for row in rows)

    def take_reviews(self, quotes: Quotes) -> Steps[None]:
        """The questions about the memories and the messages that are gone are settled; what quotes them is taken out of
        others."""
        after, messages = FIRST, sorted(self._messages)
        asked = {
            **self._place(quotes),
            "schemas": [schema for schema, _ in messages],
            "messages": [message_id for _, message_id in messages],
        }
        while rows := (yield from fetch_rows(SQL["reviews_after"](**asked, after=after, limit=PART))):
            after = rows[-1]["id"]
            left = []
            for row in rows:
                if not row["may"]:
                    continue
                reason = ERASED if row["is_meant"] else quotes.hide(row["reason"], ERASED)
                why = row["why"] and (ERASED if row["is_meant"] else quotes.hide(row["why"], ERASED))
                is_open = row["is_meant"] and row["status"] == "open"
                if (reason, why) != (row["reason"], row["why"]) or is_open:
                    left.append({"id": str(row["id"]), "reason": reason, "why": why, "is_moot": row["is_meant"]})
            self.count(reviews=len(left))
            if left and not self.dry_run:
                yield (SQL["erase_reviews"](tenant=self.tenant, by=self.by, now=self.now, rows=Jsonb(left)),)

    def take_notes(self, quotes: Quotes) -> Steps[None]:
        """What people noted about statistics and kill switches, and backfills about memories, loses what quotes."""
        left = []
        for row in (yield from fetch_rows(SQL["notes"](tenant=self.tenant))):
            reason = quotes.hide(row["reason"], ERASED)
            if reason != row["reason"]:
                left.append({**row, "memory_id": row["memory_id"] and str(row["memory_id"]), "reason": reason})
        self.count(notes=len(left))
        if left and not self.dry_run:
            yield (SQL["erase_notes"](rows=Jsonb(left)),)

    def take_tokens(self, classes: Iterable[str], tokens: Iterable[str], changed: Iterable[UUID]) -> Steps[None]:
        """The words that no other memory of a class has go out of its statistics; those `changed` do not count."""
        ids = [*self.ids, *changed]
        names = sorted(classes)
        place = {"tenant": self.tenant, "schema": self.schema}
        rows = yield from fetch_rows(SQL["tokens_held"](**place, classes=names, tokens=sorted(tokens)))
        left = {row["token"] for row in rows}
        for name in names:
            after: UUID | None = FIRST
            while left and after is not None:
                asked = {**place, "class_name": name, "ids": ids, "tokens": sorted(left)}
                rows = yield from fetch_rows(SQL["tokens_of_others"](**asked, after=after, limit=PART))
                after = rows[0]["last"]
                left -= set(rows[0]["tokens"] or ())
        self.count(tokens=len(left))
        if left and not self.dry_run:
            yield (SQL["erase_tokens"](schema=self.schema, classes=names, tokens=sorted(left)),)

    def _place(self, quotes: Quotes) -> dict[str, Any]:
        return {"tenant": self.tenant, "ids": self.ids, **anchors_of(quotes)}


_BETWEEN = "[^0-9]{0,6}"  # what may be between two digits of a number, as JSON writes it too
_FIRST_REVISION: dict[str, Any] = {"after_id": FIRST, "after_revision": 0}


def _after(row: Mapping[str, Any], query: str) -> dict[str, Any]:
    if query == "other_memories":
        return {"after": row["id"]}
    return {"after_id": row["id"], "after_revision": row["revision"]}


def anchors_of(quotes: Quotes) -> dict[str, Any]:
    """What the database looks for before each text is looked at closely, as parameters of the queries."""
    anchors = quotes.anchors
    return {
        "words": [f"%{word}%" for word in anchors.words],
        "digits": [_BETWEEN.join(digits) for digits in anchors.digits],
        "unsure": anchors.unsure,
    }
