"""What `memreg backfill` shows: the plan, how far a backfill is as a line, a table or a bar, and what did not fit."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from memreg.cli.output import Col, data_of, print_table, say
from memreg.operations.check import span

if TYPE_CHECKING:
    from memreg.operations.backfill import Backfill, Failure, Plan

STAGES = {"index": "indexing", "rewrite": "rewriting"}
UNDOING = "taking back"


def print_plan(plan: Plan) -> None:
    """What a backfill would come to, class by class."""
    to = f"{plan.schema}@{plan.version}"
    if not plan.memories:
        say(f"No memory is on an older version than {to}: there is nothing to backfill.")
        return
    took = "" if plan.seconds is None else f", about {span(timedelta(seconds=plan.seconds))} of one worker"
    say(f"Nothing was written. A backfill to {to} would take {_memories(plan.memories)} there{took}.")
    if plan.is_sample:
        say(f"What does not fit and what collides was looked for in {plan.looked_at:,} of them.")
    columns = (
        Col("class", keep=True),
        Col("memories", right=True),
        Col("form"),
        Col("keys added"),
        Col("keys dropped"),
        Col("do not fit", right=True),
        Col("collide", right=True),
    )
    print_table(
        columns,
        [
            (
                each.class_name if each.before == each.class_name else f"{each.before} → {each.class_name}",
                each.memories,
                "changes" if each.rewritten else "is found anew" if each.reindexed else "stays",
                ", ".join(each.keys_added) or "–",
                ", ".join(each.keys_dropped) or "–",
                each.unfit,
                each.collisions,
            )
            for each in plan.classes
        ],
    )
    for sentence in plan.sentences:
        say(f"{sentence}.")
    for each in plan.classes:
        for reason in each.reasons:
            say(f"{each.class_name} does not fit: {reason}")
    if plan.exempt:
        stay = "stays as it is" if plan.exempt == 1 else "stay as they are"
        say(f"{_memories(plan.exempt)} of classes that it has no more {stay}.")


def plan_data(plan: Plan) -> dict[str, Any]:
    """A plan as JSON."""
    data: dict[str, Any] = data_of(plan)
    return {**data, "is_sample": plan.is_sample}


def sentence_of(found: Backfill) -> str:
    """How a backfill stands, in one line."""
    name = f"{found.schema}@{found.to_version}"
    if not found.is_open:
        told = f"{name}: {found.status}, {_memories(found.converted)}"
        return f"{told}; {found.error}" if found.error else told
    parts = [f"{name}: {found.status}, {_doing(found)} {found.converted:,} of {found.total:,}"]
    if found.rows_per_second is not None:
        parts.append(f"{found.rows_per_second:,.0f}/s")
    if found.eta_seconds is not None:
        parts.append(f"{_left(found.eta_seconds)} left")
    if found.failures:
        parts.append(f"{found.failures:,} do not fit")
    if found.collisions:
        parts.append(f"{found.collisions:,} collide")
    if found.status in ("running", "cancelling"):
        parts.append("nobody works on it" if not found.workers else f"{found.workers:,} at work")
    told = ", ".join(parts)
    return f"{told}; {found.error.rstrip('.')}" if found.error else told


def print_backfills(found: Sequence[Backfill], failed: Mapping[UUID, tuple[Failure, ...]]) -> None:
    """Backfills as a table, with what did not fit in the newest one."""
    if not found:
        say("No backfill was begun yet.")
        return
    columns = (
        Col("version", keep=True),
        Col("status", keep=True),
        Col("stage", keep=True),
        Col("done", right=True),
        Col("of", right=True),
        Col("rows/s", right=True),
        Col("left", right=True),
        Col("did not fit", right=True),
        Col("collided", right=True),
        Col("begun (UTC)"),
        Col("ended (UTC)"),
        Col("by", wide=True),
        Col("why"),
    )
    rows = [
        (
            f"{each.schema}@{each.to_version}",
            each.status,
            each.stage,
            each.converted,
            each.total,
            "" if each.rows_per_second is None else f"{each.rows_per_second:,.0f}",
            "" if each.eta_seconds is None else _left(each.eta_seconds),
            each.failures,
            each.collisions,
            each.created_at,
            each.finished_at,
            each.started_by,
            each.error or _nobody(each),
        )
        for each in found
    ]
    print_table(columns, rows)
    print_failures(failed.get(found[0].id, ()))


def print_failures(failed: Sequence[Failure]) -> None:
    """Memories that do not convert, and why."""
    if failed:
        columns = (Col("memory that does not fit", keep=True), Col("tenant"), Col("why"))
        print_table(columns, [(each.memory_id, each.tenant, each.reason) for each in failed])


@contextmanager
def backfill_bar() -> Iterator[Callable[[Backfill], None]]:
    """A bar that shows the stage, the memories, how many a second and how long still; on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _found: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("preparing", total=None, told="")

        def show(found: Backfill) -> None:
            told = [f"{found.converted:,} of {found.total:,} memories"]
            if found.rows_per_second is not None:
                told.append(f"{found.rows_per_second:,.0f}/s")
            if found.eta_seconds is not None:
                told.append(f"{_left(found.eta_seconds)} left")
            progress.update(
                task,
                description=_doing(found),
                completed=found.converted,
                total=found.total or None,
                told=", ".join(told),
            )

        yield show


def _doing(found: Backfill) -> str:
    return UNDOING if found.status == "cancelling" else STAGES[found.stage]


def _left(seconds: float) -> str:
    return span(timedelta(seconds=max(1.0, seconds)))


def _nobody(found: Backfill) -> str:
    if found.status == "paused":
        return f"memreg backfill resume {found.schema} goes on with it"
    if found.status not in ("running", "cancelling") or found.workers:
        return ""
    return "nobody works on it"


def _memories(count: int) -> str:
    return "1 memory" if count == 1 else f"{count:,} memories"
