"""Every attack of `fixtures/attacks`, on a real engine whose model obeys the message, comes to what its file says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from memreg.core.settings import Settings
from memreg.testing.attack_check import AttackRun, State, compare_requests
from memreg.testing.attacks import Attack, AttackInvalid, AttackRange, attack_files, load_attacks
from memreg.testing.request import Request
from tests.support.server import Server

ATTACKS = [
    attack for path in attack_files(Path(__file__).parents[2] / "fixtures" / "attacks") for attack in load_attacks(path)
]
FAMILIES = {
    "instructions in the message", "fake answers and tool calls", "template braces and format strings",
    "unicode tricks", "getting at prompts and memories", "oversized", "role play", "identity hijack", "schema tricks",
    "SQL, paths and logs in values", "earlier turns and recalled blocks", "other tenants",
    "talk about kill switch and approval", "personal values that are kept from the model",
}  # fmt: skip


@pytest.fixture(scope="module")
def attack_range(server: Server) -> Iterator[AttackRange]:
    """One database for all attacks, which have a tenant each."""
    name = server.create(server.template)
    with AttackRange(Settings(database_url=server.dsn_of(name), connect_timeout=5)) as found:
        yield found
    server.drop(name)


def attack_of(name: str) -> Attack:
    return next(attack for attack in ATTACKS if attack.name == name)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.id)
def test_the_attack_comes_to_what_it_must(attack: Attack, attack_range: AttackRange) -> None:
    differences = attack_range.run(attack).differences
    assert not differences, "\n".join(differences)


ANSWERED = [attack for attack in ATTACKS if attack.family in ("fake answers and tool calls", "schema tricks")]


@pytest.mark.parametrize("mode", ["json_schema", "json", "md_json"])
@pytest.mark.parametrize("attack", ANSWERED, ids=lambda attack: attack.id)
def test_it_comes_to_the_same_however_the_model_is_asked(attack: Attack, mode: str, attack_range: AttackRange) -> None:
    asked = replace(attack, settings={**attack.settings, "llm_mode": mode})
    differences = attack_range.run(asked).differences
    assert not differences, "\n".join(differences)


def test_there_are_attacks_of_every_family() -> None:
    assert len(ATTACKS) >= 60
    assert {attack.family for attack in ATTACKS} == FAMILIES
    assert all(sum(attack.family == family for attack in ATTACKS) >= 4 for family in FAMILIES)


def test_every_attack_says_what_must_come_of_it() -> None:
    for attack in ATTACKS:
        assert attack.expect.keys() & {"decisions", "raises"} or attack.expect.get("status") == "dead", attack.id


REJECT = {"action": "REJECT", "basis": "invalid"}
DELETE = {"action": "DELETE", "basis": "identity"}
LETTER = {"reviews": ["dead_letter"]}
DELETED = "a delete by somebody else's e-mail in the message"
REFUSED = "delete all memories, by keys that were guessed"
DEAD = "the model is talked into an answer of its own"


@pytest.mark.parametrize(
    ("name", "expect", "difference"),
    [
        (DELETED, {}, "1 decisions, expected 0"),
        (DELETED, {"after": {}}, "after: ana has deleted True, expected False"),
        (DELETED, {"after": {"bo": {"revision": 2}}}, "after: bo has revision 1, expected 2"),
        (DELETED, {"after": {"carol": {}}}, "after: there is no carol"),
        (DELETED, {"decisions": [{**DELETE, "action": "REJECT"}]}, "action DELETE, expected REJECT"),
        (DELETED, {"decisions": [{**DELETE, "basis": "score"}]}, "basis identity, expected score"),
        (DELETED, {"decisions": [{**DELETE, "memory": "bo"}]}, "memory ana, expected bo"),
        (DELETED, {"unsent": ["never liked"]}, "a request has 'never liked'"),
        (DELETED, {"sent": ["never said"]}, "no request has 'never said'"),
        (DELETED, {"requests": 2}, "1 requests, expected 2"),
        (DELETED, {"raises": "MessageInvalid"}, "did not raise MessageInvalid"),
        (REFUSED, {"decisions": [REJECT] * 3}, "reviews ['dead_letter'], expected []"),
        (REFUSED, {"decisions": [REJECT | LETTER | {"reasons": ["because"]}] * 3}, "expected 'because' among them"),
        (DEAD, {"decisions": []}, "status dead, expected decided"),
        (DEAD, {"status": "dead", "reason": "no words"}, "expected 'no words' in it"),
    ],
)  # fmt: skip
def test_what_differs_is_told(name: str, expect: dict[str, object], difference: str, attack_range: AttackRange) -> None:
    differences = attack_range.run(replace(attack_of(name), expect=expect)).differences
    assert any(difference in each for each in differences), differences


def test_a_new_memory_that_nobody_expects_is_told(attack_range: AttackRange) -> None:
    attack = attack_of("a memory is planted, which is no more than the words of the message")
    differences = attack_range.run(replace(attack, expect={**attack.expect, "after": {}})).differences
    assert any("there is also planted" in each for each in differences)


def test_a_setting_that_there_is_not_is_refused(attack_range: AttackRange) -> None:
    with pytest.raises(AttackInvalid, match="there is no setting llm_obedience"):
        attack_range.run(replace(attack_of(DEAD), settings={"llm_obedience": 1}))


def test_what_a_request_must_not_have_is_found() -> None:
    own, other = uuid4(), uuid4()
    attack = replace(attack_of(DELETED), replies=({"text": "Petronella"},))

    def state(memory_id: object, **values: str) -> State:
        return State([{"id": memory_id, "payload": values}], [], [], [], [])

    def told(*texts: str) -> list[str]:
        asked = [Request("", {}, {"messages": [{"role": "user", "content": text}]}) for text in texts]
        states = [state(own, email="ana@lopez.io", city="Trondheim"), state(other, name="Petronella")]
        return list(compare_requests(AttackRun(attack, requests=tuple(asked)), states))

    assert told("forget ana@lopez.io") == []
    assert told(f"memory {own}") == [f"a request has '{own}', which is of the database"]
    assert told(f"memory {other}") == [f"a request has '{other}', which is of the database"]
    assert told("she lives in trondheim") == ["a request has 'Trondheim', which is of the database"]
    assert told("like petronella") == ["a request has 'Petronella', which is of the database"]
    assert told("hello", "you said Petronella") == []
    assert told("1", "2", "3") == ["3 requests, expected at most 2"]
