"""Verifying a tenant's audit: every digest made anew, every link followed, and held against an anchor where there is
one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from memreg.core.steps import Row, Steps, fetch, fetch_row, fetch_rows
from memreg.operations.audit.anchor import Anchor
from memreg.operations.audit.finding import Finding, Verification, together
from memreg.operations.audit.seal import SQL
from memreg.operations.audit.sentences import FindingKind

LINKS = 20
"""Seals that are looked at in one round trip."""
MOST = 1000
"""Findings of one kind that are counted outside of the seals."""
PATIENCE = timedelta(minutes=5)
"""How long a transaction may have been open when what came after its entries was sealed before them."""
_OUTSIDE = (
    ("unknown_entries", FindingKind.UNKNOWN),
    ("values_alone", FindingKind.VALUES_ALONE),
    ("messages_gone", FindingKind.MESSAGE_MISSING),
)
LOOKS = 3
"""How often it is looked again where something is gone, and was erased or removed meanwhile."""
_GONE = frozenset({FindingKind.MISSING, FindingKind.ERASED_UNTOLD})
SKEW = timedelta(hours=1)
"""How far the clock of an engine may be from that of the database."""


@dataclass
class _Told:
    """What the audit itself tells of entries that are not there any more, or not with their values."""

    ends: UUID | None
    rest: Mapping[str, str]

    def removed(self, ids: Sequence[UUID]) -> list[UUID]:
        """Those of the entries that retention removed."""
        return [each for each in ids if self.ends is not None and each.int < self.ends.int]

    def untold(self, erased: Mapping[str, str]) -> list[UUID]:
        """The entries whose values are gone, or are not what an erasing left."""
        return [UUID(each) for each, digest in erased.items() if self.rest.get(each) != digest]


@dataclass
class _Walk:
    """The chain as far as it was followed."""

    tenant: str
    told: _Told
    hash: bytes
    seal: int = 0
    entries: int = 0
    removed: int = 0
    erased: int = 0
    findings: list[Finding] = field(default_factory=list)

    def follow(self, row: Row) -> None:
        """The next seal, with what is found of its entries."""
        tenant, seal = self.tenant, row["seal"]
        if seal != self.seal + 1:
            self.findings.append(Finding(FindingKind.SEAL_MISSING, tenant, self.seal + 1, more=seal - self.seal - 2))
        elif bytes(row["previous"]) != self.hash:
            self.findings.append(Finding(FindingKind.SEAL_UNLINKED, tenant, seal))
        if bytes(row["hash"]) != bytes(row["hash_found"]):
            self.findings.append(Finding(FindingKind.SEAL_CHANGED, tenant, seal))
        if not row["missing"] and bytes(row["content"]) != bytes(row["content_found"]):
            self.findings.append(Finding(FindingKind.SEAL_CONTENT, tenant, seal))
        self.look(row, seal)
        self.seal, self.hash = seal, bytes(row["hash"])

    @property
    def is_doubtful(self) -> bool:
        """Whether something is gone of which nothing told when this began."""
        return any(each.kind in _GONE for each in self.findings)

    def look(self, row: Row, seal: int | None) -> None:
        """The entries of a seal (None: those that wait for one), each held against its digest."""
        gone = self.told.removed(row["missing"])
        kept_out = {each.int for each in gone}
        self.entries += row["present"]
        self.removed += len(gone)
        self.erased += len(row["erased"])
        for kind, ids in (
            (FindingKind.MISSING, [each for each in row["missing"] if each.int not in kept_out]),
            (FindingKind.CHANGED, row["changed"]),
            (FindingKind.VALUES_MISSING, row["without_values"]),
            (FindingKind.VALUES_CHANGED, row["changed_values"]),
            (FindingKind.ERASED_UNTOLD, self.told.untold(row["erased"])),
            (FindingKind.LATE, row["late"]),
            (FindingKind.MISDATED, row["misdated"]),
        ):
            self.findings += together(kind, self.tenant, seal, ids)


def verify(
    tenant: str, anchors: Sequence[Anchor] = (), *, patience: timedelta = PATIENCE, skew: timedelta = SKEW
) -> Steps[Verification]:
    """Look at the whole audit of a tenant. `anchors`: those of the tenant, of any age.

    `patience`: how much later than its time an entry may have been committed; `skew`: how much other than the time of
    its writing the time may be that it says of itself.

    Each link is one row of a query that makes every digest anew, so that the memory that this takes does not grow with
    the audit. What is written meanwhile is not in the way.
    """
    _, first = yield from fetch(SQL["without_limit"](), SQL["first_link"](tenant=tenant))
    asked = {"tenant": tenant, "limit": LINKS, "patience": patience, "skew": skew}
    told = yield from _told(tenant)
    for _ in range(LOOKS):
        walk = _Walk(tenant, told, bytes(first[0]["hash"]))
        while rows := (yield from fetch_rows(SQL["check_links"](**asked, after=walk.seal, unsealed=False))):
            for row in rows:
                walk.follow(row)
        waiting = yield from fetch_row(SQL["check_links"](**asked, after=0, unsealed=True))
        if waiting is not None:
            walk.look(waiting, None)
        before = told
        if not walk.is_doubtful or (told := (yield from _told(tenant))) == before:
            break  # else something was erased or removed while this looked, and is told by now
    found = yield from fetch(*(SQL[name](tenant=tenant, limit=MOST) for name, _ in _OUTSIDE))
    for (_, kind), rows in zip(_OUTSIDE, found, strict=True):
        walk.findings += together(kind, tenant, None, [row["id"] for row in rows])
    for anchor in anchors:
        walk.findings += yield from _against(anchor)
    since: datetime | None = waiting["oldest"] if waiting else None
    return Verification(
        tenant=tenant,
        entries=walk.entries,
        seals=walk.seal,
        unsealed=waiting["tied"] if waiting else 0,
        unsealed_since=since,
        removed=walk.removed,
        erased=walk.erased,
        anchored=max((anchor.seal for anchor in anchors), default=None),
        findings=tuple(sorted(walk.findings, key=_place)),
    )


def _told(tenant: str) -> Steps[_Told]:
    removals, erasures = yield from fetch(SQL["removals"](tenant=tenant), SQL["erasures"](tenant=tenant))
    rest: dict[str, str] = {}
    for row in erasures:
        rest |= row["rest"] or {}
    ends = max((UUID(row["ends"]) for row in removals if row["ends"]), key=lambda each: each.int, default=None)
    return _Told(ends, rest)


def _against(anchor: Anchor) -> Steps[list[Finding]]:
    """Whether the chain still has the seal that an anchor knows."""
    if anchor.seal == 0:
        return []
    row = yield from fetch_row(SQL["seal_of"](tenant=anchor.tenant, seal=anchor.seal))
    if row is None:
        return [Finding(FindingKind.ANCHOR_MISSING, anchor.tenant, anchor.seal)]
    if bytes(row["hash"]).hex() != anchor.hash:
        return [Finding(FindingKind.ANCHOR_OTHER, anchor.tenant, anchor.seal)]
    return []


def _place(finding: Finding) -> Any:
    return finding.seal is None, finding.seal or 0
