"""Identity: keys as digests, which memories they hit, and partial identity."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from memreg.engine.text import REMEMBERED, value_tokens
from memreg.registry.models import ClassAnnotation, IdentityKey


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A complete identity key of one object: the key and the SHA-256 digest of its values."""

    key: IdentityKey
    digest: bytes


@dataclass(frozen=True, slots=True)
class Hit:
    """A key that answers with exactly one live memory."""

    key: IdentityKey
    memory_id: UUID


def canonical(value: Any) -> str:
    """A value as text for comparing: strings by NFKC, casefold and single spaces; lists as their sorted items."""
    if isinstance(value, str):
        if value.isascii():
            return " ".join(value.lower().split())  # the same, and most are
        return " ".join(unicodedata.normalize("NFKC", value).casefold().split())
    if isinstance(value, (list, tuple)):
        return json.dumps(sorted(canonical(item) for item in value), ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def digest(parts: Sequence[str]) -> bytes:
    """SHA-256 over the parts, each after its length in bytes, so that no two lists of parts meet by shifting a
    border."""
    framed: list[bytes] = []
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        framed += (len(data).to_bytes(8, "big"), data)
    return hashlib.sha256(b"".join(framed)).digest()


def key_values(payload: Mapping[str, Any], annotation: ClassAnnotation) -> tuple[KeyValue, ...]:
    """The keys that a payload completes, in declared order. A key with an absent or empty column is not complete."""
    found = []
    for key in annotation.identity:
        parts = []
        for column in key.columns:
            value = payload.get(column)
            part = canonical(value) if value is not None else ""
            if not part:
                break
            parts.append(part)
        else:
            found.append(KeyValue(key, _digest_of(tuple(parts))))
    return tuple(found)


def _digest_of(parts: tuple[str, ...]) -> bytes:
    """Kept for a moment, since a decision asks for the keys of the proposal and for those of the memory after it."""
    return (_kept_digest if sum(map(len, parts)) <= REMEMBERED else digest)(parts)


@lru_cache(maxsize=1_024)
def _kept_digest(parts: tuple[str, ...]) -> bytes:
    return digest(parts)


def columns_of(held_as: str) -> list[str]:
    """The columns of a key by the name that it is held under."""
    return held_as.partition("@")[0].split("+")


def name_tokens(payload: Mapping[str, Any], annotation: ClassAnnotation) -> frozenset[str]:
    """The tokens of the columns that name an object (the highest boost), which a shared key needs one of equal."""
    return frozenset(
        token
        for column in annotation.name_columns
        if payload.get(column) is not None
        for token in value_tokens(payload[column])
    )


def partial_identity(mine: Mapping[str, str], theirs: Mapping[str, Any], annotation: ClassAnnotation) -> bool:
    """Over the columns of all keys: at least one equal, none differing, at least one absent on a side. `mine`:
    canonical values; `theirs`: a payload."""
    if not mine:
        return False
    equal = absent = False
    for column in annotation.identity_columns:
        left, right = mine.get(column), theirs.get(column)
        if left is None or right is None:
            absent = True
        elif left == canonical(right):
            equal = True
        else:
            return False
    return equal and absent
