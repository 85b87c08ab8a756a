"""What the ingest command does when no further message would be taken, and how it counts."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any, cast
from uuid import UUID

from memreg.api.engine import Engine
from memreg.cli.lines import Source
from memreg.cli.loading import Load, Stopping
from memreg.cli.messages import Given, Problem, named_by_line, read_messages
from memreg.cli.tally import Tally, sentence
from memreg.core.errors import ConnectionLost, MemregError, MessageConflict
from memreg.engine.many import Item
from memreg.engine.model import Action, Basis, Decision, IngestResult, Message


class Scripted:
    """An engine that gives or raises what it was told to, in order."""

    def __init__(self, *script: IngestResult | Exception) -> None:
        self.script = list(script)
        self.sizes: list[int] = []
        self.replays: list[bool] = []

    def ingest_many(
        self, messages: Sequence[Item], *, on_error: Callable[[int, MemregError], None], chunk: int, replays: bool
    ) -> Iterator[IngestResult]:
        assert 0 < len(messages) <= chunk
        self.sizes.append(len(messages))
        self.replays.append(replays)
        for place, _ in enumerate(messages):
            step = self.script.pop(0)
            if isinstance(step, MessageConflict):
                on_error(place, step)
            elif isinstance(step, IngestResult):
                yield step
            else:
                raise step


def result(status: Any = "decided", *rules: tuple[Action, Basis]) -> IngestResult:
    ids = UUID(int=1)
    return IngestResult("m", status, tuple(Decision(a, b, "C", ids, None, ids) for a, b in rules))


def taken(*script: IngestResult | Exception, count: int = 0) -> tuple[Tally, Problem | None, list[Problem]]:
    tally, refused = Tally(), list[Problem]()
    engine = cast(Engine, Scripted(*script))
    given = iter([Given(line, Message("x")) for line in range(1, 1 + (count or len(script)))])
    load = Load(engine, tally, None, refused.append, lambda: None)
    stopped = load.take(given, lambda: True, Stopping())
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


def numbered(count: int) -> Iterator[Given]:
    return iter([Given(line, Message("x")) for line in range(1, count + 1)])


def test_more_are_taken_at_once_while_that_is_quick() -> None:
    scripted = Scripted(*(result() for _ in range(100)))
    load = Load(cast(Engine, scripted), Tally(), None, lambda _: None, lambda: None)
    assert load.take(numbered(100), lambda: True, Stopping()) is None
    assert scripted.sizes == [4, 8, 16, 32, 40]
    assert scripted.replays == [True, True, False, False, False]  # no decision is shown any more


def test_a_line_that_is_there_does_not_wait_for_the_next() -> None:
    scripted = Scripted(*(result() for _ in range(3)))
    load = Load(cast(Engine, scripted), Tally(), None, lambda _: None, lambda: None)
    assert load.take(numbered(3), lambda: False, Stopping()) is None
    assert scripted.sizes == [1, 1, 1]


def test_bad_lines_are_told_where_they_stand() -> None:
    told: list[str] = []
    bad = Given(2, problems=(Problem(2, "it is bad"),))
    given = [Given(1, Message("x")), bad, Given(3, Message("x")), Given(4, Message("x")), replace(bad, line=5)]
    engine = cast(Engine, Scripted(result(), MessageConflict(message_id="m"), result()))
    load = Load(engine, Tally(), lambda _: told.append("shown"), lambda p: told.append(str(p.line)), lambda: None)
    assert load.take(iter(given), lambda: True, Stopping()) is None
    assert told == ["shown", "2", "3", "shown", "2"]


def test_an_interrupt_ends_after_what_is_at_hand() -> None:
    tally = Tally()
    scripted = Scripted(*(result() for _ in range(20)))

    def interrupt(_: IngestResult) -> None:
        if tally.messages == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with Stopping() as stopping:
        load = Load(cast(Engine, scripted), tally, interrupt, lambda _: None, lambda: None)
        stopped = load.take(numbered(20), lambda: True, stopping)
    assert tally.messages == 4
    assert stopped is not None
    assert stopped.line == 5
    assert "interrupted" in stopped.error


def test_a_second_interrupt_ends_at_once() -> None:
    tally = Tally()

    def interrupt(_: IngestResult) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with Stopping() as stopping:
        load = Load(
            cast(Engine, Scripted(*(result() for _ in range(20)))), tally, interrupt, lambda _: None, lambda: None
        )
        stopped = load.take(numbered(20), lambda: True, stopping)
    assert tally.messages == 2
    assert stopped is not None
    assert stopped.line == 3


def test_an_interrupt_at_the_end_is_none() -> None:
    engine = cast(Engine, Scripted(*(result() for _ in range(3))))
    with Stopping() as stopping:
        load = Load(engine, Tally(), lambda _: os.kill(os.getpid(), signal.SIGINT) if not stopping.is_wanted else None,
                    lambda _: None, lambda: None)  # fmt: skip
        assert load.take(numbered(3), lambda: True, stopping) is None


def test_lines_without_ids_are_named_by_their_place() -> None:
    source = Source(BytesIO(b'{"text": "a"}\n\n{"text": "b", "id": "own"}\n{"no": 1}\n{"text": "c"}\n'), "x")
    found = [(each.line, each.message and each.message.id) for each in named_by_line(read_messages(source), "load")]
    assert found == [(1, "load:1"), (3, "own"), (4, None), (5, "load:5")]


def test_a_pipe_tells_whether_a_line_is_there() -> None:
    read, write = os.pipe()
    with open(read, "rb") as stream, open(write, "wb", buffering=0) as end:
        source = Source(stream, "pipe")
        source.wait_for_nothing()
        lines = source.lines()

        def is_ready() -> bool:
            return source.is_ready

        assert not is_ready()
        end.write(b"one\ntwo\nth")
        assert is_ready()
        assert next(lines).text == "one"
        assert is_ready()
        assert next(lines).text == "two"
        assert not is_ready()
        end.write(b"ree\n" + b"x" * 30_000)
        assert next(lines).text == "three"
        end.close()
        assert next(lines).text == "x" * 30_000
        assert is_ready()
        assert list(lines) == []
