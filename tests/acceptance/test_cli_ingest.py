"""Ingesting files and pipes: bad lines are named and the rest goes on, turns stay whole, nothing is taken twice."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from typing import Any

from tests.support.command import MEMREG, Command


def lines(*values: dict[str, Any] | str) -> str:
    return "".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in values)


def test_a_bad_line_is_named_and_the_rest_goes_on(people: Command) -> None:
    text = "Ana Lopez lives in Oslo, ana@lopez.io"
    (people.folder / "m.jsonl").write_text(
        lines(
            {"text": text, "id": "a1", "session": "s", "role": "user", "at": "2026-11-20T09:30:00Z"},
            '{"text": "half',
            {"txt": "x"},
            {"text": "x", "at": "yesterday"},
            {"text": "x", "at": "2026-11-20T09:30:00"},
            {"text": "another text", "id": "a1"},
            {"text": ""},
            {"text": 7},
            "[1]",
            {"text": "nul \0"},
            {"text": "half a pair \ud800"},
            {"text": "x" * 1_000_001},
            {"class": "Person", "values": {}},
            {"text": "Ana Lopez was born on 1990-04-02"},
        )
    )
    done = people.json("ingest", "m.jsonl", status=1)
    said = {problem["line"]: problem["error"] for problem in done["problems"]}
    assert list(said) == list(range(2, 14))
    for line, words in {
        2: "it is not JSON", 3: "unknown key 'txt'", 4: "at is 'yesterday'", 5: "has no zone", 6: "another text",
        7: "its text is empty", 8: "text is 7", 9: "an object", 10: "NUL", 11: "surrogate", 12: "1,000,000",
        13: "--proposals",
    }.items():  # fmt: skip
        assert words in said[line], said[line]
    assert [each["status"] for each in done["results"]] == ["decided", "decided"]
    assert done["counts"]["refused"] == 12
    again = people("ingest", "m.jsonl", status=1)
    assert "m.jsonl, line 3: unknown key 'txt'" in again.stderr
    assert "1 replayed (taken before: nothing was written)" in again.stdout


def test_bytes_that_are_no_text(people: Command) -> None:
    done = people("ingest", stdin=b"Ana lives in Oslo, ana@lopez.io\n\xff\xfe\n\nBo lives in Oslo, bo@x.io\n", status=1)
    assert "standard input, line 2: byte 1 is not UTF-8" in done.stderr
    assert len(people.json("memories")) == 2


def test_lines_of_one_message_id_are_one_turn_wherever_they_stand(people: Command) -> None:
    ana = {"name": "Ana", "email": "ana@lopez.io"}
    given = lines(
        {"class": "Person", "values": ana, "message_id": "t1"},
        {"class": "Person", "values": {"name": "Bo", "email": "bo@x.io"}, "message_id": "t2"},
        {"class": "Person", "values": ana, "message_id": "t1"},
        {"class": "Person", "values": 3, "message_id": "t2"},
        "nonsense",
        {"class": "Nope", "values": {"name": "Z"}},
        {"class": "Person", "values": {"email": "nobody@x.io"}, "operation": "delete"},
    )
    done = people.json("ingest", "--proposals", stdin=given, status=1)
    assert [problem["line"] for problem in done["problems"]] == [4, 5]
    assert "nothing of message 't2', lines 2, 4, was taken" in done["problems"][0]["error"]
    rules = {each["message_id"]: [d["basis"] for d in each["decisions"]] for each in done["results"]}
    assert rules.pop("t1") == ["new", "duplicate_in_turn"]
    assert sorted(rules.values()) == [["delete_without_identity"], ["invalid"]]
    assert len(people.json("memories")) == 1

    (people.folder / "p.jsonl").write_text(given)
    again = people.json("ingest", "p.jsonl", "--proposals", status=1)
    assert [each["status"] for each in again["results"] if each["message_id"] == "t1"] == ["replayed"]


def test_proposals_as_one_list(people: Command) -> None:
    given = json.dumps([{"class": "Person", "values": {"name": f"Person N{n}"}} for n in range(3)], indent=1)
    assert people.json("ingest", "--proposals", stdin=given)["counts"]["decided"] == 3


def test_a_reject_is_done_and_nothing_is_done_too(people: Command) -> None:
    assert "REJECT delete_without_identity" in people("ingest", stdin="forget nobody@x.io").stdout
    assert "0 messages" in people("ingest", stdin="\n \n").stdout
    assert people.json("ingest", stdin="")["results"] == []


def test_many_messages_end_in_a_table_only(people: Command) -> None:
    told = people("ingest", stdin="".join(f"Person N{n} lives in Oslo, n{n}@x.io\n" for n in range(8))).stdout
    assert "memreg explain" not in told
    assert "8 messages, 8 decided." in told


def test_create_only_is_said(memreg: Command) -> None:
    memreg("register", "people.yaml")
    done = memreg("ingest", stdin="Ana lives in Oslo, ana@lopez.io\n")
    assert "people@1 is pending" in done.stderr
    assert "CREATE pending" in done.stdout
    assert "unresolved" in memreg("memories").stdout
    memreg("approve", "people")
    assert "1 would be decided: 1 CREATE new." in memreg("resolve", "--dry-run").stdout
    assert "1 decided: 1 CREATE new." in memreg("resolve").stdout
    assert "Nothing waits" in memreg("resolve").stdout

    memreg("kill-switch", "on", "--class", "Person", "--why", "odd scores")
    assert "The kill switch is on for Person" in memreg("ingest", stdin="Ana lives in Bergen, ana@lopez.io\n").stderr
    status = memreg.json("kill-switch", "status")
    assert (status["switches"][0]["is_on"], status["switches"][0]["reason"]) == (True, "odd scores")
    assert status["waiting"] == {"Person": 1}
    memreg("kill-switch", "off", "--class", "Person")
    assert memreg.json("resolve")["counts"] == [{"action": "UPDATE", "basis": "identity", "count": 1}]
    assert [each["values"]["city"] for each in memreg.json("memories")] == ["Bergen"]


def test_the_switch_of_everybody(people: Command) -> None:
    assert "every tenant" in people("kill-switch", "on", "--tenant", "*", "--schema", "*").stdout
    done = people.json("ingest", "--tenant", "acme", stdin="Ana lives in Oslo, ana@lopez.io\n")
    assert done["decisions"] == [{"action": "CREATE", "basis": "kill_switch", "count": 1}]
    people("kill-switch", "off", "--tenant", "*", "--schema", "*")
    assert people.json("kill-switch", "status")["switches"][0]["is_on"] is False


def test_a_terminal_sees_how_far_it_is(people: Command) -> None:
    said = "".join(f"Person{n} Family{n} lives in Oslo, p{n}@x.io\n" for n in range(60))
    (people.folder / "many.txt").write_text(said)
    ours, theirs = pty.openpty()
    environment = {"PATH": "/usr/bin:/bin", "TERM": "xterm", "COLUMNS": "100", **people.settings}
    with subprocess.Popen(
        [MEMREG, "ingest", "many.txt"], cwd=people.folder, env=environment, stdout=subprocess.PIPE, stderr=theirs
    ) as running:
        os.close(theirs)
        seen = b"".join(iter(lambda: _read(ours), b"")).decode()
        assert running.stdout is not None
        printed = running.stdout.read().decode()
    os.close(ours)
    assert running.returncode == 0
    assert "ingesting" in seen
    assert "60 messages" in seen
    assert "ingesting" not in printed
    assert "60 messages, 60 decided." in printed
    assert people("ingest", "many.txt", "--tenant", "b").stderr == ""


def _read(terminal: int) -> bytes:
    """What the terminal was sent; nothing once nobody has it open."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
