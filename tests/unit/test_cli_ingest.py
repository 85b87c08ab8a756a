"""What the ingest command does when no further message would be taken, and how it counts."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from memreg.api.engine import Engine
from memreg.cli.ingest import _take
from memreg.cli.messages import Given, Problem
from memreg.cli.tally import Tally, sentence
from memreg.core.errors import ConnectionLost, MessageConflict
from memreg.engine.model import Action, Basis, Decision, IngestResult, Message


class Scripted:
    """An engine that gives or raises what it was told to, in order."""

    def __init__(self, *script: IngestResult | Exception) -> None:
        self.script = list(script)

    def ingest(self, message: Message | None, *, proposals: Any) -> IngestResult:
        assert message is not None or proposals is not None
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


def result(status: Any = "decided", *rules: tuple[Action, Basis]) -> IngestResult:
    ids = UUID(int=1)
    return IngestResult("m", status, tuple(Decision(a, b, "C", ids, None, ids) for a, b in rules))


def taken(*script: IngestResult | Exception, count: int = 0) -> tuple[Tally, Problem | None, list[Problem]]:
    tally, refused = Tally(), list[Problem]()
    engine = cast(Engine, Scripted(*script))
    given = iter([Given(line, Message("x")) for line in range(1, 1 + (count or len(script)))])
    stopped = _take(engine, given, tally, None, refused.append, lambda: None)
    return tally, stopped, refused


def test_a_lost_connection_stops_and_says_where() -> None:
    tally, stopped, refused = taken(result(), ConnectionLost(where="here"), count=5)
    assert (tally.messages, refused) == (1, [])
    assert stopped is not None
    assert stopped.line == 2
    assert "here was lost" in stopped.error


def test_a_conflict_does_not_stop() -> None:
    tally, stopped, refused = taken(MessageConflict(message_id="m"), result())
    assert stopped is None
    assert [problem.line for problem in refused] == [1]
    assert tally.failed


def test_replays_and_dead_messages_decide_nothing() -> None:
    rule = (Action.CREATE, Basis.NEW)
    tally, _, _ = taken(result("decided", rule, rule), result("replayed", rule), result("dead"), result("decided"))
    assert tally.by_rule() == [{"action": Action.CREATE, "basis": Basis.NEW, "count": 2}]
    assert tally.failed
    assert sentence(tally.counts()) == (
        "4 messages, 2 decided (1 with nothing to remember), 1 replayed (taken before: nothing was written), "
        "1 dead (kept: memreg inbox tells why)."
    )
    assert not taken(result("replayed", rule))[0].failed


def test_only_the_first_results_are_held() -> None:
    tally, _, _ = taken(*(result() for _ in range(50)))
    assert len(tally.first) <= 6
    assert tally.messages == 50
