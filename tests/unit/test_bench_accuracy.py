"""The accuracy table's parts that need nothing but memreg: the generated stream, what a row asks, the table."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import corrupted
from bench.accuracy import ROWS, TRIGRAMS, Measured, Row, frontier_table, table
from bench.accuracy_streams import Given, find
from memreg.evaluation.given_schema import read_subject
from memreg.evaluation.streams import StreamRecord, read_stream


def test_the_generated_stream_is_the_same_every_time(tmp_path: Path) -> None:
    assert corrupted.stream(20, 4) == corrupted.stream(20, 4)
    assert corrupted.stream(20, 4, seed=1) != corrupted.stream(20, 4, seed=2)
    records, schema = corrupted.write(tmp_path)
    items = list(read_stream(records))
    assert all(isinstance(item, StreamRecord) for item in items)
    assert len(items) == corrupted.PERSONS * corrupted.RECORDS
    assert read_subject(schema).class_name == "Person"


def test_each_person_is_met_as_often_and_mostly_a_little_wrong() -> None:
    records = corrupted.stream(100, 10)
    counts = Counter(record["entity_id"] for record in records)
    assert set(counts.values()) == {10}
    assert [record["record_id"] for record in records] == [f"r{number}" for number in range(1_000)]
    texts = {(record["entity_id"], json.dumps(record["fields"], sort_keys=True)) for record in records}
    assert len(texts) > 900  # hardly two records of a person are alike
    assert all(record["fields"].keys() & {"given_name", "surname"} for record in records)
    assert all(value for record in records for value in record["fields"].values())


def test_people_of_one_home_share_what_they_would() -> None:
    people = corrupted.people(random.Random(3), 500)
    homes = Counter((person["street_number"], person["street"], person["postcode"]) for person in people)
    assert 20 < sum(count > 1 for count in homes.values()) < 120
    assert len({person["email"] for person in people}) == 500


@pytest.mark.parametrize("name", sorted(corrupted.CHANGES))
def test_no_change_makes_a_value_vanish(name: str) -> None:
    chance = random.Random(5)
    for person in corrupted.people(chance, 50):
        for change in corrupted.CHANGES[name]:
            assert change(chance, person[name])
            assert change(chance, person[name][:1])


def test_streams_of_a_folder_come_first(tmp_path: Path) -> None:
    (tmp_path / f"{corrupted.NAME}.jsonl").write_text("")
    found = find(corrupted.NAME, tmp_path, tmp_path / "nowhere")
    assert found is not None
    assert found.records == tmp_path / f"{corrupted.NAME}.jsonl"
    made = find(corrupted.NAME, None, tmp_path)
    assert made is not None
    assert made.origin == "bench/corrupted.py"
    assert find("dblp_acm", None, tmp_path) is None


def measured(row: Row, **ours: Any) -> Measured:
    document = {
        "records": 1000, "decisions": 1000, "false_updates": 4, "false_updates_identical_text": 3,
        "false_update_rate": 0.004, "missed_update_rate": 0.02, "pairwise": {"f1": 0.97},
        "causes": {"far": 7, "near": 1},
        "sweep": [
            {"threshold": 0.8, "false_update_rate": 0.004, "missed_update_rate": 0.02},
            {"threshold": 0.9, "false_update_rate": 0.0, "missed_update_rate": 0.3},
        ],
    } | ours  # fmt: skip
    return Measured(row, Given(Path("a"), Path("b"), "here"), document)


def broken(found: Measured) -> list[str]:
    return [sentence for sentence, holds, _ in found.claims() if not holds]


def test_what_a_row_asks() -> None:
    row = Row("x", 0.001, 0.02, 0.97)
    (sentence,) = broken(measured(row))
    assert sentence == "x: false updates at most 0.10 % of decisions"
    assert not broken(measured(replace(row, beside_identical=True)))
    assert len(broken(measured(replace(row, beside_identical=True), missed_update_rate=0.021))) == 1
    assert len(broken(measured(replace(row, beside_identical=True, f1=0.98)))) == 1


def test_beating_trigrams_is_asked_where_they_were_measured() -> None:
    found = measured(Row("x", 0.01, None, None, beats_trigrams=True))
    assert not broken(found)
    found.rivals[TRIGRAMS] = {"f1": 0.97, "false": 0.0, "missed": 0.0}
    assert len(broken(found)) == 1
    found.rivals[TRIGRAMS]["f1"] = 0.96
    assert not broken(found)


def test_the_frontier_is_the_fewest_missed_at_a_limit_of_false() -> None:
    found = measured(ROWS[0])
    assert found.frontier() == {0.0: 0.3, 0.0005: 0.3, 0.002: 0.3, 0.005: 0.02}
    found.trigram_frontier = {0.0: None, 0.005: 0.5}
    line = frontier_table([found]).splitlines()[-1]
    assert line == "| febrl3 | 30.0 (–) | 30.0 (–) | 30.0 (–) | 2.0 (50.0) | 7 far; 1 near |"


def test_the_table_has_a_line_for_each_row_and_says_what_was_not_met() -> None:
    rows = [measured(Row("x", 0.01, 0.02, 0.97, with_identity=False)), measured(Row("y", 0.0, None, None))]
    rows[0].rivals[TRIGRAMS] = {"f1": 0.5, "false": 0.01, "missed": 0.25}
    lines = table(rows).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert "| x, without identity | 1,000 | 0.9700 | 0.40 (of it 0.30 of equal text) |" in lines[2]
    assert "| yes | – | – | 0.500 / 1.00 / 25.0 |" in lines[2]
    assert "| **no** |" in lines[3]


def test_every_row_of_the_issue_is_there() -> None:
    titles = [row.title for row in ROWS]
    assert len(titles) == len(set(titles)) == 9
