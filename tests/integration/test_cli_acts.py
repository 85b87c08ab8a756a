"""`memreg merge`, `split`, `correct`, `forget`, `restore` and `--as-of`, as they are called."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from memreg.api.engine import Engine
from memreg.cli.main import memreg
from memreg.core.database import Database
from tests.support.engines import people, say

MASK = "•••"


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


@pytest.fixture
def two(engine: Engine) -> tuple[UUID, UUID]:
    one = say(engine, name="Ana Lopez", email="a@x.io", city="Oslo", tags=["pilot"]).memory_id
    other = say(engine, name="Wolfgang Schmidt", email="b@x.io", notes="tea").memory_id
    assert one is not None
    assert other is not None
    return one, other


class Shell:
    """Runs commands on a database."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, *arguments: object, status: int = 0) -> Result:
        told = [str(each) for each in arguments]
        done = CliRunner().invoke(memreg, [*told, "--database", self.url], env={"COLUMNS": "200"})
        assert done.exit_code == status, done.output
        return done

    def json(self, *arguments: object) -> Any:
        return json.loads(self(*arguments, "--json").stdout)


@pytest.fixture
def shell(database_url: str) -> Shell:
    return Shell(database_url)


def test_merge_shows_whose_value_stays_and_how_to_take_it_back(
    shell: Shell, engine: Engine, two: tuple[UUID, UUID]
) -> None:
    keep, other = two
    told = shell("merge", keep, other, "--prefer", "name=other", "--dry-run").output
    assert f"Person {other} would go into {keep}." in told
    assert "Nothing was changed." in told
    assert engine.get(other).values["notes"] == "tea"
    done = shell("merge", keep, other, "--prefer", "name=other", "--why", "one person", "--by", "eva").output
    assert "as was asked for" in done
    assert MASK in done
    assert "a@x.io" not in done
    undo = done.strip().rpartition("memreg undo ")[2]
    shell("undo", undo)
    assert engine.get(other).values["notes"] == "tea"


def test_masked_values_are_shown_where_they_are_wanted_and_that_is_written_down(
    shell: Shell, engine: Engine, two: tuple[UUID, UUID]
) -> None:
    masked = shell.json("merge", *two, "--dry-run")
    assert {each["column"]: each["result"] for each in masked["winners"]}["email"] == MASK
    assert masked["memories"][0]["after"]["email"] == MASK
    shown = shell.json("merge", *two, "--dry-run", "--reveal", "--by", "eva")
    assert {each["column"]: each["result"] for each in shown["winners"]}["email"] == "a@x.io"
    assert [entry.action for entry in engine.audit(action="reveal")] == ["REVEAL"]


def test_correct_takes_values_lists_and_empty_ones(shell: Shell, engine: Engine, two: tuple[UUID, UUID]) -> None:
    ana, _ = two
    told = shell("correct", ana, "city=Rome", "tags=doctor", "tags=pilot", "age=40", "--by", "eva").output
    assert "city: Oslo → Rome" in told
    assert engine.get(ana).values["tags"] == ["doctor", "pilot"]
    shell("correct", ana, "city=", 'tags=["chef"]')
    values = engine.get(ana).values
    assert ("city" in values, values["tags"], values["age"]) == (False, ["chef"], 40)
    assert "no longer pinned" in shell("correct", ana, "--unpin", "city").output


def test_split_by_columns_and_by_revisions(shell: Shell, engine: Engine, two: tuple[UUID, UUID]) -> None:
    ana, _ = two
    made = shell.json("split", ana, "--columns", "email,city", "--values", "name=Bob Stone")["made"]
    assert engine.get(made).values["name"] == "Bob Stone"
    assert "is no revision" in shell("split", ana, "--revisions", "one", status=2).output
    assert "it has no revision 9" in shell("split", ana, "--revisions", "9", status=1).output
    assert "--revisions N,M or --columns A,B" in shell("split", ana, status=2).output


def test_forget_and_restore(shell: Shell, engine: Engine, two: tuple[UUID, UUID]) -> None:
    ana, _ = two
    assert f"Person {ana} would be forgotten." in shell("forget", ana, "--dry-run").output
    assert "is not there any more" in shell("forget", ana).output
    assert f"memreg restore {ana}" in shell("correct", ana, "city=Rome", status=1).output
    assert f"Person {ana} is there again." in shell("restore", ana).output
    assert engine.get(ana).values["city"] == "Oslo"
    assert "it is not deleted" in shell("restore", ana, status=1).output


def test_as_it_was(shell: Shell, engine: Engine, two: tuple[UUID, UUID]) -> None:
    ana, other = two
    then = engine.get(other).updated_at.isoformat()
    shell("correct", ana, "city=Rome")
    shell("forget", other)
    assert shell.json("get", ana, "--as-of", then)["values"]["city"] == "Oslo"
    assert "as it was at" in shell("get", other, "--as-of", then).output
    assert {each["id"] for each in shell.json("memories", "Person", "--as-of", then)} == {str(ana), str(other)}
    assert "it was made on" in shell("get", ana, "--as-of", "9999h", status=1).output
    assert "Nothing was remembered at" in shell("memories", "--as-of", "9999h").output


@pytest.mark.parametrize(
    "arguments", [("correct", "ID", "city"), ("correct", "ID"), ("merge", "A", "B", "--prefer", "x")]
)
def test_what_cannot_be_read(shell: Shell, arguments: tuple[str, ...]) -> None:
    shell(*arguments, status=2)
