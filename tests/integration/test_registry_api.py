"""Registering through the API: annotators, Pydantic classes, failures that leave a draft, and the coroutine twin."""

from __future__ import annotations

from typing import ClassVar

import pytest
from pydantic import BaseModel, EmailStr

from memreg.api.registry import Registry
from memreg.api.registry_async import AsyncRegistry
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import AnnotationFailed, AnnotationInvalid, ArgumentInvalid, ExtractorUnavailable
from memreg.core.settings import Settings
from memreg.registry.models import Status
from memreg.registry.parse import parse_schema
from memreg.testing import ScriptedServer, answer, content, error

ONE = """
schema: notes
classes:
  Note:
    columns:
      title: {dtype: string, required: true}
      written: {dtype: date}
"""
DECLARED = ONE + "    annotation: {searchable: {title: 5}}\n"
MIXED = DECLARED + "  Person: {columns: {name: {dtype: string}, email: {dtype: string, normalize: [email]}}}\n"


class Contact(BaseModel):
    """Somebody."""

    memreg_schema: ClassVar[str] = "contacts"
    name: str
    email: EmailStr | None = None


def answers(*classes: str, column: str = "title") -> dict[str, object]:
    """A model's annotation of classes."""
    return {
        "classes": [
            {
                "class": each,
                "searchable": {column: 2},
                "compare": [],
                "identity": [],
                "confidence": 0.9,
                "rationale": "it is a name",
            }
            for each in classes
        ]
    }


def with_model(settings: Settings, server: ScriptedServer) -> Settings:
    """Settings that name a scripted model."""
    return settings.model_copy(
        update={
            "llm_base_url": server.base_url,
            "llm_model": "scripted-model",
            "llm_max_retries": 0,
            "llm_timeout": 5.0,
        }
    )


@pytest.fixture
def registry(database: Database) -> Registry:
    """A registry."""
    return Registry(database)


def test_a_model_annotates_where_one_is_configured(settings: Settings) -> None:
    with (
        ScriptedServer([answer(answers("Note"))]) as server,
        Database.connect(with_model(settings, server)) as database,
    ):
        registry = Registry(database)
        version = registry.register(ONE).version
        assert version.status is Status.PENDING
        assert version.annotations["Note"].searchable == {"title": 2.0}
        record = registry.get("notes").annotation
        assert record is not None
        assert (record.source, record.model, record.tokens_in, record.tokens_out) == ("llm", "scripted-model", 100, 20)
        assert record.prompt_hash
        assert len(server.requests) == 1


def test_the_heuristic_can_be_asked_for(settings: Settings) -> None:
    with ScriptedServer([]) as server, Database.connect(with_model(settings, server)) as database:
        version = Registry(database).register(ONE, annotate="heuristic").version
        assert version.annotations["Note"].source == "heuristic"
        assert not server.requests


def test_declared_annotations_win_and_are_not_asked_about(settings: Settings) -> None:
    script = [answer(answers("Person", column="name"))]
    with ScriptedServer(script) as server, Database.connect(with_model(settings, server)) as database:
        registry = Registry(database)
        version = registry.register(MIXED).version
        assert version.annotations["Note"].searchable == {"title": 5.0}
        assert (version.annotations["Note"].source, version.annotations["Person"].source) == ("declared", "llm")
        assert registry.register(DECLARED).version.annotations["Note"].source == "declared"
        record = registry.get("notes").annotation
        assert record is not None
        assert record.source == "declared"
        assert len(server.requests) == 1


def test_a_failed_annotation_leaves_a_draft_with_the_reason_and_can_be_tried_again(settings: Settings) -> None:
    script = [error(500), content("I would rather not."), answer(answers("Note"))]
    with ScriptedServer(script) as server, Database.connect(with_model(settings, server)) as database:
        registry = Registry(database)
        with pytest.raises(AnnotationFailed, match=r"notes@1 failed: .*Run `memreg annotate notes`"):
            registry.register(ONE)
        record = registry.get("notes")
        assert record.version.status is Status.DRAFT
        assert record.reason
        assert "500" in record.reason
        with pytest.raises(AnnotationFailed):
            registry.annotate("notes")
        assert registry.get("notes").version.status is Status.DRAFT
        again = registry.register(ONE)
        assert (again.created, again.version.status) == (False, Status.PENDING)
        assert registry.get("notes").reason is None


def test_without_a_model_asking_for_one_registers_nothing(registry: Registry) -> None:
    with pytest.raises(ExtractorUnavailable, match="no model is configured"):
        registry.register(ONE, annotate="llm")
    with pytest.raises(ArgumentInvalid, match="annotate"):
        registry.register(ONE, annotate="best")  # type: ignore[arg-type]
    assert registry.versions() == ()


def test_pydantic_classes_are_registered_and_recorded(registry: Registry) -> None:
    version = registry.register(Contact).version
    assert version.name == "contacts"
    assert version.spec.models == {"Contact": f"{__name__}:Contact"}
    assert registry.get("contacts").version.spec.models == version.spec.models
    assert registry.register([Contact]).created is False
    assert registry.register(f"{__name__}:Contact").created is False


def test_a_class_registered_after_its_file_is_recorded_with_the_same_version(registry: Registry) -> None:
    from memreg.registry.dump import dump_schema
    from memreg.registry.from_pydantic import schema_of

    first = registry.register(dump_schema(schema_of(Contact))).version
    assert first.spec.models == {}
    again = registry.register(Contact)
    assert again.created is False
    assert registry.get("contacts").version.spec.models == {"Contact": f"{__name__}:Contact"}


def test_a_spec_can_be_registered(registry: Registry) -> None:
    spec = parse_schema(ONE, "one")
    assert registry.register(spec).version.spec == spec


def test_an_annotation_file_that_is_not_there(registry: Registry) -> None:
    registry.register(ONE)
    with pytest.raises(AnnotationInvalid, match="it cannot be read"):
        registry.approve("notes", annotations="missing.yaml")
    assert registry.get("notes").version.status is Status.PENDING


async def test_the_same_with_coroutines(async_database: AsyncDatabase) -> None:
    registry = AsyncRegistry(async_database)
    registered = await registry.register(ONE, by="ana")
    assert registered.version.status is Status.PENDING
    text = await registry.annotation_yaml("notes")
    approved = await registry.approve("notes", annotations=text, by="bo")
    assert approved.status is Status.ACTIVE
    await registry.annotate("notes")
    rejected = await registry.reject("notes", "no need", by="cy")
    assert (rejected.version, rejected.status) == (2, Status.REJECTED)
    assert [record.version.status for record in await registry.versions("notes")] == [Status.ACTIVE, Status.REJECTED]
    assert (await registry.get("notes", 1)).registered_by == "ana"
