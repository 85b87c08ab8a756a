# Generated from acting_async.py by scripts/generate_sync.py: change that file, not this one.
"""What a person does to memories by a blocking engine: merge, split, correct, forget, restore."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from memreg.api.arguments import as_text, as_uuid
from memreg.api.part import Part
from memreg.core.errors import ArgumentInvalid

if TYPE_CHECKING:
    from memreg.operations.acts.outcome import ActResult
    from memreg.operations.acts.winners import Side


class Acting(Part):
    """How an engine puts memories right; a base of `Engine`.

    Every act is an audit entry (`audit_id` of the result) with who did it (`by`) and why, and `undo` takes it back.
    With `dry_run` nothing is changed, and the result tells what would be.
    """

    def merge(
        self,
        keep: UUID | str,
        other: UUID | str,
        *,
        prefer: Mapping[str, Side] | None = None,
        by: str,
        why: str | None = None,
        dry_run: bool = False,
    ) -> ActResult:
        """Make two memories one: `other` goes into `keep`, which takes its identity keys and what it lacks.

        Where both have a value: what a person pinned stays, then what the column's merge policy makes of both, then the
        value of `keep`; `prefer` says otherwise by column: `keep`, `other` or `both`. `winners` of the result tells it
        column by column. Whoever refers to `other` refers to `keep`. Its undo takes the two apart exactly.

        Raises MemoryNotFound, ActRefused, ArgumentInvalid, NoUsableVersion.
        """

        from memreg.operations.acts.merging import Merging, merge

        wanted = Merging(as_uuid("keep", keep), as_uuid("other", other), _mapping("prefer", prefer), dry_run)
        actor = self._actor(by, why)
        return self._act(lambda: merge(actor, wanted))

    def split(
        self,
        memory_id: UUID | str,
        *,
        revisions: Collection[int] = (),
        columns: Collection[str] = (),
        values: Mapping[str, Any] | None = None,
        by: str,
        why: str | None = None,
        dry_run: bool = False,
    ) -> ActResult:
        """Take a memory apart that two objects went into; `made` of the result is the new one.

        By `revisions`: the new memory says what these said, and the old one what the others make of it without them. By
        `columns`: their values move. `values`: what else the new one says. Identity keys go with the values that
        complete them; a strong key that both complete stays. Others go on referring to the old one.

        Raises MemoryNotFound, ActRefused, ArgumentInvalid, NoUsableVersion.
        """

        from memreg.operations.acts.splitting import Splitting, split

        wanted = Splitting(
            as_uuid("memory_id", memory_id),
            _revisions(revisions),
            [as_text("columns", name) for name in _collection("columns", columns)],
            _mapping("values", values),
            dry_run,
        )
        actor = self._actor(by, why)
        return self._act(lambda: split(actor, wanted))

    def correct(
        self,
        memory_id: UUID | str,
        values: Mapping[str, Any] | None = None,
        *,
        pin: bool = True,
        unpin: Collection[str] = (),
        keep_keys: bool = False,
        by: str,
        why: str | None = None,
        dry_run: bool = False,
    ) -> ActResult:
        """Set what is right of a memory, by column; None where there is nothing. References are given as ids.

        The columns are pinned: no message changes them later, unless `pin` is False, or until `unpin` names them. The
        identity keys of a value that was wrong are let go; with `keep_keys` (it was right until now) they stay.

        Raises MemoryNotFound, ActRefused, ArgumentInvalid, NoUsableVersion.
        """

        from memreg.operations.acts.correcting import Correction, correct

        wanted = Correction(
            as_uuid("memory_id", memory_id),
            _mapping("values", values),
            pin,
            [as_text("unpin", name) for name in _collection("unpin", unpin)],
            keep_keys,
            dry_run,
        )
        actor = self._actor(by, why)
        return self._act(lambda: correct(actor, wanted))

    def forget(self, memory_id: UUID | str, *, by: str, why: str | None = None, dry_run: bool = False) -> ActResult:
        """Delete a memory softly: it is no more read or found, and lets its identity keys go; its history stays.

        What refers to it is dealt with as its column declares (`on_delete`).
        Raises MemoryNotFound, ActRefused, ArgumentInvalid, NoUsableVersion.
        """

        from memreg.operations.acts.forgetting import Forgetting, forget

        wanted = Forgetting(as_uuid("memory_id", memory_id), dry_run)
        actor = self._actor(by, why)
        return self._act(lambda: forget(actor, wanted))

    def restore(self, memory_id: UUID | str, *, by: str, why: str | None = None, dry_run: bool = False) -> ActResult:
        """Bring a deleted memory back, with the identity keys that it had.

        Refused where another live memory has one of them now; these are the `blockers` of ActRefused.
        Raises MemoryNotFound, ActRefused, ArgumentInvalid, NoUsableVersion.
        """

        from memreg.operations.acts.restoring import Restoring, restore

        wanted = Restoring(as_uuid("memory_id", memory_id), dry_run)
        actor = self._actor(by, why)
        return self._act(lambda: restore(actor, wanted))


def _mapping(name: str, given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if given is not None and not isinstance(given, Mapping):
        raise ArgumentInvalid(name=name, value=type(given).__name__, reason="it must be a mapping of columns")
    return dict(given or {})


def _collection(name: str, given: Collection[Any]) -> list[Any]:
    if isinstance(given, str) or not isinstance(given, Collection):
        raise ArgumentInvalid(name=name, value=type(given).__name__, reason="it must be a list")
    return list(given)


def _revisions(given: Collection[int]) -> list[int]:
    found = _collection("revisions", given)
    for each in found:
        if isinstance(each, bool) or not isinstance(each, int):
            raise ArgumentInvalid(name="revisions", value=repr(each), reason="it must be the number of a revision")
    return found
