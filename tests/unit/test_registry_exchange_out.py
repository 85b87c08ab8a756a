"""Exports: Python that type-checks, SQL that a database takes, a tree that a person reads."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from memreg.registry.exchange.python_out import python_source
from memreg.registry.exchange.sql_out import sql_ddl
from memreg.registry.exchange.tree_out import tree
from memreg.registry.models import SchemaSpec
from memreg.registry.parse import parse_schema
from tests.support.exchange import module_of

SHOP = parse_schema(
    """
schema: shop
compatibility: full
classes:
  Customer:
    description: Somebody who buys
    columns:
      name:   {dtype: string, desc: Full name, required: true, normalize: [trim]}
      email:  {dtype: string, pii: true, normalize: [email]}
      class:  {dtype: enum, values: [new, it's old], default: new}
      since:  {dtype: date, default: 2026-01-01}
      tags:   {dtype: "list[string]", default: [a], merge: append}
      copy:   {dtype: text, examples: [once]}
      friend: {dtype: "ref[Customer]", on_delete: clear}
    patterns: ["{name} is a customer"]
    annotation: {searchable: {name: 3}, identity: [{columns: [email]}]}
  Order:
    aliases: [Purchase]
    columns:
      number:   {dtype: integer, required: true}
      customer: {dtype: "ref[Customer]", required: true, on_delete: cascade}
      gifts:    {dtype: "list[ref[datetime]]"}
      paid:     {dtype: boolean, default: false}
    annotation: {identity: [{columns: [number, customer]}]}
  datetime:
    columns:
      at: {dtype: datetime, required: true}
""".replace("  Order:", "  OrderRecord:"),
    "shop.yaml",
)


@pytest.fixture
def models() -> Any:
    with module_of(python_source(SHOP)) as module:
        yield module


def test_exported_python_type_checks(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    (tmp_path / "shop_classes.py").write_text(python_source(SHOP))
    (tmp_path / "use.py").write_text(
        "from shop_classes import CLASSES, Customer, OrderRecord\n\n"
        'someone = Customer(name="Ana", email=None)\n'
        "order = OrderRecord(number=1, customer=someone)\n"
        "reveal_type(order.customer)\n"
        "count: int = len(CLASSES)\n"
        'OrderRecord(number="x", customer=someone)\n'
    )
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nstrict = true\nplugins = pydantic.mypy\n[pydantic-mypy]\ninit_typed = true\n"
    )
    # What mypy knows of pydantic is kept from run to run.
    cache = str(pytestconfig.cache.mkdir("mypy")) if pytestconfig.cache is not None else str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", cache, "use.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert "Revealed type is" in lines[0], done.stdout
    assert "Customer | uuid.UUID" in lines[0].replace("shop_classes.", "").replace(
        "Union[Customer, uuid.UUID]", "Customer | uuid.UUID"
    )
    assert 'use.py:7: error: Argument "number" to "OrderRecord" has incompatible type "str"' in lines[1]
    assert lines[2:] == ["Found 1 error in 1 file (checked 1 source file)"]


def test_exported_python_validates_what_a_memory_holds(models: Any) -> None:
    customer = models.Customer.model_validate({"name": "Ana", "class": "it's old", "copy": "x"})
    assert customer.model_dump(by_alias=True, exclude_none=True)["class"] == "it's old"
    by_id = models.OrderRecord.model_validate({"number": 1, "customer": "0193b5a4-6f3e-7000-8000-000000000000"})
    assert by_id.customer.version == 7
    assert models.OrderRecord(number=1, customer=customer).customer is customer
    with pytest.raises(ValidationError):
        models.Customer.model_validate({"name": "Ana", "class": "other"})
    assert all(issubclass(each, BaseModel) for each in models.CLASSES)
    assert [each.__name__ for each in models.CLASSES] == ["Customer", "OrderRecord", "datetime"]


def test_sql_says_what_it_does_not_say() -> None:
    exported = sql_ddl(SHOP, "postgres")
    assert exported.lost == (
        "Customer: its patterns are not in the DDL",
        "Customer: what is searched and compared is not in the DDL",
        "Customer.name: how it is normalised is not in the DDL",
        "Customer.email: that it is pii is not in the DDL",
        "Customer.email: how it is normalised is not in the DDL",
        "Customer.tags: how it is merged is not in the DDL",
        "Customer.tags: its default is not in the DDL",
        "Customer.copy: its examples are not in the DDL",
        "OrderRecord: what it was called before and its other names are not in the DDL",
        "OrderRecord.gifts: it is list[string] in the DDL, not list[ref[datetime]]",
    )
    assert exported.text.startswith("-- memreg: schema shop, compatibility full\n")


def test_sql_is_what_sqlite_takes() -> None:
    ddl = sql_ddl(SHOP, "sqlite").text
    with sqlite3.connect(":memory:") as connection:
        connection.execute("PRAGMA foreign_keys = on")
        connection.executescript(ddl)
        connection.execute("INSERT INTO Customer (memory_id, name, email) VALUES ('1', 'Ana', 'ana@shop.example')")
        row = connection.execute('SELECT "class", since, friend FROM Customer').fetchone()
        assert row == ("new", "2026-01-01", None)
        for wrong in (
            "INSERT INTO Customer (memory_id, name, class) VALUES ('2', 'Bo', 'other')",
            "INSERT INTO Customer (memory_id, name, email) VALUES ('2', 'Bo', 'ana@shop.example')",
            "INSERT INTO Customer (memory_id, name, friend) VALUES ('2', 'Bo', '9')",
            "INSERT INTO OrderRecord (memory_id, number) VALUES ('2', 1)",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(wrong)
    connection.close()


def test_a_tree_is_for_people() -> None:
    assert tree(SHOP, "shop@1") == (
        "shop@1\n"
        "├─ Customer  Somebody who buys\n"
        "│  ├─ name    string          Full name; required, normalize trim\n"
        "│  ├─ email   string          pii, normalize email\n"
        "│  ├─ class   new | it's old  else new\n"
        "│  ├─ since   date            else 2026-01-01\n"
        "│  ├─ tags    list of string  else a, merge append\n"
        "│  ├─ copy    text\n"
        "│  ├─ friend  → Customer      on delete clear\n"
        "│  └─ identity: email (strong)\n"
        "├─ OrderRecord\n"
        "│  ├─ number    integer               required\n"
        "│  ├─ customer  → Customer            required, on delete cascade\n"
        "│  ├─ gifts     → datetime (several)\n"
        "│  ├─ paid      boolean               else False\n"
        "│  └─ identity: number + customer (strong)\n"
        "└─ datetime\n"
        "   └─ at  datetime  required\n"
    )


def test_a_schema_of_every_name_that_python_keeps_is_exported() -> None:
    names = ["BaseModel", "Field", "UUID", "str", "list", "print", "CLASSES", "type"]
    classes = "".join(f"  {name}: {{columns: {{x: {{dtype: string}}}}}}\n" for name in names)
    spec: SchemaSpec = parse_schema(f"schema: odd\nclasses:\n{classes}", "odd.yaml")
    with module_of(python_source(spec)) as module:
        assert [each.__name__ for each in module.CLASSES] == names
