"""Switches that auto-approval turns are in the audit of every tenant's switches, as those of a person and a monitor."""

from __future__ import annotations

from typing import Any

from memreg.api.registry import Registry
from memreg.core.database import Database
from memreg.core.queries import Query
from memreg.core.settings import Settings
from memreg.core.steps import Row, fetch_rows
from memreg.operations.kill_switch import status, switch
from tests.integration.test_holds import SHOP, surer

TURNED = Query(
    "turned",
    "Every entry about a switch of every tenant, the oldest first.",
    "select log.id, log.class, log.basis, log.actor, said.details from memreg.audit_log as log"
    " join memreg.audit_values as said on said.tenant = log.tenant and said.audit_id = log.id"
    " where log.tenant = '*' and log.action = 'SWITCH' order by log.id",
)


def turned(database: Database) -> list[Row]:
    return database.run_admin(lambda: fetch_rows(TURNED()))


def told(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [(row["class"], row["basis"], row["actor"], row["details"]["on"]) for row in rows]


def test_held_back_and_approved_by_a_person(settings: Settings) -> None:
    with Database.connect(settings.model_copy(update={"auto_approve": 0.4})) as database:
        registry = Registry(database)
        registry.register(SHOP, by="ci")
        (held,) = status(database, "acme", "shop").on
        (entry,) = turned(database)
        assert told([entry]) == [("Firm", "monitor", "auto-approval", True)]
        assert held.audit_id == entry["id"]
        registry.approve("shop", by="ana")
        assert told(turned(database)) == [
            ("Firm", "monitor", "auto-approval", True),
            ("Firm", "person", "ana", False),
        ]
        (reset,) = status(database, "acme", "shop").switches
        assert reset.audit_id == turned(database)[1]["id"]
        assert reset.reset_at == reset.set_at


def test_let_go_by_a_later_version(settings: Settings) -> None:
    with Database.connect(settings.model_copy(update={"auto_approve": 0.4})) as database:
        registry = Registry(database)
        registry.register(SHOP, by="ci")
        registry.register(surer(SHOP), by="ci")
        assert told(turned(database))[1:] == [("Firm", "monitor", "auto-approval", False)]


def test_every_tenant_by_a_person(settings: Settings) -> None:
    with Database.connect(settings) as database:
        Registry(database).register(SHOP, by="ci")
        switch(database, "*", "*", on=True, by="ana")
        switch(database, "*", "*", on=True, by="bo")
        switch(database, "*", "*", on=False, by="bo")
        assert told(turned(database)) == [("*", "person", "ana", True), ("*", "person", "bo", False)]
