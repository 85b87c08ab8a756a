"""Observed precision of identity keys, from the decisions of real engines in several tenants."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from memreg.api.engine import Engine
from memreg.api.engine_async import AsyncEngine
from memreg.api.registry import Registry
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import ArgumentInvalid, SchemaNotFound, TenantInvalid, VersionNotFound
from memreg.operations import key_precision as module
from memreg.operations.key_precision import KeyPrecision, key_precision
from memreg.operations.store import SQL
from tests.support.engines import people, people_spec, register, say

ANA = {"name": "Ana Lopez", "email": "ana@lopez.io", "phone": "5550101", "city": "Oslo", "born": "1990-04-02"}
BOB = {"name": "Bob Stone", "email": "bob@stone.org", "phone": "5550202", "city": "Ystad", "born": "1961-11-23"}
EMAIL, PHONE, BORN = "email", "phone", "name+born"


def without(values: dict[str, Any], *columns: str, **other: Any) -> dict[str, Any]:
    return {column: value for column, value in values.items() if column not in columns} | other


def seen(database: Database, tenant: str | None = None) -> dict[str, tuple[int, int, int]]:
    """By key of Person: answers, contradicted by the text, contradicted by another key."""
    found = key_precision(database, "people", tenant=tenant)
    return {each.key.name: (each.answers, each.by_text, each.by_keys) for each in found if each.class_name == "Person"}


@pytest.fixture
def engine(database: Database) -> Engine:
    engine = people(database)
    say(engine, **ANA)
    say(engine, **BOB)
    return engine


def test_nothing_answered_yet(engine: Engine) -> None:
    found = engine.registry.key_precision("people")
    assert [(each.class_name, each.key.name) for each in found] == [
        ("Person", EMAIL),
        ("Person", PHONE),
        ("Person", BORN),
        ("Sensor", "serial"),
    ]
    assert {each.answers for each in found} == {0}
    assert {each.precision for each in found} == {None}
    assert all(isinstance(each, KeyPrecision) and each.version == 1 for each in found)


def test_keys_that_agree_with_the_text(database: Database, engine: Engine) -> None:
    assert say(engine, **ANA).basis == "identity"
    assert say(engine, **without(ANA, "email")).basis == "identity"
    assert seen(database) == {EMAIL: (1, 0, 0), PHONE: (2, 0, 0), BORN: (2, 0, 0)}
    (email, *_) = key_precision(database, "people")
    assert email.precision == 1.0
    assert email.interval is not None
    assert 0.2 < email.interval.low < 0.21


def test_what_no_key_decided_is_no_answer(database: Database, engine: Engine) -> None:
    assert say(engine, name="Ana Lopez", city="Oslo").basis == "score"
    assert say(engine, name="Cleo Hart", city="Porto").basis == "new"
    assert say(engine, operation="delete", email="nobody@x.org").basis == "delete_without_identity"
    assert seen(database) == {EMAIL: (0, 0, 0), PHONE: (0, 0, 0), BORN: (0, 0, 0)}


def test_a_text_that_contradicts(database: Database, engine: Engine) -> None:
    decision = say(engine, name="Zoe Quist", email="ana@lopez.io", city="Lima", born="1944-01-01")
    assert (decision.basis, decision.score is not None and decision.score < 0.55) == ("identity", True)
    assert seen(database) == {EMAIL: (1, 1, 0), PHONE: (0, 0, 0), BORN: (0, 0, 0)}


def test_keys_of_different_memories(database: Database, engine: Engine) -> None:
    """The e-mail address is hers, the rest is his: the address is contradicted, and his birthday is not."""
    decision = say(engine, **without(BOB, "phone", email="ana@lopez.io"))
    assert decision.basis == "identity_conflict"
    assert seen(database) == {EMAIL: (1, 0, 1), PHONE: (0, 0, 0), BORN: (1, 0, 0)}


def test_keys_of_one_person_held_twice(database: Database, engine: Engine) -> None:
    """Both memories are like what was said, so that the conflict is told and contradicts neither key."""
    say(engine, name="Cleo Hart", email="cleo@hart.org", city="Porto")
    assert say(engine, name="Hart Cleo Maria", phone="5550303", city="Lagos").action == "CREATE"
    decision = say(engine, name="Cleo Hart", email="cleo@hart.org", phone="5550303")
    assert decision.basis == "identity_conflict"
    email, phone, *_ = key_precision(database, "people")
    assert (email.answers, email.conflicts, phone.answers, phone.conflicts) == (1, 1, 1, 1)
    assert (email.by_keys, phone.by_keys) == (0, 0)


def test_keys_of_different_memories_with_nothing_beside_them(database: Database, engine: Engine) -> None:
    zoe = {"name": "Stone", "email": "ana@lopez.io", "phone": "5550202", "city": "Lima", "born": "1944-01-01"}
    assert say(engine, operation="delete", **zoe).basis == "identity_conflict"
    assert seen(database) == {EMAIL: (1, 0, 1), PHONE: (1, 0, 1), BORN: (0, 0, 0)}


def test_deletes(database: Database, engine: Engine) -> None:
    assert say(engine, operation="delete", email="ana@lopez.io").action == "DELETE"
    assert say(engine, operation="delete", email="bob@stone.org", name="Zoe Quist", city="Lima").action == "DELETE"
    assert seen(database)[EMAIL] == (2, 1, 0)


def test_a_message_that_is_taken_again_answers_once(database: Database, engine: Engine) -> None:
    from memreg.engine.model import Message, Proposal

    for status in ("decided", "replayed"):
        result = engine.ingest(Message("again", id="m"), proposals=[Proposal("Person", ANA)])
        assert result.status == status
    assert seen(database)[EMAIL] == (1, 0, 0)


def test_tenants_apart_and_together(database: Database, engine: Engine) -> None:
    acme, globex = engine.for_tenant("acme"), engine.for_tenant("globex's; --")
    for each in (acme, globex):
        say(each, **ANA)
        say(each, **ANA)
    say(acme, name="Zoe Quist", email="ana@lopez.io", city="Lima", born="1944-01-01")
    assert seen(database, "default")[EMAIL] == (0, 0, 0)
    assert seen(database, "acme")[EMAIL] == (2, 1, 0)
    assert seen(database, "globex's; --")[EMAIL] == (1, 0, 0)
    assert seen(database, "nobody")[EMAIL] == (0, 0, 0)
    assert seen(database)[EMAIL] == (3, 1, 0)
    assert {each.tenant for each in key_precision(database, "people", tenant="acme")} == {"acme"}
    assert {each.tenant for each in key_precision(database, "people")} == {None}


def test_classes_and_schemas_apart(database: Database, engine: Engine) -> None:
    register(database, people_spec("others"))
    others = Engine(database, schema="others", extractor="patterns")
    for _ in range(2):
        say(others, **ANA)
        say(engine, "Sensor", serial=7, reading=1.5)
    assert seen(database)[EMAIL] == (0, 0, 0)
    found = {(each.class_name, each.key.name): each.answers for each in engine.registry.key_precision("people")}
    assert found["Sensor", "serial"] == 1
    assert {each.answers for each in engine.registry.key_precision("others")} == {0, 1}


def test_each_version_has_its_own(database: Database, engine: Engine) -> None:
    say(engine, **ANA)
    spec = people_spec()
    first, *rest = spec.classes
    register(database, replace(spec, classes=(replace(first, description="Somebody"), *rest)))
    registry = engine.registry
    assert {each.version for each in registry.key_precision("people")} == {2}
    assert {each.answers for each in registry.key_precision("people")} == {0}
    assert registry.key_precision("people", 1)[0].answers == 1


def test_a_key_that_did_not_answer_yet_tells_of_the_version_before(database: Database, engine: Engine) -> None:
    for stranger in STRANGERS:
        say(engine, email="ana@lopez.io", **stranger)
    spec = people_spec()
    first, *rest = spec.classes
    for desc in ("Somebody", "Someone"):
        spec = replace(spec, classes=(replace(first, description=desc), *rest))
        register(database, spec, approve=False)
    email, phone, *_ = engine.registry.key_precision("people")
    assert (email.version, email.answers, email.precision) == (3, 0, None)
    assert email.before is not None
    assert (email.before.version, email.before.answers) == (1, 3)
    assert email.warning is not None
    assert "in people@1 3 of 3" in email.warning
    assert not email.contradicts_too_often
    assert (phone.before, phone.warning) == (None, None)
    assert engine.registry.key_precision("people", tenant="acme")[0].before is None


def test_only_the_newest_count(database: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    say(engine, name="Zoe Quist", email="bob@stone.org", city="Lima", born="1944-01-01")
    for _ in range(3):
        say(engine, **ANA)
    assert seen(database)[EMAIL] == (4, 1, 0)
    monkeypatch.setattr(module, "NEWEST", 3)
    assert seen(database)[EMAIL] == (3, 0, 0)


def test_a_key_that_contradicts_too_often_is_reported(engine: Engine) -> None:
    assert [each.warning for each in engine.registry.key_precision("people") if each.warning] == []
    for number in range(3):
        say(engine, email="ana@lopez.io", **STRANGERS[number])
    (email, *rest) = engine.registry.key_precision("people")
    assert email.contradicts_too_often
    assert email.warning is not None
    assert "email of Person contradicts too often: in people@1 3 of 3 answers" in email.warning
    assert not any(each.contradicts_too_often for each in rest)


STRANGERS: list[dict[str, Any]] = [
    {"name": "Zoe Quist", "city": "Lima", "born": "1944-01-01"},
    {"name": "Per Hagen", "city": "Turku", "born": "1971-02-03"},
    {"name": "Mia Wong", "city": "Perth", "born": "2001-12-30"},
]


def test_the_counts_are_those_of_the_decisions(database: Database, engine: Engine) -> None:
    """Of many decisions about few people in two tenants, told apart by what `ingest` gave back."""
    chance = random.Random(7)
    emails = [f"{name}@x.org" for name in "abc"]
    decisions = []
    for _ in range(60):
        stranger = chance.choice([*STRANGERS, without(ANA, "email", "phone"), without(BOB, "email", "phone")])
        tenant = engine.for_tenant(chance.choice(["one", "two"]))
        operation = "delete" if chance.random() < 0.15 else "upsert"
        decisions.append(say(tenant, operation=operation, **without(stranger, "born", email=chance.choice(emails))))
    answered = [each for each in decisions if each.basis == "identity"]
    contradicted = [each for each in answered if each.score is not None and each.score < 0.55]
    assert len(answered) > 20
    assert 5 < len(contradicted) < len(answered)
    assert {each.action for each in contradicted} == {"UPDATE", "DELETE"}
    assert seen(database)[EMAIL] == (len(answered), len(contradicted), 0)


def test_erased_values_are_passed_over(database: Database, engine: Engine) -> None:
    say(engine, **ANA)
    say(engine, **ANA)
    with psycopg.connect(database.conninfo) as conn:
        conn.execute("select set_config('memreg.audit_gate', 'erase', true)")
        erased = conn.execute(
            "update memreg.audit_values set proposal = '{}', details = '{}', reasons = '[]', erased_at = now()"
            " where audit_id = (select id from memreg.audit_log where basis = 'identity' order by id limit 1)"
        )
    assert erased.rowcount == 1
    assert seen(database)[EMAIL] == (1, 0, 0)


def test_a_pending_version_answers_nothing(database: Database) -> None:
    register(database, approve=False)
    engine = Engine(database, schema="people", extractor="patterns")
    assert {say(engine, **ANA).basis for _ in range(2)} == {"pending"}
    assert seen(database)[EMAIL] == (0, 0, 0)


async def test_coroutines_read_the_same(database: Database, async_database: AsyncDatabase, engine: Engine) -> None:
    say(engine, **ANA)
    registry = AsyncEngine(async_database, schema="people", extractor="patterns").registry
    assert await registry.key_precision("people") == engine.registry.key_precision("people")
    assert await registry.key_precision("people", 1, tenant="acme") == key_precision(
        database, "people", 1, tenant="acme"
    )


@pytest.mark.usefixtures("engine")
def test_what_cannot_be_asked(database: Database) -> None:
    registry = Registry(database)
    with pytest.raises(SchemaNotFound):
        registry.key_precision("nowhere")
    with pytest.raises(VersionNotFound):
        registry.key_precision("people", 7)
    with pytest.raises(TenantInvalid):
        registry.key_precision("people", tenant="*")
    with pytest.raises(ArgumentInvalid):
        registry.key_precision("people", tenant=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("tenant", [None, "acme"])
@pytest.mark.parametrize("query", ["identity_answers", "answered_before"])
def test_it_is_read_by_an_index(database_url: str, query: str, tenant: str | None) -> None:
    """However long the audit is, the newest decisions that keys answered are found without the rest of it."""
    params = {"tenant": tenant, "schema": "people", "version": 2, "class_name": "Person", "limit": 10}
    with psycopg.connect(database_url) as conn:
        conn.execute("set local enable_seqscan = off")
        plan = "\n".join(str(row[0]) for row in conn.execute(b"explain " + SQL[query].sql.encode(), params).fetchall())
    assert "audit_log_first_identity on audit_log_first" in plan
    condition = plan.split("audit_log_first_identity on audit_log_first")[1].split("Index Cond: ")[1].splitlines()[0]
    assert "class = 'Person'" in condition
    assert ("tenant = 'acme'" in condition) is (tenant is not None)
    assert "Filter" not in plan
    assert "Sort  (" not in plan  # the months, each in order, are only merged
