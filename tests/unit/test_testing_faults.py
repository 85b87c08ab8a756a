"""Fault schedules: the shares hold, and the same requests fail whatever the order and the number of threads."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest

from memreg.testing import FaultSchedule, Reply, Request, answer
from memreg.testing.faults import MALFORMED, MALFORMED_TEXTS, OK, RATE_LIMITED, SERVER_ERROR, SLOW

NAMES = [f"message {number}" for number in range(1000)]


def request(text: str) -> Request:
    return Request("/v1/chat/completions", {}, {"messages": [{"role": "user", "content": text}]})


def schedule(**more: Any) -> FaultSchedule:
    return FaultSchedule(lambda asked: answer({"said": asked.user}), **more)


def test_the_shares_hold_over_a_thousand_messages() -> None:
    faults = schedule()
    found = Counter(faults.fault_of(name, 1) for name in NAMES)
    for kind, share in {RATE_LIMITED: 200, SERVER_ERROR: 100, SLOW: 50, MALFORMED: 50, OK: 600}.items():
        assert abs(found[kind] - share) < 60, found


def test_the_same_requests_fail_whatever_their_order() -> None:
    forwards, backwards = schedule(seed=7), schedule(seed=7)
    there = {name: forwards(request(name)) for name in NAMES}
    back = {name: backwards(request(name)) for name in reversed(NAMES)}
    assert there == back
    assert forwards.given == backwards.given
    assert {name: schedule(seed=8).fault_of(name, 1) for name in NAMES} != {
        name: forwards.fault_of(name, 1) for name in NAMES
    }


def test_the_same_requests_fail_with_many_threads() -> None:
    alone, together = schedule(), schedule()
    expected = Counter(alone.fault_of(name, attempt) for name in NAMES[:200] for attempt in (1, 2, 3))

    def ask() -> None:
        for name in NAMES[:200]:
            together(request(name))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert together.given == expected


def test_each_attempt_is_drawn_anew() -> None:
    faults = schedule()
    assert any(faults.fault_of(name, 1) != OK and faults.fault_of(name, 2) != OK for name in NAMES)
    assert any(faults.fault_of(name, 1) == OK and faults.fault_of(name, 2) != OK for name in NAMES)


def test_per_message_the_first_attempts_fail_and_then_it_is_answered() -> None:
    faults = schedule(per="message", times=2)
    for name in NAMES:
        kinds = [faults.fault_of(name, attempt) for attempt in (1, 2, 3, 4)]
        assert kinds[0] == kinds[1]
        assert kinds[2:] == [OK, OK]
    bad = next(name for name in NAMES if faults.fault_of(name, 1) == SERVER_ERROR)
    assert [faults(request(bad)).status for _ in range(3)] in (
        [500, 500, 200],
        [503, 503, 200],
        [500, 503, 200],
        [503, 500, 200],
    )


def test_what_each_fault_is() -> None:
    limited = schedule(rate_limited=1, server_error=0, slow=0, malformed=0, retry_after=1.5)(request("a"))
    assert (limited.status, limited.headers) == (429, {"Retry-After": "1.5"})
    without = schedule(rate_limited=1, server_error=0, slow=0, malformed=0, retry_after=None)(request("a"))
    assert (without.status, without.headers) == (429, {})
    slow = schedule(rate_limited=0, server_error=0, slow=1, malformed=0, seconds=9)(request("a"))
    assert (slow.seconds, slow.status, slow.text) == (9, 200, '{"said": "a"}')
    broken = schedule(rate_limited=0, server_error=0, slow=0, malformed=1)
    assert {broken(request(name)).text for name in NAMES} == set(MALFORMED_TEXTS)
    fine = schedule(rate_limited=0, server_error=0, slow=0, malformed=0)
    assert fine(request("a")) == answer({"said": "a"})


def test_attempts_of_a_message_are_told_by_the_message_not_by_its_time() -> None:
    faults = schedule(per="message", rate_limited=1, server_error=0, slow=0, malformed=0)
    texts = [
        f"role: user, time: 2026-03-02T10:0{minute} (Monday)\n<message-0123456789ab>\nhi\n</message-0123456789ab>"
        for minute in (0, 1)
    ]
    assert [faults(request(text)).status for text in texts] == [429, 200]


@pytest.mark.parametrize("shares", [{"rate_limited": -0.1}, {"rate_limited": 0.9, "slow": 0.2}])
def test_shares_that_are_none_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="shares"):
        schedule(**shares)


def test_a_schedule_is_a_script() -> None:
    faults: Reply = schedule(key=lambda asked: asked.path)(request("a"))
    assert faults.status in (200, 429, 500, 503)
