"""Anchors: the heads of the chains as a line of text each, to be kept where nobody who owns the database can write.

    memreg-anchor 1 TENANT SEAL HASH

TENANT is percent-encoded, SEAL the number of the newest seal (0: none yet), HASH its SHA-256 in hexadecimal.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from memreg.core.errors import ArgumentInvalid
from memreg.core.steps import Steps, fetch_row
from memreg.operations.audit.seal import SQL

_WORD = "memreg-anchor"
_FORM = "1"


@dataclass(frozen=True, slots=True)
class Anchor:
    """The head of a tenant's chain at some moment."""

    tenant: str
    seal: int
    hash: str

    def __str__(self) -> str:
        return f"{_WORD} {_FORM} {quote(self.tenant, safe='')} {self.seal} {self.hash}"


def parse_anchors(text: str) -> tuple[Anchor, ...]:
    """The anchors of a text: one or several, each on a line or in one line. Raises ArgumentInvalid."""
    words = text.split()
    if not words or len(words) % 5:
        raise _unreadable("it is not made of lines as `memreg audit anchor` prints them")
    found = []
    for start in range(0, len(words), 5):
        word, form, tenant, seal, hash_ = words[start : start + 5]
        if word != _WORD or form != _FORM:
            raise _unreadable(f"it says {word} {form} where {_WORD} {_FORM} is read")
        if not seal.isdecimal() or len(hash_) != 64 or set(hash_) - set("0123456789abcdef"):
            raise _unreadable(f"after {word} {form} {tenant} comes no number of a seal with its hash")
        found.append(Anchor(unquote(tenant), int(seal), hash_))
    return tuple(found)


def read_anchors(given: str) -> tuple[Anchor, ...]:
    """The anchors that are given as a file or as text. Raises ArgumentInvalid."""
    if given.lstrip().startswith(_WORD):
        return parse_anchors(given)
    try:
        text = Path(given).read_text("utf-8")
    except (OSError, ValueError) as exc:
        raise _unreadable(f"there is no such file ({type(exc).__name__}), and it does not begin with {_WORD}") from exc
    return parse_anchors(text)


def anchor_of(tenant: str) -> Steps[Anchor]:
    """The head of a tenant's chain as it is now; entries that are not sealed are not part of it."""
    row = yield from fetch_row(SQL["head_of"](tenant=tenant))
    if row is None:
        first = yield from fetch_row(SQL["first_link"](tenant=tenant))
        assert first is not None
        return Anchor(tenant, 0, bytes(first["hash"]).hex())
    return Anchor(tenant, row["seal"], bytes(row["hash"]).hex())


def _unreadable(reason: str) -> ArgumentInvalid:
    return ArgumentInvalid(name="anchor", value="read", reason=reason)
