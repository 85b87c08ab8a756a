"""Texts that are erased from the data of other memories too: these lose them in every revision, and are found by what
is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from memreg.core.errors import ActRefused
from memreg.core.steps import Row, Steps, fetch, fetch_rows
from memreg.engine.identity import key_values
from memreg.engine.model import Action
from memreg.engine.state import name_at
from memreg.engine.store import JsonRow, bytea, lock_classes
from memreg.engine.text import tokens
from memreg.operations.acts.act import Act, begin
from memreg.operations.acts.hands import Hands
from memreg.operations.erase.scrub import Scrub, texts_of
from memreg.operations.erase.sweep import FIRST, PART, SQL, Sweep, anchors_of
from memreg.registry.lookup import load_version
from memreg.registry.models import SchemaVersion

MOST = 1_000
"""The other memories that one erasing may change."""
_PARTS = ("payload", "originals", "pinned")


class Others:
    """The memories (`ids`), of every schema of the tenant, that say one of the texts which are erased everywhere.

    `classes`: theirs; `digests`: of the identity keys that they lose; `tokens`: the words that are left of them.
    """

    def __init__(self, act: Act, sweep: Sweep, scrub: Scrub) -> None:
        self.act = act
        self.sweep = sweep
        self.scrub = scrub
        self.classes: set[str] = set()
        self.digests: set[str] = set()
        self.tokens: set[str] = set()
        self._acts: dict[str, Act] = {act.schema: act}
        self._live: dict[str, list[UUID]] = {}
        self.ids: set[UUID] = set()
        self._gone: set[tuple[UUID, bytes]] = set()
        self._keys: list[JsonRow] = []
        self._versions: dict[tuple[str, int], SchemaVersion] = {}

    def lock(self) -> Steps[None]:
        """Take the locks of every class of the tenant, so that nobody writes back what is taken away; before a row is
        changed, as whoever decides a message holds its classes before its row."""
        for row in (yield from fetch_rows(SQL["schemas_of"](tenant=self.act.tenant))):
            if row["schema"] in self._acts:
                continue
            begun = yield from begin(replace(self.act.actor, schema=row["schema"]), self.act.verb)
            self._acts[row["schema"]] = act = replace(begun, id=self.act.id, now=self.act.now)
            if not self.sweep.dry_run:
                yield from fetch(*lock_classes(act.tenant, act.schema, act.version.spec.by_name))

    def take(self) -> Steps[None]:
        """Take the texts out of every state that other memories are or were in, under the locks. Raises ActRefused for
        too many."""
        after: dict[str, Any] = {"after_id": FIRST, "after_revision": 0}
        while rows := (yield from fetch_rows(SQL["other_revisions"](**self._asked(), **after, limit=PART))):
            after = {"after_id": rows[-1]["id"], "after_revision": rows[-1]["revision"]}
            left = yield from self._left(rows)
            if left and not self.sweep.dry_run:
                yield from fetch_rows(SQL["erase_revisions"](rows=Jsonb(left)))
        last = FIRST
        while rows := (yield from fetch_rows(SQL["other_memories"](**self._asked(), after=last, limit=PART))):
            last = rows[-1]["id"]
            left = yield from self._left(rows)
            ids = {each["memory_id"] for each in left}
            for row in rows:
                if str(row["id"]) in ids and not row["is_deleted"] and self._is_known(row):
                    self._live.setdefault(row["schema"], []).append(row["id"])
            if left and not self.sweep.dry_run:
                renamed = [{"id": each["memory_id"], **each} for each in left]
                yield (SQL["redact_memories"](tenant=self.act.tenant, rows=Jsonb(renamed)),)
        self.sweep.count(others=len(self.ids))
        if self._keys and not self.sweep.dry_run:
            yield from fetch_rows(SQL["erase_identity_keys"](rows=Jsonb(self._keys)))

    def find_again(self, text: str) -> Steps[None]:
        """Have the live ones found by what is left of them: each has one more revision, which an entry tells of."""
        for schema, ids in self._live.items():
            hands = Hands(self._acts[schema], first_ordinal=1)
            states = yield from hands.take(ids)
            for state in states.values():
                state.revise(state.payload, state.originals, hands.act.version.version, hands.act.now)
                hands.record(Action.ERASE, state, reasons=["what was erased for good was taken out of it"])
            statements = hands.statements(text)
            if statements:
                yield tuple(statements)

    # Parts

    def _left(self, rows: list[Row]) -> Steps[list[JsonRow]]:
        """What is left of the states among rows that say one of the texts."""
        found = []
        for row in rows:
            if not row["may"]:
                continue
            class_name, number = row["class"], row["version"]
            left = self.scrub.state(row, class_name)
            if all(left[part] == (row[part] or {}) for part in _PARTS):
                continue
            self.ids.add(row["id"])
            if len(self.ids) > MOST:
                reason = f"more than {MOST:,} other memories say what is to be erased too: use a longer text"
                raise ActRefused(verb="erase", what=f"memory {self.sweep.ids[0]}", reason=reason)
            self.classes.add(class_name)
            version = yield from self._version(row["schema"], number)
            self._lose_keys(row["id"], row["payload"], left["payload"], class_name, version)
            self.tokens.update(token for text in texts_of(left["payload"]) for token in tokens(text))
            place = {"memory_id": str(row["id"])} | ({"revision": row["revision"]} if "revision" in row else {})
            found.append(place | left)
        return found

    def _lose_keys(
        self, memory_id: UUID, before: Mapping[str, Any], after: Mapping[str, Any], now: str, version: SchemaVersion
    ) -> None:
        """The keys that the values which are gone had completed."""
        lineage = version.lineage
        name = now if lineage is None else name_at(lineage, now, version.version)
        annotation = version.annotation_of(name)
        kept = {held.digest for held in key_values(after, annotation)}
        for held in key_values(before, annotation):
            if held.digest not in kept and (memory_id, held.digest) not in self._gone:
                self._gone.add((memory_id, held.digest))
                self.digests.add(held.digest.hex())
                self._keys.append({"memory_id": str(memory_id), "digest": bytea(held.digest)})

    def _version(self, schema: str, number: int) -> Steps[SchemaVersion]:
        found = self._versions.get((schema, number))
        if found is None:
            found = self._versions[schema, number] = yield from load_version(schema, number)
        return found

    def _is_known(self, row: Row) -> bool:
        """Whether the version in use has a memory's class; one of a class that is gone is found by nothing."""
        version = self._acts[row["schema"]].version
        lineage = version.lineage
        now = row["class"] if lineage is None else lineage.class_now(row["class"], row["version"])
        return now in version.spec.by_name

    def _asked(self) -> dict[str, Any]:
        return {"tenant": self.act.tenant, "ids": self.sweep.ids, **anchors_of(self.scrub.everywhere)}
