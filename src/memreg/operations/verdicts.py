"""What the state of a running memreg means, as a doctor says it: pure, from values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta

from memreg.operations.check import Check, counted, span
from memreg.operations.inbox import UNSETTLED, brief
from memreg.operations.state import Jobs, State

LONG_WAIT = timedelta(minutes=15)
"""How long a message may wait that is not put off."""
LONG_BACKLOG = timedelta(days=7)
MANY_QUESTIONS = 100
REPEATED = 3
"""Failed requests within an hour from which on it is no accident."""
FULL = 0.8
_RETRY = "memreg inbox --status dead shows them; then memreg inbox retry --all-dead, or memreg inbox drop ID --why TEXT"


def verdicts(state: State, capacity: int) -> Iterator[Check]:
    """Everything that the state tells, in the order of a message's way. `capacity`: of a queue, in messages."""
    yield from inbox_checks(state, capacity)
    yield requests_check(state)
    yield workers_check(state)
    yield jobs_check(state.jobs)
    yield from backfill_checks(state)
    yield switches_check(state)
    yield from review_checks(state)


def inbox_checks(state: State, capacity: int) -> Iterator[Check]:
    """What is in the inbox, and a line for each thing about it that somebody should look at."""
    counts = [(state.messages(status), status) for status in UNSETTLED]
    listed = ", ".join(f"{count:,} {status}" for count, status in counts if count)
    oldest = state.oldest
    age = "" if oldest is None else f"; the oldest of those that wait came {span(state.now - oldest)} ago"
    yield Check("inbox", "ok", f"{listed}{age}" if listed else "it is empty")
    yield from _inbox_findings(state, capacity)


def _inbox_findings(state: State, capacity: int) -> Iterator[Check]:
    reason = ""
    if state.failure is not None:
        last = state.failure
        reason = f"; last, {last.message_id!r} of {last.schema} in tenant {last.tenant}: {_brief(last.reason)}"
    dead = state.messages("dead")
    if dead:
        of_dead = reason if state.failure is not None and state.failure.status == "dead" else ""
        are = "is" if dead == 1 else "are"
        yield Check("inbox", "warn", f"{counted(dead, 'message')} {are} dead{of_dead}", _RETRY)
    retried = sum(each.failed_before for each in state.inbox if each.status == "accepted")
    if retried:
        text = f"{counted(retried, 'message')} failed and {'waits' if retried == 1 else 'wait'} for another try{reason}"
        yield Check("inbox", "warn", text, "memreg inbox --status accepted tells why and when")
    due = [each.oldest_due for each in state.inbox if each.status == "accepted" and each.oldest_due is not None]
    if due and state.now - min(due) > LONG_WAIT:
        text = f"a message waits for {span(state.now - min(due))} already"
        yield Check("inbox", "warn", text, "run another memreg worker, or memreg inbox retry ID")
    left = sum(each.left for each in state.inbox)
    if left:
        text = f"{counted(left, 'message')} began to be extracted more than {span(state.lease)} ago and did not end"
        yield Check("inbox", "warn", text, "a worker takes them up again; without one, memreg inbox retry ID")
    for schema, queued in state.fullest.items():
        if queued >= FULL * capacity:
            text = f"the queue of {schema} holds {queued:,} of {capacity:,} messages"
            yield Check("inbox", "warn", text, "run another memreg worker, or raise MEMREG_QUEUE_CAPACITY")


def requests_check(state: State) -> Check:
    """Whether the model answers: requests of the last hour that failed."""
    if not state.requests:
        return Check("requests", "ok", "no model was asked within the last hour")
    text = f"{counted(state.requests, 'request')} to models within the last hour, {state.failed:,} failed"
    if state.failed < REPEATED:
        return Check("requests", "ok", text)
    outcomes = Counter[str]()
    for each in state.calls:
        if each.outcome != "ok":
            outcomes[each.outcome] += each.requests
    text += f" ({', '.join(f'{count:,} {outcome}' for outcome, count in outcomes.most_common(3))})"
    advice = "memreg doctor --ask asks the model once, and tells what is wrong"
    return Check("requests", "fail" if state.failed == state.requests else "warn", text, advice)


def workers_check(state: State) -> Check:
    """Whether anybody works the queue off."""
    if not state.workers:
        if state.queued:
            text = f"{counted(state.queued, 'message')} wait for a worker, and none is alive"
            return Check("workers", "fail", text.replace("message wait ", "message waits "), "run memreg worker")
        return Check("workers", "ok", "none runs, and nothing waits for one")
    slots = sum(each.slots for each in state.workers)
    machines = len({each.host for each in state.workers})
    seen = span(state.now - max(each.seen_at for each in state.workers))
    text = f"{counted(len(state.workers), 'worker')} on {counted(machines, 'machine')}, {counted(slots, 'slot')}"
    return Check("workers", "ok", f"{text}, last seen {seen} ago")


def jobs_check(jobs: Iterable[Jobs]) -> Check:
    """Whether a job hangs because its worker is gone."""
    stalled = {each.queue: each.stalled for each in jobs if each.stalled}
    if not stalled:
        return Check("jobs", "ok", "none hangs")
    text = ", ".join(f"{counted(count, 'job')} of the {queue}" for queue, count in stalled.items())
    advice = " or ".join("memreg worker" if queue == "inbox" else "memreg backfill NAME --to N" for queue in stalled)
    return Check("jobs", "warn", f"{text}: the worker is gone", f"{advice} takes over")


def backfill_checks(state: State) -> Iterator[Check]:
    """Whether the newest backfill of each schema is at its end, or somebody works on it."""
    open_ones, bad = 0, 0
    due = any(each.queue == "backfill" and each.due for each in state.jobs)
    for each in state.backfills:
        name = f"{each.schema}@{each.to_version}"
        so_far = f"{each.converted:,} of {each.total:,} memories"
        run_again = f"memreg backfill {each.schema} --to {each.to_version}"
        open_ones += each.is_open
        if each.status == "paused":
            text, advice = f"that to {name} is paused, at {so_far}", f"memreg backfill resume {each.schema}"
        elif each.status == "failed":
            text, advice = f"that to {name} failed: {_brief(each.error or 'for no reason that was kept')}", run_again
        elif each.is_open and not each.workers and not (due and state.workers):
            text = f"that to {name} is {each.status}, at {so_far}, and nobody works on it"
            advice = run_again if each.status == "running" else f"memreg backfill cancel {each.schema}"
        else:
            continue
        bad += 1
        yield Check("backfill", "warn", text, advice)
    if not bad:
        yield Check("backfill", "ok", f"{counted(open_ones, 'backfill')} at work" if open_ones else "none is open")


def switches_check(state: State) -> Check:
    """Whether a kill switch is on."""
    if not state.switches:
        return Check("kill switch", "ok", "none is on")
    first = state.switches[0]
    more = f", and {len(state.switches) - 1} more" if len(state.switches) > 1 else ""
    why = f": {_brief(first.reason)}" if first.reason else ""
    text = f"on for {first.scope} since {first.set_at:%Y-%m-%d}, by {first.set_by}{why}{more}"
    return Check("kill switch", "warn", text, f"{first.off_command()}, then memreg resolve, once it is well again")


def review_checks(state: State) -> Iterator[Check]:
    """How many questions wait for a person."""
    kinds = Counter[str]()
    for each in state.reviews:
        kinds[each.kind] += each.items
    if not kinds:
        yield Check("review", "ok", "no question is open")
        return
    items = sum(kinds.values())
    listed = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
    age = state.now - min(each.oldest for each in state.reviews)
    late = items >= MANY_QUESTIONS or age > LONG_BACKLOG
    text = f"{counted(items, 'question')} open ({listed}), the oldest for {span(age)}"
    yield Check("review", "warn" if late else "ok", text, "memreg review lists them" if late else None)


def _brief(text: str) -> str:
    text = brief(" ".join(text.split()))
    return text if len(text) <= 200 else text[:199] + "…"
