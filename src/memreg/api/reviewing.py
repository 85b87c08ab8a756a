# Generated from reviewing_async.py by scripts/generate_sync.py: change that file, not this one.
"""The questions to a person of a blocking engine: which are open, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from memreg.api.arguments import as_optional, as_text, as_uuid
from memreg.api.part import Part
from memreg.core.errors import ArgumentInvalid
from memreg.core.steps import Steps

if TYPE_CHECKING:
    from memreg.operations.acts.winners import Side
    from memreg.operations.review import Asked, Review, Settled


class Reviewing(Part):
    """How an engine asks a person, and takes the answers; a base of `Engine`."""

    def review(
        self,
        *,
        kind: str | None = None,
        class_name: str | None = None,
        limit: int = 100,
        reveal: bool = False,
        by: str | None = None,
        why: str | None = None,
    ) -> Review:
        """The open questions, oldest first, up to `limit` (1 to 10,000), and how many there are of each kind and class.

        `kind`: possible_duplicate, identity_conflict, identity_contradiction, dead_letter, unresolved (one of each
        class) or annotation_doubt. Values of columns marked `pii` are masked, unless `reveal`: then `by` must say who
        looks at them, and the audit keeps that.

        Raises ArgumentInvalid and `schema`'s.
        """

        from memreg.operations.acts.reveal import reveal as write_reveal
        from memreg.operations.review import open_items

        asked = self._asked(as_optional("kind", kind), as_optional("class_name", class_name), limit)
        if not reveal:
            return self._run(lambda: open_items(asked))
        actor = self._actor(as_text("by", by or ""), why)

        def plan() -> Steps[Review]:
            yield from write_reveal(actor, "the review queue", asked.class_name)
            return (yield from open_items(replace(asked, is_masked=False)))

        return self._run(plan)

    def settle(
        self,
        review_id: UUID | str,
        verdict: str,
        *,
        by: str,
        why: str | None = None,
        keep: UUID | str | None = None,
        prefer: Mapping[str, Side] | None = None,
        cascade: bool = False,
        leave: bool = False,
    ) -> Settled:
        """Answer a question. What the answer says is done at once, and the monitors learn what was right or wrong.

        `merge`: the memories are made one; `keep` is the one that stays (without it, the one made first), `prefer` says
        whose value a column shall have, as in `merge`. `apart`: they are two, and nobody is asked about them again.
        `right`: what was decided is right. `wrong`: it is undone, with what was built on it where `cascade`; with
        `leave` it is only noted. `verdicts` of a question tells which of them fit.

        Raises ReviewNotFound, ArgumentInvalid, and ActRefused where it cannot be done; then it stays open.
        """

        from memreg.operations.review import Answer, settle

        if prefer is not None and not isinstance(prefer, Mapping):
            raise ArgumentInvalid(name="prefer", value=type(prefer).__name__, reason="it must be a mapping of columns")
        answer = Answer(
            as_uuid("review_id", review_id),
            as_text("verdict", verdict),
            None if keep is None else as_uuid("keep", keep),
            dict(prefer or {}),
            cascade,
            leave,
        )
        actor = self._actor(by, why)
        return self._act(lambda: settle(actor, answer), verb="settle", review_id=answer.review_id)

    def reopen(self, review_id: UUID | str, *, by: str, why: str | None = None) -> Settled:
        """Take an answer back: what was done is undone, and the question is open again.

        Raises ReviewNotFound, ArgumentInvalid, and ActRefused where later decisions built on what was done.
        """

        from memreg.operations.review import reopen

        wanted = as_uuid("review_id", review_id)
        actor = self._actor(by, why)
        return self._act(lambda: reopen(actor, wanted), verb="reopen", review_id=wanted)

    def _asked(self, kind: str | None, class_name: str | None, limit: int) -> Asked:
        from memreg.operations.review import Asked

        return Asked(
            self.tenant,
            self.schema(),
            kind,
            class_name,
            limit,
            least_confidence=self.database.settings.min_identity_confidence,
            clock=self._clock,
            cache=self._cache,
        )
