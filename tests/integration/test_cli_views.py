"""`memreg views` and `memreg lint --against` as they are called, on a real database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from memreg.cli.main import memreg
from memreg.core.database import Database
from tests.support.engines import register

SHOP = """
schema: shop
classes:
  Customer:
    description: Who buys
    columns:
      fullName: {dtype: string, desc: First and last}
      version: {dtype: string, desc: Which kind}
"""


@pytest.fixture
def url(database: Database, database_url: str) -> str:
    register(database, SHOP)
    return database_url


def run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(memreg, [*arguments, "--database", url], env={"COLUMNS": "200"})


def data(url: str, *arguments: str) -> Any:
    done = run(url, *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_made_listed_and_dropped(url: str) -> None:
    assert "There are no views" in run(url, "views", "list").output
    made = run(url, "views", "create", "shop")
    assert made.exit_code == 0, made.output
    assert "shop.customer" in made.output
    assert "Customer.fullName is full_name there." in made.output
    assert "Customer.version is version_ there." in made.output
    assert 'from "user".customer limit' in run(url, "views", "create", "shop", "--into", "user").output
    assert run(url, "views", "drop", "shop", "--into", "user").exit_code == 0
    (listed,) = data(url, "views", "list")
    assert (listed["place"], listed["name"], listed["class_name"], listed["in_step"]) == (
        "shop",
        "customer",
        "Customer",
        True,
    )
    assert run(url, "views", "list", "shop").output.split() >= ["view"]
    assert "Dropped: shop.customer." in run(url, "views", "drop", "shop").output
    again = run(url, "views", "drop", "shop")
    assert (again.exit_code, again.output.count("\n")) == (1, 1)


def test_the_machine_reads_what_was_made(url: str) -> None:
    made = data(url, "views", "create", "shop", "--into", "there", "--tenant", "acme")
    assert made["outcomes"] == [
        {"place": "there", "name": "customer", "class_name": "Customer", "action": "made", "problem": ""}
    ]
    assert data(url, "views", "list", "shop")[0]["tenant"] == "acme"
    assert [each["place"] for each in data(url, "views", "drop", "shop")] == ["there"]


def test_a_tenant_in_the_environment_does_not_narrow_them(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMREG_TENANT", "acme")
    assert data(url, "views", "create", "shop")["place"] == "shop"
    assert data(url, "views", "list")[0]["tenant"] is None


def test_printed(url: str) -> None:
    done = run(url, "views", "create", "shop", "--print")
    assert done.output.startswith('create schema if not exists "shop";\ncreate view "shop"."customer"')
    assert data(url, "views", "list") == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", "nothing"], "No schema named 'nothing'"),
        (["create", "shop", "--into", "memreg"], "memreg is not for views"),
        (["create", "shop", "--tenant", ""], "The tenant"),
        (["create", "shop", "--grant", "nobody_of_that_name"], 'role "nobody_of_that_name" does not exist'),
        (["drop", "shop"], "the database has none"),
    ],
)
def test_refusals_are_one_sentence(url: str, arguments: list[str], says: str) -> None:
    done = run(url, "views", *arguments)
    assert done.exit_code == 1
    assert says in done.output
    assert done.output.count("\n") == 1


def test_lint_against_what_is_registered(url: str, tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP)
    assert data(url, "lint", str(path), "--against", "shop@1")[0]["source"] == str(path)
    refused = run(url, "lint", str(path), "--against", "nothing")
    assert (refused.exit_code, "No schema named 'nothing'" in refused.output) == (1, True)
