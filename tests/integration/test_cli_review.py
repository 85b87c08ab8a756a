"""`memreg review` as it is called: the list, the walk line by line, and answers by scripts."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from click.testing import CliRunner, Result

from memreg.api.engine import Engine
from memreg.cli.main import memreg
from memreg.core.database import Database
from tests.support.people import engine_of, person, register, say

TEXT = """
schema: people
classes:
  Person:
    columns:
      name:  {dtype: string, required: true}
      email: {dtype: string, normalize: [email], pii: true}
      city:  {dtype: string}
      notes: {dtype: text}
    annotation:
      searchable: {name: 3, city: 1}
      identity: [{columns: [email], strength: strong}]
"""


@pytest.fixture
def engine(database: Database) -> Engine:
    register(database, TEXT)
    engine = engine_of(database)
    say(engine, "1", person(name="Ana Maria Lopez", email="ana@x.org", city="Oslo", notes="pilot"))
    say(engine, "2", person(name="Ana Maria Lopez", email="other@y.org", city="Oslo", notes="tea"))
    say(engine, "3", person(name="Bo Berg", email="bo@x.org", city="Rome"))
    say(engine, "4", person(name="Zoe Quist", email="bo@x.org", city="Ystad"))
    return engine


class Shell:
    """Runs commands on a database, with lines as a person types them."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, *arguments: object, said: str = "", status: int = 0) -> Result:
        told = [str(each) for each in arguments]
        done = CliRunner().invoke(memreg, [*told, "--database", self.url], input=said, env={"COLUMNS": "80"})
        assert done.exit_code == status, done.output
        return done

    def json(self, *arguments: object) -> Any:
        return json.loads(self(*arguments, "--json").stdout)


@pytest.fixture
def shell(database_url: str) -> Shell:
    return Shell(database_url)


def ages_out_of(told: str) -> str:
    """A list as it is at any time."""
    return re.sub(r"\d+ seconds? old", "", told)


def test_the_list_fits_and_hides_what_is_personal(shell: Shell, engine: Engine) -> None:
    told = shell("review").output
    assert "possible_duplicate Person" in told
    assert "identity_contradiction Person" in told
    assert "2 open: 1 identity_contradiction of Person, 1 possible_duplicate of Person." in told
    assert "ana@x.org" not in told
    assert all(len(line) <= 80 for line in told.splitlines())
    assert ages_out_of(shell("review", "list").output) == ages_out_of(told)
    assert "ana@x.org" in shell("review", "--reveal", "--by", "eva").output
    assert [str(each.action) for each in engine.audit(action="REVEAL")] == ["REVEAL"]


def test_a_script_lists_and_answers(shell: Shell, engine: Engine) -> None:
    found = shell.json("review")
    assert (found["total"], found["masked"]) == (2, True)
    assert {(each["kind"], each["count"]) for each in found["counts"]} == {
        ("possible_duplicate", 1),
        ("identity_contradiction", 1),
    }
    item = next(each for each in found["items"] if each["kind"] == "possible_duplicate")
    assert item["verdicts"] == ["merge", "apart"]
    assert item["times"] == 1
    assert item["age"] >= 0
    done = shell.json("review", "settle", item["id"], "merge", "--by", "eva")
    assert (done["verdict"], len(done["acts"])) == ("merged", 1)
    assert len(engine.list("Person")) == 2
    assert shell.json("review", "reopen", item["id"])["verdict"] == "open"
    assert len(engine.list("Person")) == 3
    refused = shell("review", "settle", item["id"], "right", status=1)
    assert "the answer is merge or apart" in refused.output


def test_the_walk_merges_side_by_side(shell: Shell, engine: Engine) -> None:
    told = shell("review", "walk", "--kind", "possible_duplicate", "--by", "eva", said="m\ny\n").output
    assert "1 open: 1 possible_duplicate of Person." in told
    rows = [" ".join(line.split()) for line in told.splitlines()]
    assert "name = Ana Maria Lopez Ana Maria Lopez" in rows
    assert "email ≠ ••• •••" in rows
    assert "notes ≠ tea pilot" in rows
    assert "A would go into B:" in rows
    assert "1 answered, 0 skipped, none is open any more." in rows
    assert all(len(line) <= 80 for line in told.splitlines() if ">" not in line)
    assert len(engine.list("Person")) == 2


def test_the_walk_lets_choose_whose_values_stay(shell: Shell, engine: Engine) -> None:
    said = "m\nemail=nobody\nemail=other\nx\nn\nm\nemail=other\ny\n"
    told = shell("review", "walk", "--kind", "possible_duplicate", said=said).output
    assert "it must be keep, other or both" in told
    assert "B would go into A:" in told
    (left,) = (each for each in engine.list("Person") if each.values["name"] == "Ana Maria Lopez")
    assert left.values["email"] == "other@y.org"


def test_the_walk_takes_the_last_answer_back(shell: Shell, engine: Engine) -> None:
    told = shell("review", "walk", "--kind", "possible_duplicate", said="u\na\n").output
    assert "There is no answer to undo yet." in told
    assert "apart: they are two, and nobody is asked about them again" in told
    (again,) = (row for row in [shell.json("review")])
    assert again["total"] == 1
    told = shell("review", "walk", said="r\n").output
    assert "none is open any more" in told
    engine.reopen(_settled(engine, "possible_duplicate"), by="eva")
    engine.reopen(_settled(engine, "identity_contradiction"), by="eva")
    told = shell("review", "walk", said="a\nu\ns\ns\n").output
    assert "apart is taken back: the question is open again." in told
    assert "0 answered, 2 skipped, 2 still open." in told


def test_the_walk_undoes_a_wrong_decision(shell: Shell, engine: Engine) -> None:
    told = shell("review", "walk", "--kind", "identity_contradiction", said="what\ne\nw\n").output
    assert "'what' is none of r, w, s, e, u, q." in told
    assert "UPDATE by rule 9, identity" in told
    assert "undone" in told
    assert {each.values["name"] for each in engine.list("Person")} == {"Ana Maria Lopez", "Bo Berg"}


def test_the_walk_asks_how_where_something_was_built_on_it(shell: Shell, engine: Engine) -> None:
    say(engine, "5", person(name="Zoe Quist", email="bo@x.org", notes="later"))
    told = shell("review", "walk", "--kind", "identity_contradiction", said="w\n\nw\nc\n").output
    assert "built on it" in told
    assert "1 answered" in told
    assert {each.values["name"] for each in engine.list("Person")} == {"Ana Maria Lopez", "Bo Berg"}


def test_the_walk_shows_personal_values_only_when_asked_and_writes_it_down_once(shell: Shell, engine: Engine) -> None:
    assert "bo@x.org" not in shell("review", "walk", said="s\ns\n").output
    assert engine.audit(action="REVEAL") == []
    told = shell("review", "walk", "--reveal", "--by", "eva", said="s\ns\n").output
    assert "bo@x.org" in told
    assert "other@y.org" in told
    assert len(engine.audit(action="REVEAL")) == 1


def test_a_walk_with_personal_values_shows_what_is_there_now(shell: Shell, engine: Engine) -> None:
    say(engine, "5", person(name="Ana Maria Lopez", email="third@z.org", city="Oslo", notes="late"))
    told = shell(
        "review", "walk", "--kind", "possible_duplicate", "--reveal", "--by", "eva", said="m\nemail=other\ny\ns\n"
    )
    first, second = told.output.split("merged: ")
    assert "ana@x.org" in first
    assert "other@y.org" in second
    assert "ana@x.org" not in second, "the memory of the second question has another value since the merge"
    assert len(engine.audit(action="REVEAL")) == 2, "values that changed since were seen once more"


def test_the_walk_reads_no_more_of_a_long_queue_than_it_shows(
    shell: Shell, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[int] = []
    review = Engine.review

    def counted(self: Engine, **asked: Any) -> Any:
        limits.append(asked["limit"])
        return review(self, **asked)

    monkeypatch.setattr(Engine, "review", counted)
    assert engine.list("Person")
    told = shell("review", "walk", said="s\ns\n").output
    assert "2 open" in told
    assert "0 answered, 2 skipped, 2 still open." in told
    assert limits == [1, 2, 3]


def test_the_end_of_the_input_ends_the_walk(shell: Shell, engine: Engine) -> None:
    assert "0 answered, 0 skipped, 2 still open." in shell("review", "walk").output
    assert "0 answered, 0 skipped, 2 still open." in shell("review", "walk", said="q\n").output
    assert engine.review().total == 2


def test_options_before_a_command_are_not_lost(shell: Shell, engine: Engine) -> None:
    assert engine.review().total == 2
    assert "goes behind" in shell("review", "--kind", "dead_letter", "walk", status=2).output
    assert "for scripts" in shell("review", "walk", "--json", status=2).output


def test_why_not_is_told(shell: Shell, engine: Engine) -> None:
    entry = engine.audit(message_id="4")[0]
    other = next(each.id for each in engine.list("Person") if each.values["name"] == "Ana Maria Lopez")
    told = shell("explain", entry.audit_id, "--why-not", other).output
    assert f"Why not memory {other}: key of another" in told
    assert all(len(line) <= 80 for line in told.splitlines())
    facts = shell.json("explain", entry.audit_id, "--why-not", other)["facts"]
    assert facts["why_not"]["verdict"] == "key_of_another"


def _settled(engine: Engine, kind: str) -> Any:
    from tests.support.people import rows

    return next(row["id"] for row in rows(engine.database, "reviews") if row["kind"] == kind)
