"""How a backfill is told: a line by status, and a bar on a terminal."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from memreg.cli.backfilling import backfill_bar, print_plan, sentence_of
from memreg.operations.backfill import Backfill, Plan

RUNNING = Backfill(
    id=UUID(int=1), schema="people", to_version=2, status="running", stage="index", total=5000, converted=1200,
    failures=0, collisions=0, policy="review", allowed="0", rate=None, rows_per_second=1900.4, eta_seconds=125.0,
    workers=2, error=None, started_by="ana", created_at=datetime(2026, 11, 21, tzinfo=UTC), activated_at=None,
    finished_at=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (RUNNING, "people@2: running, indexing 1,200 of 5,000, 1,900/s, 2 minutes left, 2 at work"),
        (
            replace(
                RUNNING, stage="rewrite", rows_per_second=None, eta_seconds=None, workers=0, failures=3, collisions=1
            ),
            "people@2: running, rewriting 1,200 of 5,000, 3 do not fit, 1 collide, nobody works on it",
        ),
        (
            replace(RUNNING, eta_seconds=0.2),
            "people@2: running, indexing 1,200 of 5,000, 1,900/s, 1 second left, 2 at work",
        ),
        (
            replace(
                RUNNING, status="running", workers=0, rows_per_second=None, eta_seconds=None, error="The disk is full."
            ),
            "people@2: running, indexing 1,200 of 5,000, nobody works on it; The disk is full",
        ),
        (
            replace(RUNNING, status="paused", rows_per_second=None, eta_seconds=None, workers=0),
            "people@2: paused, indexing 1,200 of 5,000",
        ),
        (
            replace(RUNNING, status="cancelling", rows_per_second=None, eta_seconds=None, workers=1),
            "people@2: cancelling, taking back 1,200 of 5,000, 1 at work",
        ),
        (
            replace(RUNNING, status="failed", error="3 memories do not fit people@2"),
            "people@2: failed, 1,200 memories; 3 memories do not fit people@2",
        ),
        (replace(RUNNING, status="done", stage="rewrite", converted=1), "people@2: done, 1 memory"),
    ],
)
def test_a_backfill_in_one_line(found: Backfill, told: str) -> None:
    assert sentence_of(found) == told


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_stage_memories_speed_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    with backfill_bar() as show:
        show(replace(RUNNING, stage="rewrite", converted=4000))
    for words in ("rewriting", "4,000 of 5,000 memories", "1,900/s", "2 minutes left"):
        assert words in screen.getvalue()


def test_a_pipe_sees_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    with backfill_bar() as show:
        show(RUNNING)
    assert pipe.getvalue() == ""


def test_a_plan_of_nothing_and_of_what_stays(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan(Plan("people", 2, 0, 0, 0, None, ()))
    assert "there is nothing to backfill" in capsys.readouterr().out
    print_plan(Plan("people", 2, 50_000, 20_000, 1, 7300.0, (), ("Person becomes Contact",)))
    told = capsys.readouterr().out
    assert "would take 50,000 memories there, about 2 hours of one worker." in told
    assert "was looked for in 20,000 of them" in told
    assert "Person becomes Contact." in told
    assert "1 memory of classes that it has no more stays as it is." in told
