"""Every decision is explained from its audit entry alone: the rule, the values that met, the parts of the score."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from pathlib import Path

import pytest

from memreg.api.engine import Engine
from memreg.cli.output import json_text
from memreg.core.database import Database
from memreg.core.queries import Query
from memreg.engine.calibration import Calibration
from memreg.engine.decide import rule_sentence
from memreg.engine.explain import explain
from memreg.engine.explain_facts import cost_of
from memreg.engine.model import Action, Message, Proposal
from memreg.engine.record import Record
from memreg.engine.score import FEATURES, score
from memreg.engine.statistics import FIRST_SNAPSHOT, Statistics
from memreg.operations.kill_switch import switch
from memreg.operations.usage import Prices
from memreg.testing.walks import load_walk, run_walk, walk_files
from tests.support.engines import people, say
from tests.support.replay import rows


def unwrapped(text: str) -> str:
    """The text without its line breaks."""
    return " ".join(text.split())


def assert_fits(text: str) -> None:
    """No line is longer than a terminal is wide, but for a single word that is."""
    assert not [line for line in text.split("\n") if len(line) > 80 and len(line.split()) > 2]


SNAPSHOTS = Query(
    "snapshots",
    "Every snapshot.",
    "select snapshot, change, documents, frequencies, model from memreg.calibrations where tenant = %(tenant)s",
)
WALKS = Path(__file__).parents[2] / "fixtures" / "walks"
ENDS = {path.stem[:2]: path for path in reversed(walk_files(WALKS))}


@pytest.mark.parametrize("path", ENDS.values(), ids=lambda path: path.stem)
def test_each_rule_is_explained_in_words(path: Path, database: Database) -> None:
    walk = load_walk(path)
    run = run_walk(walk, database)
    engine = Engine(database, tenant="walk", schema=walk.schema.name)
    decision = run.decisions[-1]
    explained = engine.explain(decision.audit_id)
    assert explained.audit_id == decision.audit_id
    rule = explained.facts["rule"]
    assert rule["number"] == walk.ends_in
    assert rule["sentence"] == rule_sentence(rule["basis"], explained.facts["operation"])
    assert_fits(explained.text)
    text = unwrapped(explained.text)
    assert text.startswith(f"{decision.action} by rule {walk.ends_in}, {decision.basis}: {rule['sentence']}")
    for reason in decision.reasons:
        assert " ".join(reason.split()) in text
    rules = explained.facts["rules"]
    if not explained.facts["follows"]:
        assert [each["number"] for each in rules if each["outcome"] == "fired"] == [walk.ends_in]
    assert all(bool(each["why"]) == (each["number"] < walk.ends_in) for each in rules)
    assert "in force" in explained.text
    assert "thresholds 0.80/0.55" in explained.text
    if decision.memory_id is not None:
        assert str(decision.memory_id) in explained.text


def test_a_score_is_explained_by_its_parts_and_what_met(database: Database) -> None:
    engine = people(database)
    ana = say(engine, name="Ana Lopez", city="Oslo", born="1990-05-01", email="ana@x.io")
    decision = say(engine, name="Ana Lopes", city="Oslo", born="1990-05-02", email="ana@y.io")
    explained = engine.explain(decision.audit_id)
    (candidate,) = explained.facts["candidates"]
    assert candidate["memory_id"] == str(ana.memory_id)
    assert candidate["score"] == pytest.approx(decision.score)
    parts = {part["name"]: part for part in candidate["parts"]}
    assert set(parts) == {feature.__name__ for feature in FEATURES}
    assert parts["naming"]["met"] == ["name near: ana, lopes~lopez"]
    assert parts["compared_values"]["met"] == ["born contained: 1990-05-02 / 1990-05-01"]
    assert parts["identity_values"]["met"] == ["email most: ana@y.io / ana@x.io"]
    log_odds = sum(part["amount"] for part in candidate["parts"])
    assert 1 / (1 + math.exp(-log_odds)) == pytest.approx(candidate["score"], abs=1e-3)
    for words in (
        "'Ana Lopes' ≠ 'Ana Lopez'",
        "'Oslo' = 'Oslo'",
        "naming",
        "compared_values",
        f"{decision.score:.4f}",
    ):
        assert words in explained.text


def test_a_key_is_explained_by_the_values_that_met(database: Database) -> None:
    engine = people(database)
    ana = say(engine, name="Ana Lopez", email="ana@lopez.io")
    decision = engine.ingest(
        Message("Ana now lives in Oslo", "m1"),
        proposals=[Proposal("Person", {"email": "ANA@lopez.io", "city": "Oslo"}, evidence="lives in Oslo")],
    ).decisions[0]
    explained = engine.explain(decision.audit_id)
    assert re.search(
        rf"keys email \(strong\) 'ana@lopez.io' met 'ana@lopez.io' of memory {ana.memory_id}", unwrapped(explained.text)
    )
    assert "city: nothing → 'Oslo'" in explained.text
    assert "evidence  “lives in Oslo”" in explained.text
    assert "message   m1 (user): Ana now lives in Oslo" in explained.text
    assert "email was said as 'ANA@lopez.io'" in explained.text


def test_it_is_explained_as_it_was_then(database: Database) -> None:
    engine = people(database)
    ana = say(engine, name="Ana Lopez", email="ana@lopez.io", city="Oslo")
    decision = say(engine, email="ana@lopez.io", city="Bergen")
    before = engine.explain(decision.audit_id)
    say(engine, email="ana@lopez.io", city="Rome", name="Someone Else")
    assert say(engine, operation="delete", email="ana@lopez.io").action is Action.DELETE
    after = engine.explain(decision.audit_id)
    since, then = ({**each.facts}.pop("since") for each in (after, before))
    assert {**after.facts, "since": None} == {**before.facts, "since": None}
    assert (len(then["built_on"]), len(since["built_on"])) == (0, 2)
    assert then["undo"]["command"] == f"memreg undo {decision.audit_id}"
    assert since["undo"]["command"] == f"memreg undo {decision.audit_id} --cascade"
    assert "city: 'Oslo' → 'Bergen'" in after.text
    assert after.facts["memory_id"] == ana.memory_id


def test_a_replayed_message_names_the_first_entries(database: Database) -> None:
    engine = people(database)
    first = engine.ingest(Message("Ana Lopez writes from ana@lopez.io.", "m1"))
    again = engine.ingest(Message("Ana Lopez writes from ana@lopez.io.", "m1"))
    assert engine.explain(again.decisions[0].audit_id).text == engine.explain(first.decisions[0].audit_id).text


def test_a_score_can_be_made_again_from_the_audit(database: Database) -> None:
    """With the snapshot that the entry names, although newer ones were taken since."""
    engine = people(database)
    for number in range(FIRST_SNAPSHOT):
        say(engine, "Note", title=f"topic{number} common words")
    decision = say(engine, "Note", title="topic3 common phrases")
    for number in range(FIRST_SNAPSHOT):
        say(engine, "Note", title=f"other{number} phrases")
    version = engine.version()
    spec, annotation = version.spec.by_name["Note"], version.annotation_of("Note")
    facts = engine.explain(decision.audit_id).facts
    assert facts["snapshot"] == 1
    snapshots = {row["snapshot"]: row for row in rows(database, SNAPSHOTS, "default")}
    assert len(snapshots) > 1
    taken = snapshots[facts["snapshot"]]
    known = Statistics(
        taken["snapshot"],
        taken["documents"],
        taken["frequencies"],
        taken["change"],
        Calibration.from_json(taken["model"]),
    )
    told = [candidate for candidate in facts["candidates"] if candidate["parts"]]
    assert told
    for candidate in told:
        mine = Record.of(facts["details"]["values"], spec, annotation)
        theirs = Record.of(candidate["values"], spec, annotation)
        assert score(mine, theirs, known).value == pytest.approx(candidate["score"])


def test_what_follows_from_another_decision_is_not_explained_by_a_rule(database: Database) -> None:
    walk = load_walk(next(path for path in walk_files(WALKS) if path.stem == "05_delete_takes_along_and_clears"))
    run = run_walk(walk, database)
    engine = Engine(database, tenant="walk", schema=walk.schema.name)
    followed = engine.explain(run.decisions[-1].audit_id)
    assert followed.facts["follows"]
    assert followed.facts["rules"] == []
    assert "it follows from what was done to another memory" in unwrapped(followed.text)
    assert_fits(followed.text)


def test_an_undo_and_what_it_undid_are_told_of_each_other(database: Database) -> None:
    engine = people(database)
    say(engine, name="Ana Lopez", email="ana@x.io", city="Oslo")
    decision = say(engine, email="ana@x.io", city="Rome")
    (done,) = engine.undo(decision.audit_id, by="eva", why="another Ana").undone
    was, undo = engine.explain(decision.audit_id), engine.explain(done.audit_id)
    assert was.facts["since"]["undone_by"]["actor"] == "eva"
    assert was.facts["since"]["undo"]["command"] == f"memreg undo {done.audit_id}"
    assert undo.text.startswith("UNDO by eva: A person did this, not a rule.")
    assert "because another Ana" in undo.text
    assert f"UPDATE identity {decision.audit_id}" in undo.text
    assert "city: 'Rome' → 'Oslo'" in undo.text
    engine.undo(done.audit_id, by="bo")
    again = engine.explain(decision.audit_id).facts["since"]
    assert (again["undone_by"], again["built_on"]) == (None, [])
    assert engine.explain(done.audit_id).facts["since"]["undone_by"]["actor"] == "bo"


def test_a_merge_is_told_with_every_memory_that_it_changed(database: Database) -> None:
    engine = people(database)
    one = say(engine, name="Ana Lopez", email="ana@x.io", city="Oslo").memory_id
    other = say(engine, name="Wolfgang Schmidt", email="w@x.io", city="Rome").memory_id
    assert one is not None
    assert other is not None
    done = engine.merge(one, other, by="eva", prefer={"city": "other"})
    assert done.audit_id is not None
    explained = engine.explain(done.audit_id)
    changes = {change["memory_id"]: change for change in explained.facts["changes"]}
    assert changes[other]["what"] == f"went into {one}"
    assert changes[one]["columns"] == [{"column": "city", "before": "Oslo", "after": "Rome"}]
    assert changes[one]["keys_gained"] == ["email"]
    assert "city: 'Oslo' and 'Rome' → 'Rome'" in unwrapped(explained.text)
    assert_fits(explained.text)


def test_entries_about_no_memory_are_explained(database: Database) -> None:
    engine = people(database)
    switch(database, "default", "people", "Person", on=True, by="eva", reason="odd scores")
    engine.review(reveal=True, by="eva")
    entries = {entry.action: entry for entry in engine.audit()}
    for action in (Action.SWITCH, Action.REVEAL):
        explained = engine.explain(entries[action].audit_id)
        assert explained.text.startswith(f"{action} by eva: A person did this")
        assert explained.facts["since"]["undo"]["command"] is None
        assert explained.facts["rules"] == []


def test_what_a_model_cost_is_told_where_prices_are_set(database: Database) -> None:
    engine = people(database)
    say(engine, name="Ana Lopez")
    entry = engine.audit()[0].audit_id
    row = {"tokens_in": 2_000, "tokens_out": 500}
    prices = Prices(Decimal("0.15"), Decimal("0.60"))
    told = database.run("default", lambda: explain("default", "people", entry, cost=prices.cost))
    assert told.facts["cost"] is None  # no model was asked
    assert cost_of(row, prices.cost) == "0.0006"
    assert cost_of(row, Prices().cost) is None
    assert cost_of({"tokens_in": None, "tokens_out": None}, prices.cost) is None


def test_the_facts_are_one_json_document(database: Database) -> None:
    engine = people(database)
    ana = say(engine, name="Ana Lopez", city="Oslo", born="1990-05-01", email="ana@x.io")
    decision = say(engine, name="Ana Lopes", city="Oslo", born="1990-05-02", email="ana@y.io")
    facts = json.loads(json_text(engine.explain(decision.audit_id, why_not=ana.memory_id)))["facts"]
    assert " ".join(sorted(facts)) == (
        "action actor after annotated annotation annotation_model annotation_source approved_at approved_by attempts "
        "basis before calibration candidates changes class conflicts cost created_at details erased_at evidence "
        "extractor follows is_gone keys kind latency_ms memory_id message_at message_id message_received_at "
        "message_role message_session message_text model operation ordinal prompt_hash proposal reasons revision rule "
        "rules schema score since snapshot thresholds tokens_in tokens_out took_ms undoes unresolved version why "
        "why_not"
    )
    assert " ".join(facts["rules"][0]) == "number basis when outcome why"
    assert " ".join(facts["since"]) == "undone_by built_on built_on_total undo questions judgements"
    assert " ".join(facts["why_not"]) == "memory_id verdict reasons then keys meets candidate"


def test_what_a_person_was_asked_and_found_out_is_part_of_the_story(database: Database) -> None:
    engine = people(database)
    say(engine, name="Ana Lopez", email="ana@x.io", city="Lisbon", born="1990-05-01")
    decision = say(engine, name="Zoe Quist", email="ana@x.io", city="Ystad", born="1950-01-01")
    (item,) = engine.review(kind="identity_contradiction").items
    asked = engine.explain(decision.audit_id)
    assert f"asked identity_contradiction, open; memreg review settle {item.id}" in unwrapped(asked.text)
    (act,) = engine.settle(item.id, "wrong", by="eva").acts
    told = engine.explain(decision.audit_id)
    assert "asked identity_contradiction: wrong by eva" in unwrapped(told.text)
    assert "judged false_update by eva" in unwrapped(told.text)
    assert "answered identity_contradiction: wrong by eva" in unwrapped(engine.explain(act).text)
    assert_fits(told.text)


def test_what_was_erased_is_told_to_be_gone(database: Database) -> None:
    engine = people(database)
    ana = say(engine, name="Ana Lopez", email="ana@x.io", city="Oslo")
    update = say(engine, email="ana@x.io", city="Rome")
    bo = say(engine, name="Bo Berg", city="Rome")
    assert ana.memory_id is not None
    engine.erase(ana.memory_id, by="eva", dry_run=False)
    for audit_id in (ana.audit_id, update.audit_id):
        told = engine.explain(audit_id)
        assert (told.facts["is_gone"], told.facts["rules"], told.facts["follows"]) == (True, [], False)
        assert "its values were erased for good on" in told.text
        assert "cannot be told any more" in told.text
        assert told.facts["since"]["undo"]["command"] is None
    assert engine.explain(bo.audit_id).facts["since"]["undo"]["command"] == f"memreg undo {bo.audit_id}"
    assert "values of it were erased for good" in engine.explain(bo.audit_id).text
    erase = next(entry for entry in engine.audit() if entry.action is Action.ERASE)
    assert engine.explain(erase.audit_id).facts["since"]["undo"]["command"] is None


def test_rules_that_say_the_same_are_one_line(database: Database) -> None:
    engine = people(database)
    text = engine.explain(say(engine, name="Ana Lopez").audit_id).text
    assert "3-6 of deletes: no, it is no delete" in text
    assert "10-12 score, partial_identity, possible_duplicate: no, there was no candidate" in unwrapped(text)
