"""The figures of what extraction costs: what is counted, the schema of five by eight, and a conversation's answers."""

from __future__ import annotations

import pytest

from bench.llm_cost import (
    CONVERSATION,
    MODES,
    MOST,
    estimate,
    figures,
    five_by_eight,
    item_of,
    layouts,
    pieces,
    prompt_size,
    read_conversation,
    right,
    spend,
    truth,
    version_of,
)
from bench.stage import ASSISTANT
from memreg.core.settings import Settings
from memreg.engine.model import Message, Proposal
from memreg.registry.parse import parse_schema
from memreg.testing import ScriptedServer, content

ONE = Message("Ana Lopez of Fjord Bank can be reached at ana@lopez.example.")


def test_an_estimate_is_of_all_that_is_told() -> None:
    messages = [{"role": "system", "content": "abcd"}, {"role": "user", "content": "efghi"}]
    body = {"model": "m" * 100, "messages": messages}
    assert estimate(body) == 3
    assert estimate({**body, "tools": []}) == 3
    assert estimate({**body, "response_format": {"type": "json_object"}}) == 8


def test_pieces_are_words_numbers_and_signs() -> None:
    assert pieces("Ana moved, 12345!") == 7
    assert pieces("") == 0


def test_five_by_eight_is_what_it_is_called() -> None:
    spec = five_by_eight()
    assert [len(each.columns) for each in spec.classes] == [8] * 5
    assert all(column.desc for each in spec.classes for column in each.columns)


@pytest.mark.parametrize("mode", MODES)
def test_five_by_eight_has_clear_room_in_every_mode(mode: str) -> None:
    assert prompt_size(five_by_eight(), mode, ONE) < 0.8 * MOST
    assert prompt_size(five_by_eight(" and so on" * 100), mode, ONE) < 0.9 * MOST


def test_the_prompt_alone_is_the_smallest_place_for_descriptions() -> None:
    sizes = layouts(five_by_eight(), ONE)
    assert sorted(sizes, key=lambda place: sizes[place])[0] == "in the prompt"
    assert sizes["in both"] > sizes["in the tool"] > sizes["in the prompt"]


def test_a_conversation_is_one_request_a_message_and_two_for_a_day_that_does_not_exist() -> None:
    version = version_of(parse_schema(ASSISTANT.read_text("utf-8"), ASSISTANT.name))
    messages = [each for each in read_conversation(CONVERSATION) if each.id in ("m01", "m13", "m14", "m26")]
    with ScriptedServer(right(truth(messages, version))) as server:
        spent = spend(messages, version, Settings(llm_base_url=server.base_url, llm_model="m"))
    assert {each.message: each.requests for each in spent}["Jonas Weber was born on 1988-02-30."] == 2
    assert sum(each.requests for each in spent) == len(messages) + 1 == len(server.requests)
    assert [size for each in spent for size in each.estimated] == [estimate(each.body) for each in server.requests]
    told = figures(spent)
    assert (told["messages"], told["requests"]) == (len(messages), len(messages) + 1)
    assert told["server_counts_per_message"] > 0


def test_a_server_that_counts_nothing_has_no_figures() -> None:
    with ScriptedServer([content('{"items": []}', usage=None)]) as server:
        spent = spend([ONE], version_of(five_by_eight()), Settings(llm_base_url=server.base_url, llm_model="m"))
    assert figures(spent)["server_counts_per_message"] is None


def test_an_item_is_what_a_proposal_says() -> None:
    assert item_of(Proposal("A", {"b": 1}, "delete", "words")) == {
        "class": "A",
        "operation": "delete",
        "values": {"b": 1},
        "evidence": "words",
        "confidence": 0.9,
    }
