"""What turns come to, as statements: the memories that they changed, each once, with everything that goes with them."""

from __future__ import annotations

from memreg.core.queries import Statement
from memreg.engine.hand import Hand
from memreg.engine.record import name_columns
from memreg.engine.refresh import Due
from memreg.engine.store import Writes, search_vector


def statements(hand: Hand, writes: Writes, *, held: bool = False) -> list[Statement]:
    """The statements that write what turns decided: memories, revisions, keys, audit and questions. `held`: the
    memories that they changed are held already."""
    for memory_id in hand.workspace.changed:
        state = hand.workspace.memories[memory_id]
        search = search_vector(state, hand.tenant, hand.version)
        writes.memory(state, search, hand.keys_of(state) if state.is_live else (), nth=hand.nth[memory_id])
        writes.refer(state, hand.version.spec.by_name[state.class_name])
        writes.keys(state, set() if state.is_new else hand.keys_before[memory_id])
    writes.seen = [m for m in hand.workspace.seen if m not in hand.workspace.changed]
    return writes.statements(held=held)


def due(hand: Hand) -> dict[str, Due]:
    """The classes whose statistics are due for their next snapshot."""
    found = {}
    for name, statistics in hand.statistics.items():
        change = hand.change_of(name)
        if statistics.due(change):
            found[name] = Due(change, name_columns(hand.version.spec.by_name[name], hand.version.annotation_of(name)))
    return found
