"""One queue for all tenants: each has its turn, however much another leaves to it, and sessions stay in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.queries import Query
from memreg.core.steps import Steps, fetch
from memreg.engine.model import Message, Proposal
from tests.support.engines import register
from tests.support.scripted import Scripted, inbox, named

LAST = -2147483647
TURNS = Query("turns", "All jobs have one turn.", "update memreg.procrastinate_jobs set priority = %(priority)s")


def engine_with(database: Database, extractor: Any, **changes: Any) -> Engine:
    """An engine on the same database whose settings differ."""
    other = Database(database.settings.model_copy(update=changes))
    return Engine(other, schema="people", extractor=extractor, owns_database=True)


def settled(database: Database, tenant: str, seconds: float = 30.0) -> None:
    """Wait until every message of a tenant is decided."""
    ends = time.monotonic() + seconds
    while not all(row["status"] == "decided" for row in inbox(database, tenant)):
        assert time.monotonic() < ends, inbox(database, tenant)
        time.sleep(0.05)


def name_of(number: int) -> str:
    return f"Name{number} Stone"


def left_to_workers(database: Database, tenant: str, count: int, first: int = 0, session: str | None = None) -> None:
    """Messages of a tenant, that nobody works on yet."""
    with engine_with(database, Scripted(named), workers=0) as idle:
        engine = idle.for_tenant(tenant)
        for number in range(first, first + count):
            engine.submit(Message(name_of(number), f"{tenant}{number}", session=session))


def worked_off(database: Database, extractor: Scripted, tenants: Sequence[str], slots: int = 1) -> list[str]:
    """Let a worker do it all; gives the ids in the order in which they were taken up."""
    with engine_with(database, extractor) as engine:
        writer = engine.background(slots=slots)
        writer.start()
        for tenant in tenants:
            settled(database, tenant)
        writer.close(0.0)
    return [str(each) for each in extractor.ids]


def test_a_burst_of_one_tenant_lets_the_messages_of_another_through(database: Database) -> None:
    register(database)
    left_to_workers(database, "hot", 30)
    left_to_workers(database, "calm", 3)
    left_to_workers(database, "still", 1)
    order = worked_off(database, Scripted(named), ["hot", "calm", "still"])
    assert len(order) == 34
    others = [place for place, each in enumerate(order) if not each.startswith("hot")]
    assert max(others) < 7, order
    assert [each for each in order if each.startswith("hot")] == [f"hot{n}" for n in range(30)]


def test_who_comes_later_shares_from_then_on_and_does_not_catch_up(database: Database) -> None:
    """After ten of the burst, the other has thirty, too: from there on they take turns."""
    register(database)
    left_to_workers(database, "hot", 30)
    reached, go = threading.Event(), threading.Event()
    count = [0]

    def answer(message: Message) -> Sequence[Proposal]:
        count[0] += 1
        if count[0] == 10:
            reached.set()
            assert go.wait(20)
        return named(message)

    extractor = Scripted(answer)
    with engine_with(database, extractor) as engine:
        writer = engine.background(slots=1)
        writer.start()
        assert reached.wait(20)
        left_to_workers(database, "calm", 20)
        go.set()
        for tenant in ("hot", "calm"):
            settled(database, tenant)
        writer.close(0.0)
    order = [str(each)[:3] for each in extractor.ids]
    shared = order[10:50]
    assert shared.count("hot") == shared.count("cal") == 20
    for upto in range(len(shared)):
        assert abs(shared[:upto].count("hot") - shared[:upto].count("cal")) <= 2, shared


def test_a_long_session_leaves_the_rest_for_later_where_another_tenant_waits(database: Database) -> None:
    register(database)
    left_to_workers(database, "hot", 20, session="chat")
    left_to_workers(database, "calm", 2)
    order = worked_off(database, Scripted(named), ["hot", "calm"])
    assert max(place for place, each in enumerate(order) if each.startswith("calm")) <= 9, order
    assert [each for each in order if each.startswith("hot")] == [f"hot{n}" for n in range(20)]


def test_what_a_tenant_is_told_of_the_queue_is_a_number(database: Database) -> None:
    """The turn is counted over every tenant's jobs, which a tenant's transaction cannot read."""
    register(database)
    left_to_workers(database, "hot", 5)
    with database.transaction("calm") as conn:
        assert conn.execute("select count(*) as jobs from memreg.procrastinate_jobs").fetchone() == {"jobs": 0}
        row = conn.execute("select memreg.turn_of_queue('memreg_inbox') as turn").fetchone()
    assert row == {"turn": 0}
    with database.transaction("hot") as conn:
        found = conn.execute("select priority from memreg.procrastinate_jobs order by id").fetchall()
    assert [row["priority"] for row in found] == [0, -1, -2, -3, -4]


def test_turns_that_have_come_to_their_last_number_go_on_by_arrival(database: Database) -> None:
    register(database)
    left_to_workers(database, "hot", 2)

    def all_at_last() -> Steps[Any]:
        return fetch(TURNS(priority=LAST))

    database.run_admin(all_at_last)
    left_to_workers(database, "hot", 2, first=2)
    left_to_workers(database, "calm", 1)
    order = worked_off(database, Scripted(named), ["hot", "calm"])
    assert order == ["hot0", "hot1", "hot2", "hot3", "calm0"]
