"""Arguments of public calls that cannot be: one sentence of ours each, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from memreg import Engine
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid, FileInvalid, MemregError, SchemaNotFound
from tests.support.engines import people

HALF = "a\ud800"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda e: e.list(5), ArgumentInvalid, "class_name cannot be 5: it must be a name or a Pydantic class"),
        (lambda e: e.list(dict), ArgumentInvalid, "class_name cannot be <class 'dict'>"),
        (lambda e: e.search(5), ArgumentInvalid, "text cannot be 5: it is a int, not text"),
        (lambda e: e.search("x", HALF), ArgumentInvalid, "half of a surrogate pair"),
        (lambda e: e.audit(basis=5), ArgumentInvalid, "basis cannot be 5"),
        (lambda e: Engine(e.database, schema=5).list(), SchemaNotFound, "No schema named 5"),  # type: ignore[arg-type]
        (lambda e: Engine(e.database, schema=HALF).list(), SchemaNotFound, "No schema named"),
        (lambda e: e.registry.register(5), ArgumentInvalid, "source cannot be a int: give a path, YAML text"),
        (lambda e: e.registry.register([]), ArgumentInvalid, "source cannot be a list"),
        (lambda e: e.registry.register("schema: x\nclasses: " + HALF), FileInvalid, "half of a surrogate pair"),
        (lambda e: e.registry.register(HALF), FileInvalid, "it cannot be read"),
        (lambda e: e.registry.get("people", "1"), ArgumentInvalid, "version cannot be '1': it must be a whole number"),
        (lambda e: e.registry.get(HALF), ArgumentInvalid, "name cannot be"),
        (lambda e: e.registry.versions("a\0"), ArgumentInvalid, "name cannot be"),
        (lambda e: e.registry.annotate("people", by=HALF), ArgumentInvalid, "by cannot be"),
        (lambda e: e.registry.approve("people", True), ArgumentInvalid, "version cannot be True"),
        (lambda e: e.registry.approve("people", by="a\0"), ArgumentInvalid, "by cannot be 'a\\x00': it holds NUL"),
        (lambda e: e.registry.approve("people", annotations=5), MemregError, ""),
        (lambda e: e.registry.reject("people", HALF), ArgumentInvalid, "why cannot be"),
    ],
)
def test_an_argument_that_cannot_be(
    database: Database, call: Callable[[Any], object], error: type[MemregError], words: str
) -> None:
    engine = people(database)
    before = engine.registry.versions()
    with pytest.raises(error) as refused:
        call(engine)
    assert words in str(refused.value)
    str(refused.value).encode("utf-8")  # it can be printed
    assert "\n" not in str(refused.value)
    assert engine.registry.versions() == before


def test_annotations_that_are_none(database: Database) -> None:
    engine = people(database)
    engine.registry.annotate("people", annotate="heuristic")
    with pytest.raises(ArgumentInvalid, match="annotations cannot be a int: give a path"):
        engine.registry.approve("people", annotations=5)  # type: ignore[arg-type]
    assert [str(record.version.status) for record in engine.registry.versions()] == ["active", "pending"]
