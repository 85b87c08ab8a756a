"""Whatever is done to an inbox in whatever order: no message is lost, changed or decided twice; the settled stay so."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import pytest

from memreg.api.engine import Engine
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.errors import ExtractionFailed, MessageNotFound, MessageSettled
from memreg.core.ids import uuid7
from memreg.engine import inbox as plans
from memreg.engine.cache import Cache
from memreg.engine.ingest import Walk
from memreg.engine.model import Call, Message, Proposal
from memreg.operations.inbox import drop, inbox, requeue, show
from memreg.operations.review import review
from memreg.operations.usage import usage
from tests.support.engines import every, register
from tests.support.scripted import Scripted, named

NAMES = ("Ana Lopez", "Bo Berg", "Carla Quist", "Dag Hagen", "Eva Wong", "Finn Babic")
STEPS = 25


class Play:
    """An inbox, a model that is up or down, and what must hold of them."""

    def __init__(self, database: Database, seed: int) -> None:
        register(database)
        self.database = database
        self.chance = random.Random(seed)
        self.is_up = True
        self.requests = 0
        self.engine = Engine(database, schema="people", extractor=Scripted(self.answer))
        self.settled: dict[str, str] = {}
        self.kept: set[str] = set()

    def answer(self, message: Message) -> Sequence[Proposal]:
        self.requests += 1
        if not self.is_up:
            raise ExtractionFailed(extractor="scripted", reason="it is down", calls=(Call("http 401", "m"),))
        return named(message)

    def step(self) -> None:
        name = self.chance.choice(NAMES)
        do = self.chance.choice((self.ingest, self.submit, self.retry, self.drop, self.requeue, self.turn, self.work))
        do(name)

    def ingest(self, name: str) -> None:
        self.kept.add(name)
        self.engine.ingest(Message(name, name))

    def submit(self, name: str) -> None:
        self.kept.add(name)
        walk = Walk("default", "people", Cache(), utc_now, uuid7)
        self.database.run("default", lambda: plans.submit(walk, Message(name, name), 100))

    def retry(self, name: str) -> None:
        try:
            self.engine.retry(name)
        except MessageNotFound:
            assert name not in self.kept
        except MessageSettled:
            assert self.settled[name] == "dropped"

    def drop(self, name: str) -> None:
        (done,) = drop(self.database, "default", "people", [name], why="spam", by="ana")
        wanted = {"decided": "refused", "dropped": "before"}.get(self.settled.get(name, ""), "dropped")
        assert done.verdict == (wanted if name in self.kept else "unknown")

    def requeue(self, name: str) -> None:
        try:
            told = requeue(self.database, "default", "people", name)
        except MessageNotFound:
            assert name not in self.kept
        else:
            assert (told is not None) == (name in self.settled)

    def turn(self, _: str) -> None:
        self.is_up = not self.is_up

    def work(self, _: str) -> None:
        writer = self.engine.background(slots=2)
        writer.start()
        writer.close(drain=20.0)

    def check(self) -> None:
        """What holds after every step."""
        statuses: dict[str, str] = {}
        for name in self.kept:
            message = show(self.database, "default", "people", name)
            assert message.text == name
            statuses[name] = message.message.status
            assert len(message.decisions) == (message.message.status == "decided")
        for name, status in self.settled.items():
            assert statuses[name] == status, f"{name} was {status}"
        self.settled = {name: status for name, status in statuses.items() if status in ("decided", "dropped")}
        decided = {name for name, status in statuses.items() if status == "decided"}
        assert {memory.values["name"] for memory in every(self.engine).values()} == decided
        found = inbox(self.database, "default", "people")
        assert {item.id: item.status for item in found.items} == {
            name: status for name, status in statuses.items() if name not in self.settled
        }
        assert sum(found.counts.values()) == len(found.items)
        asked = {item.message_id for item in review(self.database, "default", "people").items}
        assert asked.isdisjoint(self.settled)
        assert {name for name, status in statuses.items() if status == "dead"} <= asked
        assert usage(self.database, "default", "people").messages.requests == self.requests


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost_and_what_is_settled_stays(database: Database, seed: int) -> None:
    play = Play(database, seed)
    for _ in range(STEPS):
        play.step()
        play.check()
    play.is_up = True
    for name in sorted(play.kept - set(play.settled)):
        play.retry(name)
    play.check()
    assert set(play.settled) == play.kept


def test_a_writer_that_is_closed_at_once_ends(database: Database) -> None:
    register(database)
    engine = Engine(database, schema="people", extractor=Scripted(named))
    for pause in range(30):
        writer = engine.background(slots=2)
        writer.start()
        time.sleep(pause / 2000)  # in all stages of its beginning
        writer.close(drain=0.0)
