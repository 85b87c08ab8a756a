"""Approval without a person: a class with an unsure key stays create-only until one approves, the others go on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from memreg.api.engine import Engine
from memreg.api.registry import Registry
from memreg.core.database import Database
from memreg.core.errors import VersionStatus
from memreg.core.settings import Settings
from memreg.engine.model import Decision, Proposal
from memreg.operations.backfill import backfill
from memreg.operations.kill_switch import status, switch
from memreg.operations.resolve import resolve
from memreg.registry.models import ClassAnnotation, ClassSpec, IdentityKey, SchemaSpec, Status
from memreg.registry.parse import parse_schema
from memreg.registry.versions import AUTO_APPROVAL

SHOP = parse_schema(
    """\
schema: shop
compatibility: none  # its keys come and go
classes:
  Person:
    columns: {name: {dtype: string, required: true}, email: {dtype: string, normalize: [email]}}
    annotation: {searchable: {name: 3}, identity: [{columns: [email]}]}
  Firm:
    columns: {name: {dtype: string, required: true}, site: {dtype: string}, code: {dtype: string}}
    annotation:
      searchable: {name: 3}
      identity: [{columns: [code], confidence: 0.9}, {columns: [site], confidence: 0.5}]
""",
    "test",
)


def surer(spec: SchemaSpec, desc: str = "surer") -> SchemaSpec:
    """The next version: Firm keeps its code only."""
    key = IdentityKey(("code",), confidence=0.9)
    firm = spec.by_name["Firm"]
    declared = ClassAnnotation({"name": 3.0}, (), (key,))
    return replace(spec, classes=(spec.by_name["Person"], replace(firm, declared=declared, description=desc)))


@pytest.fixture
def registry(settings: Settings) -> Any:
    """A registry that approves by itself."""
    with Database.connect(settings.model_copy(update={"auto_approve": 0.4})) as database:
        yield Registry(database)


@pytest.fixture
def engine(registry: Registry) -> Engine:
    """An engine of one tenant."""
    return Engine(registry.database, tenant="acme", schema="shop", extractor="patterns")


def say(engine: Engine, class_name: str, **values: Any) -> Decision:
    (decision,) = engine.ingest(proposals=[Proposal(class_name, values)]).decisions
    return decision


def bases(engine: Engine) -> tuple[str, str]:
    """What decides when a known person and a known firm are spoken of again."""
    person = say(engine, "Person", name="Ana Lopez", email="ana@lopez.io")
    firm = say(engine, "Firm", name="Nord AS", code="N1", site="nord.io")
    return str(person.basis), str(firm.basis)


def test_the_unsure_class_is_held_back_and_the_others_go_on(registry: Registry, engine: Engine) -> None:
    version = registry.register(SHOP, by="ci").version
    assert version.status is Status.ACTIVE
    reason = "the identity key site (0.5) is below the confidence 0.7; `memreg approve shop@1` settles it"
    assert registry.held_back("shop") == {"Firm": reason}
    assert [bases(engine) for _ in range(2)] == [("new", "kill_switch"), ("identity", "kill_switch")]
    (held,) = status(registry.database, "acme", "shop").on
    assert (held.tenant, held.class_name, held.set_by, held.reason) == ("*", "Firm", AUTO_APPROVAL, reason)
    assert any(note.kind == "low_confidence" for note in registry.notes("shop"))


def test_a_person_settles_it_and_the_history_keeps_both(registry: Registry, engine: Engine) -> None:
    registry.register(SHOP, by="ci")
    bases(engine)
    bases(engine)
    assert registry.approve("shop", by="ana").status is Status.ACTIVE
    assert registry.held_back("shop") == {}
    assert [(each.verdict, each.decided_by, each.source) for each in registry.history("shop")] == [
        ("approved", AUTO_APPROVAL, "declared"),
        ("approved", "ana", "declared"),
    ]
    assert not any(note.kind == "low_confidence" for note in registry.notes("shop"))
    (was,) = status(registry.database, "acme", "shop").switches
    assert (was.is_on, was.reason) == (False, "approved by ana")
    resolve(registry.database, "acme", "shop")
    assert len(engine.list("Firm")) == 1
    assert bases(engine) == ("identity", "identity")
    with pytest.raises(VersionStatus, match="it is in force already"):
        registry.approve("shop", 1, by="ana")


def test_it_is_settled_by_number_too_and_never_with_an_edit(registry: Registry) -> None:
    registry.register(SHOP, by="ci")
    edited = registry.annotation_yaml("shop").replace("confidence: 0.5", "confidence: 0.9")
    with pytest.raises(VersionStatus, match="it is in force already"):
        registry.approve("shop", 1, annotations=edited, by="ana")
    assert registry.held_back("shop")
    registry.approve("shop", 1, by="ana")
    assert registry.held_back("shop") == {}


def test_a_later_version_without_unsure_keys_lets_the_class_go(registry: Registry) -> None:
    registry.register(SHOP, by="ci")
    assert registry.register(surer(SHOP), by="ci").version.status is Status.ACTIVE
    assert registry.held_back("shop") == {}
    (was,) = status(registry.database, "acme", "shop").switches
    assert (was.is_on, was.reason) == (False, "shop@2 is in force, and not held back")


def test_a_later_version_with_unsure_keys_holds_it_back_again(registry: Registry) -> None:
    registry.register(SHOP, by="ci")
    registry.approve("shop", by="ana")
    described = replace(SHOP, classes=tuple(replace(each, description="other") for each in SHOP.classes))
    assert registry.register(described, by="ci").version.status is Status.ACTIVE
    assert "shop@2" in registry.held_back("shop")["Firm"]


def test_with_memories_behind_an_unsure_version_waits_as_a_whole(registry: Registry, engine: Engine) -> None:
    registry.register(surer(SHOP), by="ci")
    assert bases(engine) == ("new", "new")
    assert registry.register(SHOP, by="ci").version.status is Status.PENDING
    assert registry.held_back("shop") == {}
    assert bases(engine) == ("identity", "identity")
    assert registry.approve("shop", by="ana").status is Status.APPROVED
    backfill(registry.database, "shop", 2)
    assert registry.held_back("shop") == {}
    assert bases(engine) == ("identity", "identity")


def test_what_was_held_back_is_let_go_when_the_next_version_is_backfilled(registry: Registry, engine: Engine) -> None:
    registry.register(SHOP, by="ci")
    bases(engine)
    assert registry.register(surer(SHOP), by="ci").version.status is Status.APPROVED
    assert registry.held_back("shop")
    backfill(registry.database, "shop", 2)
    assert registry.held_back("shop") == {}


def test_a_persons_switch_is_the_persons(registry: Registry) -> None:
    database = registry.database
    registry.register(SHOP, by="ci")
    taken = switch(database, "*", "shop", "Firm", on=True, by="eva", reason="looks wrong")
    assert taken.changed and taken.switch is not None and taken.switch.set_by == "eva"
    assert not switch(database, "*", "shop", "Firm", on=True, by="ana", reason="me too").changed
    assert registry.held_back("shop") == {}
    with pytest.raises(VersionStatus):
        registry.approve("shop", 1, by="ana")
    (stays,) = status(database, "acme", "shop").on
    assert stays.set_by == "eva"


def test_a_switch_that_a_person_turned_on_before_is_left_alone(registry: Registry) -> None:
    registry.register(surer(SHOP), by="ci")
    switch(registry.database, "*", "shop", "Firm", on=True, by="eva", reason="looks wrong")
    registry.register(SHOP, by="ci")
    (stays,) = status(registry.database, "acme", "shop").on
    assert (stays.set_by, stays.reason) == ("eva", "looks wrong")


@pytest.mark.parametrize(("least", "held"), [(0.5, set()), (0.95, {"Firm"}), (0.0, set())])
def test_the_limit_is_a_setting(settings: Settings, least: float, held: set[str]) -> None:
    changed = settings.model_copy(update={"auto_approve": 0.4, "min_identity_confidence": least})
    with Database.connect(changed) as database:
        registry = Registry(database)
        assert registry.register(SHOP).version.status is Status.ACTIVE
        assert set(registry.held_back("shop")) == held


def test_without_keys_there_is_nothing_to_be_unsure_of(registry: Registry) -> None:
    column = SHOP.by_name["Firm"].columns[0]
    only = SchemaSpec("plain", (ClassSpec("Note", (column,), declared=ClassAnnotation({"name": 3.0})),))
    assert registry.register(only).version.status is Status.ACTIVE
    assert registry.held_back("plain") == {}
