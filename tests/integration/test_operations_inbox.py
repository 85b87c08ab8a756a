"""The inbox as an operator sees it: what waits and why, one message in full, retried by the workers, given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from memreg.api.engine import Engine
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, ExtractionFailed, MessageNotFound, MessageSettled, SchemaNotFound
from memreg.core.queries import Query
from memreg.engine.model import Call, Message, Proposal
from memreg.operations import inbox as operations
from memreg.operations.inbox import Inbox, InboxMessage, dead_ids, drop, requeue, show
from memreg.operations.review import review
from tests.support.engines import every, register
from tests.support.replay import rows
from tests.support.scripted import ANSWERED, Scripted, named

JOBS = Query(
    "jobs",
    "The jobs of the queue.",
    "select args ->> 'arrival' as arrival from memreg.procrastinate_jobs"
    " where status = 'todo' and %(tenant)s::text is not null",
)
BEGIN = Query(
    "begin",
    "Have one message be in the middle of its extraction, since an hour.",
    "update memreg.messages set status = 'extracting', started_at = now() - interval '1 hour'"
    " where tenant = %(tenant)s and id = 'held' returning id",
)
REFUSED = ExtractionFailed(
    extractor="scripted",
    reason="it is no good",
    reply="{" + "x" * 5_000,
    calls=(Call("unreadable", "m", 100, 7, 2.5),),
)


def answer(message: Message) -> Sequence[Proposal]:
    """Messages about trouble fail for good, others say a name."""
    if "trouble" in message.text:
        raise REFUSED
    return named(message)


@pytest.fixture
def engine(database: Database) -> Engine:
    register(database)
    return Engine(database, schema="people", extractor=Scripted(answer))


def inbox(database: Database, tenant: str = "default", **options: Any) -> Inbox:
    return operations.inbox(database, tenant, "people", **options)


def one(database: Database, message_id: str) -> InboxMessage:
    return show(database, "default", "people", message_id).message


def queue(database: Database, engine: Engine, message: Message) -> None:
    """Leave a message to workers, of which none is started."""
    from memreg.core.ids import uuid7
    from memreg.engine import inbox as plans
    from memreg.engine.cache import Cache
    from memreg.engine.ingest import Walk

    walk = Walk(engine.tenant, "people", Cache(), utc_now, uuid7)
    assert database.run(engine.tenant, lambda: plans.submit(walk, message, 100))


def test_what_is_not_decided_oldest_first(database: Database, engine: Engine) -> None:
    engine.ingest(Message("Ana Lopez", "fine"))
    engine.ingest(Message("trouble 1", "dead 1", session="s1", role="user"))
    queue(database, engine, Message("Bo Berg", "waits"))
    engine.ingest(Message("trouble 2 " + "x" * 500, "dead 2"))
    found = inbox(database, clock=lambda: utc_now() + timedelta(minutes=5))
    assert [item.id for item in found.items] == ["dead 1", "waits", "dead 2"]
    assert found.counts == {"accepted": 1, "dead": 2}
    assert found.total == 3
    assert found.oldest is not None and timedelta(minutes=5) <= found.oldest < timedelta(minutes=8)
    first, waits, last = found.items
    assert (first.session, first.attempts, first.queued) == ("s1", 1, False)
    assert first.sentence == "failed once: it is no good"
    assert waits.queued and waits.sentence == "waits for a worker"
    assert len(last.beginning) == 200


def test_an_empty_inbox(database: Database, engine: Engine) -> None:
    engine.ingest(Message("Ana Lopez", "fine"))
    assert inbox(database) == Inbox((), {}, None)


def test_filters_limits_and_tenants(database: Database, engine: Engine) -> None:
    for number in range(4):
        engine.ingest(Message(f"trouble {number}", f"m{number}"))
    queue(database, engine, Message("Bo Berg", "waits"))
    assert [item.id for item in inbox(database, limit=2).items] == ["m0", "m1"]
    assert inbox(database, limit=2).total == 5
    assert [item.id for item in inbox(database, status="accepted").items] == ["waits"]
    assert inbox(database, status="extracting").items == ()
    assert inbox(database, status="dropped").items == ()
    assert inbox(database, "acme") == Inbox((), {}, None)
    assert dead_ids(database, "default", "people") == ["m0", "m1", "m2", "m3"]
    assert dead_ids(database, "acme", "people") == []


@pytest.mark.parametrize("page", [1, 2, 3, 4])
def test_dead_ones_are_read_page_by_page(
    database: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(operations, "_PAGE", page)
    for number in range(4):
        engine.ingest(Message(f"trouble {number}", f"m{number}"))
    assert dead_ids(database, "default", "people") == ["m0", "m1", "m2", "m3"]


def test_wrong_questions_are_refused(database: Database, engine: Engine) -> None:  # noqa: ARG001
    with pytest.raises(ArgumentInvalid, match="accepted, extracting, dead, dropped"):
        inbox(database, status="decided")
    with pytest.raises(ArgumentInvalid, match="1 to 10,000"):
        inbox(database, limit=0)
    with pytest.raises(SchemaNotFound):
        operations.inbox(database, "default", "nowhere")
    with pytest.raises(MessageNotFound):
        show(database, "default", "people", "nobody")


def test_one_message_in_full(database: Database, engine: Engine) -> None:
    engine.ingest(Message("trouble", "m1", session="s"))
    kept = show(database, "default", "people", "m1", reply=100)
    assert (kept.text, kept.message.status, kept.decisions) == ("trouble", "dead", ())
    assert kept.reply == "{" + "x" * 99
    assert kept.reply_length == 5_001
    ((at, call),) = kept.calls
    assert call == REFUSED.calls[0]
    assert utc_now() - at < timedelta(minutes=5)

    engine.ingest(Message("Ana Lopez", "m2"))
    kept = show(database, "default", "people", "m2")
    assert [decision.action for decision in kept.decisions] == ["CREATE"]
    assert [call for _, call in kept.calls] == [ANSWERED]
    assert kept.decided_at is not None
    assert kept.message.sentence == "decided"


def test_a_message_of_another_tenant_is_not_there(database: Database, engine: Engine) -> None:
    engine.ingest(Message("trouble", "m1"))
    with pytest.raises(MessageNotFound, match="'m1' was taken in tenant 'acme'"):
        show(database, "acme", "people", "m1")
    (refused,) = drop(database, "acme", "people", ["m1"], why="spam", by="ana")
    assert refused.verdict == "unknown"
    assert one(database, "m1").status == "dead"


def test_a_message_that_somebody_left(database: Database, engine: Engine) -> None:
    queue(database, engine, Message("Ana Lopez", "held"))
    rows(database, BEGIN, "default")
    (item,) = inbox(database).items
    assert item.is_left
    assert item.sentence.startswith("whoever worked on it is gone")
    (item,) = inbox(database, clock=lambda: utc_now() - timedelta(minutes=55)).items
    assert not item.is_left
    assert item.sentence == "somebody works on it"


# Giving up


def test_a_dropped_message_stays_kept_with_the_reason_and_who(database: Database, engine: Engine) -> None:
    engine.ingest(Message("trouble", "m1"))
    assert review(database, "default", "people").total == 1
    (done,) = drop(database, "default", "people", ["m1"], why="  it is spam ", by="ana")
    assert (done.verdict, done.sentence) == ("dropped", "Dropped 'm1'; it stays kept, with the reason.")
    assert review(database, "default", "people").total == 0
    kept = show(database, "default", "people", "m1")
    assert (kept.text, kept.message.reason, kept.message.settled_by) == ("trouble", "it is spam", "ana")
    assert kept.message.sentence == "given up by ana: it is spam"
    assert len(kept.calls) == 1
    assert inbox(database).items == ()
    assert [item.id for item in inbox(database, status="dropped").items] == ["m1"]
    with pytest.raises(MessageSettled):
        engine.retry("m1")


def test_dropping_twice_says_so_and_keeps_the_first_reason(database: Database, engine: Engine) -> None:
    engine.ingest(Message("trouble", "m1"))
    drop(database, "default", "people", ["m1"], why="it is spam.", by="ana")
    (again,) = drop(database, "default", "people", ["m1"], why="really", by="bo")
    assert (again.verdict, again.sentence) == ("before", "The message 'm1' was dropped before, by ana: it is spam.")
    assert one(database, "m1").reason == "it is spam."


def test_a_decided_message_cannot_be_dropped_and_the_others_are(database: Database, engine: Engine) -> None:
    engine.ingest(Message("Ana Lopez", "m1"))
    engine.ingest(Message("trouble", "m2"))
    done = drop(database, "default", "people", ["m1", "nobody", "m2", "m2"], why="spam", by="ana")
    assert [(each.id, each.verdict) for each in done] == [("m1", "refused"), ("nobody", "unknown"), ("m2", "dropped")]
    assert "'m1' is decided" in done[0].sentence
    assert one(database, "m1").status == "decided"
    assert len(every(engine)) == 1


@pytest.mark.parametrize(("why", "by", "words"), [("  ", "ana", "the reason"), ("spam", "", "who gives it up")])
def test_dropping_takes_a_reason_and_a_name(database: Database, engine: Engine, why: str, by: str, words: str) -> None:
    engine.ingest(Message("trouble", "m1"))
    with pytest.raises(ArgumentInvalid, match=words):
        drop(database, "default", "people", ["m1"], why=why, by=by)
    assert one(database, "m1").status == "dead"


def test_what_is_dropped_while_it_is_extracted_is_not_decided(database: Database) -> None:
    register(database)

    def dropping(message: Message) -> Sequence[Proposal]:
        drop(database, "default", "people", [message.id or ""], why="spam", by="ana")
        return named(message)

    engine = Engine(database, schema="people", extractor=Scripted(dropping))
    result = engine.ingest(Message("Ana Lopez", "m1"))
    assert result.decisions == ()
    assert one(database, "m1").status == "dropped"
    assert every(engine) == {}


@pytest.mark.parametrize("fails", [False, True], ids=["decided", "dead"])
def test_a_worker_does_not_take_up_what_was_dropped(database: Database, engine: Engine, fails: bool) -> None:
    queue(database, engine, Message("trouble" if fails else "Ana Lopez", "m1"))
    drop(database, "default", "people", ["m1"], why="spam", by="ana")
    work(engine)
    assert one(database, "m1").status == "dropped"
    assert every(engine) == {}


# Leaving it to the workers


def work(engine: Engine) -> None:
    """Work the queue off."""
    writer = engine.background(slots=1)
    writer.start()
    try:
        while engine.jobs_left():
            pass_time()
    finally:
        writer.close(drain=10.0)


def pass_time() -> None:
    import time

    time.sleep(0.05)


def test_a_dead_message_is_left_to_the_workers(database: Database) -> None:
    register(database)
    said: list[Callable[[Message], Any]] = [answer]
    engine = Engine(database, schema="people", extractor=Scripted(lambda message: said[0](message)))
    engine.ingest(Message("trouble", "m1"))
    said[0] = lambda _: [Proposal("Person", {"name": "Ana Lopez", "email": "ana@x.org"})]
    assert requeue(database, "default", "people", "m1") is None
    assert one(database, "m1").sentence.startswith("failed once, is tried again")
    assert len(rows(database, JOBS, "default")) == 1
    work(engine)
    assert one(database, "m1").status == "decided"
    assert review(database, "default", "people").total == 0
    assert len(every(engine)) == 1


def test_what_is_settled_is_not_left_to_the_workers(database: Database, engine: Engine) -> None:
    engine.ingest(Message("Ana Lopez", "m1"))
    told = requeue(database, "default", "people", "m1")
    assert told == "The message 'm1' is decided, so there is nothing to retry."
    with pytest.raises(MessageNotFound):
        requeue(database, "default", "people", "nobody")
    assert rows(database, JOBS, "default") == []
