"""What goes over the wire in each mode, and what is read of a completion."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from memreg.annotator.failure import ModelFailed
from memreg.annotator.response import response_model
from memreg.annotator.shapes import Annotations
from memreg.annotator.wire import Ask, Endpoint, Reply, reply_of, request
from memreg.registry.models import ClassSpec, Column, Dtype, Kind

SHAPE = response_model([ClassSpec("Person", (Column("name", Dtype(Kind.STRING)),))])


def endpoint(mode: str) -> Endpoint:
    return Endpoint("http://127.0.0.1", "none", "m", mode, 1, 0)


def completion(finish_reason: str = "stop", **message: Any) -> Any:
    said = SimpleNamespace(**{"tool_calls": None, "content": None, "refusal": None, **message})
    return SimpleNamespace(choices=[SimpleNamespace(message=said, finish_reason=finish_reason)], usage=None, model="m")


def call(arguments: Any) -> Any:
    return SimpleNamespace(function=SimpleNamespace(arguments=arguments))


@pytest.mark.parametrize("mode", ["json", "md_json"])
def test_a_shape_is_told_where_neither_the_instructions_nor_the_server_do(mode: str) -> None:
    told = request(Ask(Annotations, "s", "u"), endpoint(mode))["messages"][0]["content"]
    assert json.dumps(Annotations.model_json_schema()) in told
    described = request(Ask(SHAPE, "s", "u", items=True), endpoint(mode))["messages"][0]["content"]
    assert "schema" not in described
    assert "JSON" in told and "JSON" in described  # OpenAI refuses json_object where no message says JSON


@pytest.mark.parametrize("mode", ["tools", "json_schema", "json", "md_json"])
def test_system_and_user_are_sent_apart_and_unchanged(mode: str) -> None:
    messages = request(Ask(SHAPE, "{{ s }}", "{{ u }}", items=True), endpoint(mode))["messages"]
    assert [each["role"] for each in messages] == ["system", "user"]
    assert messages[0]["content"].startswith("{{ s }}")
    assert messages[1]["content"] == "{{ u }}"


def test_a_question_asked_again_is_told_why() -> None:
    again = Ask(SHAPE, "s", "u", items=True).again(Reply({}, "raw answer"), ["one", "two"])
    assert (again.system, again.items, again.shape) == ("s", True, SHAPE)
    assert again.user.startswith("u\n\n") and "raw answer" in again.user and "- one\n- two" in again.user


@pytest.mark.parametrize(
    ("message", "items", "whole"),
    [
        ({"content": '{"items": [1, {}]}'}, [1, {}], True),
        ({"content": "prose", "tool_calls": [call('{"items": [{"a": 1}]}')]}, [{"a": 1}], True),
        ({"tool_calls": [call('{"items": [{"a": 1}]}'), call('{"items": [{"b": 2}]}')]}, [{"a": 1}, {"b": 2}], True),
        ({"tool_calls": [call(None)], "content": '{"items": []}'}, [], True),
        ({"tool_calls": [call({"items": [{"a": 1}]})]}, [{"a": 1}], True),
        ({"tool_calls": [call("{}")], "content": '{"items": [{"a": 1}]}'}, [{"a": 1}], True),
        (
            {"content": [{"type": "text", "text": '{"items": '}, {"type": "text", "text": '[{"a": 1}]}'}]},
            [{"a": 1}],
            True,
        ),
        ({"function_call": SimpleNamespace(arguments='{"items": []}')}, [], True),
        ({"content": '{"items": [{"a": 1}, {"b"'}, [{"a": 1}], False),
    ],
)
def test_what_is_read(message: dict[str, Any], items: list[Any], whole: bool) -> None:
    reply = reply_of(completion(**message), Ask(SHAPE, "", "", items=True), 3.0)
    assert (reply.listed("items"), reply.whole, reply.latency_ms) == (items, whole, 3.0)
    assert reply.call.outcome == ("ok" if whole else "cut off")


@pytest.mark.parametrize(
    ("answered", "outcome"),
    [
        (completion(content="prose"), "unreadable"),
        (completion(content=""), "unreadable"),
        (completion("length", content='{"items": ['), "cut off"),
        (completion(refusal="no"), "refused"),
        (completion("content_filter"), "refused"),
        (completion("content_filter", content="prose"), "unreadable"),
        (SimpleNamespace(choices=[]), "no completion"),
        ("<html>", "no completion"),
    ],
)
def test_what_was_wrong_is_named_for_the_books(answered: Any, outcome: str) -> None:
    with pytest.raises(ModelFailed) as caught:
        reply_of(answered, Ask(SHAPE, "", "", items=True), 3.0)
    assert caught.value.outcome == outcome
    assert caught.value.call is not None and caught.value.call.latency_ms == 3.0
    assert not caught.value.transient


def test_a_list_that_is_none_is_empty() -> None:
    assert Reply({"items": 3}, "").listed("items") == []
    assert Reply({}, "").listed("items") == []
