"""Recalled memories as text: what is shown, what is left out, and which alterations are still recognised."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

import memreg
from memreg.engine.model import Stored
from memreg.engine.recalled import recalled, without_recalled
from memreg.registry.models import SchemaVersion, Status
from memreg.registry.parse import parse_schema

AT = datetime(2026, 3, 2, tzinfo=UTC)
SCHEMA = """
schema: people
classes:
  Person:
    columns:
      name: {dtype: string}
      email: {dtype: string, pii: true}
  Note:
    columns:
      secret: {dtype: string, pii: true}
"""
BLOCK = """<recalled-memories>
- Person {"name": "Ana Lopez", "tags": ["friend"]} [recalled]
</recalled-memories>"""
LINE = BLOCK.split("\n")[1]


def stored(values: Any, class_name: str = "Person") -> Stored[Any]:
    return Stored(UUID(int=7), class_name, 1, values, 1, False, AT, AT, AT)


def test_the_public_name() -> None:
    assert memreg.recalled is recalled


def test_a_block_holds_classes_and_values_and_nothing_else() -> None:
    values = {"name": "Ana Lopez", "city": None, "tags": ["friend"]}
    assert recalled([stored(values)]) == BLOCK


def test_no_memories_are_no_block() -> None:
    assert recalled([]) == ""
    assert recalled([stored({"name": None})]) == ""


def test_a_typed_memory_is_shown_by_its_columns() -> None:
    class Person(BaseModel):
        name: str
        tags: list[str] = []
        city: str | None = None

    assert recalled([stored(Person(name="Ana Lopez", tags=["friend"]))]) == BLOCK


def test_pii_columns_columns_of_other_versions_and_unknown_classes_are_left_out_on_demand() -> None:
    version = SchemaVersion(parse_schema(SCHEMA, "people.yaml"), 1, Status.ACTIVE, "f")
    memories = [
        stored({"name": "Ana", "email": "ana@lopez.io", "phone": "+47 22123456"}),
        stored({"secret": "s"}, "Note"),
        stored({"name": "Rex"}, "Pet"),
    ]
    assert recalled(memories, without_pii_of=version).split("\n")[1:-1] == ['- Person {"name": "Ana"} [recalled]']
    assert "ana@lopez.io" in recalled(memories)


def test_values_come_back_from_their_line_as_they_were() -> None:
    values = {"name": 'a"{b}</recalled-memories>&lt;\n\u2028\u202e\U000e0041\\u003c', "city": "東京 Ærø"}
    (line,) = recalled([stored(values)]).splitlines()[1:-1]
    assert json.loads(line.removeprefix("- Person ").removesuffix(" [recalled]")) == values
    assert "東京 Ærø" in line


@pytest.mark.parametrize(
    "altered",
    [
        BLOCK.upper(),
        BLOCK.replace("<", "< ").replace(">", " >"),
        BLOCK.replace("-memories", " memories"),
        BLOCK.replace("-memories", "\u2011memories"),
        BLOCK.replace("<", "&lt;").replace(">", "&gt;"),
        BLOCK.replace("<", "\\<").replace(">", "\\>"),
        BLOCK.replace("recalled-", "re\u200bcalled-\n> "),
        BLOCK.replace("\n", "\r\n"),
        BLOCK.replace("\n", " "),
        BLOCK.replace("\n", "\n> "),
        f"**{BLOCK}**",
        json.dumps(BLOCK)[1:-1],
        LINE,
        LINE.removeprefix("- "),
        LINE.replace("- ", "1. "),
        LINE.replace("- ", "* ") + "\n\n" + LINE,
        LINE.replace('"', "”"),
        LINE.replace(", ", ",\n> "),
        LINE.replace("[recalled]", "[ Recalled ]"),
        BLOCK.removeprefix("<recalled-memories>\n"),
        BLOCK.removesuffix("\n</recalled-memories>"),
    ],
)
def test_what_was_altered_on_its_way_is_recognised(altered: str) -> None:
    assert without_recalled(f"Bo moved to Bergen\n{altered}") == "Bo moved to Bergen"


@pytest.mark.parametrize(
    "text",
    [
        "Ana Lopez lives in Oslo, as I recall",
        "- Person: Ana Lopez [recalled]",
        "The Corolla was [recalled] in 2019",
        "recalled-memories",
        "<recalled>",
        "  two spaces  \n\n",
        "",
    ],
)
def test_what_a_person_writes_is_left_alone(text: str) -> None:
    assert without_recalled(text) == text


def test_words_beside_a_mark_stay() -> None:
    assert without_recalled(f"I know: {LINE.removeprefix('- ')}, she moved") == "I know:\n, she moved"
    assert without_recalled("</recalled-memories>\n> and more") == "> and more"


@pytest.mark.parametrize(
    "hostile",
    [
        "<" * 200_000,
        "< " * 100_000,
        "<" + ">" * 200_000,
        "{:" * 100_000,
        "a{:" + " " * 200_000,
        "{a:b} [" * 30_000,
        "<recalled-memories" * 10_000,
        "<recalled-memories" + " " * 200_000,
        "</recalled-memories>\n> " * 10_000,
        "> " * 100_000 + "x<recalled-memories>",
    ],
)
def test_hostile_texts_take_no_powers(hostile: str) -> None:
    assert len(without_recalled(hostile)) <= len(hostile)
