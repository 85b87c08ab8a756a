"""The LLM annotator over real HTTP: one call, one more with the reasons, then a failure that names them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from memreg.annotator.client import OpenAIClient
from memreg.annotator.client_async import AsyncOpenAIClient
from memreg.annotator.failure import ModelFailed
from memreg.annotator.llm import LLMAnnotator
from memreg.annotator.llm_async import AsyncLLMAnnotator
from memreg.annotator.model import Annotated
from memreg.core.settings import Settings
from memreg.registry.models import ClassAnnotation, ClassSpec, Column, Dtype, IdentityKey, Kind, SchemaSpec
from memreg.testing import ScriptedServer, answer, content, error

SPEC = SchemaSpec(
    "assistant",
    (
        ClassSpec("Person", (Column("name", Dtype(Kind.STRING)), Column("email", Dtype(Kind.STRING)))),
        ClassSpec("Trip", (Column("place", Dtype(Kind.STRING)), Column("start", Dtype(Kind.DATE)))),
    ),
)
PERSON: dict[str, Any] = {
    "class": "Person",
    "searchable": {"name": 3},
    "compare": [],
    "identity": [{"columns": ["email"], "strength": "strong", "confidence": 0.95, "rationale": "one person's"}],
    "confidence": 0.9,
    "rationale": "plain",
}
TRIP: dict[str, Any] = {
    "class": "Trip",
    "searchable": {"place": 3},
    "compare": ["start"],
    "identity": [],
    "confidence": 0.6,
    "rationale": "no key",
}
BAD = {**TRIP, "searchable": {"place": 3, "start": 2}, "compare": ["price"]}

Annotate = Callable[[str], Annotated]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as started:
        yield started


def settings_of(base_url: str) -> Settings:
    return Settings(llm_base_url=base_url, llm_model="m", llm_max_retries=0)


def blocking(base_url: str) -> Annotated:
    with OpenAIClient.of(settings_of(base_url)) as client:
        return LLMAnnotator(client).annotate(SPEC)


def waiting(base_url: str) -> Annotated:
    async def run() -> Annotated:
        async with AsyncOpenAIClient.of(settings_of(base_url)) as client:
            return await AsyncLLMAnnotator(client).annotate(SPEC)

    return asyncio.run(run())


@pytest.fixture(params=[blocking, waiting])
def annotate(request: pytest.FixtureRequest) -> Annotate:
    run: Annotate = request.param
    return run


def test_one_call_for_the_whole_schema(server: ScriptedServer, annotate: Annotate) -> None:
    server.script([answer({"classes": [TRIP, PERSON]}, usage=(500, 80))])
    found = annotate(server.base_url)
    assert list(found.classes) == ["Person", "Trip"]
    assert found.classes["Person"] == ClassAnnotation(
        {"name": 3.0}, (), (IdentityKey(("email",), "strong", 0.95, "one person's"),), 0.9, "plain", "llm"
    )
    assert (found.source, found.model, found.tokens_in, found.tokens_out) == ("llm", "scripted-model", 500, 80)
    assert found.prompt_hash is not None and len(found.prompt_hash) == 64
    (request,) = server.requests
    assert "email: string" in request.user


def test_a_refused_answer_is_asked_again_once_with_the_reasons(server: ScriptedServer, annotate: Annotate) -> None:
    server.script([answer({"classes": [PERSON, BAD]}, (500, 80)), answer({"classes": [PERSON, TRIP]}, (700, 90))])
    found = annotate(server.base_url)
    assert found.classes["Trip"].compare == ("start",)
    assert (found.tokens_in, found.tokens_out) == (1200, 170)
    first, second = server.requests
    assert second.user.startswith(first.user)
    assert "Trip: 'start' is a date and cannot be searchable; compare it instead" in second.user
    assert "Trip: compare names 'price', which is not a column" in second.user


def test_refused_twice_is_a_failure_that_names_the_reasons(server: ScriptedServer, annotate: Annotate) -> None:
    server.script([answer({"classes": [PERSON, BAD]}, (500, 80))] * 3)
    with pytest.raises(ModelFailed, match="refused twice: Trip: compare names 'price'") as caught:
        annotate(server.base_url)
    assert len(server.requests) == 2
    assert (caught.value.tokens_in, caught.value.tokens_out) == (1000, 160)
    assert caught.value.reply is not None and "price" in caught.value.reply


def test_a_class_left_out_or_made_up_is_refused(server: ScriptedServer, annotate: Annotate) -> None:
    server.script([answer({"classes": [PERSON, {**TRIP, "class": "Journey"}]})] * 2)
    with pytest.raises(ModelFailed, match=r"item 2 is for 'Journey'; the classes are Person, Trip; Trip: its item is"):
        annotate(server.base_url)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (error(500), "HTTP 500"),
        (error(401), "correct MEMREG_LLM_API_KEY"),
        (content("Certainly!"), "prose instead of JSON"),
        (content('{"classes": ['), "half a JSON"),
        (answer({"properties": {"classes": {}}}), "the schema instead of data"),
    ],
)
def test_no_usable_answer_is_a_failure_at_once(
    server: ScriptedServer, annotate: Annotate, reply: Any, reason: str
) -> None:
    server.script([reply, answer({"classes": [PERSON, TRIP]})])
    with pytest.raises(ModelFailed, match=reason):
        annotate(server.base_url)
    assert len(server.requests) == 1
