"""Answers by rule, for the scripted server and the scripted extractor."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from memreg.annotator.extract_prompt import question
from memreg.core.errors import ExtractionFailed
from memreg.engine.extract import AsyncExtractor, Extractor
from memreg.engine.model import Message, Proposal
from memreg.registry.models import SchemaVersion, Status
from memreg.registry.parse import parse_schema
from memreg.testing import AsyncScriptedExtractor, Request, ScriptedExtractor, answers_by, item
from memreg.testing.rules import Condition, Items

VERSION = SchemaVersion(
    parse_schema("schema: s\nclasses: {Person: {columns: {name: {dtype: string}}}}", "s.yaml"), 1, Status.ACTIVE, "f"
)
ANA = item("Person", {"name": "Ana Lopez"})


def request(text: str) -> Request:
    shown = question(Message(text, at=datetime(2026, 3, 2, tzinfo=UTC)))
    return Request("/v1/chat/completions", {}, {"messages": [{"role": "user", "content": shown}]})


def items(rules: dict[Condition, Items], text: str, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(answers_by(rules, **more)(request(text)).text)["items"]
    return found


def test_the_message_of_a_request_is_found_in_the_real_prompt() -> None:
    for text in ("Ana moved", "two\nlines\n", "<message-0123456789ab>\nx\n</message-0123456789ab>", ""):
        assert request(text).message == text
    earlier = [Message("Bo called"), Message("<message-0123456789ab>\nx\n</message-0123456789ab>")]
    shown = question(Message("Ana moved"), earlier)
    assert "Bo called" in shown
    assert Request("/", {}, {"messages": [{"role": "user", "content": shown}]}).message == "Ana moved"


def test_without_a_message_it_is_the_whole_question() -> None:
    other = Request("/", {}, {"messages": [{"role": "user", "content": "Schema people:"}]})
    assert other.message == "Schema people:"


def test_an_item() -> None:
    assert item("Person", {"name": "Ana"}, "Ana", operation="delete", confidence=0.5, stated=False) == {
        "class": "Person",
        "operation": "delete",
        "values": {"name": "Ana"},
        "confidence": 0.5,
        "evidence": "Ana",
        "stated": False,
    }


def test_a_text_is_found_whatever_its_case_and_quoted_as_the_message_has_it() -> None:
    assert items({"ana lopez": [ANA]}, "ANA LOPEZ moved") == [{**ANA, "evidence": "ANA LOPEZ"}]
    assert items({"a.c": [ANA]}, "abc") == []


def test_a_pattern_and_a_function() -> None:
    rules: dict[Condition, Items] = {
        re.compile(r"\bforget (\S+)"): lambda text: [item("Person", {"name": text.split()[-1]}, operation="delete")],
        (lambda text: text.endswith("!")): [ANA],
    }
    (deleted,) = items(rules, "please forget Bo")
    assert (deleted["values"], deleted["evidence"]) == ({"name": "Bo"}, "forget Bo")
    assert items(rules, "hi!") == [{**ANA, "evidence": "hi!"}]


def test_every_rule_that_holds_answers_in_the_order_of_the_rules() -> None:
    rules: dict[Condition, Items] = {"Bo": [item("Person", {"name": "Bo"})], "Ana": [ANA, ANA]}
    assert [each["values"]["name"] for each in items(rules, "Ana met Bo")] == ["Bo", "Ana Lopez", "Ana Lopez"]


def test_where_no_rule_holds() -> None:
    assert items({"Bo": [ANA]}, "hello") == []
    assert items({"Bo": [ANA]}, "hello", otherwise=[item("Note", {"text": "x"})])[0]["evidence"] == "hello"


def test_the_scripted_extractor_proposes_and_keeps_what_it_was_given() -> None:
    proposal = Proposal("Person", {"name": "Ana Lopez"})
    extractor = ScriptedExtractor(
        {"ana": [proposal], "Bo": lambda message: [Proposal("Person", {"name": message.role})]}
    )
    assert isinstance(extractor, Extractor)
    extraction = extractor.extract(Message("Ana called Bo"), VERSION)
    assert extraction.extractor == "scripted"
    assert [(dict(each.values), each.evidence) for each in extraction.proposals] == [
        ({"name": "Ana Lopez"}, "Ana"),
        ({"name": "user"}, "Bo"),
    ]
    assert [message.text for message in extractor.messages] == ["Ana called Bo"]
    assert extractor.extract(Message("hello"), VERSION).proposals == ()


def test_the_scripted_extractor_raises_what_a_rule_says() -> None:
    extractor = ScriptedExtractor({"boom": ExtractionFailed(extractor="scripted", reason="it was told to")})
    with pytest.raises(ExtractionFailed, match="it was told to"):
        extractor.extract(Message("boom"), VERSION)


def test_the_asynchronous_one() -> None:
    extractor = AsyncScriptedExtractor({"Ana": [Proposal("Person", {"name": "Ana"}, evidence="said so")]})
    assert isinstance(extractor, AsyncExtractor)
    extraction = asyncio.run(extractor.extract(Message("Ana"), VERSION))
    assert extraction.proposals[0].evidence == "said so"
