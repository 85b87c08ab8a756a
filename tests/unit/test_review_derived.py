"""Which questions arise, are brought up to date, or do not arise any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from memreg.operations.review.derived import Arising, compared, unresolved

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
WAITING = Arising("Person", "unresolved", "unresolved", "2 memories wait", 2, NOW, NOW)
DOUBT = Arising("Person", "annotation_doubt", "people@1: a name is a key", "a name is a key", 1, NOW, NOW)


def row(each: Arising, status: str = "open", verdict: str | None = None) -> dict[str, Any]:
    return {
        "id": "1", "class": each.class_name, "kind": each.kind, "subject": each.subject, "reason": each.reason,
        "status": status, "verdict": verdict, "times": each.times, "last_asked_at": each.last_at,
    }  # fmt: skip


def test_what_is_new_is_asked_and_what_is_open_is_not_asked_again() -> None:
    assert compared([WAITING, DOUBT], []) == ([WAITING, DOUBT], [])
    assert compared([WAITING, DOUBT], [row(WAITING), row(DOUBT)]) == ([], [])


def test_a_number_that_changed_is_brought_up_to_date() -> None:
    more = replace(WAITING, times=3, last_at=NOW + timedelta(minutes=1))
    assert compared([more], [row(WAITING)]) == ([more], [])


def test_what_does_not_arise_any_more_is_moot() -> None:
    assert compared([], [row(WAITING), row(DOUBT)]) == ([], [row(WAITING), row(DOUBT)])
    assert compared([], [row(DOUBT, "settled", "wrong")]) == ([], [])


def test_a_doubt_with_an_answer_is_not_asked_again() -> None:
    later = replace(DOUBT, subject="people@2: a name is a key")
    assert compared([DOUBT], [row(DOUBT, "settled", "right")]) == ([], [])
    assert compared([later], [row(DOUBT, "settled", "right")]) == ([], [])
    assert compared([DOUBT], [row(DOUBT, "settled", "wrong")]) == ([], [])
    assert compared([later], [row(DOUBT, "settled", "wrong")]) == ([later], [])


def test_a_doubt_that_came_back_by_itself_is_asked_again() -> None:
    assert compared([DOUBT], [row(DOUBT, "settled", "settled")]) == ([DOUBT], [])


def test_one_question_a_class() -> None:
    counted = {"class": "Person", "memories": 1, "first_at": NOW, "last_at": NOW}
    (one,) = unresolved([counted])
    assert one.reason.startswith("1 memory waits to be resolved")
    assert unresolved([{**counted, "memories": 1200}])[0].reason.startswith("1,200 memories wait")
