"""Replaying an audit: entries in any order make the same memories, and what does not fit is told."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

import pytest

from memreg.operations.audit.compare import Comparison
from memreg.operations.audit.replay import Replay
from memreg.registry.models import SchemaVersion
from tests.support.engines import people_version

ANA, BOB = UUID(int=1), UUID(int=2)


def versions(_: int) -> SchemaVersion:
    return people_version()


def state(revision: int, **more: Any) -> dict[str, Any]:
    plain = {
        "payload": {"name": f"Ana {revision}"},
        "originals": {},
        "version": 1,
        "revision": revision,
        "is_deleted": False,
        "unresolved": False,
        "keys": [],
    }
    return plain | more


def entry(number: int, memory: UUID, before: Any, after: Any, **more: Any) -> dict[str, Any]:
    plain = {"id": UUID(int=1000 + number), "class": "Person", "memory_id": memory, "before": before, "after": after}
    return plain | {"details": {}, "erased_at": None, "action": "UPDATE"} | more


def entries() -> list[dict[str, Any]]:
    deleted = state(4, is_deleted=True, merged_into=str(BOB))
    merge = {"others": [{"memory_id": str(ANA), "class": "Person", "before": state(3), "after": deleted}]}
    return [
        entry(0, ANA, None, state(1)),
        entry(1, ANA, state(1), state(2, pinned={"name": {"by": "me"}})),
        entry(2, BOB, None, state(1)),
        entry(3, ANA, state(2, pinned={"name": {"by": "me"}}), state(3)),
        entry(4, BOB, state(1), state(2), details=merge),
        entry(5, BOB, state(2), state(2)),  # changed nothing
    ]


def replayed(rows: list[dict[str, Any]], *, is_cut: bool = False) -> Replay:
    replay = Replay(versions)
    for row in rows:
        replay.read(row)
    replay.end(is_cut=is_cut)
    return replay


def row(memory: UUID, is_: dict[str, Any], **more: Any) -> dict[str, Any]:
    return (
        {
            "id": memory,
            "class": "Person",
            "erased_at": None,
            "refers": [],
            "pinned": {},
            "merged_into": None,
            "void": [],
        }
        | is_
        | more
    )


@pytest.mark.parametrize("seed", range(8))
def test_the_order_of_the_entries_is_no_matter(seed: int) -> None:
    rows = entries()
    random.Random(seed).shuffle(rows)
    replay = replayed(rows)
    assert replay.misfits == []
    assert replay.memories[ANA].state == state(4, is_deleted=True, merged_into=str(BOB))
    assert replay.memories[BOB].state == state(2)
    assert replay.entries == 6


def test_a_state_before_that_is_not_what_was_is_told() -> None:
    rows = entries()
    rows[3] = entry(3, ANA, state(2), state(3))
    (misfit,) = replayed(rows).misfits
    assert (misfit.memory_id, misfit.audit_id) == (ANA, UUID(int=1003))
    assert "another pinned than the entries before" in misfit.reason


def test_a_missing_entry_is_told_and_the_rest_goes_on() -> None:
    rows = [each for each in entries() if each["id"] != UUID(int=1001)]
    replay = replayed(rows)
    (misfit,) = replay.misfits
    assert "goes on from revision 2, and the entries before reach 1" in misfit.reason
    assert replay.memories[ANA].state["revision"] == 4


def test_two_entries_from_one_state_are_told() -> None:
    replay = replayed([entry(0, ANA, state(1), state(2)), entry(1, ANA, state(1), state(2, payload={}))])
    assert "another entry goes on from revision 1 as well" in replay.misfits[0].reason


def test_after_retention_it_starts_from_the_first_state_known() -> None:
    rows = entries()[3:]
    assert replayed(rows, is_cut=True).misfits == []
    assert len(replayed(rows).misfits) == 2
    gap = [rows[0], *entries()[:1]]
    assert len(replayed(gap, is_cut=True).misfits) == 1  # a hole in the middle is no cut


def test_memories_are_compared_with_what_is_stored() -> None:
    replay = replayed(entries())
    ana = row(ANA, state(4, is_deleted=True), merged_into=BOB)

    def differing(*rows: dict[str, Any]) -> list[tuple[str, ...]]:
        compared = Comparison(replay, is_cut=False)
        for each in rows:
            compared.take(each)
        compared.end()
        return [each.parts for each in compared.differences]

    assert differing(ana, row(BOB, state(2))) == []
    assert differing(ana, row(BOB, state(2, payload={"name": "Zoe"}))) == [("payload",)]
    assert differing(ana, row(BOB, state(2), **{"class": "Office"})) == [("class",)]
    assert differing(row(ANA, state(4, is_deleted=True)), row(BOB, state(2))) == [("merged_into",)]
    assert differing(ana) == [("row",)]
    assert differing(ana, row(BOB, state(2)), row(UUID(int=3), state(1))) == [("memory",)]
    assert differing(ana, row(BOB, state(2), refers=[["boss", str(ANA)]])) == [("references",)]
    assert differing(ana, row(BOB, state(2), pinned={"name": {"by": "me"}})) == [("pinned",)]
    assert differing(ana, row(BOB, state(2, keys=[{"key": "email", "digest": "00", "strong": True}]))) == [("keys",)]


def test_erased_memories_are_rebuilt_as_tombstones() -> None:
    left = {"payload": {}, "erased": True}
    gone = state(2, is_deleted=True, **left)
    replay = replayed([entry(0, ANA, None, state(1, **left)), entry(1, ANA, state(1, **left), gone)])

    def differing(**row_of_it: Any) -> list[tuple[str, ...]]:
        compared = Comparison(replay, is_cut=False)
        compared.take(row(ANA, state(2, is_deleted=True, payload={}), **row_of_it))
        assert compared.tombstones == ("erased_at" in row_of_it)
        return [each.parts for each in compared.differences]

    assert differing(erased_at=1) == []
    assert differing() == [("erasing",)]
    assert differing(erased_at=1, refers=[["boss", str(BOB)]]) == [("references",)]


def test_memories_whose_entries_were_removed_are_counted() -> None:
    compared = Comparison(replayed([], is_cut=True), is_cut=True)
    compared.take(row(ANA, state(1)))
    compared.end()
    assert (compared.older, compared.differences) == (1, [])
