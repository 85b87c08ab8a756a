"""A stream through the real engine: what is decided and explained, and a database that is gone afterwards."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from bench import corrupted
from bench.people import people
from memreg.core.database import Database
from memreg.core.errors import DatabaseUnavailable
from memreg.core.settings import Settings
from memreg.evaluation.errors import Cause
from memreg.evaluation.judge import Verdict
from memreg.evaluation.place import PREFIX, throwaway
from memreg.evaluation.report import figure_rows
from memreg.evaluation.result import Result, judge_pass, result_data, result_of
from memreg.evaluation.run import ALONE, TENANT, begun, prepare, replay
from memreg.evaluation.stream_schema import read_stream_schema
from memreg.evaluation.streams import StreamProblem, StreamRecord
from memreg.evaluation.study import study
from memreg.evaluation.subject import Subject

SCHEMA = """
{"dataset": "inns", "class": "Inn", "identity": ["phone"], "fields": {
    "name": {"kind": "name", "boost": 3, "searchable": true},
    "city": {"kind": "enum", "boost": 2, "searchable": true},
    "opened": {"kind": "date", "boost": 1, "searchable": true},
    "phone": {"kind": "identity", "boost": 0, "searchable": false}}}
"""


def inns() -> Subject:
    return read_stream_schema(SCHEMA, "inns.schema.json")


def record(number: int, entity: str, **fields: Any) -> StreamRecord:
    return StreamRecord(number, f"r{number}", entity, "s", fields)


STREAM = (
    record(1, "lion", name="The Golden Lion", city="Oslo", phone="22 11 00 33"),
    record(2, "bear", name="Brown Bear Tavern", city="Bergen", phone="55 99 88 77"),
    record(3, "lion", name="Golden Lion", city="Oslo", phone="22110033"),
    record(4, "twin", name="The Golden Lion", city="Oslo", phone="(22) 11-00-33"),  # the gold says it is another
    record(5, "bear", name="Zwölf Apostel", city="Graz"),  # and this the same, which nobody could know
    record(6, "odd", name="Odd", city="x\0y", phone="no telephone", opened="22-Feb-11"),
)


def run(database: Database, items: Sequence[StreamRecord | StreamProblem], limit: int | None = None) -> Result:
    subject = inns()
    engine = prepare(database, subject)
    counts: list[int] = []
    done = replay(engine, subject, begun(iter(items), "test"), limit=limit, advance=counts.append)
    assert counts == list(range(1, len(done.records) + 1))
    judged = judge_pass(done, subject)
    return result_of("inns.jsonl", subject, done, judged, study(database, subject, done, judged))


def test_a_stream_is_decided_judged_and_explained(database: Database) -> None:
    result = run(database, STREAM)
    outcomes = {each.record_id: each for each in result.done.outcomes}
    assert (outcomes["r3"].action, outcomes["r3"].basis) == ("UPDATE", "identity")
    assert outcomes["r3"].memory_id == outcomes["r1"].memory_id
    verdicts = {each.outcome.record_id: each.verdict for each in result.judged}
    assert verdicts == {
        "r1": Verdict.RIGHT,
        "r2": Verdict.RIGHT,
        "r3": Verdict.RIGHT,
        "r4": Verdict.FALSE_UPDATE,
        "r5": Verdict.MISSED_UPDATE,
        "r6": Verdict.RIGHT,
    }
    assert result.study is not None
    causes = {case.judged.outcome.record_id: case for case in result.study.errors}
    assert causes["r4"].cause is Cause.KEY
    assert causes["r4"].about is not None
    assert any("golden" in " ".join(part.met) for part in causes["r4"].about.parts)
    assert causes["r5"].cause is Cause.NO_CANDIDATE
    assert causes["r5"].line == 5
    (phone,) = result.study.keys
    assert (phone.key, phone.strength, phone.answered, phone.answered_right) == ("phone", "shared", 2, 1)
    assert result.figures.false_updates_identical_text == 1  # r4 says what r1 said


def test_what_a_normaliser_would_refuse_is_kept_as_it_is(database: Database) -> None:
    run(database, STREAM)
    with database.transaction(TENANT) as conn:
        rows = conn.execute(b"select payload from memreg.memories where payload ->> 'name' = 'Odd'").fetchall()
    assert [row["payload"] for row in rows] == [
        {"name": "Odd", "city": "x y", "phone": "no telephone", "opened": "22-Feb-11"}
    ]


def test_the_document(database: Database) -> None:
    data = result_data(run(database, STREAM))
    wanted = {
        "records", "decisions", "false_updates", "false_updates_identical_text", "false_update_rate", "missed_updates",
        "missed_update_rate", "pairwise", "bcubed", "latency_ms", "errors_by_basis",
    }  # fmt: skip
    assert wanted <= data.keys()
    assert data["records"] == data["decisions"] == 6
    assert set(data["pairwise"]) == set(data["bcubed"]) == {"precision", "recall", "f1"}
    assert 0 < data["latency_ms"]["p50"] <= data["latency_ms"]["p95"]
    assert data["false_update_rate"] == pytest.approx(1 / 6, abs=1e-6)
    assert data["missed_update_rate"] == pytest.approx(1 / 2)  # r3 and r5 were repeats
    assert {each["record_id"] for each in data["worst"]} == {"r4", "r5"}


def test_a_limit_and_problems(database: Database) -> None:
    first, later = StreamProblem(1, "it is not JSON"), StreamProblem(4, "no")
    items: list[StreamRecord | StreamProblem] = [first, *STREAM[:2], later, *STREAM[2:]]
    result = run(database, items, limit=2)
    assert [each.record_id for each in result.done.records] == ["r1", "r2"]
    assert [each.line for each in result.done.problems] == [1, 4]


def test_fields_that_the_class_lacks_are_left_out_and_counted(database: Database) -> None:
    result = run(database, [record(3, "a", name="Ana", stars="5"), record(4, "b", name="Bo", stars="4")])
    assert result.done.unknown_fields == {"stars": (3, 2)}
    assert {each.action for each in result.done.outcomes} == {"CREATE"}


def test_every_record_the_same_ends_in_one_memory(database: Database) -> None:
    result = run(database, [record(n, "one", name="Grand Hotel", city="Oslo") for n in range(1, 21)])
    assert result.figures.memories == 1
    assert result.figures.pairwise.f1 == 1.0


def test_a_text_made_to_match_everybody_updates_nobody(database: Database) -> None:
    known = [record(n, f"e{n}", name=each["name"], city=each["city"]) for n, each in enumerate(people(60))]
    names, cities = (" ".join(str(each.fields[column]) for each in known) for column in ("name", "city"))
    stuffed = [
        record(100, "all", name=names, city=cities),
        record(101, "ten", name=" ".join(names.split()[:20]), city=cities),
        record(102, "two", name=f"{known[7].fields['name']} {known[8].fields['name']}", city=known[7].fields["city"]),
        record(103, "often", name=f"{known[9].fields['name']} " * 50 + names, city=cities),
    ]
    result = run(database, [*known, *stuffed])
    memories = [each.memory_id for each in result.done.outcomes]
    assert len(set(memories[:60])) == 60
    assert not set(memories[60:]) & set(memories[:60])


def test_a_class_of_forty_searchable_fields(database: Database) -> None:
    names = [f"f{number}" for number in range(40)]
    fields = {name: {"kind": "name", "boost": 3, "searchable": True} for name in names}
    subject = read_stream_schema(json.dumps({"class": "Wide", "fields": fields}), "wide.schema.json")
    known = [record(n, f"e{n}", **{name: f"{name} of {n}" for name in names}) for n in range(3)]
    again = record(9, "e1", **{name: f"{name} of 1" for name in names[:30]})
    engine = prepare(database, subject)
    done = replay(engine, subject, [*known, again], advance=lambda _: None)
    assert [each.action for each in done.outcomes] == ["CREATE", "CREATE", "CREATE", "UPDATE"]
    assert done.outcomes[3].memory_id == done.outcomes[1].memory_id


def told(settings: Settings, items: Sequence[StreamRecord], together: int) -> tuple[dict[str, Any], Result]:
    """Everything that is told of a pass but the time, with memories by the order in which they came."""
    subject = read_stream_schema(json.dumps(corrupted.SCHEMA), "corrupted.schema.json")
    with throwaway(settings) as dsn, Database.connect(settings, dsn=dsn) as database:
        done = replay(prepare(database, subject), subject, items, together=together, advance=lambda _: None)
        judged = judge_pass(done, subject)
        result = result_of("corrupted", subject, done, judged, study(database, subject, done, judged))
    text = json.dumps([result_data(result), [asdict(each) for each in done.outcomes]])
    for number, memory in enumerate(dict.fromkeys(each.memory_id for each in done.outcomes if each.memory_id)):
        text = text.replace(memory, f"memory {number}")
    data, outcomes = json.loads(text)
    for name in ("latency_ms", "timed", "seconds"):
        del data[name]
    return {"document": data, "outcomes": outcomes}, result


def test_what_goes_together_is_told_as_what_goes_alone(settings: Settings) -> None:
    records = [
        StreamRecord(line, each["record_id"], each["entity_id"], each["source"], each["fields"])
        for line, each in enumerate(corrupted.stream(persons=16, records=8), start=1)
    ]
    alone, timed = told(settings, records, together=0)
    together, some = told(settings, records, together=40)
    assert together == alone
    assert alone["document"]["decisions"] == len(records) > len({each["memory_id"] for each in alone["outcomes"]})
    assert {"UPDATE score", "UPDATE identity"} <= {f"{e['action']} {e['basis']}" for e in alone["outcomes"]}
    assert (len(timed.done.latencies), len(some.done.latencies)) == (len(records), 2 * ALONE + 8)
    figures = dict(figure_rows(some))
    assert "of the 48 taken alone" in figures["time of a decision"]
    assert "alone" not in dict(figure_rows(timed))["time of a decision"]


# The place


def databases(settings: Settings) -> set[str]:
    with psycopg.connect(settings.database_url or "") as conn:
        return {name for (name,) in conn.execute("select datname from pg_database").fetchall()}


def test_the_database_is_there_for_a_while(settings: Settings) -> None:
    with throwaway(settings) as dsn:
        made = conninfo_to_dict(dsn)["dbname"]
        assert str(made).startswith(PREFIX)
        assert made in databases(settings)
        with Database.connect(settings, dsn=dsn) as database:
            prepare(database, inns())
    assert made not in databases(settings)


def test_the_database_goes_when_the_work_fails(settings: Settings) -> None:
    made = ""
    with pytest.raises(KeyError), throwaway(settings) as dsn:
        made = str(conninfo_to_dict(dsn)["dbname"])
        raise KeyError
    assert made
    assert made not in databases(settings)


def test_what_a_killed_evaluation_left_is_dropped_and_one_in_use_is_not(settings: Settings) -> None:
    left = f"{PREFIX}left_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(settings.database_url or "", autocommit=True) as conn:
        conn.execute(sql.SQL("create database {} template template0").format(sql.Identifier(left)))
    with throwaway(settings) as dsn:
        assert left not in databases(settings)
        with throwaway(settings):
            assert conninfo_to_dict(dsn)["dbname"] in databases(settings)


def test_a_server_that_is_not_there() -> None:
    settings = Settings(database_url="postgresql://nobody@127.0.0.1:9/none", connect_timeout=1)
    with pytest.raises(DatabaseUnavailable), throwaway(settings):
        raise AssertionError
