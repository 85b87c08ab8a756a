"""Annotating by the command: what a model's call costs, what it may see, what a person is told before approving."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from memreg.testing import ScriptedServer, answer, content
from tests.support.command import Command

CONTACTS = """\
schema: contacts
classes:
  Person:
    columns:
      name:  {dtype: string, desc: Full name, required: true}
      email: {dtype: string, desc: E-mail, pii: true, normalize: [email]}
      vip:   {dtype: boolean}
    patterns: ["{name} writes from {email}"]
  Contact:
    columns:
      name:  {dtype: string, required: true}
      mail:  {dtype: string, pii: true, normalize: [email]}
      site:  {dtype: string}
"""
KEY = {"columns": ["email"], "strength": "shared", "confidence": 0.6, "rationale": "an address is one person's"}
ANSWER: dict[str, Any] = {
    "classes": [
        {"class": "Person", "searchable": {"name": 3}, "compare": [], "identity": [KEY], "confidence": 0.8,
         "rationale": "by name"},
        {"class": "Contact", "searchable": {"name": 3}, "compare": [], "confidence": 0.8, "rationale": "by name",
         "identity": [{**KEY, "columns": ["mail"], "strength": "strong", "confidence": 0.95}]},
    ]
}  # fmt: skip
NOTES = (
    "Note: Person: low confidence of the identity key email (0.6), below 0.7",
    (
        "Note: Person and Contact overlap: 2 of 3 columns are the same (name, email); both are identified by email;"
        " both names stand for people."
    ),
)
OTHERWISE = (
    (
        "Note: Person: email is shared here; the rules would call it strong (confidence 0.95: an e-mail address"
        " belongs to one object)."
    ),
    "Note: Person: vip is not compared here; the rules would compare it.",
    (
        "Note: Contact: site is no key here; the rules would make it strong (confidence 0.5: a guess: a site can"
        " be that of several objects)."
    ),
)


@pytest.fixture
def asking(memreg: Command) -> Iterator[tuple[Command, ScriptedServer]]:
    """The command with a scripted model; `contacts.yaml` is in its folder."""
    (memreg.folder / "contacts.yaml").write_text(CONTACTS)
    with ScriptedServer([answer(ANSWER, usage=(512, 99))] * 9) as model:
        settings = {"MEMREG_LLM_BASE_URL": model.base_url, "MEMREG_LLM_MODEL": "m", "MEMREG_LLM_MAX_RETRIES": "0"}
        yield Command(memreg.folder, {**memreg.settings, **settings}), model


def test_a_dry_run_says_what_it_would_cost_and_does_nothing(asking: tuple[Command, ScriptedServer]) -> None:
    memreg, model = asking
    prices = {"MEMREG_LLM_PRICE_IN": "1", "MEMREG_LLM_PRICE_OUT": "2"}
    memreg = Command(memreg.folder, {**memreg.settings, **prices})
    told = memreg("register", "contacts.yaml", "--dry-run").stdout
    first, _, call, *rest = told.splitlines()
    assert first == "It would be contacts@1, the first."
    assert call.startswith("One call of m: about ")
    assert "(no rows sent)" in call and "of answer, about 0.00" in call
    assert rest[0] == "Nothing was done." and rest[1].startswith("Next: memreg register contacts.yaml --fingerprint ")
    found = memreg.json("register", "contacts.yaml", "--dry-run")
    assert found["dry_run"] is True
    estimate = found["call"]["estimate"]
    assert estimate["tokens_in"] > 300 and estimate["cost"] > 0
    assert "\nNo call:" in memreg("register", "contacts.yaml", "--annotate", "heuristic", "--dry-run").stdout
    assert memreg.json("schemas") == []
    assert not model.requests


def test_the_cost_before_and_after_the_call_and_never_twice(asking: tuple[Command, ScriptedServer]) -> None:
    memreg, model = asking
    before, after = memreg("register", "contacts.yaml").stderr.splitlines()
    assert before.startswith("One call of m: about ")
    assert after == "scripted-model took 512 tokens of prompt and 99 of answer."
    told = memreg("annotate", "contacts").stderr
    assert told == "No call: reused from contacts@1, annotation 1; --fresh asks again.\n"
    assert len(model.requests) == 1
    assert memreg("annotate", "contacts", "--dry-run").stdout.startswith("No call: reused from contacts@1")
    call = memreg.json("annotate", "contacts", "--fresh")["call"]
    assert call["spent"]["tokens_in"] == 512 and call["estimate"]["model"] == "m"
    assert len(model.requests) == 2
    memreg("annotate", "contacts", "--annotate", "heuristic")
    assert memreg.json("annotate", "contacts")["call"]["reused"]["version"] == "contacts@1"
    assert len(model.requests) == 2
    rows = memreg("annotations", "contacts", "--history").stdout.splitlines()
    sources = [line.split()[3] for line in rows if line.strip()[:1].isdigit()]
    assert sources == ["llm", "llm", "heuristic", "llm"]
    assert "reused from contacts@1" in rows[-2]
    history = memreg.json("annotations", "contacts", "--history")["history"]
    assert [each["tokens_in"] for each in history] == [512, 512, None, 0]
    assert history[0]["classes"]["Person"]["identity"][0]["strength"] == "shared"


def test_rows_are_sent_only_where_somebody_says_so(asking: tuple[Command, ScriptedServer]) -> None:
    memreg, model = asking
    memreg("register", "contacts.yaml", "--annotate", "heuristic")
    for tenant, name in (("acme", "Ana Lopez"), ("other", "Zoe Quist")):
        line = json.dumps({"class": "Person", "values": {"name": name, "email": f"{name[:3]}@lopez.io"}})
        memreg("ingest", "-", "--proposals", "--tenant", tenant, stdin=line)
    told = memreg("annotate", "contacts", "--samples", "3", "--tenant", "acme").stderr
    assert "(1 sample row sent)" in told
    assert '{"name": "Ana Lopez"}' in model.requests[0].user
    assert "Zoe" not in json.dumps(model.requests[0].body) and "@lopez.io" not in json.dumps(model.requests[0].body)
    (memreg.folder / "rows.jsonl").write_text('{"class": "Contact", "values": {"name": "Nord", "mail": "x@y.io"}}\n')
    memreg("annotate", "contacts", "--sample-rows", "rows.jsonl")
    assert 'Rows of Contact:\n{"name": "Nord"}' in model.requests[1].user
    (memreg.folder / "rows.jsonl").write_text('{"class": "Ship", "values": {}}\n')
    told = memreg("annotate", "contacts", "--sample-rows", "rows.jsonl", status=1).stderr
    assert told == "rows.jsonl:1:1: its class must be one of Person, Contact\n"
    told = memreg("annotate", "contacts", "--annotate", "heuristic", "--samples", "3").stderr
    assert told == "No model was asked, so no rows were sent.\n"
    assert "give --samples N" in memreg("annotate", "contacts", "--tenant", "acme", status=2).stderr
    memreg("annotate", "contacts", "--samples", "99", status=2)


def test_what_a_person_is_told_at_each_step(asking: tuple[Command, ScriptedServer]) -> None:
    memreg, _ = asking
    registered = memreg("register", "contacts.yaml").stdout
    for line in NOTES:
        assert line in registered
    assert "the rules would" not in registered
    shown = memreg("annotations", "contacts").stdout
    for line in (*NOTES, *OTHERWISE):
        assert line in shown
    first, second, *_ = memreg.json("annotations", "contacts")["notes"]
    assert (first["kind"], second["kind"]) == ("low_confidence", "overlap")
    approved = memreg("approve", "contacts", "--by", "ana")
    assert approved.stdout.startswith("Approved contacts@1 by ana")
    for line in (*NOTES, *OTHERWISE):
        assert line in approved.stderr
    assert not any("low confidence" in line for line in memreg("annotations", "contacts").stdout.splitlines())


def test_examples_are_of_what_is_stored_and_hide_pii(asking: tuple[Command, ScriptedServer]) -> None:
    memreg, _ = asking
    memreg("register", "contacts.yaml")
    assert "Person: what would be the same and what not, by invented values" in memreg("annotations", "contacts").stdout
    said = (("Ana Lopez", "ana"), ("Anna Lopez", "anna"), ("Zoe Quist", "ana"))
    lines = "".join(f"{name} writes from {mail}@lopez.io\n" for name, mail in said)
    memreg("ingest", stdin=lines, MEMREG_LLM_BASE_URL="")
    shown = memreg("annotations", "contacts").stdout
    assert "Person: what would be the same and what not, by memories of tenant default" in shown
    assert "email is equal, but the names do not agree" in shown
    assert "[email 1, written otherwise]" in shown
    assert "@lopez.io" not in shown.lower()
    assert "ANA@LOPEZ.IO" in memreg("annotations", "contacts", "--show-pii").stdout
    found = memreg.json("annotations", "contacts")["examples"]
    assert found["tenant"] == "default"
    person = next(each for each in found["classes"] if each["class_name"] == "Person")
    assert person["origin"] == "stored"
    outcomes = [example["outcome"] for example in person["keys"]["email"]]
    assert outcomes == ["match"] * 3 + ["apart"] * 3
    nobody = memreg.json("annotations", "contacts", "--tenant", "nobody")["examples"]
    assert nobody["classes"][0]["origin"] == "invented"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("strength: strong", "strength: weak", "must be one of strong, shared, not 'weak'"),
        ("name: 3", "vip: 3", "vip is boolean, and only text is searched: put it under compare"),
    ],
)
def test_what_a_person_writes_is_checked_by_its_line(
    asking: tuple[Command, ScriptedServer], old: str, new: str, words: str
) -> None:
    memreg, _ = asking
    memreg("register", "contacts.yaml")
    text = memreg("annotations", "contacts", "--yaml").stdout
    assert old in text
    (memreg.folder / "edited.yaml").write_text(text.replace(old, new, 1))
    told = memreg("approve", "contacts", "--annotation", "edited.yaml", status=1).stderr.splitlines()
    place = next(line for line in told if words in line).split(":")
    assert place[0] == "edited.yaml" and int(place[1]) > 6 and int(place[2]) > 0
    assert memreg.json("schemas")[0]["status"] == "pending"


def test_an_unsure_class_stays_create_only_until_a_person_approves(asking: tuple[Command, ScriptedServer]) -> None:
    memreg, _ = asking
    memreg = Command(memreg.folder, {**memreg.settings, "MEMREG_AUTO_APPROVE": "0.5"})
    told = memreg("register", "contacts.yaml").stdout
    assert "Registered contacts@1, active" in told
    held = "Person is create-only until a person approves: memreg approve contacts@1, then memreg resolve"
    assert held in told
    assert held in memreg("annotations", "contacts").stdout
    assert "Contact" not in memreg.json("annotations", "contacts")["held_back"]
    assert "every tenant" in memreg("kill-switch", "status").stdout
    said = [{"class": name, "values": {"name": "Ana Lopez", mail: "ana@lopez.io"}}
            for name, mail in (("Person", "email"), ("Contact", "mail")) * 2]  # fmt: skip
    lines = "\n".join(json.dumps(each) for each in said)
    done = memreg.json("ingest", "-", "--proposals", stdin=lines)
    bases = [each["basis"] for result in done["results"] for each in result["decisions"]]
    assert bases == ["kill_switch", "new", "kill_switch", "identity"]
    approved = memreg("approve", "contacts", "--by", "ana")
    assert "low confidence" in approved.stderr
    assert approved.stdout.startswith("Approved contacts@1 by ana: it is active.")
    memreg("resolve")
    assert len(memreg.json("memories")) == 2
    history = memreg("annotations", "contacts", "--history").stdout
    assert "approved by auto-approval" in history and "approved by ana" in history


def test_a_model_that_gives_nothing_leaves_a_draft_and_says_what_it_took(
    asking: tuple[Command, ScriptedServer],
) -> None:
    memreg, model = asking
    model.script([content("I would rather not.", usage=(512, 9))])
    told = memreg("register", "contacts.yaml", status=1).stderr.splitlines()
    assert told[0].startswith("One call of m")
    assert told[1] == "m took 512 tokens of prompt and 9 of answer." or told[1].startswith("scripted-model took 512")
    assert "prose instead of JSON" in told[2]
    assert memreg.json("schemas")[0]["status"] == "draft"
