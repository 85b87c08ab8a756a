# Generated from auditing_async.py by scripts/generate_sync.py: change that file, not this one.
"""The audit of a blocking engine: listed, verified, anchored, replayed, handed out, and sealed now and then."""

from __future__ import annotations

import builtins
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from memreg.api.arguments import as_text
from memreg.api.audit_filter import entry_filter
from memreg.api.part import Part
from memreg.core.errors import ArgumentInvalid, DatabaseError
from memreg.engine.model import AuditEntry

if TYPE_CHECKING:
    from memreg.operations.audit.finding import Verification
    from memreg.operations.audit.rebuild import Replayed

_PAUSE = 0.05


class Auditing(Part):
    """What an engine does with the audit of its tenant; a base of `Engine`."""

    _decided: Counter[str]
    """Decisions by tenant since its audit was last looked after, of all engines that share connections."""

    def audit(
        self,
        *,
        limit: int = 100,
        message_id: str | None = None,
        memory_id: UUID | str | None = None,
        session: str | None = None,
        class_name: str | None = None,
        action: str | None = None,
        basis: str | None = None,
        by: str | None = None,
        min_score: float | None = None,
        max_score: float | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: UUID | str | None = None,
    ) -> builtins.list[AuditEntry]:
        """Audit entries, newest first, up to `limit` (1 to 10,000), that fit all of what is given.

        `memory_id`: entries about a memory, and those about another one that changed it; `by`: acts of a person;
        `since` and `until` are times with a zone, the first counts and the second does not; scores are in [0, 1], and
        both ends count; `before`: only entries older than this one. Raises ArgumentInvalid and `schema`'s.
        """

        from memreg.operations.audit.entries import audit_entries

        wanted = entry_filter(
            message_id=message_id,
            memory_id=memory_id,
            session=session,
            class_name=class_name,
            action=action,
            basis=basis,
            by=by,
            min_score=min_score,
            max_score=max_score,
            since=since,
            until=until,
            before=before,
        )
        schema = self.schema()
        return self._run(lambda: audit_entries(self.tenant, schema, wanted, limit))

    def verify_audit(self, *, anchor: str | None = None) -> Verification:
        """Whether the audit of this tenant is as it was written: every entry, every value, every seal.

        `anchor`: what `anchor_audit` gave at some time, as text or the path of a file with it; with it, also what was
        cut off or written anew since then is found, by whomever. Raises ArgumentInvalid.
        """

        from memreg.operations.audit.anchor import read_anchors
        from memreg.operations.audit.verify import verify

        anchors = () if anchor is None else read_anchors(as_text("anchor", anchor))
        mine = [each for each in anchors if each.tenant == self.tenant]
        if anchors and not mine:
            told = ", ".join(each.tenant for each in anchors)
            raise ArgumentInvalid(name="anchor", value=f"of {told}", reason=f"it says nothing of {self.tenant!r}")
        return self._run(lambda: verify(self.tenant, mine))

    def anchor_audit(self) -> str:
        """The head of this tenant's chain as one line of text, with everything sealed that was written until now.

        Keep it where nobody who owns the database can write.
        """

        from memreg.operations.audit.anchor import anchor_of

        self.seal_audit()
        return str(self._run(lambda: anchor_of(self.tenant)))

    def seal_audit(self) -> int:
        """Tie every entry of this tenant that no seal ties yet, in batches, each a transaction; how many.

        Where another one seals them now, it is waited for.
        """

        from memreg.operations.audit.seal import seal_batch

        sealed = 0
        while (batch := self._run(lambda: seal_batch(self.tenant))) != 0:
            if batch is None:
                time.sleep(_PAUSE)
            sealed += batch or 0
        return sealed

    def replay_audit(self) -> Replayed:
        """Build the memories of this tenant and schema from the audit alone, and compare them with what is stored."""

        from memreg.operations.audit.rebuild import replay

        schema = self.schema()
        return self._run(lambda: replay(self.tenant, schema))

    def export_audit(
        self,
        write: Callable[[str], object],
        *,
        format: str = "jsonl",
        reveal: bool = False,
        by: str | None = None,
        why: str | None = None,
        message_id: str | None = None,
        memory_id: UUID | str | None = None,
        session: str | None = None,
        class_name: str | None = None,
        action: str | None = None,
        basis: str | None = None,
        actor: str | None = None,
        min_score: float | None = None,
        max_score: float | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> int:
        """Hand out audit entries, oldest first, a line each to `write`; how many. `format`: jsonl or csv.

        Values of columns marked `pii` are masked. With `reveal` they are not: then `by` is who wants to read them, and
        an entry of the audit keeps that with the reason, `why`. The filters are those of `audit` (`actor` is its `by`).
        Raises ArgumentInvalid and `schema`'s.
        """

        from memreg.operations.acts.reveal import reveal as reveal_values
        from memreg.operations.audit.export import Export
        from memreg.registry import versions

        wanted = entry_filter(
            message_id=message_id,
            memory_id=memory_id,
            session=session,
            class_name=class_name,
            action=action,
            basis=basis,
            by=actor,
            min_score=min_score,
            max_score=max_score,
            since=since,
            until=until,
        )
        schema = self.schema()
        export = Export(self.tenant, schema, wanted, format, write, reveal=reveal)
        if reveal:
            who = self._actor(by or "", why)
            self._run(lambda: reveal_values(who, "an export of the audit", wanted.class_name))
        else:
            export.version = self.database.run_admin(lambda: versions.newest(schema))
        while self._run(export.page):
            pass
        return export.entries

    def _decided_again(self, decisions: int) -> None:
        """Some decisions were made: after enough of them, seal what is written, outside of their transactions."""

        from memreg.operations.audit.tail import ENOUGH

        self._decided[self.tenant] += decisions
        if self._decided[self.tenant] >= ENOUGH:
            self._seal_when_due(self.tenant)

    def _seal_when_due(self, tenant: str) -> None:
        """Seal what waits for it, if it is much or waits for long; nothing is lost where that fails."""

        from memreg.operations.audit.tail import seal_when_due

        if self._decided.pop(tenant, 0):
            with suppress(DatabaseError):
                self.database.run(tenant, lambda: seal_when_due(tenant, self._clock()))
