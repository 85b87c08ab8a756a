"""Merging into what another schema version stored in another type, as happens while a backfill runs."""

from __future__ import annotations

from typing import Any

import pytest

from memreg.engine.merge import merge
from memreg.engine.model import Action
from memreg.registry.models import Column, Dtype, Kind, Merge


@pytest.mark.parametrize("policy", [policy for policy in Merge if policy is not Merge.KEEP])
@pytest.mark.parametrize(("old", "new"), [(7, "8"), ("7", 8), (["a"], "b"), ("a", ["b"]), (7, [8]), ([7], 8)])
def test_the_new_value_takes_the_place_of_another_type(policy: Merge, old: Any, new: Any) -> None:
    is_list = isinstance(new, list)
    column = Column("c", Dtype(Kind.STRING if isinstance(new, str) else Kind.INTEGER, is_list), merge=policy)
    assert merge(Action.UPDATE, {"c": old}, {"c": new}, {"c": column}, frozenset()).payload == {"c": new}


@pytest.mark.parametrize(("policy", "result"), [(Merge.MIN, 1), (Merge.MAX, 2.5)])
def test_whole_and_broken_numbers_are_one_type(policy: Merge, result: float) -> None:
    column = Column("c", Dtype(Kind.NUMBER), merge=policy)
    assert merge(Action.UPDATE, {"c": 1}, {"c": 2.5}, {"c": column}, frozenset()).payload == {"c": result}
