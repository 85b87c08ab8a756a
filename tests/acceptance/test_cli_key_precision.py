"""`memreg annotations` tells how identity keys fare: in every tenant or in one, for people and for machines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.command import Command

STRANGERS = ("Zoe Quist from Lima", "Per Hagen from Turku", "Mia Wong from Perth", "Ivo Babic from Split")


def tell(people: Command, *values: dict[str, Any], tenant: str = "default") -> None:
    """One message for each proposal about a person."""
    lines = (json.dumps({"class": "Person", "values": each}) for each in values)
    people("ingest", "-", "--proposals", "--tenant", tenant, stdin="\n".join(lines))


def ana(**other: str) -> dict[str, Any]:
    return {"name": "Ana Lopez", "email": "ana@lopez.io", "city": "Oslo"} | other


def strangers() -> list[dict[str, Any]]:
    """Other people with Ana's address."""
    return [ana(name=name, city=city) for name, _, city in (each.partition(" from ") for each in STRANGERS)]


def observed(people: Command, *arguments: str) -> dict[str, Any]:
    """What is said beside the only key."""
    (key,) = people.json("annotations", "people", *arguments)["annotation"]["Person"]["identity"]
    assert key["columns"] == ["email"]
    found: dict[str, Any] = key["observed"]
    return found


def test_a_key_that_never_answered(people: Command) -> None:
    told = people("annotations", "people").stdout
    assert "never answered yet" in told
    assert observed(people) == {
        "version": 1,
        "tenant": None,
        "answers": 0,
        "contradictions": 0,
        "by_text": 0,
        "by_keys": 0,
        "conflicts": 0,
        "precision": None,
        "low": None,
        "high": None,
        "expected": 0.95,
        "contradicts_too_often": False,
        "warning": None,
        "before": None,
    }


def test_answers_beside_the_key(people: Command) -> None:
    tell(people, ana(), ana(), ana(), ana(name="Zoe Quist", city="Lima"))
    told = people("annotations", "people").stdout
    assert "by memreg's own evidence in every tenant" in told
    assert "by memreg's own evidence in tenant default" in people("annotations", "people", "--tenant", "default").stdout
    (line,) = (line for line in told.splitlines() if "Person.email" in line)
    assert line.split() == "Person.email strong 3 1 by the text 0.667 (0.208 to 0.939)".split()
    found = observed(people)
    assert (found["answers"], found["contradictions"], found["by_text"]) == (3, 1, 1)
    assert found["precision"] == 2 / 3
    assert (found["low"], found["high"]) == (pytest.approx(0.2077, abs=1e-4), pytest.approx(0.9385, abs=1e-4))


def test_a_key_that_contradicts_too_often(people: Command) -> None:
    tell(people, ana(), *strangers())
    told = people("annotations", "people").stdout
    assert "contradicts too often" in told
    sentence = next(line for line in told.splitlines() if line.startswith("The strong key email of Person"))
    assert "in people@1 4 of 4 answers were contradicted" in sentence
    assert "make it shared, add a column to it or drop it" in sentence
    assert observed(people)["warning"] == sentence


def test_the_advice_can_be_followed(people: Command) -> None:
    """The next version makes the key shared, and it begins without answers; who approves it sees why."""
    tell(people, ana(), *strangers())
    people("annotate", "people", "--annotate", "heuristic")
    told = people("annotations", "people").stdout
    assert "never answered yet; people@1: 0.000" in told
    assert "in people@1 4 of 4 answers were contradicted" in told
    assert observed(people)["before"]["contradictions"] == 4
    file = people("annotations", "people", "--yaml").stdout
    assert "strength: strong" in file
    (people.folder / "edited.yaml").write_text(file.replace("strength: strong", "strength: shared"))
    people("approve", "people", "--annotation", "edited.yaml", "--by", "ana")
    assert (observed(people)["answers"], observed(people)["expected"], observed(people)["warning"]) == (0, 0.9, None)
    assert people.json("annotations", "people@1")["annotation"]["Person"]["identity"][0]["observed"]["answers"] == 4


def test_one_tenant_or_every_one(people: Command) -> None:
    tell(people, ana(), ana())
    tell(people, ana(), *strangers(), tenant="acme")
    assert observed(people)["answers"] == 5
    assert observed(people, "--tenant", "*")["answers"] == 5
    assert (observed(people, "--tenant", "default")["answers"], observed(people, "--tenant", "acme")["answers"]) == (
        1,
        4,
    )
    assert observed(people, "--tenant", "acme")["tenant"] == "acme"
    assert observed(people, "--tenant", "nobody")["answers"] == 0
    assert "contradicts too often" not in people("annotations", "people", "--tenant", "default").stdout
    # The annotation is everybody's: the tenant that other commands work in narrows nothing here.
    told = people("annotations", "people", "--json", MEMREG_TENANT="default").stdout
    assert json.loads(told)["annotation"]["Person"]["identity"][0]["observed"]["answers"] == 5


def test_a_tenant_that_cannot_be(people: Command) -> None:
    for tenant, words in (("", "cannot be empty"), ("x" * 300, "200 are allowed")):
        assert words in people("annotations", "people", "--tenant", tenant, status=1).stderr


def test_a_class_without_keys(memreg: Command) -> None:
    schema = (
        "schema: notes\nclasses:\n  Note: {columns: {title: {dtype: string}}, annotation: {searchable: {title: 1}}}\n"
    )
    (memreg.folder / "notes.yaml").write_text(schema)
    memreg("register", "notes.yaml")
    assert "observed" not in memreg("annotations", "notes").stdout
    assert memreg.json("annotations", "notes")["annotation"]["Note"]["identity"] == []
