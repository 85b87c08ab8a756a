"""`memreg erase` as it is called: it tells first, erases when that is said, and quotes nothing itself."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from memreg.api.engine import Engine
from memreg.cli.main import memreg
from memreg.core.database import Database
from tests.support.dump import contents, lines_with
from tests.support.engines import people, say

NAME, EMAIL = "Ximena Quispe", "ximena@quispe.io"


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


@pytest.fixture
def memory_id(engine: Engine) -> UUID:
    found = say(engine, name=NAME, email=EMAIL, city="Oslo").memory_id
    say(engine, "Note", title=f"call {NAME}")
    assert found is not None
    return found


def run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(memreg, [*arguments, "--database", url], env={"COLUMNS": "200"})


def data(url: str, *arguments: str) -> Any:
    done = run(url, *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_it_only_tells_until_that_is_said(memory_id: UUID, database_url: str) -> None:
    before = contents(database_url)
    told = run(database_url, "erase", str(memory_id), "--by", "kim")
    assert told.exit_code == 0, told.output
    assert "would be erased for good" in told.output
    assert "Next: the same with --yes; it cannot be undone." in told.output
    assert "quotes it in Note.title" in told.output
    assert "--also TEXT" in told.output
    dry = run(database_url, "erase", str(memory_id), "--yes", "--dry-run")
    assert "Nothing was changed." in dry.output
    assert "Next:" not in dry.output
    assert contents(database_url) == before
    assert lines_with(told.output, NAME, EMAIL) == []


def test_it_erases_and_says_what_tells_of_it(memory_id: UUID, database_url: str, engine: Engine) -> None:
    done = run(database_url, "erase", str(memory_id), "--yes", "--by", "kim", "--why", "asked for", "--also", NAME)
    assert done.exit_code == 0, done.output
    assert f"Memory {memory_id} is erased for good" in done.output
    assert lines_with(contents(database_url), NAME, EMAIL) == []
    entry = next(each for each in engine.audit(action="ERASE") if each.memory_id == memory_id)
    assert f"memreg explain {entry.audit_id}" in done.output
    shown = run(database_url, "explain", str(entry.audit_id))
    assert shown.exit_code == 0, shown.output
    assert "kim" in shown.output
    again = run(database_url, "erase", str(memory_id), "--yes")
    assert "was erased before" in again.output
    for command in (("get", str(memory_id)), ("restore", str(memory_id)), ("undo", str(entry.audit_id))):
        assert run(database_url, *command).exit_code == 1
    history = run(database_url, "history", str(memory_id))
    assert history.exit_code == 0, history.output


def test_for_machines(memory_id: UUID, database_url: str) -> None:
    told = data(database_url, "erase", str(memory_id))
    assert (told["dry_run"], told["audit_id"], told["removed"]["revisions"]) == (True, None, 1)
    assert [place["column"] for place in told["still_said"]] == ["title"]
    done = data(database_url, "erase", str(memory_id), "--yes")
    assert done["audit_id"]
    assert done["sentence"].startswith("Memory ")


def test_errors_are_one_sentence(memory_id: UUID, database_url: str) -> None:
    wrong = run(database_url, "erase", "no-id")
    assert wrong.exit_code == 1
    mine = run(database_url, "erase", str(memory_id), "--yes", "--by", EMAIL)
    assert mine.exit_code == 1
    assert EMAIL not in mine.output
