"""The walk by hand: migrate, register, approve, ingest, look, ask why, as tables and as JSON."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.command import Command

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def test_migrate_tells_what_it_applied_and_the_second_time_nothing(empty_database_url: str, tmp_path: Path) -> None:
    memreg = Command(tmp_path, {"MEMREG_DATABASE_URL": empty_database_url})
    assert "Run `memreg migrate`." in memreg("memories", status=1).stderr
    assert memreg.json("migrate")["applied"][0] == "0001"
    assert memreg.json("migrate")["applied"] == []
    assert "Nothing to do" in memreg("migrate").stdout


def test_the_walk_in_words(memreg: Command) -> None:
    registered = memreg("register", "people.yaml").stdout
    assert "Registered people@1, pending: 1 class, 4 columns." in registered
    assert "memreg approve people@1" in registered
    assert "Already registered" in memreg("register", "people.yaml").stdout
    assert "Approved people@1 by ana: it is active." in memreg("approve", "people", "--by", "ana").stdout

    told = memreg("ingest", "-", stdin="Ana Lopez lives in Oslo, ana@lopez.io\n\nWhat a day\n").stdout
    assert "CREATE new  Person" in told
    assert "2 messages, 2 decided (1 with nothing to remember)." in told
    (memory_id,) = re.findall(rf"memory ({UUID})", told)
    (audit_id,) = re.findall(rf"memreg explain ({UUID})", told)

    assert "UPDATE score" in memreg("ingest", stdin="Ana Lopez was born on 1990-04-02").stdout
    assert memory_id in memreg("memories").stdout
    assert "Oslo" in memreg("search", "osl", "ana").stdout
    assert "1990-04-02" in memreg("get", memory_id).stdout
    history = memreg("history", memory_id).stdout
    assert "born: 1990-04-02" in history
    assert audit_id in history
    audit = memreg("audit").stdout
    assert audit.index("UPDATE") < audit.index("CREATE")
    assert memory_id in audit
    assert "CREATE by rule 14, new" in memreg("explain", audit_id).stdout
    assert "Person: Somebody the user knows" in memreg("show", "people@1").stdout
    assert "approved by ana" in memreg("schemas").stdout


def test_the_walk_for_machines(memreg: Command) -> None:
    registered = memreg.json("register", "people.yaml")
    assert (registered["status"], registered["created"]) == ("pending", True)
    assert registered["annotation"]["Person"]["identity"][0]["columns"] == ["email"]
    assert memreg.json("register", "people.yaml")["created"] is False
    assert memreg.json("approve", "people")["status"] == "active"

    done = memreg.json("ingest", stdin="Ana Lopez lives in Oslo, ana@lopez.io\nAna Lopez was born on 1990-04-02\n")
    assert [each["decisions"][0]["action"] for each in done["results"]] == ["CREATE", "UPDATE"]
    assert done["counts"]["messages"] == done["counts"]["decided"] == 2
    assert done["decisions"] == [
        {"action": "CREATE", "basis": "new", "count": 1},
        {"action": "UPDATE", "basis": "score", "count": 1},
    ]
    created = done["results"][0]["decisions"][0]

    (memory,) = memreg.json("memories", "Person")
    assert memory == memreg.json("get", created["memory_id"]) == memreg.json("search", "oslo")[0]
    assert memory["values"]["born"] == "1990-04-02"
    assert [each["revision"] for each in memreg.json("history", memory["id"])] == [1, 2]
    assert [each["action"] for each in memreg.json("audit")] == ["UPDATE", "CREATE"]
    assert [each["action"] for each in memreg.json("audit", "--action", "create")] == ["CREATE"]
    assert memreg.json("audit", "--memory", memory["id"], "--basis", "identity") == []
    assert memreg.json("explain", created["audit_id"])["facts"]["rule"]["number"] == 14
    assert memreg.json("schemas")[0]["annotation"]["verdict"] == "approved"
    assert memreg.json("show", "people")["classes"][0]["columns"][0]["name"] == "name"
    assert memreg.json("review") == {"total": 0, "masked": True, "counts": [], "items": []}


def test_tables_fit_100_columns_and_keep_ids_whole(people: Command) -> None:
    people("ingest", stdin="Ana Lopez lives in Oslo, ana@lopez.io\n" * 3)
    for command in (("memories",), ("audit",), ("search", "ana"), ("schemas",), ("review",), ("show", "people")):
        printed = people(*command, COLUMNS="100").stdout
        assert max(map(len, printed.splitlines())) <= 100, command
    memory_id = people.json("memories")[0]["id"]
    assert memory_id in people("memories", COLUMNS="100").stdout
    assert people.json("audit")[0]["audit_id"] in people("audit", COLUMNS="100").stdout
    assert people.json("history", memory_id)[0]["audit_id"] in people("history", memory_id, COLUMNS="100").stdout


def test_a_row_stays_one_line_in_a_pipe(people: Command) -> None:
    long = " ".join(f"Word{n}" for n in range(40))
    people("ingest", stdin=f"{long} lives in Oslo, ana@lopez.io\n")
    (row,) = [line for line in people("memories", COLUMNS="").stdout.splitlines() if "ana@lopez.io" in line]
    assert "Word39" in row
    assert "Oslo" in row


def test_memories_go_on_after_an_id(people: Command) -> None:
    people("ingest", stdin="".join(f"Person Number{n} lives in Oslo, p{n}@x.io\n" for n in range(5)))
    first = people.json("memories", "Person", "--limit", "3")
    rest = people.json("memories", "Person", "--after", first[-1]["id"])
    assert len({each["id"] for each in first + rest}) == 5
    assert f"--after {first[-1]['id']}" in people("memories", "Person", "--limit", "3").stdout


def test_tenants_are_apart(people: Command) -> None:
    people("ingest", "--tenant", "a; drop schema memreg\"'", stdin="Ana lives in Oslo, ana@lopez.io\n")
    assert len(people.json("memories", MEMREG_TENANT="a; drop schema memreg\"'")) == 1
    assert people.json("memories") == []


def test_the_embedded_postgres_is_used_where_no_database_is_named(home: Path, tmp_path: Path) -> None:
    memreg = Command(tmp_path, {"MEMREG_HOME": str(home)})
    (tmp_path / "notes.yaml").write_text("schema: notes\nclasses: {Note: {columns: {title: {dtype: string}}}}\n")
    assert memreg.json("register", "notes.yaml")["status"] == "pending"
    assert [each["version"] for each in memreg.json("schemas")] == [1]
