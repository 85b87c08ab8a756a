"""Lists of references hold each memory once, by whatever policy they grow."""

from __future__ import annotations

from uuid import uuid4

import pytest

from memreg.engine.merge import merge
from memreg.engine.model import Action
from memreg.registry.models import Column, Dtype, Kind, Merge

ONE, TWO, THREE = (str(uuid4()) for _ in range(3))


@pytest.mark.parametrize(
    ("policy", "joined"),
    [
        (Merge.UNION, [ONE, TWO, THREE]),
        (Merge.APPEND, [ONE, TWO, THREE]),
        (Merge.REPLACE, [TWO, THREE]),
        (Merge.KEEP, [ONE, TWO]),
    ],
)
def test_a_list_of_references(policy: Merge, joined: list[str]) -> None:
    column = Column("friends", Dtype(Kind.REF, is_list=True, target="Person"), merge=policy)
    merged = merge(Action.UPDATE, {"friends": [ONE, TWO]}, {"friends": [TWO, THREE]}, {"friends": column}, frozenset())
    assert merged.payload == {"friends": joined}
