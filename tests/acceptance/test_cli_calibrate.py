"""`memreg calibrate` as a person uses it: look, learn again, plot, shift, hold; and what it refuses."""

from __future__ import annotations

import json
from typing import Any

from tests.support.command import Command

FIRST, LAST = "Ana Zoe Per Mia Ivo".split(), "Lopez Quist Hagen Wong Babic Sand Berg Stone".split()


def tell(people: Command, count: int) -> None:
    """So many people, each fifth told of again with a slip."""
    lines = []
    for number in range(count):
        name = f"{FIRST[number % 5]} {LAST[number // 5 % 8]}"
        values = {"name": name, "city": ("Oslo", "Lima")[number % 2], "born": f"19{50 + number}-03-11"}
        lines.append({"class": "Person", "values": values})
        if number % 5 == 0:
            lines.append({"class": "Person", "values": values | {"name": name + "s"}})
    people("ingest", "-", "--proposals", stdin="\n".join(map(json.dumps, lines)))


def person(people: Command, *arguments: str) -> dict[str, Any]:
    """The one class in the JSON document."""
    document = people.json("calibrate", "Person", *arguments)
    assert (document["schema"], document["version"], document["tenant"]) == ("people", 1, "default")
    (found,) = document["classes"]
    assert found["class_name"] == "Person"
    return dict(found)


def test_before_anything_is_learned(people: Command) -> None:
    told = people("calibrate").stdout
    assert "Person of people@1 in tenant default" in told
    assert "none yet: the first is due after 32 writes" in told
    assert "promised" in told
    assert "learned from" not in told
    assert "No decision was held against a candidate yet." in told
    found = person(people)
    assert (found["snapshot"], found["taken_at"], found["shift"], found["held"]) == (0, None, 0.0, False)
    assert set(found["columns"][0]["against_strangers"]) == {
        "none", "low", "part", "most", "contained", "near", "equal",
    }  # fmt: skip


def test_learned_again_and_shown(people: Command) -> None:
    tell(people, 20)
    told = people("calibrate", "Person", "--recompute", "--by", "ana", "--why", "to\nsee").stdout
    assert "snapshot   1, taken " in told
    assert "set        snapshot 1 (shift +0.00) by ana" in told
    assert told.count(": to see") == 1  # one line, whatever was typed
    (name, *_) = (line.split() for line in told.splitlines() if line.startswith(" name"))
    assert name[:4] == ["name", "name", "learned", "strangers"]
    assert len(name) == 4 + 7
    assert "---- 0.80 ---- update from here up" in told
    assert "---- 0.55 ---- a question to a person from here up" in told
    found = person(people)
    assert found["learned_from"] == found["scores"]["decisions"] > 0
    assert sum(each["count"] for each in found["scores"]["bins"]) == found["scores"]["decisions"]
    assert sum(found["scores"]["by_basis"].values()) == found["scores"]["decisions"]


def test_every_class_learned_again_leaves_one_without_decisions_out(memreg: Command) -> None:
    text = (memreg.folder / "people.yaml").read_text() + "  Place:\n    columns: {title: {dtype: string}}\n"
    (memreg.folder / "two.yaml").write_text(text)
    memreg("register", "two.yaml")
    memreg("approve", "people", "--by", "ana")
    tell(memreg, 5)
    done = memreg("calibrate", "--recompute", "--by", "ana")
    assert "Place has no decision yet to learn from" in done.stderr
    assert "Person of people@1" in done.stdout
    assert "Place of people@1" in done.stdout
    assert [each["snapshot"] for each in memreg.json("calibrate")["classes"]] == [1, 0]
    refused = memreg("calibrate", "--plot", "scores.svg", status=2).stderr
    assert "Name the CLASS to plot: Person, Place." in refused


def test_shifted_held_and_taken_back(people: Command) -> None:
    told = people("calibrate", "Person", "--shift", "-1.5", "--by", "ana", "--why", "twins").stdout
    assert "Person: shift -1.50, by snapshot 1 from the next decision on." in told
    assert "stood so already" in people("calibrate", "Person", "--shift", "-1.5", "--why", "again").stdout
    people("calibrate", "Person", "--hold", "--by", "bo", "--why", "a demo")
    told = people("calibrate", "Person").stdout
    assert "shift      -1.50 natural log odds on every score: stricter" in told
    assert "held       no snapshot is taken by schedule until --release" in told
    tell(people, 40)
    assert person(people)["snapshot"] == 2
    people("calibrate", "Person", "--shift", "0", "--release", "--by", "ana", "--why", "as learned")
    found = person(people)
    assert (found["shift"], found["held"]) == (0.0, False)
    assert [(each["set_by"], each["reason"]) for each in found["overrides"]] == [
        ("ana", "as learned"),
        ("bo", "a demo"),
        ("ana", "twins"),
    ]
    explained = people.json("audit", "--limit", "1")
    assert "statistics snapshot 2" in people("explain", explained[0]["audit_id"]).stdout


def test_another_tenant_has_its_own(people: Command) -> None:
    people("calibrate", "Person", "--shift", "1", "--why", "shy", "--tenant", "acme")
    assert person(people)["shift"] == 0.0
    assert people.json("calibrate", "--tenant", "acme")["classes"][0]["shift"] == 1.0


def test_the_scores_are_plotted(people: Command) -> None:
    tell(people, 20)
    assert "Wrote scores.svg." in people("calibrate", "Person", "--plot", "scores.svg").stderr
    svg = (people.folder / "scores.svg").read_text()
    assert svg.startswith("<svg")
    assert "0.80" in svg and "0.55" in svg
    people.json("calibrate", "--plot", "scores.PNG")
    assert (people.folder / "scores.PNG").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_a_plot_is_refused_in_words(people: Command) -> None:
    (people.folder / "blocked").mkdir()
    (people.folder / "blocked" / "matplotlib.py").write_text("raise ImportError('not here')\n")
    path = str(people.folder / "blocked")
    refused = people("calibrate", "Person", "--plot", "scores.svg", status=1, PYTHONPATH=path).stderr
    assert 'Plots need matplotlib, which is not installed: `pip install "memreg[plots]"`.' in refused
    assert "Person of people@1" in people("calibrate", "Person", PYTHONPATH=path).stdout


def test_what_it_refuses(people: Command) -> None:
    for arguments, status, words in [
        ("Nobody", 1, "class cannot be 'Nobody': people@1 does not have it (Person)."),
        ("Person --recompute", 1, "no decision of it yet to learn from"),
        ("Person --plot scores.svg", 1, "no decision of it was held against a candidate yet"),
        ("Person --shift nan --why x", 2, "a finite number of natural log odds"),
        ("Person --schema nothing", 1, "No schema named 'nothing'"),
    ]:
        done = people("calibrate", *arguments.split(), status=status)
        assert words in " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert not list(people.folder.glob("scores.*"))
    assert person(people)["snapshot"] == 0
