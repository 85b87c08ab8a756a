"""A message's way through the model, played without one: when it is asked again, for what, and what is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from memreg.annotator.extraction import MOST_REFUSED, Conversation
from memreg.annotator.failure import ModelFailed
from memreg.annotator.options import ExtractOptions
from memreg.annotator.wire import Ask, Reply
from memreg.core.errors import ExtractionFailed
from memreg.engine.extract import MAX_PROPOSALS
from memreg.engine.model import Extraction, Message, Proposal
from memreg.registry.models import (
    ClassAnnotation,
    ClassSpec,
    Column,
    Dtype,
    IdentityKey,
    Kind,
    SchemaSpec,
    SchemaVersion,
    Status,
)

SPEC = SchemaSpec(
    "played",
    (
        ClassSpec(
            "Person",
            (
                Column("name", Dtype(Kind.STRING), required=True),
                Column("email", Dtype(Kind.STRING), pii=True),
                Column("met", Dtype(Kind.DATE)),
                Column("secret", Dtype(Kind.STRING), pii=True),
            ),
        ),
    ),
)
VERSION = SchemaVersion(
    SPEC, 1, Status.ACTIVE, "played", {"Person": ClassAnnotation({"name": 3}, identity=(IdentityKey(("email",)),))}
)
AT = datetime(2026, 11, 16, 8, 30, tzinfo=UTC)
TEXT = "Ana, Bo and Cy met yesterday, bo@berg.io"


def person(name: str, evidence: str | None = None, **values: Any) -> dict[str, Any]:
    return {"class": "Person", "values": {"name": name, **values}, "evidence": evidence or name}


def replied(*items: Any, whole: bool = True) -> Reply:
    return Reply({"items": list(items)}, f"reply of {len(items)}", "model-1", 100, 20, 5.0, whole=whole)


def unreadable(outcome: str = "unreadable") -> ModelFailed:
    return ModelFailed("its reply is prose instead of JSON", "prose", "model-1", 90, 10, 4.0, outcome)


def unreachable() -> ModelFailed:
    return ModelFailed("it cannot be reached", outcome="unreachable", transient=True, retry_after=3.0)


def play(
    answers: Sequence[Reply | ModelFailed],
    text: str = TEXT,
    before: Sequence[Message] = (),
    options: ExtractOptions | None = None,
) -> tuple[Extraction, list[Ask]]:
    plan = Conversation(Message(text, at=AT), VERSION, before, options or ExtractOptions()).plan()
    asked: list[Ask] = []
    left = list(answers)
    try:
        ask = next(plan)
        while True:
            asked.append(ask)
            answer = left.pop(0)
            ask = plan.throw(answer) if isinstance(answer, ModelFailed) else plan.send(answer)
    except StopIteration as done:
        assert not left, "fewer questions than answers"
        extraction: Extraction = done.value
        return extraction, asked


def names(extraction: Extraction) -> list[str]:
    return [str(each.values["name"]) for each in extraction.proposals]


def test_a_clean_message_is_one_request() -> None:
    found, asked = play([replied(person("Ana"), person("Bo", email="bo@berg.io"))])
    assert len(asked) == 1
    assert names(found) == ["Ana", "Bo"]
    assert (found.refused, found.tokens_in, found.tokens_out, found.latency_ms) == ((), 100, 20, 5.0)
    assert [call.outcome for call in found.calls] == ["ok"]
    assert (found.model, found.reply) == ("model-1", "reply of 2")


def test_empty_is_not_failed() -> None:
    found, asked = play([replied()])
    assert (found.proposals, found.refused, len(asked)) == ((), (), 1)


def test_only_the_bad_are_asked_for_again_and_come_back_in_their_places() -> None:
    first = replied(person("Ana"), person("Bo", email="bo@else.io"), person("Cy"))
    found, asked = play([first, replied(person("Bo", email="bo@berg.io"))])
    assert names(found) == ["Ana", "Bo", "Cy"]
    assert found.proposals[1].values["email"] == "bo@berg.io"
    assert found.refused == ()
    again = asked[1].user
    assert again.startswith(asked[0].user)
    assert "bo@else.io" in again and '"Cy"' not in again and '"Ana"' not in again
    assert "its email identifies the object" in again
    assert (found.tokens_in, found.tokens_out, found.latency_ms, len(found.calls)) == (200, 40, 10.0, 2)
    assert found.reply == "reply of 3\nreply of 1"


def test_what_is_bad_twice_is_a_dead_letter_with_the_item_and_the_reason() -> None:
    bad = {"class": "Robot", "values": {"name": "R2"}, "evidence": "Ana"}
    found, asked = play([replied(person("Ana"), bad), replied(bad)])
    assert (names(found), len(asked)) == (["Ana"], 2)
    (refused,) = found.refused
    assert refused.dead_letter and refused.given == bad and "none of the schema" in refused.reason


def test_what_the_model_takes_back_because_nobody_said_it_is_nothing_to_ask_a_person_about() -> None:
    found, _ = play([replied(person("Ana"), person("Dan", evidence="Dan was there")), replied()])
    assert names(found) == ["Ana"]
    assert [(each.dead_letter, "not in the message" in each.reason) for each in found.refused] == [(False, True)]


def test_what_the_model_takes_back_although_it_was_said_is_a_dead_letter() -> None:
    found, _ = play([replied({"class": "Person", "values": [], "evidence": "Ana"}), replied()])
    assert [each.dead_letter for each in found.refused] == [True]


def test_the_answer_that_is_most_like_takes_the_place() -> None:
    bad_ana, bad_bo = person("Ana", email="no@where.io"), person("Bo", email="bo@else.io")
    found, _ = play([replied(bad_ana, person("Cy"), bad_bo), replied(person("Bo", email="bo@berg.io"))])
    assert names(found) == ["Cy", "Bo"]
    (refused,) = found.refused
    assert refused.given == bad_ana


def test_what_is_new_in_the_second_answer_counts_and_what_is_kept_already_does_not() -> None:
    answers = [replied(person("Ana"), "?"), replied(person("Bo"), person("Ana"), person("Cy"))]
    found, _ = play(answers)
    assert names(found) == ["Ana", "Bo", "Cy"]
    assert [each.given for each in found.refused] == ["?"]


def test_a_whole_answer_given_again_changes_only_what_was_refused() -> None:
    first = [person("Ana"), person("Bo", email="bo@else.io"), person("Cy")]
    found, _ = play([replied(*first), replied(first[0], person("Bo", email="bo@berg.io"), first[2])])
    assert [dict(each.values) for each in found.proposals] == [
        {"name": "Ana"},
        {"name": "Bo", "email": "bo@berg.io"},
        {"name": "Cy"},
    ]
    assert found.refused == ()


def test_a_day_that_is_not_certain_costs_a_second_call_and_never_the_item() -> None:
    unsure = person("Ana", met="soon")
    found, _ = play([replied(unsure), replied(person("Ana", met="2026-11-15"))])
    assert found.proposals[0].values["met"] == "2026-11-15"
    for second in (replied(unsure), replied(), replied({**unsure, "values": {}}), unreadable()):
        found, _ = play([replied(unsure), second])
        assert names(found) == ["Ana"] and found.refused == ()
    found, asked = play([replied(person("Ana", met="yesterday"))])
    assert (found.proposals[0].values["met"], len(asked)) == ("2026-11-15", 1)


def test_when_asking_again_gives_nothing_the_good_are_kept_and_the_bad_refused() -> None:
    for failure in (unreadable(), ModelFailed("it refused to answer", outcome="refused")):
        found, _ = play([replied(person("Ana"), "Eve"), failure])
        assert names(found) == ["Ana"]
        assert [(each.given, each.dead_letter) for each in found.refused] == [("Eve", True)]
        assert [call.outcome for call in found.calls] == ["ok", failure.outcome]


def test_when_asking_again_fails_in_transit_it_may_pass_and_what_there_is_comes_with_the_failure() -> None:
    with pytest.raises(ExtractionFailed, match="it cannot be reached") as caught:
        play([replied(person("Ana"), "Eve"), unreachable()])
    assert (caught.value.transient, caught.value.retry_after) == (True, 3.0)
    partial: Extraction = caught.value.partial
    assert names(partial) == ["Ana"]
    assert [(each.given, each.dead_letter) for each in partial.refused] == [("Eve", True)]
    assert [call.outcome for call in partial.calls] == ["ok", "unreachable"]


@pytest.mark.parametrize("outcome", ["unreadable", "cut off"])
def test_an_answer_of_which_nothing_can_be_read_is_asked_for_once_more(outcome: str) -> None:
    found, asked = play([unreadable(outcome), replied(person("Ana"), "Eve")])
    assert names(found) == ["Ana"]
    assert [each.given for each in found.refused] == ["Eve"]
    assert len(asked) == 2 and "prose instead of JSON" in asked[1].user
    assert [call.outcome for call in found.calls] == [outcome, "ok"]


def test_twice_nothing_to_read_has_failed_for_good_with_what_was_said() -> None:
    with pytest.raises(ExtractionFailed, match="prose instead of JSON, also when asked again") as caught:
        play([unreadable(), unreadable()])
    assert not caught.value.transient
    assert caught.value.reply == "prose\nprose"
    assert [call.outcome for call in caught.value.calls] == ["unreadable", "unreadable"]
    assert caught.value.prompt_hash


def test_a_failure_in_transit_may_pass() -> None:
    for answers in ([unreachable()], [unreadable(), unreachable()]):
        with pytest.raises(ExtractionFailed, match="it cannot be reached") as caught:
            play(answers)
        assert (caught.value.transient, caught.value.retry_after) == (True, 3.0)
        assert len(caught.value.calls) == len(answers)


def test_a_refusal_to_answer_is_not_asked_again() -> None:
    with pytest.raises(ExtractionFailed, match="refused to answer"):
        play([ModelFailed("it refused to answer", "I will not", outcome="refused")])


def test_of_an_answer_that_breaks_off_only_the_rest_is_asked_for() -> None:
    found, asked = play([replied(person("Ana"), whole=False), replied(person("Bo"), person("Cy"))])
    assert names(found) == ["Ana", "Bo", "Cy"]
    assert found.refused == ()
    assert "broke off" in asked[1].user and '"Ana"' in asked[1].user
    assert [call.outcome for call in found.calls] == ["cut off", "ok"]


def test_bad_items_and_the_rest_are_asked_for_together() -> None:
    first = replied(person("Ana", email="no@where.io"), whole=False)
    found, asked = play([first, replied(person("Ana"), person("Bo"))])
    assert len(asked) == 2
    assert names(found) == ["Ana", "Bo"]


@pytest.mark.parametrize("second", [replied(person("Bo"), whole=False), unreadable("cut off"), unreadable()])
def test_what_stays_missing_is_a_dead_letter(second: Reply | ModelFailed) -> None:
    found, _ = play([replied(person("Ana"), whole=False), second])
    assert names(found)[0] == "Ana"
    assert "broke off" in found.refused[-1].reason and found.refused[-1].dead_letter


def test_ten_thousand_items_are_bounded_and_not_asked_for_again() -> None:
    found, asked = play([replied(*[person("Ana")] * 10_000)])
    assert (len(found.proposals), len(asked)) == (MAX_PROPOSALS, 1)
    assert [each.reason for each in found.refused] == ["it gave 10,000 items, and only the first 1,000 were read"]


def test_many_bad_items_are_asked_for_as_far_as_there_is_room_and_told_together() -> None:
    bad = [{"class": "Robot", "values": {"name": f"R{number}"}, "evidence": "Ana"} for number in range(900)]
    found, asked = play([replied(*bad), replied()])
    assert len(asked[1].user) < 10_000
    assert len(found.refused) == MOST_REFUSED
    assert sum(len(each.given) if isinstance(each.given, list) else 1 for each in found.refused) == 900
    assert "851 more items" in found.refused[-1].reason


def test_a_message_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(ExtractionFailed, match="the message has 101 characters, and at most 100 are sent") as caught:
        play([], "x" * 101, options=ExtractOptions(max_characters=100))
    assert (caught.value.calls, caught.value.transient) == ((), False)


def test_earlier_turns_are_shown_and_never_extracted() -> None:
    before = [Message("Dan lives in Rome, dan@rome.io", role="assistant")]
    stale = person("Dan", evidence="Dan lives in Rome")
    found, asked = play([replied(person("Ana"), stale), replied(stale)], before=before)
    assert "assistant: Dan lives in Rome" in asked[0].user
    assert names(found) == ["Ana"]


def test_personal_values_are_masked_for_the_model_and_nowhere_else() -> None:
    masked = ExtractOptions(pii="mask")
    said = person("Bo", evidence="Bo and Cy met yesterday, [email-1]", email="[email-1]")
    bad = {"class": "Robot", "values": {"email": "[email-1]"}, "evidence": "Bo"}
    found, asked = play([replied(said, bad), replied(bad)], before=[Message("I am ana@x.io")], options=masked)
    assert not any("@" in ask.user for ask in asked)
    assert "secret" not in asked[0].system and "email" in asked[0].system
    assert found.proposals == (
        Proposal("Person", {"name": "Bo", "email": "bo@berg.io"}, "upsert", "Bo and Cy met yesterday, bo@berg.io"),
    )
    assert found.refused[0].given["values"] == {"email": "bo@berg.io"}


def test_hidden_characters_reach_neither_the_model_nor_the_evidence() -> None:
    tagged = "Ana\U000e0069\U000e0067 lives\u202e here"
    found, asked = play([replied(person("Ana", evidence="Ana lives here"))], tagged)
    assert "Ana lives here" in asked[0].user
    assert names(found) == ["Ana"]


def test_the_hash_is_of_what_is_told_whatever_the_message() -> None:
    hashes = {play([replied()], text)[0].prompt_hash for text in ("a", "b")}
    assert len(hashes) == 1
    assert play([replied()], options=ExtractOptions(pii="mask"))[0].prompt_hash not in hashes
