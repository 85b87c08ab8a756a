"""What is written as JSON beyond what JSON has is what the codec says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from memreg.core.json_codec import dumps


@dataclass
class _Point:
    x: int = 1


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (date(2026, 1, 2), "2026-01-02"),
        (Decimal("1.20"), "1.20"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Path("/a"), "/a"),
        (b"x", "x"),
        (_Point(), {"x": 1}),
        ({1}, [1]),
        ({None: 1}, {"None": 1}),
        ({b"k": 1}, {"k": 1}),
        ({date(2026, 1, 2): 1}, {"2026-01-02": 1}),
        ({True: 1, 7: 2}, {"true": 1, "7": 2}),
    ],
    ids=repr,
)
def test_more_is_taken_than_json_has(value: Any, written: Any) -> None:
    assert json.loads(dumps(value)) == written
