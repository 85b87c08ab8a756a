"""`memreg eval`: its output, its files, its exit status."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import MEMREG, Command

SCHEMA = {
    "class": "Inn",
    "identity": ["phone"],
    "fields": {
        "name": {"kind": "name", "boost": 3, "searchable": True},
        "city": {"kind": "enum", "boost": 2, "searchable": True},
        "phone": {"kind": "identity", "boost": 0, "searchable": False},
    },
}
KEYS = {
    "records", "decisions", "false_updates", "false_updates_identical_text", "false_update_rate", "missed_updates",
    "missed_update_rate", "pairwise", "bcubed", "latency_ms", "errors_by_basis",
}  # fmt: skip


def record(number: int, entity: str, **fields: str) -> str:
    return json.dumps({"record_id": f"r{number}", "entity_id": entity, "source": "s", "fields": fields}) + "\n"


STREAM = (
    record(1, "lion", name="The Golden Lion", city="Oslo", phone="22 11 00 33")
    + record(2, "bear", name="Brown Bear Tavern", city="Bergen")
    + record(3, "lion", name="Golden Lion", city="Oslo", phone="22110033")
    + record(4, "bear", name="Zwölf Apostel", city="Graz")
)


@pytest.fixture
def inns(memreg: Command) -> Command:
    """The command, with a stream and its schema in its folder."""
    (memreg.folder / "inns.schema.json").write_text(json.dumps(SCHEMA))
    (memreg.folder / "inns.jsonl").write_text(STREAM)
    return memreg


def write(command: Command, name: str, text: str) -> Path:
    path = command.folder / name
    path.write_text(text)
    return path


def test_json_has_what_is_promised(inns: Command) -> None:
    data = inns.json("eval", "inns.jsonl", "--schema", "inns.schema.json")
    assert data.keys() >= KEYS
    assert (data["records"], data["decisions"]) == (4, 4)
    assert (data["false_updates"], data["missed_updates"]) == (0, 1)
    assert data["missed_update_rate"] == 0.5
    assert set(data["pairwise"]) == set(data["bcubed"]) == {"precision", "recall", "f1"}
    assert set(data["latency_ms"]) == {"p50", "p95"}
    assert data["errors_by_basis"] == {"new": 1}


def test_the_decisions_file(inns: Command) -> None:
    inns("eval", "inns.jsonl", "--schema", "inns.schema.json", "--decisions", "out.jsonl")
    lines = [json.loads(line) for line in (inns.folder / "out.jsonl").read_text().splitlines()]
    assert all(set(line) == {"record_id", "action", "basis", "memory_id", "score"} for line in lines)
    assert [line["record_id"] for line in lines] == ["r1", "r2", "r3", "r4"]
    assert [line["action"] for line in lines] == ["CREATE", "CREATE", "UPDATE", "CREATE"]
    assert lines[0]["memory_id"] == lines[2]["memory_id"] != lines[1]["memory_id"]
    again = inns.json("eval", "inns.jsonl", "--schema", "inns.schema.json", "--decided", "out.jsonl")
    first = inns.json("eval", "inns.jsonl", "--schema", "inns.schema.json")
    assert KEYS - again.keys() == {"latency_ms"}
    assert {key: again[key] for key in KEYS & again.keys()} == {key: first[key] for key in KEYS & again.keys()}


def test_for_people(inns: Command) -> None:
    out = inns("eval", "inns.jsonl", "--schema", "inns.schema.json").stdout
    assert "false updates        0 (0.00 % of decisions)" in out
    assert "missed updates       1 (50.00 % of 2 repeats)" in out
    assert "line 4, r4: missed update by new: the true memory was no candidate" in out


def test_without_identity_the_keys_are_gone(inns: Command) -> None:
    data = inns.json("eval", "inns.jsonl", "--schema", "inns.schema.json", "--without-identity")
    assert data["annotation"]["identity"] == []
    assert "UPDATE identity" not in data["decided"]


def test_nothing_of_it_stays_in_the_database(inns: Command) -> None:
    inns("eval", "inns.jsonl", "--schema", "inns.schema.json")
    assert inns.json("schemas") == []


def test_reports(inns: Command) -> None:
    for name in ("report.md", "report.html"):
        inns("eval", "inns.jsonl", "--schema", "inns.schema.json", "--report", name)
        text = (inns.folder / name).read_text()
        for told in ("Decisions and the gold", "Why the errors happened", "Zwölf Apostel", "missed update"):
            assert told in text, name
    assert (inns.folder / "report.html").read_text().count("<svg") == 2
    told = inns("eval", "inns.jsonl", "--schema", "inns.schema.json", "--report", "report.pdf", status=1).stderr
    assert (
        told
        == "The evaluation of report.pdf cannot run: a report is written as .md or .html, by the ending of its name.\n"
    )


def test_two_runs_are_compared(inns: Command) -> None:
    arguments = ("eval", "inns.jsonl", "--schema", "inns.schema.json")
    write(inns, "before.json", inns(*arguments, "--json").stdout)
    inns(*arguments, "--decisions", "before.jsonl")
    same = inns.json(*arguments, "--compare", "before.json", "--fail-if-worse")
    assert same["compared"]["worse"] is False
    # without its telephone number, the lion may be missed: then the run is worse than the one before
    lines = [json.loads(line) for line in (inns.folder / "before.jsonl").read_text().splitlines()]
    lines[2] |= {"action": "CREATE", "basis": "new", "memory_id": "another"}
    write(inns, "worse.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    better = inns(*arguments, "--compare", "worse.jsonl").stdout
    assert "better: r3: CREATE new, missed update → UPDATE identity, right" in better
    worse = (*arguments, "--decided", "worse.jsonl", "--compare", "before.json")
    assert inns.json(*worse)["compared"]["worse"] is True
    inns(*worse, "--fail-if-worse", status=1)


def test_a_table(inns: Command) -> None:
    write(inns, "inns.csv", "record_id;entity_id;name;city\n1;lion;Golden Lion;Oslo\n2;lion;Golden Lion;Oslo\n")
    data = inns.json("eval", "inns.csv", "--schema", "inns.schema.json")
    assert (data["records"], data["pairwise"]["f1"]) == (2, 1.0)


def test_a_memreg_schema_with_its_annotation(inns: Command) -> None:
    people = "".join(record(n, "ana", name="Ana Lopez", email="Ana@Lopez.io", born="1990-01-02") for n in (1, 2))
    write(inns, "people.jsonl", people + record(3, "bo", name="Bo", born="yesterday", email="nothing"))
    data = inns.json("eval", "people.jsonl", "--schema", "people.yaml")
    assert (data["records"], data["rejected"]) == (3, 1)  # a bad identity value is refused where the schema says so
    assert data["decided"]["UPDATE identity"] == 1


def test_without_a_database_it_has_a_postgres_of_its_own(home: Path, inns: Command) -> None:
    settings = {"MEMREG_HOME": str(home), "MEMREG_TENANT": "somebody", "MEMREG_SCHEMA": "else"}
    alone = Command(inns.folder, settings)
    data = alone.json("eval", "inns.jsonl", "--schema", "inns.schema.json")
    assert data["records"] == 4
    assert [path.name for path in home.iterdir()] == ["evaluation"]


def test_a_terminal_sees_how_far_it_is(inns: Command) -> None:
    write(inns, "many.jsonl", "".join(record(n, f"e{n}", name=f"Inn number {n}") for n in range(60)))
    ours, theirs = pty.openpty()
    environment = {"PATH": "/usr/bin:/bin", "TERM": "xterm", "COLUMNS": "100", **inns.settings}
    command = [str(MEMREG), "eval", "many.jsonl", "--schema", "inns.schema.json"]
    with subprocess.Popen(command, cwd=inns.folder, env=environment, stdout=subprocess.PIPE, stderr=theirs) as running:
        os.close(theirs)
        seen = b"".join(iter(lambda: _read(ours), b"")).decode()
        assert running.stdout is not None
        printed = running.stdout.read().decode()
    os.close(ours)
    assert running.returncode == 0
    assert "evaluating" in seen
    assert "60 records" in seen
    assert "60 of 60 entities" in printed


def _read(terminal: int) -> bytes:
    """What the terminal was sent; nothing once nobody has it open."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


# Bad input


def test_bad_lines_are_told_and_the_rest_goes_on(inns: Command) -> None:
    bad = STREAM + "{nonsense\n" + '{"entity_id": "x", "fields": {}}\n' + record(1, "lion") + record(9, "x", stars="5")
    write(inns, "bad.jsonl", bad)
    done = inns("eval", "bad.jsonl", "--schema", "inns.schema.json", "--json", status=1)
    assert json.loads(done.stdout)["records"] == 5
    assert done.stderr.splitlines() == [
        "bad.jsonl, line 5: it is not JSON: Expecting property name enclosed in double quotes at character 2",
        "bad.jsonl, line 6: record_id is missing: write what the record is called",
        "bad.jsonl, line 7: the record_id 'r1' is that of line 1 too; give each its own",
        "bad.jsonl, line 8: the schema lacks the field 'stars', so it was left out of 1 record",
    ]


@pytest.mark.parametrize(
    ("stream", "schema", "told"),
    [
        ("", SCHEMA, "it is empty; write one record a line"),
        ("{\n{\n", SCHEMA, "no line of it is a record; of line 1, it is not JSON"),
        (STREAM, {"class": "Inn", "fields": {"name": {"kind": "name", "searchable": False}}}, "no searchable field"),
        (STREAM, {"class": "Inn"}, "fields is missing"),
    ],
)
def test_what_cannot_be_measured_is_told_in_one_sentence(
    inns: Command, stream: str, schema: dict[str, Any], told: str
) -> None:
    write(inns, "s.jsonl", stream)
    write(inns, "s.schema.json", json.dumps(schema))
    done = inns("eval", "s.jsonl", "--schema", "s.schema.json", status=1)
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_wrong_usage(inns: Command) -> None:
    assert "--schema FILE" in inns("eval", "inns.jsonl", status=2).stderr
    arguments = ("eval", "inns.jsonl", "--schema", "inns.schema.json")
    assert "--compare RUN" in inns(*arguments, "--fail-if-worse", status=2).stderr
    inns(*arguments, "--limit", "0", status=2)
    inns("eval", "nowhere.jsonl", "--schema", "inns.schema.json", status=2)
    write(inns, "none.jsonl", "")
    told = inns(*arguments, "--decided", "none.jsonl", status=1).stderr
    assert "it has no decision on the record 'r1', which is in line 1 of the stream" in told
    assert "there is no folder" in inns(*arguments, "--decisions", "no/where.jsonl", status=1).stderr
    write(inns, "strange.json", "{}")
    assert "neither" in inns(*arguments, "--compare", "strange.json", status=1).stderr


def test_two_classes_ask_which(inns: Command) -> None:
    place = "  Place:\n    description: Somewhere\n    columns:\n      name: {dtype: string, desc: Name}\n"
    schema = write(inns, "people.yaml", (inns.folder / "people.yaml").read_text() + place)
    told = inns("eval", "inns.jsonl", "--schema", schema.name, status=1).stderr
    assert "several classes (Person, Place): say which one the records are with --class" in told
    data = inns.json("eval", "inns.jsonl", "--schema", schema.name, "--class", "Place", status=1)
    assert data["class"] == "Place"
    assert {each["field"] for each in data["unknown_fields"]} == {"city", "phone"}
