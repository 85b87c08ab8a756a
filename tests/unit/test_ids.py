"""UUIDv7: the layout of RFC 9562, and the order."""

from __future__ import annotations

import copy
import pickle
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from memreg.core.ids import uuid7


def test_layout() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7()
    after = time.time_ns() // 1_000_000
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert before <= made.int >> 80 <= after + 1


def test_rises_within_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = time.time_ns()
    monkeypatch.setattr("memreg.core.ids.time.time_ns", lambda: moment)
    made = [uuid7() for _ in range(10_000)]  # more than the 4096 that one millisecond counts
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert all(one.version == 7 for one in made)


def test_rises_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = uuid7()
    past = time.time_ns() - 3_600_000_000_000
    monkeypatch.setattr("memreg.core.ids.time.time_ns", lambda: past)
    assert uuid7() > first


def test_is_unique_across_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = [one for batch in pool.map(lambda _: [uuid7() for _ in range(500)], range(8)) for one in batch]
    assert len(set(made)) == 4000


def test_is_a_uuid_like_any_other() -> None:
    made = uuid7()
    again = uuid.UUID(str(made))
    assert (made, hash(made), repr(made), made.is_safe) == (again, hash(again), repr(again), again.is_safe)
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == made
