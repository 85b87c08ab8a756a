"""Reading a model's raw reply: the object in it, or why there is none."""

from __future__ import annotations

import json

import pytest

from memreg.annotator.reading import LONGEST_REPLY, Unreadable, clean, read_object

GOOD = '{"items": [1]}'


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"\n  {GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"Here you are:\n```\n{GOOD}\n```\nAnything else?",
        f"Sure. {GOOD} Done.",
        f'First I thought\n```json\n{{"items": [2]}}\n```\nbut rather\n```json\n{GOOD}\n```',
        '{"items": [1], "note": "more keys do no harm"}',
    ],
)
def test_the_object_is_found(text: str) -> None:
    assert read_object(text, "items")["items"] == [1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "its reply is empty"),
        (" \n", "its reply is empty"),
        ("Sure! Ana moved to Oslo.", "prose instead of JSON"),
        ("I cannot {do} that", "prose instead of JSON"),
        ('{"items": [{"class": "Person"', "half a JSON"),
        ('{"items": [{"class": "Person"}', "half a JSON"),
        ('```json\n{"items": [', "half a JSON"),
        ('{"$defs": {}, "properties": {"items": {"type": "array"}}}', "the schema instead of data"),
        ('{"type": "object", "properties": {}}', "the schema instead of data"),
        ("[]", "a list instead of an object"),
        ("null", "null instead of an object"),
        ("3", "a number instead of an object"),
        ('"x"', "a text instead of an object"),
        ("{}", "an object without 'items'"),
        ('{"items": null}', "'items' in its reply is null instead of a list"),
        ('{"items": {}}', "'items' in its reply is an object instead of a list"),
        ('{"items":' + "[" * 200_000, "nested too deep"),
        ("x" * (LONGEST_REPLY + 1), "1,000,001 characters long"),
        ('{"items": [' + "9" * 5000 + "]}", "half a JSON"),
    ],
)
def test_the_reason_why_there_is_none(text: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read_object(text, "items")


def test_a_reply_cut_off_at_the_output_limit_is_half_a_json_even_if_it_parses() -> None:
    with pytest.raises(Unreadable, match="cut off at its output limit"):
        read_object(GOOD, "items", cut_off=True)


def test_the_reason_quotes_nothing_of_the_reply() -> None:
    with pytest.raises(Unreadable) as caught:
        read_object("Ana's number is 555-1234", "items")
    assert "555" not in str(caught.value)


def test_an_empty_list_is_an_answer() -> None:
    assert read_object('{"items": []}', "items") == {"items": []}


def test_many_braces_are_read_in_linear_time() -> None:
    with pytest.raises(Unreadable):
        read_object("{" * 900_000 + "x", "items")


def test_clean_leaves_nothing_that_a_database_refuses() -> None:
    assert clean("a\x00b\ud800c") == "a\ufffdb\ufffdc"
    assert clean(json.dumps("é")) == json.dumps("é")
