"""The pause before the next try: it grows, it has an end, and no server is asked before the time that it named."""

from __future__ import annotations

import pytest

from memreg.core.backoff import LONGEST, pause


def almost_one() -> float:
    return 1.0 - 1e-9


def test_doubles_up_to_the_longest() -> None:
    pauses = [pause(attempt, chance=almost_one) for attempt in range(1, 12)]
    assert pauses[:4] == pytest.approx([0.5, 1.0, 2.0, 4.0])
    assert pauses[-1] == pytest.approx(LONGEST)
    assert pause(10_000, chance=almost_one) == pytest.approx(LONGEST)


def test_is_spread_down_to_nothing() -> None:
    assert pause(5, chance=lambda: 0.0) == 0.0
    assert pause(3, chance=lambda: 0.25) == pytest.approx(0.5)
    assert len({pause(3) for _ in range(20)}) > 1


@pytest.mark.parametrize("asked", [0.0, 7.0, 300.0])
def test_is_never_shorter_than_the_server_asked(asked: float) -> None:
    assert pause(1, asked, chance=lambda: 0.0) == asked
    assert pause(4, asked, chance=almost_one) == pytest.approx(asked + 4.0)
    assert pause(1, -5.0, chance=lambda: 0.0) == 0.0
