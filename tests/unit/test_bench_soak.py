"""The parts of the soak that need no server: its world, what must be remembered of it, the board, and the figures."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from bench import soak, soak_report
from bench.soak_board import Board, Field, Order
from bench.soak_outcome import ALL, Outcome, Sample, bytes_per_decision, latency_ratios, memory_ratios, thirds
from bench.soak_run import Wanted
from bench.soak_world import SCHEMA, Truth, World
from memreg.engine.patterns import extract
from memreg.registry.parse import parse_schema

WORLD = World(seed=11, tenants=3, objects=50)
STEPS = [WORLD.told(loader, number) for loader in range(2) for number in range(150)]


def test_a_step_is_the_same_at_every_call_and_of_a_seed() -> None:
    assert WORLD.told(1, 7) == World(11, 3, 50).told(1, 7)
    assert WORLD.told(1, 7) != World(12, 3, 50).told(1, 7)


def test_no_two_messages_have_one_id() -> None:
    ids = [message.id for told in STEPS for message in told.messages]
    assert len(set(ids)) == len(ids)


def test_every_way_and_every_class_is_told_and_common_tenants_more_often() -> None:
    assert {told.way for told in STEPS} == {"submit", "text", "direct", "many"}
    proposals = [each for told in STEPS for given in told.proposals for each in given or ()]
    assert {each.class_name for each in proposals} == {"Account", "Place", "Person", "Ghost"}
    assert {each.operation for each in proposals} == {"upsert", "delete"}
    assert any(given is None for told in STEPS for given in told.proposals)
    tenants = Counter(told.tenant for told in STEPS)
    assert tenants["t0"] > tenants["t1"] > tenants["t2"] > 0


def test_a_text_says_what_its_proposals_say() -> None:
    spec = parse_schema(SCHEMA, "soak")
    for told in STEPS:
        if told.way in ("submit", "text"):
            for message, proposals in zip(told.messages, told.proposals, strict=True):
                found = extract(message.text, spec).proposals
                said = [(each.class_name, each.operation, dict(each.values)) for each in proposals or ()]
                assert [(each.class_name, each.operation, dict(each.values)) for each in found] == said


def test_what_must_be_remembered_does_not_depend_on_the_order() -> None:
    given = [each for told in STEPS if told.tenant == "t0" for each in told.proposals if each]
    one, other = Truth(), Truth()
    for each in given:
        one.fold(each)
    random.Random(1).shuffle(given)
    for each in (*given, *given[:20]):
        other.fold(each)
    assert one == other
    assert len(one.accounts) > 10
    assert len(one.places) > 10


def test_who_opens_the_board_anew_sees_what_was_told(tmp_path: Path) -> None:
    board = Board(tmp_path / "board")
    assert (board.order, board.get(0, Field.BEGUN)) == (Order.GO, 0)
    board.order = Order.PAUSE
    board.put(2, Field.BEGUN, 5)
    board.count(2, Field.BEGUN)
    other = Board(tmp_path / "board")
    assert (other.order, other.get(2, Field.BEGUN), other.get(1, Field.BEGUN)) == (Order.PAUSE, 6, 0)


def samples(last: int) -> list[Sample]:
    """Memory of 100 MB, and of `last` MB in the last third of 120 seconds; a disk that grows by 10 kB an entry."""
    warm = {"loader 0": 100_000_000, "worker 0": 50_000_000}
    return [
        Sample(
            float(at),
            {**warm, "loader 0": last * 1_000_000 if at >= 90 else 100_000_000},
            1,
            disk=at * 10_000,
            entries=at,
        )
        for at in range(120)
    ]


def test_thirds_are_of_what_is_after_the_warm_up() -> None:
    assert thirds(120) == ((30, 60), (90, 120))


@pytest.mark.parametrize(("last", "flat"), [(100, True), (104, True), (106, False), (200, False)])
def test_memory_that_grows_is_not_flat(last: int, flat: bool) -> None:
    outcome = Outcome(figures={"memory": memory_ratios(samples(last), 120)})
    assert set(outcome.figures["memory"]) == {"loader 0", "worker 0", ALL}
    assert outcome.figures["memory"]["loader 0"]["ratio"] == last / 100
    assert (soak.not_flat(outcome) == []) is flat


def test_bytes_of_a_decision_are_what_the_disk_grows_by() -> None:
    assert bytes_per_decision(samples(100), 120) == 10_000
    assert bytes_per_decision(samples(100)[:2], 120) is None


def latencies(slower: float, control: float) -> dict[str, list[tuple[float, float]]]:
    """Decisions of 10 ms and a control of 2 ms, so much slower in the last third."""
    late = [at >= 90 for at in range(120)]
    return {
        "direct": [(float(at), 0.010 * (slower if late[at] else 1)) for at in range(120)],
        "control": [(float(at), 0.002 * (control if late[at] else 1)) for at in range(120)],
        "rare": [(1.0, 1.0)],
    }


@pytest.mark.parametrize(("slower", "control", "flat"), [(1.2, 1.0, True), (2.0, 1.0, False), (2.0, 1.9, True)])
def test_latency_is_held_against_a_control(slower: float, control: float, flat: bool) -> None:
    outcome = Outcome(figures={"latency": latency_ratios(latencies(slower, control), 120)})
    assert set(outcome.figures["latency"]) == {"direct", "control"}
    assert outcome.latency_ratio == pytest.approx(slower / control, rel=0.01)
    assert (soak.not_flat(outcome) == []) is flat


def test_a_longer_soak_has_more_kills_and_rests() -> None:
    short, long = Wanted.of(120), Wanted.of(3600, seed=3)
    assert (short.rests, short.ends, short.kills) == (1, 4, 8)
    assert (long.rests, long.ends, long.kills, long.seed) == (6, 60, 240, 3)


def test_the_report_shows_what_was_measured_and_what_broke(tmp_path: Path) -> None:
    outcome = Outcome(["a <thing> does not hold"], samples=samples(100), events=[(5.0, "kill worker 1")])
    outcome.latencies = latencies(1, 1)
    page = soak_report.write(outcome, tmp_path / "report", 120)
    text = page.read_text("utf-8")
    assert "a &lt;thing&gt; does not hold" in text
    assert text.count("<svg") == 6
    data = json.loads((tmp_path / "report" / "soak.json").read_text("utf-8"))
    assert (data["holds"], len(data["samples"]), data["events"]) == (False, 120, [[5.0, "kill worker 1"]])
    again = soak_report.write(outcome, tmp_path / "again", 120)
    assert again.read_text("utf-8") == text
