"""The identity keys of memories in hand: what values complete, and who else has it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from memreg.core.steps import Steps
from memreg.engine.identity import key_values
from memreg.engine.state import HeldKey, MemoryState
from memreg.operations.acts.hands import Hands
from memreg.operations.acts.outcome import refuse
from memreg.registry.models import ClassAnnotation


def completed(payload: Mapping[str, Any], annotation: ClassAnnotation) -> set[HeldKey]:
    """The keys that values complete, as a memory holds them."""
    return {HeldKey(k.key.held_as, k.digest, k.key.strength == "strong") for k in key_values(payload, annotation)}


def strong(keys: Iterable[HeldKey]) -> set[HeldKey]:
    """The strong ones."""
    return {key for key in keys if key.strong}


def rivals_of(hands: Hands, state: MemoryState, keys: Collection[HeldKey]) -> Steps[dict[HeldKey, UUID]]:
    """The other live memories that hold one of the strong keys, as things stand in hand."""
    order = sorted(strong(keys), key=lambda key: (key.key, key.digest))
    found = yield from hands.rivals([(state.class_name, key) for key in order])
    return {key: holder for (_, key), holder in found.items() if holder != state.id}


def refuse_rivals(hands: Hands, state: MemoryState, keys: Collection[HeldKey], advice: str) -> Steps[None]:
    """Raises ActRefused where another live memory holds one of the strong keys, naming each."""
    rivals = yield from rivals_of(hands, state, keys)
    if rivals:
        held = ", ".join(f"{key.key.partition('@')[0]} is that of memory {rival}" for key, rival in rivals.items())
        raise refuse(hands.act, state.id, f"its key {held}; {advice}", dict.fromkeys(rivals.values()))
