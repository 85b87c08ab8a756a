"""Calibrations looked at, learned again and set by a person: what is kept, who sees it from when on, and that every
decision can still be replayed."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from memreg.api.engine import Engine
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import ArgumentInvalid
from memreg.core.queries import Query, Statement
from memreg.core.steps import Rows, Steps
from memreg.engine.calibrate import override
from memreg.engine.calibration import Calibration
from memreg.engine.kept import LEAST_TOLD
from memreg.engine.model import Decision
from memreg.engine.record import Record
from memreg.engine.refresh import Due, refresh
from memreg.engine.score import score
from memreg.engine.statistics import FIRST_SNAPSHOT, Statistics
from tests.support.engines import async_people, people, say
from tests.support.replay import rows

SNAPSHOTS = Query(
    "snapshots",
    "Every snapshot.",
    "select * from memreg.calibrations where tenant = %(tenant)s order by class, snapshot",
)
FORGET_MODELS = Query(
    "forget_models",
    "As before migration 0005.",
    "update memreg.calibrations set model = null where tenant = %(tenant)s",
)
NAMES = ("Ana Lopez", "Zoe Quist", "Per Hagen", "Mia Wong", "Ivo Babic", "Kim Berg", "Lea Stone")


def tell(engine: Engine, count: int, start: int = 0) -> list[Decision]:
    """So many decisions about people, a few of them about somebody known by a near name."""
    found = []
    for number in range(start, start + count):
        name = f"{NAMES[number % 7]} {chr(97 + number // 7 % 26) * 4}{chr(97 + number % 23) * 3}"
        if number % 3 == 2:
            name = f"{NAMES[(number - 1) % 7]} {chr(97 + (number - 1) // 7 % 26) * 4}{chr(97 + (number - 1) % 23) * 2}"
        found.append(say(engine, name=name, city=("Oslo", "Lima")[number % 2], born=f"19{50 + number % 40}-03-11"))
    return found


def snapshots(database: Database, tenant: str = "default") -> Rows:
    return rows(database, SNAPSHOTS, tenant)


def interrupted(plan: Steps[Any], name: str, meanwhile: Callable[[], object]) -> Steps[Any]:
    """The plan, with something done by somebody else right before a query of it runs for the first time."""
    steps: Generator[tuple[Statement, ...], list[Rows], Any] = plan
    done, found = False, None
    while True:
        try:
            statements = steps.send(found) if found is not None else next(steps)
        except StopIteration as end:
            return end.value
        if not done and any(statement.query.name == name for statement in statements):
            meanwhile()
            done = True
        found = yield statements


def test_before_anything_is_decided_the_roles_promise(database: Database) -> None:
    found = people(database).calibration("Person")
    assert (found.snapshot, found.taken_at, found.learned_from, found.overrides) == (0, None, 0, ())
    assert (found.repeats, found.siblings, found.shift, found.held) == (0.3, 0.1, 0.0, False)
    assert found.telling == {"name": 1.0}
    assert not any(column.learned for column in found.columns)
    assert found.scores.decisions == 0


def test_a_snapshot_is_taken_when_asked_for_due_or_not(database: Database) -> None:
    engine = people(database)
    decisions = tell(engine, 9)
    first = engine.calibrate("Person", recompute=True, by="ana")
    assert (first.snapshot, first.memories) == (1, len(engine.list("Person")))
    assert first.learned_from == first.scores.count > 0
    assert any(column.learned for column in first.columns)
    again = engine.calibrate("Person", recompute=True, by="bo", why="once more")
    assert (again.snapshot, again.learned_from) == (2, first.learned_from)
    assert [(each.set_by, each.reason) for each in again.overrides] == [("bo", "once more"), ("ana", None)]
    one, two = snapshots(database)
    assert one["change"] == two["change"] == sum(each.action in ("CREATE", "UPDATE") for each in decisions)
    assert one["model"] == two["model"]


def test_the_schedule_goes_on_after_a_snapshot_that_was_asked_for(database: Database) -> None:
    engine = people(database)
    tell(engine, 9)
    engine.calibrate("Person", recompute=True, by="ana")
    tell(engine, FIRST_SNAPSHOT, start=9)
    taken = snapshots(database)
    assert len(taken) > 1
    assert taken[1]["change"] >= FIRST_SNAPSHOT
    assert taken[1]["set_by"] is None


def test_the_scores_are_those_of_the_audit(database: Database) -> None:
    engine = people(database)
    tell(engine, 12)
    found = engine.calibration("Person").scores
    candidates = [engine.explain(entry.audit_id).facts["candidates"] for entry in engine.audit(class_name="Person")]
    best = sorted(max(each["score"] for each in those) for those in candidates if those)
    assert best
    assert sorted(value for scores in found.by_basis.values() for value in scores) == best
    assert found.without_candidate == sum(not those for those in candidates)


def test_another_worker_that_was_first_is_no_error(database: Database) -> None:
    engine = people(database)
    tell(engine, 6)

    def asked(number: int) -> Steps[int | None]:
        plan = refresh("default", "people", "Person", Due(0, ("name",)), utc_now, by=f"worker {number}")
        return plan if number else interrupted(plan, "keep_snapshot", lambda: database.run("default", lambda: asked(1)))

    assert database.run("default", lambda: asked(0)) is None
    assert [row["set_by"] for row in snapshots(database)] == ["worker 1"]


def test_what_a_person_set_is_not_lost_to_a_refresh_that_had_begun(database: Database) -> None:
    engine = people(database)
    tell(engine, 6)

    def set_meanwhile() -> None:
        engine.calibrate("Person", shift=-2, by="ana", why="twins")

    def plan() -> Steps[Any]:
        taking = refresh("default", "people", "Person", Due(99, ("name",)), utc_now)
        return interrupted(taking, "keep_snapshot", set_meanwhile)

    assert database.run("default", plan) is None
    assert (engine.calibration("Person").snapshot, engine.calibration("Person").shift) == (1, -2.0)


def test_two_who_set_at_once_both_have_their_way(database: Database) -> None:
    engine = people(database)
    version = engine.version()

    def plan() -> Steps[Any]:
        holding = override("default", version, "Person", "bo", "steady", utc_now, hold=True)
        return interrupted(
            holding, "keep_snapshot", lambda: engine.calibrate("Person", shift=-2, by="ana", why="twins")
        )

    assert database.run("default", plan) == 2
    found = engine.calibration("Person")
    assert (found.shift, found.held) == (-2.0, True)
    assert [(each.snapshot, each.set_by, each.shift, each.held) for each in found.overrides] == [
        (2, "bo", -2.0, True),
        (1, "ana", -2.0, False),
    ]


def test_many_who_set_at_once_are_all_kept(database: Database) -> None:
    engine = people(database)
    tell(engine, 6)
    shifts = [-3.0, -2.0, -1.0, 1.0, 2.0, 3.0]

    def set_it(shift: float) -> None:
        engine.calibrate("Person", shift=shift, by=f"who {shift}", why="at once")

    with ThreadPoolExecutor(len(shifts)) as pool:
        list(pool.map(set_it, shifts))
    found = engine.calibration("Person")
    assert [each.snapshot for each in found.overrides] == [6, 5, 4, 3, 2, 1]
    assert {(each.set_by, each.shift) for each in found.overrides} == {(f"who {shift}", shift) for shift in shifts}
    assert found.shift == found.overrides[0].shift


def test_running_engines_see_it_at_their_next_decision(database: Database) -> None:
    """Also where the snapshot before, of the same count of writes, is in their hands already."""
    running, other = people(database), Engine(database, schema="people", extractor="patterns")
    tell(running, 9)
    other.calibrate("Person", recompute=True, by="ana")
    looser = say(running, name="Ana Lopes aaaaddd", city="Bergen")
    other.calibrate("Person", shift=-3, by="ana", why="too eager")
    stricter = say(running, name="Ana Lopes aaaaddd", city="Rome")
    named = [running.explain(each.audit_id).facts["snapshot"] for each in (looser, stricter)]
    assert named == [1, 2]


def test_a_shift_moves_the_score_of_the_class_and_zero_takes_it_back(database: Database) -> None:
    engine = people(database)
    say(engine, name="Ana Maria Lopez", city="Oslo")

    def near() -> float:
        """How the same near record scores now; the class is only asked, so that nothing changes."""
        found = engine.calibration("Person")
        spec, annotation = engine.version().spec.by_name["Person"], engine.version().annotation_of("Person")
        known = statistics(snapshots(database), found.snapshot)
        mine = Record.of({"name": "Ana Maria Lopes", "city": "Oslo"}, spec, annotation)
        theirs = Record.of({"name": "Ana Maria Lopez", "city": "Oslo"}, spec, annotation)
        value = score(mine, theirs, known).value
        return math.log(value / (1 - value))

    plain = near()
    engine.calibrate("Person", shift=-2, by="ana", why="too eager")
    assert plain - near() == pytest.approx(2.0, abs=0.01)
    engine.calibrate("Person", shift=0, by="ana", why="it was right")
    assert near() == plain
    assert engine.calibration("Person").shift == 0.0


def test_what_stands_so_already_makes_no_snapshot(database: Database) -> None:
    engine = people(database)
    engine.calibrate("Person", shift=0, hold=False, by="ana", why="as it is")
    assert snapshots(database) == []
    engine.calibrate("Person", shift=-1, by="ana", why="twins")
    again = engine.calibrate("Person", shift=-1, by="bo", why="the same")
    assert [each.set_by for each in again.overrides] == ["ana"]


def test_an_override_keeps_frequencies_and_columns(database: Database) -> None:
    engine = people(database)
    tell(engine, 9)
    engine.calibrate("Person", recompute=True, by="ana")
    engine.calibrate("Person", shift=-1.5, hold=True, by="bo", why="twins\u00e9")
    one, two = snapshots(database)
    same = ("change", "documents", "frequencies")
    assert [one[name] for name in same] == [two[name] for name in same]
    assert two["model"] == one["model"] | {"shift": -1.5, "fixed": True}
    assert (two["set_by"], two["reason"]) == ("bo", "twins\u00e9")
    assert two["created_at"] >= one["created_at"]


def test_a_snapshot_from_before_calibrations_can_be_overridden(database: Database) -> None:
    engine = people(database)
    tell(engine, 9)
    engine.calibrate("Person", recompute=True, by="ana")
    rows(database, FORGET_MODELS, "default")
    engine.calibrate("Person", shift=1, by="ana", why="too shy")
    one, two = snapshots(database)
    assert two["model"] == Calibration(shift=1.0).to_json()
    assert two["frequencies"] == one["frequencies"]
    assert [(each.shift, each.held) for each in engine.calibration("Person").overrides] == [(1.0, False), (0.0, False)]


def test_later_refreshes_carry_a_shift_over(database: Database) -> None:
    engine = people(database)
    engine.calibrate("Person", shift=-1, by="ana", why="twins")
    tell(engine, 2 * FIRST_SNAPSHOT)
    found = engine.calibration("Person")
    assert found.snapshot > 1
    assert found.learned_from > 0
    assert found.shift == -1.0
    assert [each.snapshot for each in found.overrides] == [1]


def test_a_class_that_is_held_is_not_refreshed_until_released(database: Database) -> None:
    engine = people(database)
    engine.calibrate("Person", hold=True, by="ana", why="a demo")
    tell(engine, FIRST_SNAPSHOT + 8)
    assert [row["snapshot"] for row in snapshots(database)] == [1]
    asked = engine.calibrate("Person", recompute=True, by="ana")
    assert (asked.snapshot, asked.held) == (2, True)
    assert asked.learned_from > 0
    tell(engine, FIRST_SNAPSHOT, start=FIRST_SNAPSHOT + 8)
    assert len(snapshots(database)) == 2
    assert not engine.calibrate("Person", hold=False, by="ana", why="the demo is over").held
    tell(engine, 1, start=100)
    taken = snapshots(database)
    assert [row["set_by"] for row in taken] == ["ana", "ana", "ana", None]


def test_a_refresh_that_had_begun_leaves_a_held_class_alone(database: Database) -> None:
    engine = people(database)
    tell(engine, 6)
    engine.calibrate("Person", hold=True, by="ana", why="a demo")

    def plan() -> Steps[int | None]:
        return refresh("default", "people", "Person", Due(99, ("name",)), utc_now)

    assert database.run("default", plan) is None
    assert len(snapshots(database)) == 1


def test_tenants_and_classes_do_not_meet(database: Database) -> None:
    engine = people(database)
    other = engine.for_tenant("acme")
    for each in (engine, other):
        tell(each, 6)
    engine.calibrate("Person", shift=-1, by="ana", why="twins")
    assert other.calibration("Person").snapshot == 0
    assert engine.calibration("Note").snapshot == 0
    assert snapshots(database, "acme") == []
    assert other.calibration("Person").scores == engine.calibration("Person").scores


def test_every_decision_is_replayed_exactly_before_and_after(database: Database) -> None:
    """Cold, after a refresh, under a shift, held, released and refreshed again: each with the snapshot it names."""
    engine = people(database)
    tell(engine, 12)
    engine.calibrate("Person", shift=-1.25, by="ana", why="twins")
    tell(engine, 9, start=12)
    engine.calibrate("Person", recompute=True, by="ana")
    tell(engine, 9, start=21)
    before = replayed(engine, database)
    engine.calibrate("Person", hold=True, shift=0.75, by="ana", why="too shy now")
    tell(engine, 9, start=30)
    engine.calibrate("Person", shift=0, hold=False, by="ana", why="as learned")
    tell(engine, FIRST_SNAPSHOT, start=39)
    after = replayed(engine, database)
    assert {audit_id: after[audit_id] for audit_id in before} == before
    assert len({snapshot for snapshot, _ in after.values()}) >= 5


def replayed(engine: Engine, database: Database) -> dict[Any, tuple[int, tuple[float, ...]]]:
    """The snapshot and the scores of every decision, made again from its audit entry and that snapshot alone; each is
    exactly what the entry says."""
    taken = snapshots(database)
    version = engine.version()
    spec, annotation = version.spec.by_name["Person"], version.annotation_of("Person")
    found = {}
    for entry in engine.audit(limit=1000, class_name="Person"):
        facts = engine.explain(entry.audit_id).facts
        known = statistics(taken, facts["snapshot"])
        mine = Record.of(facts["details"]["values"], spec, annotation)
        # Of those that are nothing like it, score and levels alone are kept.
        told = [each for each in facts["candidates"] if each["parts"]]
        again = tuple(score(mine, Record.of(each["values"], spec, annotation), known).value for each in told)
        assert again == tuple(each["score"] for each in told)
        assert all(each["score"] < LEAST_TOLD for each in facts["candidates"] if each not in told)
        found[entry.audit_id] = (facts["snapshot"], again)
    assert any(scores for _, scores in found.values())
    return found


def statistics(taken: Rows, number: int) -> Statistics:
    """What a decision knew under a snapshot."""
    if not number:
        return Statistics()
    row = next(row for row in taken if row["class"] == "Person" and row["snapshot"] == number)
    model = Calibration.from_json(row["model"])
    return Statistics(row["snapshot"], row["documents"], row["frequencies"], row["change"], model)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"class_name": "Nobody", "recompute": True}, r"class cannot be 'Nobody': people@1 does not have it"),
        ({"class_name": "Note", "recompute": True}, "has no decision of it yet to learn from"),
        ({"shift": math.nan}, "a finite number"),
        ({"shift": 10.5}, "from -10 to 10"),
        ({"shift": 1, "recompute": True}, "it goes alone"),
        ({"hold": False, "recompute": True}, "it goes alone"),
        ({}, "nothing is asked for"),
        ({"shift": 1, "by": None}, "by cannot be missing"),
        ({"hold": True, "why": None}, "why cannot be missing"),
        ({"hold": "yes"}, "hold cannot be 'yes'"),
        ({"shift": 1, "why": "a\0b"}, "NUL"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(database: Database, arguments: Any, words: str) -> None:
    engine = people(database)
    given = {"class_name": "Person", "by": "ana", "why": "a reason"} | arguments
    with pytest.raises(ArgumentInvalid, match=words):
        engine.calibrate(given.pop("class_name"), **given)
    assert snapshots(database) == []
    with pytest.raises(ArgumentInvalid, match="Nobody"):
        engine.calibration("Nobody")


async def test_asynchronously(database: Database, async_database: AsyncDatabase) -> None:
    people(database)
    engine = async_people(async_database)
    found = await engine.calibrate("Person", shift=-1, by="ana", why="twins")
    assert found == await engine.calibration("Person")
    assert (found.snapshot, found.shift) == (1, -1.0)


def test_the_newest_overrides_are_shown(database: Database) -> None:
    engine = people(database)
    for number in range(12):
        engine.calibrate("Person", shift=number + 1 - 5, by="ana", why=f"try {number}")
    found = engine.calibration("Person")
    assert [each.reason for each in found.overrides] == [f"try {number}" for number in range(11, 1, -1)]
