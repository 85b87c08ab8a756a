"""What the command says when it is used wrongly or cannot do what is asked: one sentence, on stderr, a status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import Command


def sentence(memreg: Command, *arguments: str, **settings: str) -> str:
    """The one line that a refused command prints."""
    done = memreg(*arguments, status=1, **settings)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_ids_and_names_that_are_none(people: Command) -> None:
    assert "must be an id" in sentence(people, "get", "'; drop table memreg.memories; --")
    assert "must be an id" in sentence(people, "explain", "zzz")
    assert "must be an id" in sentence(people, "audit", "--memory", "1")
    assert "must be an id" in sentence(people, "memories", "Person", "--after", "x")
    unknown = "01890000-0000-7000-8000-000000000001"
    assert "`memreg memories` lists them" in sentence(people, "get", unknown)
    assert "`memreg memories` lists them" in sentence(people, "history", unknown)
    assert "`memreg audit` lists them" in sentence(people, "explain", unknown)
    assert "has the classes Person" in sentence(people, "memories", "Per\"son'; --")
    assert "has the classes Person" in sentence(people, "search", "ana", "--class", "x" * 300)
    assert "200 are allowed" in sentence(people, "memories", "--tenant", "x" * 300)
    assert "no'pe" in sentence(people, "memories", "--schema", "no'pe")
    assert "no version 9" in sentence(people, "show", "people@9")
    assert "No schema named" in sentence(people, "annotations", "nope")
    assert "no version of the schema" in sentence(people, "kill-switch", "on", "--class", "Nope")
    assert "1 to 10,000" in sentence(people, "memories", "--limit", "0")
    assert "1 to 10,000" in sentence(people, "audit", "--limit", "10001")


def test_wrong_usage_is_status_2(memreg: Command) -> None:
    for arguments in (
        ("bogus",), ("get",), ("show", "people@"), ("show", "@1"), ("audit", "--basis", "nope"), ("ingest", "nowhere"),
        ("ingest", "."), ("memories", "--after", "x"), ("approve", "a", "--edit", "--annotation", "people.yaml"),
        ("kill-switch", "maybe"), ("backfill", "people", "--to", "0"), ("memories", "--limit", "many"),
    ):  # fmt: skip
        done = memreg(*arguments, status=2)
        assert done.stdout == ""
        assert "Usage:" in done.stderr


def test_no_schema_yet(memreg: Command) -> None:
    assert "memreg register FILE" in sentence(memreg, "memories")
    assert "memreg register FILE" in sentence(memreg, "ingest", "people.yaml")
    assert "No schema is registered yet" in memreg("schemas").stdout


def test_several_schemas(people: Command) -> None:
    (people.folder / "b.yaml").write_text("schema: b\nclasses: {Note: {columns: {title: {dtype: string}}}}\n")
    people("register", "b.yaml")
    assert "b, people" in sentence(people, "memories")
    assert people.json("memories", "--schema", "people") == people.json("memories", MEMREG_SCHEMA="b") == []


def test_databases_that_cannot_be_reached(memreg: Command) -> None:
    down = sentence(memreg, "memories", "--database", "postgresql://u:secret@127.0.0.1:1/x")
    assert "cannot be reached" in down
    assert "secret" not in down
    assert "MEMREG_DATABASE_URL" in sentence(memreg, "memories", "--database", "nonsense")
    assert "MEMREG_POOL_SIZE" in sentence(memreg, "memories", MEMREG_POOL_SIZE="many")
    assert "MEMREG_TENANT" in memreg("memories", "--help").stdout


def test_the_embedded_postgres_says_why_it_cannot(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memreg = Command(tmp_path, {"MEMREG_HOME": str(tmp_path / "file" / "home")})
    assert "MEMREG_HOME" in sentence(memreg, "memories")


def test_values_cannot_steer_the_terminal(people: Command) -> None:
    people(
        "ingest", "--proposals", stdin='{"class": "Person", "values": {"name": "A\\u001b[2J\\u202eb [bold]x[/bold]"}}'
    )
    printed = people("memories").stdout
    assert "A\\x1b[2J\\u202eb [bold]x[/bold]" in printed
    assert people.json("memories")[0]["values"]["name"] == "A\x1b[2J\u202eb [bold]x[/bold]"


def test_a_terminal_without_our_letters(people: Command) -> None:
    people("ingest", stdin="Åsa Öberg lives in Malmö, asa@x.io\n")
    assert "\\xc5sa" in people("memories", PYTHONIOENCODING="ascii", PYTHONUTF8="0").stdout
    assert people.json("memories", PYTHONIOENCODING="ascii", PYTHONUTF8="0")[0]["values"]["name"] == "Åsa Öberg"


@pytest.mark.parametrize(
    "tenant", ["o'brien", 'a"; drop table memreg.memories; --', "%s {0} $1", "Å/ß\u4e2d", "x" * 200]
)
def test_a_tenant_may_be_called_anything(people: Command, tenant: str) -> None:
    people("ingest", "--tenant", tenant, stdin="Ana Lopez lives in Oslo, ana@lopez.io\n")
    (memory,) = people.json("memories", MEMREG_TENANT=tenant)
    assert people.json("get", memory["id"], "--tenant", tenant)["values"]["name"] == "Ana Lopez"
    assert len(people.json("audit", "--tenant", tenant)) == 1
    people("kill-switch", "on", "--tenant", tenant, "--why", "a'b; --")
    people("kill-switch", "off", "--tenant", tenant)
    assert people.json("memories") == []


@pytest.mark.parametrize(
    ("tenant", "words"),
    [("x" * 300, "it has 300 characters, and 200 are allowed"), ("a\nb", "control character"), (" ", "white space")],
)
def test_a_tenant_that_cannot_be(people: Command, tenant: str, words: str) -> None:
    for arguments in (("ingest",), ("memories",), ("audit",), ("kill-switch", "on"), ("resolve",), ("review",)):
        assert words in sentence(people, *arguments, "--tenant", tenant)


def test_an_option_left_empty_is_not_the_default(people: Command) -> None:
    """A script's unset variable must not write to somebody else's memory."""
    for option in ("--tenant", "--schema", "--database"):
        line = sentence(people, "ingest", option, "")
        assert line == f"{option} cannot be empty: give a value, or leave the option out."
    assert people.json("memories", MEMREG_TENANT="") == []


def test_logs_of_the_command_hold_no_personal_value(people: Command) -> None:
    said = ["Xanthippe Quux lives in Oslo, x@quux.io", "Quux lives in Rome, x@quux.io", "forget x@quux.io"]
    done = people("ingest", stdin="\n".join(said), MEMREG_LOG_LEVEL="debug")
    bad = {"class": "Person", "values": {"name": "Quux", "email": "x at quux.io"}}
    refused = people("ingest", "--proposals", stdin=json.dumps(bad), MEMREG_LOG_LEVEL="debug")
    assert done.stderr.count(" memreg.api.intake decided ") == 3
    assert refused.stderr.count(" memreg.api.intake decided ") == 1
    assert "quux" not in (done.stderr + refused.stderr).casefold()
    assert "quux" not in refused.stdout.casefold()
