"""What a score costs in Python: microseconds a candidate and a decision of 20 candidates, beside RapidFuzz's WRatio."""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz
from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench.people import EMPLOYERS, TOWNS, people
from memreg.engine.record import Reader, Record
from memreg.engine.score import best_score
from memreg.engine.statistics import Statistics
from memreg.registry.models import ClassAnnotation, ClassSpec
from memreg.registry.parse import parse_schema

CANDIDATES = 20
REVISIONS = (1, 5)
KNOWN = 2_000
SCHEMA = """
schema: scoring
classes:
  Person:
    columns:
      first: {dtype: string}
      last: {dtype: string}
      city: {dtype: string}
      employer: {dtype: string}
      tags: {dtype: "list[string]"}
      notes: {dtype: text}
      born: {dtype: date}
      email: {dtype: string}
    annotation:
      searchable: {first: 3, last: 3, city: 2, employer: 2, tags: 1, notes: 1}
      compare: [born]
      identity: [{columns: [email], strength: strong}]
  Product:
    columns:
      title: {dtype: string}
      brand: {dtype: string}
      description: {dtype: text}
      price: {dtype: number}
    annotation:
      searchable: {title: 3, brand: 2, description: 1}
      compare: [price]
"""
KINDS = "camera lens tripod charger speaker headphones monitor keyboard printer router projector freezer".split()
TRAITS = "black silver white wireless digital compact portable stereo 1080p 12v usb led optical zoom stainless".split()
PROSE = "with and for the a great everyday small large room kitchen travel office quality sound picture power".split()


@dataclass(frozen=True)
class Case:
    """One class's decisions: proposals, each with its candidates as lists of revisions, the current one first."""

    name: str
    spec: ClassSpec
    annotation: ClassAnnotation
    statistics: Statistics
    decisions: Sequence[tuple[dict[str, Any], list[list[dict[str, Any]]]]]


def cases(decisions: int, revisions: int) -> list[Case]:
    """Persons and products, the same at every run: each decision is about a corrupted one of those known, held against
    the 20 that share the most words with it."""
    schema = parse_schema(SCHEMA, "bench").by_name
    found = []
    for name, known in (("Person", _persons(KNOWN)), ("Product", _products(KNOWN))):
        spec = schema[name]
        assert spec.declared is not None
        chance = random.Random(name)
        holders: dict[str, list[int]] = {}
        for number, payload in enumerate(known):
            for word in _words(payload):
                holders.setdefault(word, []).append(number)
        counts = {word: len(of_word) for word, of_word in holders.items() if len(of_word) > 1}
        scenes = []
        for payload in chance.sample(known, decisions):
            shared = _most_shared(_words(payload), holders)
            candidates = [[known[n], *(_worn(known[n], chance) for _ in range(revisions - 1))] for n in shared]
            scenes.append((_worn(payload, chance), candidates))
        found.append(Case(name, spec, spec.declared, Statistics(1, len(known), counts, len(known)), scenes))
    return found


def _persons(count: int) -> list[dict[str, Any]]:
    chance = random.Random(1)
    found = []
    for person in people(count):
        first, last = person.pop("name").split()
        met = f"met at the {chance.choice(TOWNS)} fair, works for {chance.choice(EMPLOYERS)} and likes long walks"
        found.append({"first": first, "last": last, "notes": met, **person})
    return found


def _products(count: int) -> list[dict[str, Any]]:
    chance = random.Random(2)
    found = []
    for _ in range(count):
        brand = chance.choice(EMPLOYERS)
        code = f"{chance.choice('ABCDEFGH')}{chance.choice('KLMN')}{chance.randint(10, 9999)}"
        traits = chance.sample(TRAITS, 4)
        title = f"{brand} {chance.choice(KINDS)} {' '.join(traits)} {code}"
        prose = " ".join(chance.choice(PROSE + TRAITS + KINDS) for _ in range(40))
        found.append({"title": title, "brand": brand, "description": prose, "price": chance.randint(10, 900)})
    return found


def _worn(payload: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """As somebody else would have said it: a letter lost here, a word there."""
    worn = dict(payload)
    column = chance.choice([name for name, value in payload.items() if isinstance(value, str) and len(value) > 3])
    text = worn[column]
    position = chance.randrange(1, len(text) - 1)
    worn[column] = text[:position] + text[position + 1 :]
    if chance.random() < 0.5:
        words = str(worn[column]).split()
        worn[column] = " ".join(words[1:]) or text
    return worn


def _words(payload: dict[str, Any]) -> set[str]:
    return {word for value in payload.values() for word in str(value).lower().split()}


def _most_shared(words: set[str], holders: dict[str, list[int]]) -> list[int]:
    shared: dict[int, int] = {}
    for word in words:
        for number in holders.get(word, ()):
            shared[number] = shared.get(number, 0) + 1
    return sorted(shared, key=lambda number: (-shared[number], number))[:CANDIDATES]


def timed(work: Callable[[], object], rounds: int) -> float:
    """The median of the rounds, in seconds of this process, so that a busy machine does not tell."""
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return statistics.median(spent)


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """What the case costs, from payloads to scores; nothing is kept from one round to the next but what an engine keeps
    between messages (the likeness of words)."""

    def score_all() -> None:
        for said, candidates in case.decisions:
            proposal = Record.of(said, case.spec, case.annotation)
            for revisions in candidates:
                reader = Reader(case.spec, case.annotation)
                records = [reader.read(payload) for payload in revisions]
                best_score(proposal, records, case.statistics)

    read = [
        (
            Record.of(said, case.spec, case.annotation),
            [[Record.of(payload, case.spec, case.annotation) for payload in each] for each in candidates],
        )
        for said, candidates in case.decisions
    ]

    def score_read() -> None:
        for proposal, candidates in read:
            for records in candidates:
                best_score(proposal, records, case.statistics)

    texts = [
        (_text(case, said), [[_text(case, payload) for payload in each] for each in candidates])
        for said, candidates in case.decisions
    ]

    def ratio_all() -> None:
        for said, candidates in texts:
            for revisions in candidates:
                max(fuzz.WRatio(said, text) for text in revisions)

    score_all()  # the likeness of words is known after the first round
    each = len(case.decisions)
    scored = sum(len(candidates) for _, candidates in case.decisions)
    whole, alone, ratio = (timed(work, rounds) for work in (score_all, score_read, ratio_all))
    return {
        "class": case.name,
        "revisions": len(case.decisions[0][1][0]),
        "candidate_us": round(1e6 * alone / scored, 1),
        "decision_ms": round(1e3 * alone / each, 3),
        "decision_with_reading_ms": round(1e3 * whole / each, 3),
        "wratio_decision_ms": round(1e3 * ratio / each, 3),
        "ratio_to_wratio": round(alone / ratio, 2),
    }


def _text(case: Case, payload: dict[str, Any]) -> str:
    return " ".join(str(payload[column]) for column in case.annotation.searchable if payload.get(column) is not None)


def main() -> None:
    """Print a table, and the figures as one JSON line last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=50, help="decisions of each class (default 50)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds, of which the median counts (default 7)")
    asked = parser.parse_args()
    found = [measure(case, asked.rounds) for revisions in REVISIONS for case in cases(asked.decisions, revisions)]
    table = Table(title=f"A scored decision of {CANDIDATES} candidates, in Python alone")
    for column in found[0]:
        table.add_column(column, justify="left" if column == "class" else "right")
    for row in found:
        table.add_row(*map(str, row.values()))
    Console(stderr=True).print(table)
    print(json.dumps({"bench": "scoring", "candidates": CANDIDATES, "python": sys.version.split()[0], "rows": found}))


if __name__ == "__main__":
    main()
