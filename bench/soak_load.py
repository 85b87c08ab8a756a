"""The processes of a soak that may be killed at any time: loaders, which talk to an engine, and workers."""

from __future__ import annotations

import faulthandler
import logging
import os
import random
import signal
import struct
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from bench.soak_board import Board, Field, Order
from bench.soak_world import CLASSES, NAME, UNREADABLE, Told, World
from memreg import Engine, Message, Proposal, Turn
from memreg.core.errors import (
    ActRefused,
    AuditNotFound,
    CommitUnknown,
    ConnectionLost,
    DatabaseUnavailable,
    ExtractionFailed,
    MemoryNotFound,
    MessageConflict,
    MessageNotFound,
    ProposalInvalid,
    QueueFull,
    TooManyConnections,
    WaitTimeout,
)
from memreg.core.settings import Settings
from memreg.engine.model import Extraction, Stored
from memreg.engine.patterns import PatternsExtractor
from memreg.registry.models import SchemaVersion

ROW = struct.Struct("<dBf")
"""Of the file of latencies: when (seconds since the epoch), what (a place in `KINDS`), seconds."""
KINDS = ("submit", "text", "direct", "many", "list", "search", "get", "history", "explain", "stats", "act", "control")
CONTROL = """
create table public.control as select generate_series(1, 100) as id, 0 as count;
alter table public.control add primary key (id);
alter table public.control set (fillfactor = 50);
"""
"""A piece of work for the server that never grows: where it takes longer, the machine had other things to do."""
_CONTROL_EVERY = 2  # steps
PASSING = (DatabaseUnavailable, ConnectionLost, CommitUnknown, TooManyConnections, QueueFull)
"""What comes of a Postgres that is killed, and of a queue that nobody empties for a moment."""
_TROUBLE = 0.2  # seconds until what failed so is tried again
_PATIENCE = 45.0  # seconds until trouble is taken for one that does not pass
_BACK = 3
"""Steps that a loader does again after a start: what it said just before it was killed."""


@dataclass(frozen=True)
class Plan:
    """What a process of the soak has to know. `rate`: steps a second of a loader (0: as fast as it can); `flaky`: of
    how many messages a worker fails to read one for a moment; `trace`: how many frames of each allocation are kept."""

    dsn: str
    place: Path
    world: World
    loaders: int
    rate: float
    flaky: float = 0.02
    trace: int = 0

    @property
    def settings(self) -> Settings:
        """Of every engine of the soak: none works on its own submits."""
        return Settings(database_url=self.dsn, workers=0, pool_size=4, connect_timeout=5)

    def board(self) -> Board:
        """Where the processes meet."""
        return Board(self.place / "board")


class Reader:
    """The schema's patterns, but for a text that nobody can read and, now and then, for a moment."""

    name = "patterns"

    def __init__(self, flaky: float) -> None:
        self._patterns = PatternsExtractor()
        self._flaky = flaky

    def extract(self, message: Message, version: SchemaVersion) -> Extraction:
        """Raises ExtractionFailed."""
        if message.text.startswith(UNREADABLE):
            raise ExtractionFailed(extractor=self.name, reason="nobody can read it")
        if random.random() < self._flaky:
            raise ExtractionFailed(extractor=self.name, reason="it was out for a moment", transient=True)
        return self._patterns.extract(message, version)


def work(plan: Plan, slots: int) -> None:
    """A worker of the inbox, until the order is to stop."""
    with _alive(plan, f"worker-{os.getpid()}") as who, _engine(plan, plan.flaky) as engine:
        board, trace = plan.board(), _Trace(plan, who)
        writer = engine.background(slots=slots)
        try:
            _insist(writer.start)
            while board.order is not Order.STOP:
                time.sleep(0.1)
                trace.look()
        finally:
            writer.close(drain=0.0)


def load(plan: Plan, loader: int, *, steady: bool) -> None:
    """A loader: step after step of the world until the order is to stop, reads, acts and replays between them.

    `steady`: it lives for the whole run and keeps the latencies. It starts with one of everything, so that what is
    imported and prepared on first use is there from then on.
    """
    with _alive(plan, f"loader-{loader}") as who, _engine(plan, 0.0) as engine:
        _Loader(plan, engine, loader, _Trace(plan, who), steady=steady).run()


@contextmanager
def _alive(plan: Plan, who: str) -> Iterator[str]:
    """While a process lives: what is waited out is not told line by line; a signal has it write down where it is, and
    it writes down what it died of."""
    logging.disable(logging.CRITICAL)
    with (plan.place / f"stacks-{who}").open("w") as file:
        faulthandler.register(signal.SIGUSR1, file)
        try:
            yield who
        except Exception:
            (plan.place / f"died-{who}").write_text(traceback.format_exc())
            sys.exit(1)
        finally:
            faulthandler.unregister(signal.SIGUSR1)


def _engine(plan: Plan, flaky: float) -> Engine:
    """An engine on a database that may be in trouble just now."""
    engine = Engine.connect(schema=NAME, extractor=Reader(flaky), settings=plan.settings)
    _insist(engine.database.open)
    return engine


class _Loader:
    def __init__(self, plan: Plan, engine: Engine, loader: int, trace: _Trace, *, steady: bool) -> None:
        self.plan, self.engine, self.loader, self.steady = plan, engine, loader, steady
        self.world, self.board = plan.world, plan.board()
        self.chance = random.Random(f"{plan.world.seed}/{loader}/{os.getpid()}")
        self.trace = trace
        self._rows: list[bytes] = []
        self._log = plan.place / f"latency-{loader}"
        self._clean = True
        self._control_conn: psycopg.Connection[Any] | None = None

    def run(self) -> None:
        number = max(0, self.board.get(self.loader, Field.DONE) - _BACK)
        self._warm()
        due = time.monotonic()
        # What the one before was killed in is said to its end, whatever the order.
        while number < self.board.get(self.loader, Field.BEGUN) or self._goes_on():
            # What is begun is told before anything is sent: whatever is found later, it is known who said it.
            self.board.put(self.loader, Field.BEGUN, max(number + 1, self.board.get(self.loader, Field.BEGUN)))
            self._say(self.world.told(self.loader, number))
            number += 1
            self.board.put(self.loader, Field.DONE, max(number, self.board.get(self.loader, Field.DONE)))
            self._besides()
            if self.steady and number % _CONTROL_EVERY == 0:
                self._try(self._control)
            self.trace.look()
            if self.plan.rate:
                due = max(due + self.chance.uniform(0.5, 1.5) / self.plan.rate, time.monotonic() - 1.0)
                time.sleep(max(0.0, due - time.monotonic()))
        self._flush()
        if self._control_conn is not None:
            self._control_conn.close()

    def _goes_on(self) -> bool:
        while (order := self.board.order) is Order.PAUSE:
            self.board.put(self.loader, Field.WAITS, 1)
            time.sleep(0.05)
        self.board.put(self.loader, Field.WAITS, 0)
        return order is Order.GO

    def _warm(self) -> None:
        for each in (*self._reads(), self._act, self._again, self._odd):
            self._try(each)

    # What it says

    def _say(self, told: Told) -> None:
        tenant = self.engine.for_tenant(told.tenant)
        if told.way == "many":
            pairs = zip(told.messages, told.proposals, strict=True)
            turns = [Turn(proposals or (), message=message) for message, proposals in pairs]
            self._timed("many", lambda: deque(tenant.ingest_many(turns), maxlen=0))
            return
        for message, proposals in zip(told.messages, told.proposals, strict=True):
            if told.way == "submit":
                self._timed("submit", partial(tenant.submit, message))
            elif told.way == "text":
                self._timed("text", partial(tenant.ingest, message))
            else:
                self._timed("direct", partial(tenant.ingest, message, proposals=proposals or ()))

    # What it does besides

    def _besides(self) -> None:
        chance = self.chance.random()
        if chance < 0.30:
            self._try(self.chance.choice(self._reads()))
        elif chance < 0.38:
            self._try(self._again)
        elif chance < 0.42:
            self._try(self._act)
        elif chance < 0.44:
            self._try(self._odd)

    def _reads(self) -> tuple[Callable[[], object], ...]:
        tenant = self.engine.for_tenant(self.chance.choice(self.world.names))
        class_name = self.chance.choice(list(CLASSES))
        words = self.world.place(tenant.tenant, self.chance.randrange(50))[0].split()[0]

        def read_list() -> None:
            self._own(tenant, self._timed("list", lambda: tenant.list(class_name, limit=20)))

        def read_search() -> None:
            self._own(tenant, self._timed("search", lambda: tenant.search(words, limit=5)))

        def read_one() -> None:
            found = tenant.list(class_name, limit=5)
            if found:
                wanted = self.chance.choice(found).id
                with suppress(MemoryNotFound):
                    self._own(tenant, [self._timed("get", lambda: tenant.get(wanted))])
                    self._timed("history", lambda: tenant.history(wanted))

        def read_audit() -> None:
            for entry in tenant.audit(limit=1):
                self._timed("explain", partial(tenant.explain, entry.audit_id))

        def read_stats() -> None:
            self._timed("stats", lambda: tenant.stats(hours=0.01))

        return read_list, read_search, read_one, read_audit, read_stats

    def _own(self, tenant: Engine, found: Sequence[Stored[Any]]) -> None:
        """Nothing that is read may be another tenant's."""
        for each in found:
            said = each.values.get("number") or each.values.get("email")
            mark = f"{tenant.tenant}x" if each.class_name == "Account" else f"@{tenant.tenant}.example"
            if said is not None and mark not in said:
                self.board.count(self.loader, Field.FOREIGN)

    def _again(self) -> None:
        """Say again what somebody said, as they may be saying it just now; and something else by the same id."""
        loader = self.chance.randrange(self.plan.loaders)
        begun, done = self.board.get(loader, Field.BEGUN), self.board.get(loader, Field.DONE)
        if begun:
            told = self.world.told(loader, max(0, begun - 1 - self.chance.randrange(20)))
            if told.way == "submit" and told.messages[0].session is None and self.chance.random() < 0.3:
                told = replace(told, way="text")
            self._say(told)
            self.board.count(self.loader, Field.REPLAYS)
        if done > 30 and self.chance.random() < 0.2:
            told = self.world.told(loader, done - 25)
            other = replace(told.messages[0], text="something else")
            with suppress(MessageConflict):
                self.engine.for_tenant(told.tenant).ingest(other, proposals=[Proposal("Ghost", {})])
                self.board.count(self.loader, Field.CHANGED)

    def _odd(self) -> None:
        """What is refused at the door, so that nothing is kept of it; and a wait for what may not be there."""
        tenant = self.engine.for_tenant(self.world.names[0])
        with suppress(ProposalInvalid):
            tenant.ingest(proposals=Proposal("Account", {"number": "t0x00001"}))  # type: ignore[arg-type]
            self.board.count(self.loader, Field.CHANGED)
        with suppress(MessageNotFound, WaitTimeout):
            tenant.wait(f"t0-{self.loader}-{self.board.get(self.loader, Field.DONE) - 1}-0", timeout=0.0)

    def _act(self) -> None:
        """What a person does now and then, to persons only: what accounts and places must be stays known."""
        tenant = self.engine.for_tenant(self.chance.choice(self.world.names))
        found = tenant.list("Person", limit=60)
        if len(found) < 2:
            return
        one, other = self.chance.sample(found, 2)
        kind = self.chance.randrange(6)
        with suppress(ActRefused, MemoryNotFound, AuditNotFound):
            if kind < 2:
                pin = self.chance.random() < 0.3
                self._timed("act", lambda: tenant.correct(one.id, {"town": "Oslo"}, pin=pin, by="soak"))
            elif kind == 2:
                self._timed("act", lambda: tenant.forget(one.id, by="soak"))
            elif kind == 3:
                self._timed("act", lambda: tenant.merge(one.id, other.id, by="soak"))
            else:
                for entry in tenant.audit(memory_id=one.id, limit=1):
                    self._timed("act", partial(tenant.undo, entry.audit_id, by="soak"))

    def _control(self) -> None:
        """Five round trips in a transaction that commits: what a decision may be held against."""
        try:
            if self._control_conn is None:
                self._control_conn = psycopg.connect(self.plan.dsn, autocommit=True)
            conn, row = self._control_conn, self.chance.randrange(1, 101)

            def trips() -> None:
                with conn.transaction():
                    for _ in range(3):
                        conn.execute("select count from public.control where id = %s", (row,)).fetchall()
                    conn.execute("update public.control set count = count + 1 where id = %s", (row,))

            self._timed("control", trips)
        except psycopg.Error:  # the server went; the next one begins anew
            if self._control_conn is not None:
                self._control_conn.close()
            self._control_conn = None

    # How

    def _timed(self, kind: str, do: Callable[[], Any]) -> Any:
        """Do something, again for as long as the database is in trouble; how long it took, where it was not."""
        self._clean = True
        began = time.perf_counter()
        value = _insist(do, self._troubled)
        took = time.perf_counter() - began
        if self.steady and self._clean:
            self._rows.append(ROW.pack(time.time(), KINDS.index(kind), took))
            if len(self._rows) >= 64:
                self._flush()
        return value

    def _troubled(self) -> None:
        self._clean = False

    def _try(self, do: Callable[[], object]) -> None:
        with suppress(*PASSING):  # what need not be: the next one will do
            do()

    def _flush(self) -> None:
        with self._log.open("ab") as file:
            file.write(b"".join(self._rows))
        self._rows.clear()


def _insist(do: Callable[[], Any], troubled: Callable[[], None] = lambda: None) -> Any:
    """Do something again while the database is away or the queue is full: both pass. Raises what does not."""
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            return do()
        except PASSING:
            if time.monotonic() > ends:
                raise
            troubled()
            time.sleep(_TROUBLE)


class _Trace:
    """Where memory is allocated that is not given back: snapshots a while apart, told in a file."""

    def __init__(self, plan: Plan, who: str) -> None:
        self._frames, self._path = plan.trace, plan.place / f"trace-{who}"
        self._next = time.monotonic() + 20.0
        self._first: Any = None
        if self._frames:
            import tracemalloc

            tracemalloc.start(self._frames)

    def look(self) -> None:
        """Take a snapshot where one is due."""
        if not self._frames or time.monotonic() < self._next:
            return
        import gc
        import tracemalloc

        gc.collect()
        self._next = time.monotonic() + 20.0
        now = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(False, tracemalloc.__file__)])
        if self._first is None:
            self._first = now
            return
        found = now.compare_to(self._first, "traceback")[:25]
        self._path.write_text("\n\n".join(f"{each}\n" + "\n".join(each.traceback.format()) for each in found))
