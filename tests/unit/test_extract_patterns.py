"""The patterns extractor: what it reads, which pattern wins, and that hostile text stays cheap."""

from __future__ import annotations

import asyncio

from memreg.engine.extract import MAX_PROPOSALS, AsyncExtractor, Extractor
from memreg.engine.model import Message, Proposal, Refused
from memreg.engine.patterns import LONGEST_SENTENCE, AsyncPatternsExtractor, PatternsExtractor, extract, sentences
from memreg.registry.models import ClassSpec, Column, Dtype, Kind, Pattern, SchemaSpec, SchemaVersion, Status

STRING = Dtype(Kind.STRING)


def schema(**patterns: list[str | Pattern]) -> SchemaSpec:
    """A schema of one class per keyword, with its patterns."""
    return SchemaSpec(
        "test",
        tuple(
            ClassSpec(
                name,
                (Column("name", STRING), Column("born", Dtype(Kind.DATE)), Column("email", STRING)),
                patterns=tuple(each if isinstance(each, Pattern) else Pattern(each) for each in given),
            )
            for name, given in patterns.items()
        ),
    )


PERSON = schema(Person=["{name} was born on {born}", "{name} lives in {city}", Pattern("forget {email}", "delete")])


def values(text: str, spec: SchemaSpec = PERSON) -> list[dict[str, str]]:
    return [dict(proposal.values) for proposal in extract(text, spec).proposals]


def test_a_pattern_fills_its_places() -> None:
    (proposal,) = extract("Ana Lopez was born on 1990-02-01.", PERSON).proposals
    assert proposal == Proposal(
        "Person",
        {"name": "Ana Lopez", "born": "1990-02-01"},
        evidence="Ana Lopez was born on 1990-02-01",
    )


def test_values_are_left_as_they_are_said() -> None:
    assert values("Ana was born on 2026-02-30") == [{"name": "Ana", "born": "2026-02-30"}]
    assert values("Ana was born on 3", schema(Person=["{name} was born on {born:d}"])) == [{"name": "Ana", "born": "3"}]


def test_case_and_white_space_do_not_matter() -> None:
    assert values("ANA  LOPEZ\tWas   Born on 1990-02-01") == [{"name": "ANA LOPEZ", "born": "1990-02-01"}]


def test_delete_anywhere_in_a_sentence_with_the_evidence() -> None:
    (proposal,) = extract("Oh, and please forget ana@lopez.io!", PERSON).proposals
    assert (proposal.operation, dict(proposal.values)) == ("delete", {"email": "ana@lopez.io"})
    assert proposal.evidence == "forget ana@lopez.io"


def test_only_whole_words() -> None:
    assert values("I will not unforget ana@lopez.io") == []
    assert values("He is forgetful", schema(Person=["forget {email}", "is {name}ful friend"])) == []


def test_several_objects_in_the_order_of_the_text() -> None:
    text = "Bob lives in Rome. Ana was born on 1990-02-01; Forget x@y.z\nEve lives in Oslo"
    assert values(text) == [
        {"name": "Bob", "city": "Rome"},
        {"name": "Ana", "born": "1990-02-01"},
        {"email": "x@y.z"},
        {"name": "Eve", "city": "Oslo"},
    ]


def test_a_pattern_of_words_at_both_ends_matches_several_times_in_a_sentence() -> None:
    spec = schema(Person=["call {name} now"])
    assert values("call Ana now and call Bob now", spec) == [{"name": "Ana"}, {"name": "Bob"}]


def test_abbreviations_and_initials_do_not_end_a_sentence() -> None:
    assert list(sentences("Dr. J. Smith lives in St. Ives. So do I. Right?")) == [
        "Dr. J. Smith lives in St. Ives",
        "So do I",
        "Right",
    ]
    assert list(sentences("mail ana@lopez.io costs 3.50 v1.2")) == ["mail ana@lopez.io costs 3.50 v1.2"]


def test_the_pattern_with_more_words_of_its_own_wins_the_same_words() -> None:
    spec = schema(Event=["{name} on {born}"], Person=["{name} was born on {born}"])
    (proposal,) = extract("Ana was born on 1990-02-01", spec).proposals
    assert (proposal.class_name, dict(proposal.values)) == ("Person", {"name": "Ana", "born": "1990-02-01"})


def test_equal_words_of_different_classes_both_stand_in_declared_order() -> None:
    spec = schema(Person=["{name} works at {firm}"], Company=["works at {name}"])
    assert [(p.class_name, dict(p.values)) for p in extract("Ana works at Acme", spec).proposals] == [
        ("Person", {"name": "Ana", "firm": "Acme"}),
        ("Company", {"name": "Acme"}),
    ]


def test_equal_words_of_one_class_the_one_with_more_places_wins() -> None:
    spec = schema(Person=["works at {firm}", "{name} works at {firm}", "{email} works at {firm}"])
    assert values("Ana works at Acme", spec) == [{"name": "Ana", "firm": "Acme"}]


def test_places_lose_trailing_punctuation_and_quotes() -> None:
    spec = schema(Note=["note {name} ok", "title {name}"])
    assert values("note this: ok", spec) == [{"name": "this"}]
    assert values('title "Dune", ', spec) == [{"name": "Dune"}]
    assert values("title ...", spec) == []


def test_the_mark_that_ends_a_pattern_is_ignored() -> None:
    assert values("Ana lives in Oslo", schema(P=["{name} lives in {city}."])) == [{"name": "Ana", "city": "Oslo"}]
    assert values("Ana lives in Oslo", schema(P=["{name}."])) == []
    assert values("Is Ana in Oslo? Yes", schema(P=["is {name} in {city}?"])) == [{"name": "Ana", "city": "Oslo"}]


def test_a_date_or_number_right_after_a_place_is_one_word() -> None:
    spec = schema(P=["I give {name} {born} stars", "the {city} {name} is open"])
    assert values("I give Bistro du Nord 5 stars", spec) == [{"name": "Bistro du Nord", "born": "5"}]
    assert values("the cafe Bistro du Nord is open", spec) == [{"city": "cafe", "name": "Bistro du Nord"}]


def test_anonymous_places_braces_and_repeated_places() -> None:
    assert values("I met Ana in Rome", schema(P=["I met {name} in {}"])) == [{"name": "Ana"}]
    assert values("tag {x} Ana", schema(P=["tag {{x}} {name}"])) == [{"name": "Ana"}]
    assert values("Ana loves Ana", schema(P=["{name} loves {name}"])) == [{"name": "Ana"}]
    assert values("Ana loves Bob", schema(P=["{name} loves {name}"])) == []


def test_regular_expression_characters_are_plain() -> None:
    assert values("cost (a+)+ Ana", schema(P=["cost (a+)+ {name}"])) == [{"name": "Ana"}]
    assert values("cost aaaa Ana", schema(P=["cost (a+)+ {name}"])) == []


def test_nothing_to_find() -> None:
    assert extract("", PERSON).proposals == ()
    assert extract("Hello there.", PERSON).proposals == ()
    assert extract("Ana lives in Oslo", schema(Person=[])).proposals == ()
    assert extract("lives in Oslo", PERSON).proposals == ()
    assert extract("Ana lives in ", PERSON).proposals == ()


def test_hostile_text_of_a_megabyte_is_read_to_the_end() -> None:
    spec = schema(Person=["{name} x {city} x {email} x", "a {name} b", "{name} lives in {city}"])
    hostile = ("x " * 900 + "y. ") * 600 + "\n" + "a" * 300_000 + "\n" + " " * 300_000 + "\nAna lives in Oslo"
    found = extract(hostile, spec)
    assert dict(found.proposals[-1].values) == {"name": "Ana", "city": "Oslo"}
    assert found.refused == (Refused(f"1 sentence(s) of more than {LONGEST_SENTENCE:,} characters were not read"),)


def test_more_matches_than_the_bound_are_a_problem() -> None:
    found = extract("Ana lives in Oslo\n" * (MAX_PROPOSALS + 5), PERSON)
    assert len(found.proposals) == MAX_PROPOSALS
    assert "more than 1,000 times" in found.refused[0].reason


def test_the_extractors_fulfil_the_protocols() -> None:
    version = SchemaVersion(PERSON, 1, Status.ACTIVE, "f")
    message = Message("Ana lives in Oslo")
    blocking: Extractor = PatternsExtractor()
    waiting: AsyncExtractor = AsyncPatternsExtractor()
    found = blocking.extract(message, version)
    assert found == asyncio.run(waiting.extract(message, version))
    assert found.extractor == "patterns"
