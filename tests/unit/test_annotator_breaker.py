"""A server that fails again and again is left alone, then tried by one request at a time."""

from __future__ import annotations

import gc
import threading

import pytest

from memreg.annotator.breaker import Breaker, breaker_of


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def failing(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        assert breaker.wait() is None
        breaker.failed_again()


def test_stays_closed_while_failures_are_not_in_a_row(clock: Clock) -> None:
    breaker = Breaker(3, 30.0, clock)
    for _ in range(5):
        failing(breaker, 2)
        breaker.succeeded()
    assert breaker.wait() is None
    assert breaker.failed == 0


def test_opens_after_so_many_failures_in_a_row_and_for_so_long(clock: Clock) -> None:
    breaker = Breaker(3, 30.0, clock)
    failing(breaker, 3)
    assert breaker.wait() == 30.0
    clock.now += 29.0
    assert breaker.wait() == pytest.approx(1.0)
    clock.now += 1.0
    assert breaker.wait() is None


def test_one_request_at_a_time_is_a_trial(clock: Clock) -> None:
    breaker = Breaker(1, 30.0, clock)
    failing(breaker, 1)
    clock.now += 30.0
    assert breaker.wait() is None
    assert breaker.wait() == 1.0
    breaker.gave_up()
    assert breaker.wait() is None
    breaker.succeeded()
    assert [breaker.wait() for _ in range(3)] == [None, None, None]


def test_a_failed_trial_doubles_the_pause_up_to_ten_times(clock: Clock) -> None:
    breaker = Breaker(1, 30.0, clock)
    failing(breaker, 1)
    waited = []
    for _ in range(6):
        left = breaker.wait()
        assert left is not None
        waited.append(left)
        clock.now += left
        failing(breaker, 1)
    assert waited == [30.0, 60.0, 120.0, 240.0, 300.0, 300.0]
    clock.now += 300.0
    assert breaker.wait() is None
    breaker.succeeded()
    failing(breaker, 1)
    assert breaker.wait() == 30.0


def test_of_many_threads_one_gets_the_trial(clock: Clock) -> None:
    breaker = Breaker(1, 1.0, clock)
    failing(breaker, 1)
    clock.now += 1.0
    let_through: list[int] = []
    start = threading.Barrier(8)

    def ask(number: int) -> None:
        start.wait()
        if breaker.wait() is None:
            let_through.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(let_through) == 1


def test_the_clients_of_an_endpoint_share_one_while_there_are_any() -> None:
    one = breaker_of("http://a/v1", 1, 30.0)
    failing(one, 1)
    assert breaker_of("http://a/v1", 1, 30.0) is one
    assert breaker_of("http://b/v1", 1, 30.0).wait() is None
    del one
    gc.collect()
    assert breaker_of("http://a/v1", 1, 30.0).wait() is None
