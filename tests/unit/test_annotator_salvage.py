"""The items of a reply, as many as are whole, whatever is around them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memreg.annotator.reading import LONGEST_REPLY, Unreadable
from memreg.annotator.salvage import Found, read_items

ANA = {"class": "Person", "values": {"name": "Ana"}, "evidence": "Ana"}
BO = {"class": "Person", "values": {"name": "Bo"}, "evidence": "Bo"}
GOOD = json.dumps({"items": [ANA, BO]})
LIST = json.dumps([ANA, BO])


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f" \n{GOOD}\n",
        f"Sure:\n```json\n{GOOD}\n```\nAnything else?",
        f"Sure. {GOOD} Done.",
        f"<think>One class {{}} or [two]? {{'items': 3}}</think>\n{GOOD}",
        f'First\n```json\n{{"items": []}}\n```\nbut rather\n```json\n{GOOD}\n```',
        LIST,
        f"Here they are: {LIST}.",
        f"```\n{LIST}\n```",
        json.dumps({"results": [ANA, BO]}),
        json.dumps({"answer": {"items": [ANA, BO]}}),
        json.dumps({"items": {"items": [ANA, BO]}}),
        json.dumps(GOOD),
        json.dumps({"items": LIST}),
        f"{json.dumps(ANA)}\n{json.dumps(BO)}",
        f"{json.dumps(ANA)}, {json.dumps(BO)}",
        GOOD.replace("]", ",]"),
        f"The user says {{so}}. Draft: {{}}\n</think>\n\n{GOOD}",
        json.dumps({"name": "Items", "arguments": GOOD}),
        '<tool_call>\n{"name": "Items", "arguments": ' + GOOD + "}\n</tool_call>",
        '<|python_tag|>{"name": "Items", "parameters": ' + GOOD + "}",
        GOOD.replace('"}', '",}').replace("]}", ",],}"),
        '{"note": "[1]", "items": [' + json.dumps(ANA) + "," + json.dumps(BO) + "]}",
    ],
)
def test_whole(text: str) -> None:
    assert read_items([text], "items") == Found((ANA, BO))


def test_a_line_break_within_a_text_and_a_thought_within_a_value() -> None:
    said = {"class": "Note", "values": {"text": 'one,]\ntwo </think>{"items": [{"class": "Person"}]}'}}
    whole = json.dumps({"items": [said]})
    assert read_items([whole], "items") == Found((said,))
    assert read_items([whole.replace("\\n", "\n").replace("}}]", "}},]")], "items") == Found((said,))


@pytest.mark.parametrize("text", ['{"items": []}', "[]", '```json\n{"items": []}\n```', '{"objects": []}'])
def test_empty_is_an_answer(text: str) -> None:
    assert read_items([text], "items") == Found(())


def test_one_item_alone() -> None:
    assert read_items([json.dumps(ANA)], "items") == Found((ANA,))
    assert read_items([json.dumps({"items": ANA})], "items") == Found((ANA,))


def test_several_calls_of_the_tool_are_one_answer() -> None:
    assert read_items([json.dumps({"items": [ANA]}), json.dumps({"items": [BO]})], "items") == Found((ANA, BO))
    half = read_items([json.dumps({"items": [ANA]}), '{"items": [{"cl'], "items")
    assert half == Found((ANA,), whole=False)


@pytest.mark.parametrize("length", range(len(json.dumps({"items": [ANA]})), len(GOOD) - 2))
def test_of_half_a_reply_the_whole_items_are_kept(length: int) -> None:
    found = read_items([GOOD[:length]], "items")
    assert not found.whole
    assert found.items in ((ANA,), (ANA, BO))


def test_half_a_list_and_half_of_items_in_a_row() -> None:
    for text in (LIST[:-10], f"```json\n{LIST[:-10]}", f"{json.dumps(ANA)}\n{json.dumps(BO)[:-1]}"):
        assert read_items([text], "items") == Found((ANA,), whole=False)


def test_a_reply_cut_off_at_its_limit_may_lack_items_even_if_it_parses() -> None:
    assert read_items([GOOD], "items", cut_off=True) == Found((ANA, BO), whole=False)
    with pytest.raises(Unreadable, match="cut off at its output limit"):
        read_items(['{"items": [{"class": "Per'], "items", cut_off=True)


def test_what_is_nested_too_deep_costs_only_what_comes_after_it() -> None:
    deep = '{"items": [' + json.dumps(ANA) + "," + '{"class":' * 100_000
    assert read_items([deep], "items") == Found((ANA,), whole=False)


def test_two_megabytes_are_read_up_to_a_bound() -> None:
    found = read_items(['{"items": [' + ", ".join([json.dumps(ANA)] * 40_000) + "]}"], "items")
    assert not found.whole
    assert 10_000 < len(found.items) < LONGEST_REPLY / 50
    with pytest.raises(Unreadable, match="more than 1,000,000 characters long, without one whole item"):
        read_items(['{"items": ["' + "x" * 2_000_000 + '"]}'], "items")


def test_a_number_of_any_length_is_read() -> None:
    (item,) = read_items(['{"items": [{"class": "A", "values": {"n": ' + "9" * 5_000 + "}}]}"], "items").items
    assert item["values"]["n"] == "9" * 5_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("Ana moved to Oslo, how nice!", "prose instead of JSON"),
        ("I found [2] things and {one} more", "prose instead of JSON"),
        ('{"items": [', "half a JSON"),
        ('```json\n{"items": [{"cla', "half a JSON"),
        ('{"$defs": {}, "properties": {"items": {"type": "array"}}}', "the schema instead of data"),
        ('{"type": "object", "properties": {}}', "the schema instead of data"),
        ("null", "null instead of an object"),
        ("3", "a number instead of an object"),
        ('"x"', "a text instead of an object"),
        ("{}", "an object without 'items'"),
        ('{"items": null}', "'items' in its reply is null instead of a list"),
        ('{"items": {}}', "'items' in its reply is an object instead of a list"),
        ('{"a": [1], "b": [2]}', "an object without 'items'"),
        ('{"items":' + "[" * 200_000, "half a JSON"),
        ("{" * 900_000 + "x", "half a JSON"),
    ],
)
def test_the_reason_why_there_is_none(text: str, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_items([text], "items")
    assert reason in str(caught.value)


def test_the_reason_quotes_nothing() -> None:
    with pytest.raises(Unreadable) as caught:
        read_items(["Ana's number is 555-1234"], "items")
    assert "555" not in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_gives_items_or_a_reason(text: str) -> None:
    try:
        found = read_items([text], "items")
    except Unreadable as exc:
        reason = str(exc)
        assert reason
    else:
        assert isinstance(found, Found)


VALUES = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3)


@given(st.lists(VALUES, max_size=5), st.data())
def test_a_prefix_never_gives_what_the_whole_does_not(items: list[dict[str, object]], data: st.DataObject) -> None:
    text = json.dumps({"items": items})
    length = data.draw(st.integers(0, len(text) - 1))
    try:
        found = read_items([text[:length]], "items")
    except Unreadable:
        return
    assert list(found.items) == items[: len(found.items)]
    assert found.whole == (length == len(text) - 1)  # the list has ended by then
