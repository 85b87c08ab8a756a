"""Views of memories on a real database: made, kept in step through changes of the schema, listed, dropped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from memreg.api.engine import Engine
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.errors import MemregError, NoUsableVersion, SchemaNotFound, TenantInvalid, ViewsRefused
from memreg.core.settings import Settings
from memreg.core.steps import Steps
from memreg.engine.model import Proposal
from memreg.operations.doctor import examine
from memreg.operations.views import create_views, drop_views, list_views, print_views
from memreg.registry import versions
from memreg.registry.parse import parse_schema
from memreg.registry.views.refresh import Outcome, refresh_views
from tests.support.engines import register

SHOP = """
schema: shop
compatibility: none
classes:
  Customer:
    description: Who buys
    columns:
      fullName: {dtype: string, desc: What to call them, required: true}
      email: {dtype: string, normalize: [email]}
      born: {dtype: date}
      seen: {dtype: datetime}
      score: {dtype: number}
      orders: {dtype: integer}
      active: {dtype: boolean}
      tags: {dtype: "list[string]"}
      version: {dtype: string}
    annotation: {searchable: {fullName: 3}, identity: [{columns: [email]}]}
  Order:
    columns:
      number: {dtype: string}
    annotation: {identity: [{columns: [number]}]}
"""
VALUES = {
    "fullName": "Ana Lopez",
    "email": "ana@lopez.io",
    "born": "1990-02-28",
    "seen": "2026-01-02T10:00:00+02:00",
    "score": 2.5,
    "orders": 3,
    "active": True,
    "tags": ["a", "b"],
    "version": "premium",
}
Ask = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def ask(database_url: str) -> Ask:
    """A reader's session: runs a statement and gives its rows."""

    def run(query: str, *params: Any) -> list[dict[str, Any]]:
        with psycopg.connect(database_url, row_factory=dict_row) as conn:
            found = conn.execute(query.encode(), params or None)
            return found.fetchall() if found.description else []

    return run


@pytest.fixture
def shop(database: Database) -> Engine:
    register(database, SHOP.replace("Order:", "Purchase:"))
    return Engine(database, schema="shop", extractor="patterns")


def change(database: Database, text: str, *replaced: tuple[str, str]) -> tuple[Outcome, ...]:
    """Register a changed schema, put it in force although memories are behind, and refresh the views."""
    text = text.replace("Order:", "Purchase:")
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    found = register(database, parse_schema(text, "test"), approve=False)

    def plan() -> Steps[tuple[Outcome, ...]]:
        yield (versions.lock_exclusive(found.name),)
        yield (
            versions.SQL["retire_versions"](name=found.name, version=found.version),
            versions.SQL["activate_version"](name=found.name, version=found.version, at=utc_now()),
        )
        return (yield from refresh_views(found.name))

    return database.run_admin(plan)


def actions(outcomes: tuple[Outcome, ...]) -> dict[str, str]:
    return {each.name: each.action for each in outcomes}


def test_a_class_is_a_table_with_real_types(database: Database, shop: Engine, ask: Ask) -> None:
    made = create_views(database, "shop")
    assert actions(made.outcomes) == {"customer": "made", "purchase": "made"}
    assert made.renamed == (("Customer", "fullName", "full_name"), ("Customer", "version", "version_"))
    decision = shop.ingest(proposals=[Proposal("Customer", VALUES)]).decisions[0]
    (row,) = ask("select * from shop.customer where born < '1991-01-01' and score > 2 and 'a' = any(tags)")
    assert row["id"] == decision.memory_id
    assert (row["tenant"], row["revision"], row["version"], row["unresolved"]) == ("default", 1, 1, False)
    assert row["created_at"] <= row["updated_at"] <= row["last_seen_at"]
    assert row["full_name"] == "Ana Lopez"
    assert row["born"] == date(1990, 2, 28)
    assert row["seen"] == datetime(2026, 1, 2, 8, 0, tzinfo=UTC)
    assert (row["score"], row["orders"], row["active"], row["tags"]) == (2.5, 3, True, ["a", "b"])
    assert row["version_"] == "premium"
    said = ask(
        "select obj_description('shop.customer'::regclass) as c, col_description('shop.customer'::regclass, 9) d"
    )
    assert said[0]["c"].startswith("Who buys\nMade by memreg")
    assert said[0]["d"] == "What to call them"


def test_only_live_memories_are_shown(database: Database, shop: Engine, ask: Ask) -> None:
    create_views(database, "shop")
    shop.ingest(proposals=[Proposal("Customer", VALUES)])
    shop.ingest(proposals=[Proposal("Customer", {"email": "ana@lopez.io"}, "delete")])
    assert ask("select * from shop.customer") == []


def test_a_view_of_one_tenant_shows_nobody_else(database: Database, shop: Engine, ask: Ask) -> None:
    shop.for_tenant("acme").ingest(proposals=[Proposal("Customer", VALUES)])
    shop.ingest(proposals=[Proposal("Customer", {**VALUES, "fullName": "Bo"})])
    create_views(database, "shop")
    create_views(database, "shop", tenant="acme")
    assert {row["tenant"] for row in ask("select tenant from shop.customer")} == {"acme", "default"}
    assert [row["full_name"] for row in ask("select * from shop_acme.customer")] == ["Ana Lopez"]
    options = ask("select reloptions from pg_class where oid = 'shop_acme.customer'::regclass")
    assert options == [{"reloptions": ["security_barrier=true"]}]
    assert {(each.place, each.tenant) for each in list_views(database)} == {("shop", None), ("shop_acme", "acme")}


def test_a_condition_of_a_reader_is_not_asked_about_other_tenants(database: Database, shop: Engine, ask: Ask) -> None:
    shop.ingest(proposals=[Proposal("Customer", {**VALUES, "fullName": "secret"})])
    create_views(database, "shop", tenant="acme")
    ask(
        "create function leak(text) returns boolean language plpgsql cost 0.0000001 as"
        " $$ begin raise exception 'saw %', $1; end $$"
    )
    assert ask("select * from shop_acme.customer where leak(full_name)") == []


@pytest.mark.parametrize("tenant", ["O'Brien; drop", "50%s", 'a"b'])
def test_a_tenant_of_any_name_can_have_them(database: Database, shop: Engine, ask: Ask, tenant: str) -> None:
    shop.for_tenant(tenant).ingest(proposals=[Proposal("Customer", VALUES)])
    create_views(database, "shop", into='a "place" %s', tenant=tenant)
    assert len(ask('select * from "a ""place"" %s".customer')) == 1
    assert [each.tenant for each in list_views(database)] == [tenant, tenant]


def test_a_reader_needs_only_the_views(database: Database, shop: Engine, ask: Ask) -> None:
    shop.ingest(proposals=[Proposal("Customer", VALUES)])
    role = f"reader_{uuid4().hex}"  # roles are of the whole server
    ask(f"create role {role}")
    try:
        create_views(database, "shop", grant=[role])
        change(database, SHOP, ("  Purchase:", "  Invoice:\n    columns: {no: {dtype: string}}\n  Purchase:"))
        assert len(ask(f"set role {role}; select * from shop.customer")) in (0, 1)
        with psycopg.connect(database.conninfo) as conn:
            conn.execute(f"set role {role}".encode())
            assert len(conn.execute("select * from shop.customer").fetchall()) == 1
            assert conn.execute("select * from shop.invoice").fetchall() == []  # of a class that came later
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute("select * from memreg.memories")
    finally:
        ask(f"drop owned by {role}; drop role {role}")


# Kept in step


def test_a_new_column_comes_last_and_nobody_loses_the_view(database: Database, shop: Engine, ask: Ask) -> None:
    create_views(database, "shop")
    ask("create view dependent as select full_name from shop.customer")
    shop.ingest(proposals=[Proposal("Customer", VALUES)])
    done = change(database, SHOP, ("born: {dtype: date}", "town: {dtype: string}\n      born: {dtype: date}"))
    assert actions(done) == {"customer": "replaced", "purchase": "kept"}
    assert list(ask("select * from shop.customer")[0])[-1] == "town"
    assert ask("select * from dependent") == [{"full_name": "Ana Lopez"}]
    assert {each.in_step for each in list_views(database, "shop")} == {True}


def test_renamed_columns_and_classes_keep_what_depends_on_them(database: Database, shop: Engine, ask: Ask) -> None:
    create_views(database, "shop")
    ask("create view dependent as select full_name from shop.customer")
    shop.ingest(proposals=[Proposal("Customer", VALUES)])
    done = change(
        database,
        SHOP,
        ("fullName: {dtype: string, ", "name: {dtype: string, from: fullName, "),
        ("searchable: {fullName: 3}", "searchable: {name: 3}"),
        ("  Customer:", "  Client:\n    from: Customer"),
    )
    assert actions(done) == {"client": "replaced", "purchase": "kept"}
    assert ask("select name, version from shop.client") == [{"name": "Ana Lopez", "version": 1}]
    assert ask("select * from dependent") == [{"full_name": "Ana Lopez"}]
    assert ask("select to_regclass('shop.customer') is null as gone") == [{"gone": True}]


@pytest.mark.usefixtures("shop")
def test_a_view_that_is_made_anew_keeps_who_may_read_it(database: Database, ask: Ask) -> None:
    create_views(database, "shop")
    ask("grant select on shop.customer to public; grant update (email) on shop.customer to public")
    before = ask("select relacl::text as acl from pg_class where oid = 'shop.customer'::regclass")
    done = change(
        database, SHOP, ("orders: {dtype: integer}", "orders: {dtype: string}"), ("score: {dtype: number}", "")
    )
    assert actions(done)["customer"] == "made anew"
    assert ask("select relacl::text as acl from pg_class where oid = 'shop.customer'::regclass") == before
    column = (
        "select attacl::text as acl from pg_attribute where attrelid = 'shop.customer'::regclass and attname = 'email'"
    )
    assert "=w/" in ask(column)[0]["acl"]
    assert "score" not in (
        each["attname"] for each in ask("select attname from pg_attribute where attrelid = 'shop.customer'::regclass")
    )


def test_what_something_depends_on_stays_as_it_was(database: Database, shop: Engine, ask: Ask) -> None:
    create_views(database, "shop")
    ask("create view dependent as select orders, score from shop.customer")
    shop.ingest(proposals=[Proposal("Customer", VALUES)])
    done = change(
        database,
        SHOP,
        ("orders: {dtype: integer}", "orders: {dtype: string}"),
        ("score: {dtype: number}", "more: {dtype: date}"),
    )
    assert actions(done)["customer"] == "widened"
    assert ask("select * from dependent") == [{"orders": None, "score": None}]
    assert ask("select more, full_name from shop.customer") == [{"more": None, "full_name": "Ana Lopez"}]
    ask("drop view dependent")
    again = change(
        database, SHOP, ("orders: {dtype: integer}", "orders: {dtype: text}"), ("score: {dtype: number}", "")
    )
    assert actions(again)["customer"] == "made anew"
    assert ask("select orders from shop.customer") == [{"orders": "3"}]


@pytest.mark.usefixtures("shop")
def test_the_view_of_a_removed_class_goes_unless_something_needs_it(database: Database, ask: Ask) -> None:
    create_views(database, "shop")
    without = SHOP[: SHOP.index("  Order:")]
    ask("create view dependent as select number from shop.purchase")
    done = {each.name: each for each in change(database, without)}
    assert done["purchase"].action == "left"
    assert "dependent" in done["purchase"].problem
    assert [each.in_step for each in list_views(database) if each.name == "purchase"] == [False]
    ask("drop view dependent")
    assert actions(create_views(database, "shop").outcomes)["purchase"] == "dropped"


@pytest.mark.usefixtures("shop")
def test_whoever_reads_a_view_just_now_does_not_hold_up_a_version(database: Database, ask: Ask) -> None:
    create_views(database, "shop")
    with psycopg.connect(database.conninfo) as reader:
        reader.execute("select * from shop.customer")
        done = {each.name: each for each in change(database, SHOP, ("born: {dtype: date}", "day: {dtype: date}"))}
        assert done["customer"].action == "left"
        assert "somebody reads it" in done["customer"].problem
        assert {each.name: each.in_step for each in list_views(database)} == {"customer": False, "purchase": True}
    assert actions(create_views(database, "shop").outcomes)["customer"] == "made anew"
    assert ask("select day from shop.customer") == []


@pytest.mark.usefixtures("shop")
def test_a_schema_without_views_costs_one_round_trip(database: Database) -> None:
    steps = refresh_views("shop")
    assert len(next(steps)) == 2
    with pytest.raises(StopIteration) as stopped:
        steps.send([[{"number": 180_000, "me": "x"}], []])
    assert stopped.value.value == ()
    assert database.run_admin(lambda: refresh_views("nothing")) == ()


def test_an_approval_brings_the_views_along(database: Database, shop: Engine, ask: Ask) -> None:
    create_views(database, "shop")
    register(database, SHOP.replace("Order:", "Purchase:").replace("born: {dtype: date}", "day: {dtype: date}"))
    assert {each.version for each in list_views(database)} == {2}
    shop.ingest(proposals=[Proposal("Customer", {"fullName": "Ana", "day": "2020-01-01"})])
    assert ask("select day from shop.customer") == [{"day": date(2020, 1, 1)}]


@pytest.mark.usefixtures("shop")
def test_the_doctor_tells_of_views_that_are_behind(database: Database, settings: Settings) -> None:
    def told() -> list[tuple[str, str]]:
        return [(each.health, each.text) for each in examine(settings) if each.name == "views"]

    assert told() == []
    create_views(database, "shop")
    assert told() == [("ok", "shop: they are in step with the version in force")]
    with psycopg.connect(database.conninfo) as reader:
        reader.execute("select * from shop.customer")
        change(database, SHOP, ("born: {dtype: date}", "day: {dtype: date}"))
    assert told() == [("warn", "shop: not in step with the version in force: shop.customer")]


# What is not ours


@pytest.mark.usefixtures("shop")
def test_what_memreg_did_not_make_is_never_touched(database: Database, ask: Ask) -> None:
    ask("create schema shop; create table shop.customer (precious text); insert into shop.customer values ('x')")
    with pytest.raises(ViewsRefused, match="has a customer already that memreg did not make"):
        create_views(database, "shop")
    assert ask("select precious from shop.customer") == [{"precious": "x"}]
    assert ask("select to_regclass('shop.purchase') is null as none") == [{"none": True}]
    ask('comment on table shop.customer is \'Made by memreg, which replaces it: {"schema": "shop"}\'')
    with pytest.raises(ViewsRefused):
        create_views(database, "shop")
    create_views(database, "shop", into="elsewhere")
    drop_views(database, "shop")
    assert ask("select precious from shop.customer") == [{"precious": "x"}]


@pytest.mark.usefixtures("shop")
def test_a_new_class_does_not_take_the_place_of_a_foreign_table(database: Database, ask: Ask) -> None:
    create_views(database, "shop")
    ask("create table shop.invoice (precious text)")
    done = change(database, SHOP, ("  Purchase:", "  Invoice:\n    columns: {no: {dtype: string}}\n  Purchase:"))
    assert actions(done) == {"customer": "kept", "purchase": "kept", "invoice": "left"}
    assert ask("select precious from shop.invoice") == []


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("place", ["memreg", "pg_catalog", "information_schema", "x" * 64, ""])
def test_a_place_that_cannot_be_is_refused(database: Database, place: str) -> None:
    with pytest.raises(ViewsRefused, match="--into"):
        create_views(database, "shop", into=place)


@pytest.mark.usefixtures("shop")
def test_two_tenants_do_not_share_a_place(database: Database) -> None:
    create_views(database, "shop", into="here", tenant="one")
    with pytest.raises(ViewsRefused, match="here has those of tenant one already"):
        create_views(database, "shop", into="here")


@pytest.mark.usefixtures("shop")
def test_other_refusals(database: Database, ask: Ask) -> None:
    refusals: list[tuple[type[MemregError], Callable[[], object]]] = [
        (SchemaNotFound, lambda: create_views(database, "nothing")),
        (SchemaNotFound, lambda: drop_views(database, "nothing")),
        (SchemaNotFound, lambda: list_views(database, "nothing")),
        (ViewsRefused, lambda: drop_views(database, "shop")),
        (TenantInvalid, lambda: create_views(database, "shop", tenant="*")),
        (ViewsRefused, lambda: create_views(database, "shop", tenant="東京")),
        (ViewsRefused, lambda: create_views(database, "shop", grant=["no_such_role"])),
    ]
    for kind, call in refusals:
        with pytest.raises(kind):
            call()
    assert ask("select to_regnamespace('shop') is null as none") == [{"none": True}]


def test_a_schema_with_only_drafts_has_nothing_to_show(database: Database) -> None:
    spec = parse_schema(SHOP.replace("Order:", "Purchase:"), "test")
    database.run_admin(lambda: versions.register(spec, "test", utc_now))
    with pytest.raises(NoUsableVersion):
        create_views(database, "shop")


# Dropped and printed


@pytest.mark.usefixtures("shop")
def test_dropping_takes_the_schema_that_was_made_for_them(database: Database, ask: Ask) -> None:
    create_views(database, "shop")
    create_views(database, "shop", into="other", tenant="acme")
    assert {each.name for each in drop_views(database, "shop", into="shop")} == {"customer", "purchase"}
    assert ask("select to_regnamespace('shop') is null as gone") == [{"gone": True}]
    assert {each.place for each in list_views(database)} == {"other"}
    ask("create table other.mine (a text)")
    drop_views(database, "shop")
    assert ask("select * from other.mine") == []


@pytest.mark.usefixtures("shop")
def test_nothing_is_dropped_where_something_depends_on_one(database: Database, ask: Ask) -> None:
    create_views(database, "shop")
    ask("create view dependent as select full_name from shop.customer")
    with pytest.raises(ViewsRefused, match="dependent"):
        drop_views(database, "shop")
    assert len(list_views(database)) == 2


@pytest.mark.usefixtures("shop")
def test_the_printed_sql_makes_the_same_views(database: Database, ask: Ask) -> None:
    text = print_views(database, "shop", tenant="acme")
    assert list_views(database) == ()
    ask(text)
    assert [(each.place, each.name, each.tenant, each.in_step) for each in list_views(database)] == [
        ("shop_acme", "customer", "acme", True),
        ("shop_acme", "purchase", "acme", True),
    ]
