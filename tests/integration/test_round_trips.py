"""What a call asks of the database does not depend on how much there is to tell: statements and round trips of every
public method, for one of a kind and for fifty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from memreg import Engine, Message, Proposal, Turn
from memreg.core.errors import ExtractionFailed
from memreg.core.settings import Settings
from memreg.engine.model import Decision, Extraction
from memreg.registry.models import SchemaVersion
from tests.support.counting import Count, CountingDatabase
from tests.support.engines import register
from tests.support.server import Server

FEW, MANY = 3, 50
SCHEDULED = frozenset({"tail_of", "count_tokens", "table_growth", "judged_classes", "read_in_order"})
"""What marks a transaction that is not of the call: sealing, statistics and the monitors' look come by schedule."""
CACHED = frozenset({"one_snapshot", "one_version"})
OF_THE_SCHEDULE = ("calibrate", "calibration", "monitor", "seal_audit")
"""The methods that do by hand what else comes by schedule."""
BY_PARTS = {"ingest_many"}
"""Of many messages the parts are as large as the schedule lets them be."""
NOT_COUNTED = {"background", "close", "connect", "for_tenant"}
"""These ask nothing of a tenant's data."""
Case = Callable[[Engine, int], Callable[[], object]]
CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Case], Case]:
    """Register a case: prepares what is needed, of a size, and gives the call that is counted."""

    def take(function: Case) -> Case:
        CASES[name] = function
        return function

    return take


def persons(count: int) -> list[Proposal]:
    return [
        Proposal("Person", {"name": f"Given{n} Family{n}", "email": f"{n}@example.com", "city": "Oslo"})
        for n in range(count)
    ]


def some(engine: Engine, count: int) -> list[Decision]:
    return list(engine.ingest(Message("all", id="all"), proposals=persons(count)).decisions)


def one_of(engine: Engine, revisions: int) -> UUID:
    """A memory with so many revisions, each said by a message of its own."""
    for number in range(revisions):
        values = {"name": "Ana Lopez", "email": "ana@example.com", "city": f"Town {number}"}
        made = engine.ingest(Message("x", id=f"r{number}"), proposals=[Proposal("Person", values)]).decisions[0]
    assert made.memory_id is not None
    return made.memory_id


@case("get")
def _get(engine: Engine, size: int) -> Callable[[], object]:
    memory_id = one_of(engine, size)
    return lambda: engine.get(memory_id)


@case("get as of")
def _get_as_of(engine: Engine, size: int) -> Callable[[], object]:
    memory_id = one_of(engine, size)
    now = datetime.now(UTC)
    return lambda: engine.get(memory_id, as_of=now)


@case("list")
def _list(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return lambda: engine.list("Person")


@case("list as of")
def _list_as_of(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    now = datetime.now(UTC)
    return lambda: engine.list("Person", as_of=now)


@case("search")
def _search(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return lambda: engine.search("Oslo", limit=MANY)


@case("history")
def _history(engine: Engine, size: int) -> Callable[[], object]:
    memory_id = one_of(engine, size)
    return lambda: engine.history(memory_id)


@case("explain")
def _explain(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    made = engine.ingest(proposals=[Proposal("Person", {"name": "Given0 Family1", "city": "Oslo"})]).decisions[0]
    return lambda: engine.explain(made.audit_id)


@case("audit")
def _audit(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return lambda: engine.audit()


@case("export_audit")
def _export(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return lambda: engine.export_audit(lambda _: None)


@case("seal_audit")
def _seal(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return engine.seal_audit


@case("anchor_audit")
def _anchor(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return engine.anchor_audit


@case("verify_audit")
def _verify(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    engine.seal_audit()
    return engine.verify_audit


@case("replay_audit")
def _replay(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return engine.replay_audit


@case("review")
def _review(engine: Engine, size: int) -> Callable[[], object]:
    for number in range(size):
        engine.ingest(Message("x", id=f"m{number}"), proposals=[Proposal("Person", {"city": f"Town {number}"})])
    assert len(engine.review().items) == size
    return engine.review


@case("settle")
def _settle(engine: Engine, size: int) -> Callable[[], object]:
    _review(engine, size)
    item = engine.review().items[0]
    return lambda: engine.settle(item.id, "right", by="ana")


@case("reopen")
def _reopen(engine: Engine, size: int) -> Callable[[], object]:
    _review(engine, size)
    item = engine.review().items[0]
    engine.settle(item.id, "right", by="ana")
    return lambda: engine.reopen(item.id, by="ana")


@case("ingest by identity")
def _ingest_identity(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return lambda: engine.ingest(Message("again", id="again"), proposals=persons(size))


@case("ingest by score")
def _ingest_score(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    said = [Proposal("Person", {k: v for k, v in each.values.items() if k != "email"}) for each in persons(size)]
    return lambda: engine.ingest(Message("again", id="again"), proposals=said)


@case("ingest new")
def _ingest_new(engine: Engine, size: int) -> Callable[[], object]:
    return lambda: engine.ingest(Message("again", id="again"), proposals=persons(size))


@case("ingest deletes")
def _ingest_deletes(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    said = [Proposal("Person", {"email": each.values["email"]}, "delete") for each in persons(size)]
    return lambda: engine.ingest(Message("again", id="again"), proposals=said)


@case("ingest replayed")
def _ingest_replayed(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return lambda: engine.ingest(Message("all", id="all"), proposals=persons(size))


@case("ingest_many")
def _ingest_many(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    given = [Turn([each], id=f"m{n}") for n, each in enumerate(persons(size))]
    return lambda: list(engine.ingest_many(given))


@case("merge")
def _merge(engine: Engine, size: int) -> Callable[[], object]:
    first = one_of(engine, size)
    other = some(engine, 1)[0].memory_id
    assert other is not None
    return lambda: engine.merge(first, other, by="ana")


@case("split")
def _split(engine: Engine, size: int) -> Callable[[], object]:
    memory_id = one_of(engine, size + 1)
    return lambda: engine.split(memory_id, revisions=range(2, size + 2), by="ana")


@case("correct")
def _correct(engine: Engine, size: int) -> Callable[[], object]:
    memory_id = one_of(engine, size)
    return lambda: engine.correct(memory_id, {"city": "Rome"}, by="ana")


@case("forget")
def _forget(engine: Engine, size: int) -> Callable[[], object]:
    memory_id = one_of(engine, size)
    return lambda: engine.forget(memory_id, by="ana")


@case("restore")
def _restore(engine: Engine, size: int) -> Callable[[], object]:
    memory_id = one_of(engine, size)
    engine.forget(memory_id, by="ana")
    return lambda: engine.restore(memory_id, by="ana")


@case("undo")
def _undo(engine: Engine, size: int) -> Callable[[], object]:
    memory_id = one_of(engine, size)
    first = engine.history(memory_id)[0].audit_id
    assert first is not None
    return lambda: engine.undo(first, by="ana", cascade=True)


@case("undo dry run")
def _undo_dry(engine: Engine, size: int) -> Callable[[], object]:
    memory_id = one_of(engine, size)
    first = engine.history(memory_id)[0].audit_id
    assert first is not None
    return lambda: engine.undo(first, by="ana", cascade=True, dry_run=True)


@case("undo_many")
def _undo_many(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return lambda: engine.undo_many(by="ana", message_id="all", dry_run=False)


@case("erase")
def _erase(engine: Engine, size: int) -> Callable[[], object]:
    memory_id = one_of(engine, size)
    return lambda: engine.erase(memory_id, by="ana")


@case("monitor")
def _monitor(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return engine.monitor


@case("kill_switch")
def _kill_switch(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return lambda: engine.kill_switch(True, "Person", by="ana")


@case("kill_switches")
def _kill_switches(engine: Engine, size: int) -> Callable[[], object]:
    for class_name in ("Person", "Note", "Sensor")[: size // 2]:
        engine.kill_switch(True, class_name, by="ana")
    return engine.kill_switches


@case("stats")
def _stats(engine: Engine, size: int) -> Callable[[], object]:
    for number in range(size):
        engine.submit(Message("x", id=f"m{number}"))
    return engine.stats


@case("submit")
def _submit(engine: Engine, size: int) -> Callable[[], object]:
    for number in range(size):
        engine.submit(Message("x", id=f"m{number}"))
    return lambda: engine.submit(Message("x", id="another"))


@case("jobs_left")
def _jobs_left(engine: Engine, size: int) -> Callable[[], object]:
    for number in range(size):
        engine.submit(Message("x", id=f"m{number}"))
    return engine.jobs_left


@case("wait")
def _wait(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return lambda: engine.wait("all")


@case("usage")
def _usage(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return engine.usage


@case("calibration")
def _calibration(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    engine.calibrate("Person", recompute=True, by="ana")
    return lambda: engine.calibration("Person")


@case("calibrate")
def _calibrate(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return lambda: engine.calibrate("Person", recompute=True, by="ana")


@case("reveal")
def _reveal(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return lambda: engine.reveal("an export", by="ana")


@case("schema")
def _schema(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return lambda: Engine(engine.database).schema()


@case("version")
def _version(engine: Engine, size: int) -> Callable[[], object]:
    some(engine, size)
    return engine.version


@case("retry")
def _retry(engine: Engine, size: int) -> Callable[[], object]:
    said = persons(size)
    failing = Engine(engine.database, tenant=engine.tenant, schema="people", extractor=Failing(said))
    assert failing.ingest(Message("x", id="dead")).status == "dead"
    return lambda: failing.retry("dead")


class Failing:
    """An extractor that fails the first time."""

    name = "failing"

    def __init__(self, proposals: list[Proposal]) -> None:
        self._proposals = proposals
        self._failed = False

    def extract(self, message: Message, version: SchemaVersion) -> Extraction:
        """The proposals, but for the first time."""
        assert message.id is not None
        assert version.name == "people"
        if not self._failed:
            self._failed = True
            raise ExtractionFailed(extractor=self.name, reason="it fails")
        return Extraction(tuple(self._proposals), self.name)


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[CountingDatabase]:
    name = server.create(server.template)
    with CountingDatabase.connect(Settings(database_url=server.dsn_of(name))) as database:
        register(database)
        yield database
    server.drop(name)


def counted(database: CountingDatabase, name: str, size: int) -> Count:
    """What a call asks, after one before it that had everything cached."""
    with Engine(database, tenant=f"{name}-{size}".replace(" ", "-"), schema="people", extractor="patterns") as engine:
        engine.ingest(Message("first", id="first"), proposals=[Proposal("Person", {"name": "Somebody Else"})])
        call = CASES[name](engine, size)
        database.transactions.clear()
        call()
        return database.asked(frozenset() if name in OF_THE_SCHEDULE else SCHEDULED, CACHED)


@pytest.mark.parametrize("name", sorted(CASES.keys() - BY_PARTS))
def test_a_call_asks_as_much_for_fifty_as_for_few(database: CountingDatabase, name: str) -> None:
    few, many = counted(database, name, FEW), counted(database, name, MANY)
    assert few.trips > 0
    assert many == few, database.transactions


@pytest.mark.parametrize(("name", "trips"), [("ingest by identity", 2), ("ingest by score", 3), ("ingest new", 3)])
def test_an_ingest_is_done_in_two_round_trips_or_three(database: CountingDatabase, name: str, trips: int) -> None:
    assert counted(database, name, 1).trips <= trips


def test_engines_of_other_tenants_find_their_schema_once(database: CountingDatabase) -> None:
    """An application makes one for each call; the one that they are made from may never be used itself."""
    with Engine(database, schema="people", extractor="patterns") as engine:
        for tenant in ("acme", "globex"):
            database.transactions.clear()
            engine.for_tenant(tenant).ingest(proposals=persons(1))
            asked = [name for transaction in database.transactions for trip in transaction for name in trip]
            assert ("one_schema" in asked) is (tenant == "acme")


def test_many_messages_take_few_round_trips(database: CountingDatabase) -> None:
    assert counted(database, "ingest_many", MANY).trips <= MANY / 2


def test_every_public_method_is_counted() -> None:
    methods = {name for name in dir(Engine) if not name.startswith("_") and callable(getattr(Engine, name))}
    assert {name.split()[0] for name in CASES} == methods - NOT_COUNTED
