"""The structured reading: JSON, JSON lines, turns, and every mistake with its line."""

from __future__ import annotations

import asyncio

import pytest

from memreg.core.errors import ExtractionFailed, ProposalInvalid
from memreg.engine.extract import MAX_PROPOSALS, AsyncExtractor, Extractor
from memreg.engine.model import Message, Proposal, Refused
from memreg.engine.structured import (
    AsyncStructuredExtractor,
    StructuredExtractor,
    extract,
    proposal_of,
    read_proposals,
    read_turns,
)
from memreg.registry.models import SchemaSpec, SchemaVersion, Status

ANA = '{"class": "Person", "values": {"name": "Ana"}}'
BOB = '{"class_name": "Person", "values": {"name": "Bob"}, "operation": "delete", "evidence": "Bob", "confidence": 1}'


def test_lines_a_list_and_an_object() -> None:
    ana = Proposal("Person", {"name": "Ana"})
    bob = Proposal("Person", {"name": "Bob"}, "delete", "Bob", 1.0)
    assert read_proposals(f"{ANA}\n\n{BOB}\n") == (ana, bob)
    assert read_proposals(f"[{ANA},\n {BOB}]") == (ana, bob)
    assert read_proposals('{"class": "Person",\n "values": {"name": "Ana"}}') == (ana,)
    assert read_proposals(f"\ufeff{ANA}\r\n{BOB}".encode()) == (ana, bob)
    assert read_proposals("") == ()
    assert read_proposals("[]") == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nonsense", "it is not JSON"),
        ('{"class": "Person", "values": {', "it is not JSON"),
        ("[" * 100_000, "nested too deep"),
        ("3", "is an object with class and values, not a number"),
        ('{"values": {}}', "class is missing"),
        ('{"class": 3, "values": {}}', "class is 3; write the name of a class"),
        ('{"class": "A"}', "values is missing; write an object"),
        ('{"class": "A", "values": [1]}', "values is a list; write an object"),
        ('{"class": "A", "values": {}, "operation": "drop"}', "operation is 'drop'; write upsert or delete"),
        ('{"class": "A", "values": {}, "operation": []}', r"operation is \[\]"),
        ('{"class": "A", "values": {}, "confidence": 2}', "confidence is 2; write a number between 0 and 1"),
        ('{"class": "A", "values": {}, "confidence": NaN}', "confidence is nan"),
        ('{"class": "A", "values": {}, "confidence": true}', "confidence is True"),
        ('{"class": "A", "values": {}, "evidence": 3}', "evidence is a number"),
        ('{"class": "A", "values": {}, "message_id": 3}', "message_id is 3"),
        ('{"class": "A", "class_name": "A", "values": {}}', "mean the same"),
        ('{"class": "A", "vales": {}}', "unknown key 'vales'; a proposal has class, values"),
    ],
)
def test_mistakes_name_the_line(line: str, reason: str) -> None:
    with pytest.raises(ProposalInvalid, match=rf"p\.jsonl, line 3: .*{reason}"):
        read_proposals(f"{ANA}\n\n{line}\n{BOB}", source="p.jsonl")


def test_mistakes_in_a_list_name_the_line_of_the_element() -> None:
    with pytest.raises(ProposalInvalid, match="line 3: values is missing"):
        read_proposals(f'[\n{ANA},\n{{"class": "A"}}]')


def test_bytes_that_are_not_utf8() -> None:
    with pytest.raises(ProposalInvalid, match="line 2: it is not UTF-8"):
        read_proposals(ANA.encode() + b"\n\xff\xfe")


def test_lines_of_one_message_are_one_turn_and_others_their_own() -> None:
    one, two = (line.replace("{", '{"message_id": "m1", ', 1) for line in (ANA, BOB))
    turns = list(read_turns("\n".join([one, ANA, two, BOB])))
    assert [(turn.message_id, turn.line, len(turn.proposals)) for turn in turns] == [
        ("m1", 1, 2),
        (None, 2, 1),
        (None, 4, 1),
    ]


def test_a_turn_with_a_mistake_carries_it_and_the_others_go_on() -> None:
    bad, good = '{"message_id": "m1", "class": "A"}', '{"message_id": "m1", "class": "A", "values": {}}'
    first, second = read_turns("\n".join([good, bad, ANA]))
    assert (first.message_id, first.proposals, len(first.errors)) == ("m1", (), 1)
    assert "line 2" in str(first.errors[0])
    assert len(second.proposals) == 1


def test_unknown_classes_columns_and_odd_values_are_left_to_the_validator() -> None:
    assert proposal_of({"class": "Nobody", "values": {"x": float("nan")}}).class_name == "Nobody"


def test_the_extractors_read_a_message_that_is_proposals() -> None:
    version = SchemaVersion(SchemaSpec("s", ()), 1, Status.ACTIVE, "f")
    blocking: Extractor = StructuredExtractor()
    waiting: AsyncExtractor = AsyncStructuredExtractor()
    found = blocking.extract(Message(f"{ANA}\nnonsense\n{BOB}"), version)
    assert [dict(proposal.values) for proposal in found.proposals] == [{"name": "Ana"}, {"name": "Bob"}]
    assert found.refused == (Refused("the message, line 2: it is not JSON: Expecting value at character 1"),)
    assert asyncio.run(waiting.extract(Message(f"{ANA}\nnonsense\n{BOB}"), version)) == found


def test_a_message_of_prose_is_a_failure() -> None:
    with pytest.raises(ExtractionFailed, match="the message, line 1: it is not JSON"):
        extract("Ana moved to Oslo")


def test_more_proposals_than_the_bound_are_a_problem() -> None:
    found = extract("\n".join([ANA] * (MAX_PROPOSALS + 5)))
    assert len(found.proposals) == MAX_PROPOSALS
    assert found.refused == (Refused("the message has more than 1,000 proposals; the rest was not read"),)
