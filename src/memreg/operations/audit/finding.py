"""What is found wrong in the audit of a tenant, and the report of a verification. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from memreg.operations.audit.sentences import SENTENCES, FindingKind


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was written. `seal`: the link of the chain that it shows in, None where it is in no
    seal; `audit_id`: the entry; `more`: how many others of the same kind show in the same place."""

    kind: FindingKind
    tenant: str
    seal: int | None = None
    audit_id: UUID | None = None
    more: int = 0

    @property
    def sentence(self) -> str:
        """It in one sentence, without values."""
        what = SENTENCES[self.kind].format(seal=self.seal, entry=self.audit_id)
        return f"{what} (and {self.more} more like it)" if self.more else what


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification of a tenant's audit found: nothing wrong (`is_intact`), or the `findings`, in their order in
    the chain.

    `entries` and `seals` were looked at; `unsealed` entries are in no seal yet, the oldest since `unsealed_since`;
    `removed` ones were taken out by retention, as the audit itself tells; `erased` ones have lost their values, as it
    tells too. `anchored`: the seal of the anchor that the chain was held against.
    """

    tenant: str
    entries: int
    seals: int
    unsealed: int
    unsealed_since: datetime | None
    removed: int
    erased: int
    anchored: int | None
    findings: tuple[Finding, ...]

    @property
    def is_intact(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def first_broken(self) -> int | None:
        """The first link of the chain that does not hold, None where all do."""
        broken = [finding.seal for finding in self.findings if finding.seal is not None]
        return min(broken, default=None)

    @property
    def sentence(self) -> str:
        """The report in one sentence."""
        entries = "1 entry" if self.entries == 1 else f"{self.entries:,} entries"
        counted = f"{entries} in {self.seals:,} {'seal' if self.seals == 1 else 'seals'}"
        if self.findings:
            place = (
                f"the first broken link is seal {self.first_broken}" if self.first_broken else "outside of the seals"
            )
            things = "1 thing is" if len(self.findings) == 1 else f"{len(self.findings)} things are"
            return f"Tenant {self.tenant!r}: {things} not as written, {place}; {counted} were looked at."
        tail = f", {self.unsealed:,} not sealed yet" if self.unsealed else ""
        held = f", as seal {self.anchored} of the anchor says" if self.anchored is not None else ""
        return f"Tenant {self.tenant!r}: the audit is as it was written{held}: {counted}{tail}."


def together(kind: FindingKind, tenant: str, seal: int | None, ids: Sequence[UUID]) -> list[Finding]:
    """Findings of one kind in one place as one, which names the first."""
    return [Finding(kind, tenant, seal, ids[0], len(ids) - 1)] if ids else []
