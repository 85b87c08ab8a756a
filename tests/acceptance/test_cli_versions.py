"""Versions by hand: mistakes in files, annotations edited and rejected, a schema that changes under its memories."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Command


def test_every_mistake_of_a_file_is_on_a_line_of_its_own(memreg: Command) -> None:
    bad = "schema: bad\nclasses:\n  P:\n    columns:\n      x: {dtype: strng}\n      y: {dtype: enum}\n    foo: 1\n"
    (memreg.folder / "bad.yaml").write_text(bad)
    told = memreg("register", "bad.yaml", status=1).stderr.splitlines()
    assert [line.split(" ")[0] for line in told[:3]] == ["bad.yaml:5:18:", "bad.yaml:6:10:", "bad.yaml:7:5:"]
    assert "did you mean string?" in told[0]
    assert told[3] == "3 mistakes; nothing was changed."
    assert memreg.json("schemas") == []
    for source in ("nowhere.yaml", ".", "no_such.module:Class", "os:getcwd"):
        assert len(memreg("register", source, status=1).stderr.splitlines()) == 1


def test_code_of_the_folder_runs_only_where_a_class_of_it_is_named(memreg: Command) -> None:
    (memreg.folder / "ruamel.py").write_text("raise RuntimeError('code of a folder that was only looked at')\n")
    memreg("register", "people.yaml")
    (memreg.folder / "ruamel.py").unlink()
    lines = ["from pydantic import BaseModel", "class Contact(BaseModel):", "    name: str"]
    (memreg.folder / "shop.py").write_text("\n".join(lines))
    assert memreg.json("register", "shop:Contact")["schema"] == "contact"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("schema: s\nclasses: {P: {columns: {a: [\n", "bad.yaml:3:1: broken YAML"),
        ("x" * 10_000_000, "bad.yaml: 10,000,000 bytes, more than the 1 MB a file may have"),
        ("schema: s\nclasses: {Order: {columns: {a: {dtype: string}}}}\n", "'Order' is a reserved word of SQL"),
        ("schema: s\nclasses: {P: {columns: {a: {dtype: enum}}}}\n", "an enum needs its values"),
        ("schema: s\nclasses: {P: {columns: {a: {dtype: text}, A: {dtype: text}}}}\n", "one name when case is ignored"),
        ("schema: s\nclasses: {'P\"; --': {columns: {a: {dtype: text}}}}\n", "must be named by a letter"),
        ("schema: s\nclasses: {" + "P" * 300 + ": {columns: {a: {dtype: text}}}}\n", "must be named by a letter"),
        ("schema: s\nclases: {}\nclasses: {P: {columns: {a: {dtype: text}}}}\n", "unknown key 'clases'"),
    ],
    ids=["broken", "10 MB", "reserved word", "enum", "two columns", "quotes", "300 characters", "unknown key"],
)
def test_a_schema_that_cannot_be(memreg: Command, text: str, words: str) -> None:
    (memreg.folder / "bad.yaml").write_text(text)
    (line,) = memreg("register", "bad.yaml", status=1).stderr.splitlines()
    assert line.startswith("bad.yaml:")
    assert words in line
    assert memreg.json("schemas") == []


def test_deciding_on_versions_that_are_not_to_be_decided(memreg: Command) -> None:
    def line(*arguments: str) -> str:
        (told,) = memreg(*arguments, status=1).stderr.splitlines()
        return told

    assert line("approve", "people").startswith("No schema named 'people' is registered.")
    memreg("register", "people.yaml")
    assert line("approve", "people@7") == "The schema 'people' has no version 7. `memreg schemas` lists the versions."
    memreg("approve", "people")
    assert line("approve", "people@1") == "people@1 is active, so it cannot be approved: it is in force already."
    assert "no pending version to approve" in line("approve", "people")
    assert "people@1 is active, so it cannot be rejected" in line("reject", "people@1", "--why", "no")
    path = memreg.folder / "people.yaml"
    path.write_text(path.read_text().replace("Full name", "The whole name"))
    memreg("register", "people.yaml")
    memreg("reject", "people@2", "--why", "no")
    assert "people@2 is rejected, so it cannot be approved" in line("approve", "people@2")
    assert [each["status"] for each in memreg.json("schemas")] == ["active", "rejected"]


def test_an_annotation_file_of_another_version(memreg: Command) -> None:
    memreg("register", "people.yaml")
    (memreg.folder / "old.yaml").write_text(memreg("annotations", "people", "--yaml").stdout)
    path = memreg.folder / "people.yaml"
    path.write_text(path.read_text().replace("Full name", "The whole name"))
    memreg("register", "people.yaml")
    told = memreg("approve", "people@2", "--annotation", "old.yaml", status=1).stderr.splitlines()
    assert [line.split(":")[0] for line in told[:2]] == ["old.yaml", "old.yaml"]
    assert "fingerprint: " in told[1]
    assert "write the file anew with `memreg annotations people@2 --yaml`" in told[1]
    assert [each["status"] for each in memreg.json("schemas")] == ["pending", "pending"]


def test_a_version_is_approved_without_a_person_only_where_that_is_set(memreg: Command) -> None:
    assert memreg.json("register", "people.yaml")["status"] == "pending"
    path = memreg.folder / "people.yaml"
    path.write_text(path.read_text().replace("Full name", "The whole name"))
    assert memreg.json("register", "people.yaml", MEMREG_AUTO_APPROVE="1")["status"] == "pending"
    path.write_text(path.read_text().replace("The whole name", "A name"))
    assert memreg.json("register", "people.yaml", MEMREG_AUTO_APPROVE="0.5")["status"] == "active"
    assert "approved by auto-approval" in memreg("schemas").stdout
    assert "MEMREG_AUTO_APPROVE" in memreg("schemas", MEMREG_AUTO_APPROVE="2", status=1).stderr


def test_an_annotation_file_there_and_back(memreg: Command) -> None:
    memreg("register", "people.yaml")
    text = memreg("annotations", "people@1", "--yaml").stdout
    (memreg.folder / "bad.yaml").write_text(text.replace("name: 3", "nam: 3"))
    assert "bad.yaml:" in memreg("approve", "people@1", "--annotation", "bad.yaml", status=1).stderr
    (memreg.folder / "other.yaml").write_text(text.replace("fingerprint: ", "fingerprint: 0"))
    assert "other.yaml:" in memreg("approve", "people", "--annotation", "other.yaml", status=1).stderr
    assert memreg.json("schemas")[0]["status"] == "pending"
    (memreg.folder / "good.yaml").write_text(text.replace("name: 3", "name: 5"))
    assert memreg.json("approve", "people", "--annotation", "good.yaml", "--by", "eva")["by"] == "eva"
    assert memreg.json("annotations", "people")["annotation"]["Person"]["searchable"]["name"] == 5
    assert "already" in memreg("approve", "people@1", status=1).stderr


def editor(folder: Path, body: str) -> str:
    """An $EDITOR that runs `body` with the file as $1."""
    script = folder / "editor.sh"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return str(script)


def test_approving_in_an_editor_goes_on_until_it_can_be_read(memreg: Command) -> None:
    memreg("register", "people.yaml")
    spoil, mend = 'sed -i "s/name: 3/nam: 3/" "$1"', 'cp "$1" seen; sed -i "s/nam: 3/name: 7/" "$1"'
    body = f'if grep -q "^#!" "$1"; then {mend}; else {spoil}; fi'
    memreg("approve", "people", "--edit", EDITOR=editor(memreg.folder, body), VISUAL="")
    assert memreg.json("annotations", "people")["annotation"]["Person"]["searchable"]["name"] == 7
    seen = (memreg.folder / "seen").read_text().splitlines()
    line = next(int(words.split(",")[0].split()[-1]) for words in seen if "nam" in words and words.startswith("#!"))
    assert "nam: 3" in seen[line - 1]


def test_an_editor_that_leaves_mistakes_or_nothing_approves_nothing(memreg: Command) -> None:
    memreg("register", "people.yaml")
    wrong = editor(memreg.folder, 'sed -i "s/name: 3/nam: 3/" "$1"')
    assert "nam" in memreg("approve", "people", "--edit", EDITOR=wrong, VISUAL="", status=1).stderr
    empty = editor(memreg.folder, ': > "$1"')
    assert "emptied" in memreg("approve", "people", "--edit", EDITOR=empty, VISUAL="", status=1).stderr
    failing = editor(memreg.folder, "exit 3")
    memreg("approve", "people", "--edit", EDITOR=failing, VISUAL="", status=1)
    assert memreg.json("schemas")[0]["status"] == "pending"
    unchanged = editor(memreg.folder, "exit 0")
    assert memreg.json("approve", "people", "--edit", EDITOR=unchanged, VISUAL="")["status"] == "active"


def test_rejecting_needs_a_reason_and_annotating_opens_it_again(memreg: Command) -> None:
    memreg("register", "people.yaml")
    memreg("reject", "people", status=2)
    assert "why" in memreg("reject", "people", "--why", " ", status=1).stderr
    assert memreg.json("reject", "people", "--why", "city is no name", "--by", "ana")["status"] == "rejected"
    assert "city is no name" in memreg("schemas").stdout
    assert "rejected" in memreg("approve", "people@1", status=1).stderr
    assert "only rejected versions" in memreg("ingest", stdin="x", status=1).stderr
    assert memreg.json("annotate", "people", "--annotate", "heuristic")["status"] == "pending"


def test_a_schema_changes_under_its_memories(people: Command) -> None:
    people("ingest", stdin="Ana Lopez lives in Oslo, ana@lopez.io\n")
    path = people.folder / "people.yaml"
    path.write_text(
        path.read_text().replace("      born:", "      phone: {dtype: string, normalize: [phone]}\n      born:")
    )
    assert people.json("register", "people.yaml")["version"] == 2
    assert "memreg backfill people --to 2" in people("approve", "people").stdout
    assert "it waits for `memreg backfill people --to 2`" in people("approve", "people@2", status=1).stderr
    people("backfill", "people", status=2)
    assert people.json("backfill", "people", "--to", "2")["activated"] is True
    assert "already" in people("backfill", "people", "--to", "2").stdout
    (listed,) = people.json("backfill", "status")
    assert (listed["backfill"]["status"], listed["backfill"]["converted"]) == ("done", 1)
    assert [each["status"] for each in people.json("schemas")] == ["retired", "active"]
    assert people.json("memories")[0]["version"] == 2


def test_a_pydantic_class(memreg: Command) -> None:
    (memreg.folder / "garden.py").write_text(
        "from pydantic import BaseModel\n\n\nclass Plant(BaseModel):\n    name: str\n    tags: list[str] = []\n"
    )
    assert memreg.json("register", "garden:Plant")["classes"] == ["Plant"]
