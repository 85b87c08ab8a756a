"""A schema that changes, at the command line: diff, a dry run, a check for CI, force with a reason, and the history."""

from __future__ import annotations

from tests.support.command import Command


def edit(memreg: Command, old: str, new: str) -> None:
    """Change the schema file."""
    path = memreg.folder / "people.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_a_change_is_looked_at_and_then_just_that_is_registered(people: Command) -> None:
    people("ingest", stdin="Ana Lopez lives in Oslo, ana@lopez.io\n")
    assert "No difference." in people("diff", "people@1", "people.yaml").stdout
    edit(people, "city:  {dtype: string", "town:  {dtype: string, from: city")
    edit(people, "{city}", "{town}")
    edit(people, "city: 1", "town: 1")
    told = people("diff", "people@1", "people.yaml").stdout
    assert "people@1 → people.yaml" in told
    assert "the column city under another name" in told
    assert "backward (B reads A): compatible   forward (A reads B): compatible" in told
    found = people.json("diff", "people@1", "people.yaml")
    assert found["backward"]["compatible"] is True
    assert {"kind": "renamed", "where": "Person.town"}.items() <= found["changes"][0].items()
    dry = people("register", "people.yaml", "--dry-run").stdout
    assert dry.startswith("It would be people@2, based on version 1.\n")
    assert "Mode backward: compatible with version 1." in dry
    assert "A backfill would touch 1 memory" in dry
    assert dry.endswith(f"Nothing was done.\nNext: memreg register people.yaml --fingerprint {found['fingerprint']}\n")
    data = people.json("register", "people.yaml", "--dry-run")
    assert (data["dry_run"], data["compatible"], data["backfill"]["memories"]) == (True, True, 1)
    edit(people, "Full name", "Whole name")
    refused = people("register", "people.yaml", "--fingerprint", found["fingerprint"], status=1).stderr
    assert "people.yaml is not what was looked at" in refused
    edit(people, "Whole name", "Full name")
    assert people.json("register", "people.yaml", "--fingerprint", found["fingerprint"])["version"] == 2


def test_an_incompatible_change_is_refused_by_register_and_by_check_and_let_in_by_force(people: Command) -> None:
    assert "registered already, as people@1" in people("register", "people.yaml", "--check").stdout
    edit(people, "born:  {dtype: date", "born:  {dtype: integer")
    checked = people("register", "people.yaml", "--check", status=1)
    assert "Mode backward: NOT compatible with version 1." in checked.stdout
    assert "retyped date → integer" in checked.stdout
    data = people("register", "people.yaml", "--check", "--json", status=1).stdout
    assert '"compatible": false' in data
    (line,) = people("register", "people.yaml", status=1).stderr.splitlines()
    assert line.startswith("The schema 'people' would not be backward compatible with version 1: Person.born, retyped")
    assert [each["version"] for each in people.json("schemas")] == [1]
    assert "say why" in people("register", "people.yaml", "--force", " ", status=1).stderr
    assert " --force REASON, unless you change it\n" in people("register", "people.yaml", "--dry-run").stdout
    forced = people("register", "people.yaml", "--force", "years are enough").stdout
    assert "It is not compatible; why it is there all the same is kept: years are enough" in forced
    assert "Note: Person.born, retyped date → integer" in forced
    told = people("schemas", "people", "--history").stdout
    assert "years are enough" in told
    assert "not compatible, forced: Person.born retyped date → integer" in told
    history = people.json("schemas", "people", "--history")
    assert [each["what"] for each in history] == [
        "registered", "annotated", "approved", "in force", "registered", "annotated"
    ]  # fmt: skip
    assert people.json("schemas", "people")[1]["version"] == 2
    assert "people.yaml" in people("register", "people.yaml", "--check").stdout


def test_two_files_are_compared_without_a_database(people: Command) -> None:
    (people.folder / "old.yaml").write_text((people.folder / "people.yaml").read_text())
    edit(people, "city: 1", "city: 2")
    alone = Command(people.folder, {"MEMREG_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"})
    found = alone.json("diff", "old.yaml", "people.yaml")
    assert [(each["where"], each["what"]) for each in found["changes"]] == [("Person.city", "searchable")]
    edit(people, "born:  {dtype: date, desc: Day of birth}", "born:  {dtype: date, desc: Birthday}")
    assert people.json("register", "people.yaml", "--force", "to be sure")["forced"] is None
    edit(people, "Birthday", "The birthday")
    assert "It needed no force" in people("register", "people.yaml", "--force", "to be sure").stdout


def test_what_cannot_be_asked(people: Command) -> None:
    assert "not both" in people("register", "people.yaml", "--check", "--dry-run", status=2).stderr
    assert "memreg schemas NAME --history" in people("schemas", "--history", status=2).stderr
    assert "No schema named 'nobody'" in people("schemas", "nobody", status=1).stderr
    assert "No schema named 'nobody'" in people("schemas", "nobody", "--history", status=1).stderr
    assert "no version 7" in people("diff", "people@7", "people.yaml", status=1).stderr
    assert "8 to 64 hexadecimal" in people("register", "people.yaml", "--fingerprint", "x", status=1).stderr
    (line,) = people("diff", "people@1", "nowhere.yaml", status=1).stderr.splitlines()
    assert line.startswith("nowhere.yaml: it cannot be read")
