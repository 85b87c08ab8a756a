"""The command on a fresh database, in a folder of its own."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from memreg.core.embedded import status
from tests.support.command import Command
from tests.support.folders import short_folder

PEOPLE = """\
schema: people
classes:
  Person:
    description: Somebody the user knows
    columns:
      name:  {dtype: string, desc: Full name, required: true, normalize: [trim, collapse]}
      email: {dtype: string, desc: E-mail, pii: true, normalize: [email]}
      city:  {dtype: string, desc: Where they live}
      born:  {dtype: date, desc: Day of birth}
    patterns:
      - "{name} lives in {city}, {email}"
      - "{name} was born on {born}"
      - {text: "forget {email}", operation: delete}
    annotation:
      searchable: {name: 3, city: 1}
      compare: [born]
      identity: [{columns: [email], strength: strong}]
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A home for embedded servers that the server's account can enter; they have ended when it is removed."""
    base = short_folder("memreg-test-")
    yield base / "home"
    while any(status(found.parent)["running"] for found in base.rglob("server.lock")):
        time.sleep(0.05)
    shutil.rmtree(base)


@pytest.fixture
def memreg(database_url: str, tmp_path: Path) -> Command:
    """The command on the test's database; `people.yaml` is in its folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "people.yaml").write_text(PEOPLE)
    return Command(folder, {"MEMREG_DATABASE_URL": database_url})


@pytest.fixture
def people(memreg: Command) -> Command:
    """The command, with the schema `people` registered and approved."""
    memreg("register", "people.yaml")
    memreg("approve", "people", "--by", "ana")
    return memreg
