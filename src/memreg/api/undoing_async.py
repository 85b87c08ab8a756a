"""The undo of an asynchronous engine: one decision, or those of a message, a session or a bad hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from memreg.api.arguments import as_optional, as_text, as_uuid
from memreg.api.part_async import AsyncPart
from memreg.core.errors import ActRefused, ArgumentInvalid
from memreg.engine.model import Action, Basis

if TYPE_CHECKING:
    from memreg.operations.acts.act import Actor
    from memreg.operations.acts.undo_run import Undo, UndoResult


class AsyncUndoing(AsyncPart):
    """How an engine takes decisions back; a base of `AsyncEngine`."""

    async def undo(
        self,
        audit_id: UUID | str,
        *,
        by: str,
        why: str | None = None,
        cascade: bool = False,
        again: bool = False,
        dry_run: bool = False,
    ) -> UndoResult:
        """Take one decision or act back: every memory that it changed is again as it was before.

        The undo is an entry of its own, which can be undone. `cascade`: what was built on it is undone before it.
        `again`: a decision about a message waits to be decided anew by `memreg resolve`. `dry_run`: only tell.

        Raises AuditNotFound, ArgumentInvalid, NoUsableVersion, and ActRefused with its `blockers` where later decisions
        built on it, another memory has its key, or its values were erased; then nothing is undone.
        """

        from memreg.operations.acts.undo_run import Undo, undo

        wanted = as_uuid("audit_id", audit_id)
        actor = await self._actor(by, why)
        asked = Undo((wanted,), f"entry {wanted}", cascade, again, dry_run)
        return await self._act(lambda: undo(actor, asked))

    async def undo_many(
        self,
        *,
        by: str,
        why: str | None = None,
        message_id: str | None = None,
        session: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        class_name: str | None = None,
        action: str | None = None,
        basis: str | None = None,
        cascade: bool = False,
        again: bool = False,
        dry_run: bool = True,
    ) -> UndoResult:
        """Take back the decisions of a message, of a session, or since a time (with a zone); more narrows them down.

        A dry run unless `dry_run=False`. Commits every 200 decisions, the newest first; stopped in the middle, it goes
        on with the rest when asked again. The parts are one act: `undo_many(message_id=result.act_id)` undoes it.
        Decisions whose values were erased are left out, and in `blocked`.

        Raises ArgumentInvalid, NoUsableVersion, and ActRefused as `undo` does; what was committed by then is told.
        """

        from memreg.operations.acts.as_of import check_time
        from memreg.operations.acts.undo_read import Selection
        from memreg.operations.acts.undo_run import Undo, UndoResult, parts, undo_selected

        selection = Selection(
            as_optional("message_id", message_id),
            as_optional("session", session),
            None if since is None else check_time("since", since),
            None if until is None else check_time("until", until),
            as_optional("class_name", class_name),
            None if action is None else _one_of("action", as_text("action", action).upper(), Action),
            None if basis is None else _one_of("basis", as_text("basis", basis).lower(), Basis),
        )
        actor = await self._actor(by, why)
        asked = Undo((), selection.sentence, cascade, again, dry_run=True)
        planned = await self._run(lambda: undo_selected(actor, selection, asked))
        if dry_run:
            return planned
        gone = tuple(each for each in planned.blocked if each.is_gone)
        if refused := [each for each in planned.blocked if not each.is_gone]:
            reason = f"{len(refused)} of them cannot be undone: {refused[0].reason} (…); look with --dry-run"
            reason += "" if cascade else ", and undo what was built on them too with --cascade"
            blockers = tuple(dict.fromkeys(each for blocked in refused for each in blocked.blockers))
            raise ActRefused(verb="undo", what=selection.sentence, reason=reason, blockers=blockers)
        done = UndoResult(None, (), gone)
        for part in parts(planned, replace(asked, dry_run=False)):
            done = await self._undo_part(actor, replace(part, act_id=done.act_id), done)
        return done

    async def _undo_part(self, actor: Actor, part: Undo, before: UndoResult) -> UndoResult:
        from memreg.operations.acts.undo_run import undo

        try:
            done = await self._act(lambda: undo(actor, part))
        except ActRefused as refused:
            if before.act_id is None:
                raise
            reason = f"what came meanwhile stands in the way of the rest: {refused.facts['reason']}"
            reason += f" ({before.sentence.rstrip('.')} by then, as memreg undo --message {before.act_id} takes back)"
            raise ActRefused(verb="undo", what=part.text, reason=reason, blockers=refused.blockers) from refused
        return replace(before + done, act_id=before.act_id or done.act_id)


def _one_of(name: str, value: str, known: type[StrEnum]) -> str:
    if value not in [str(each) for each in known]:
        raise ArgumentInvalid(name=name, value=value[:60], reason=f"it must be one of {', '.join(known)}")
    return value
