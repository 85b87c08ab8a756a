"""What a decision costs in Python alone, part by part and without a database: microseconds of this process's CPU."""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, cycle
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench.people import EMPLOYERS, TOWNS, people
from bench.stage import ASSISTANT
from memreg import Proposal
from memreg.annotator.heuristic import annotate
from memreg.core.ids import uuid7
from memreg.engine import audit
from memreg.engine.apply import Rules, apply
from memreg.engine.candidates import memory_keys
from memreg.engine.decide import Candidate, Situation, decide
from memreg.engine.identity import Hit, partial_identity
from memreg.engine.item import Item
from memreg.engine.model import Extraction
from memreg.engine.record import Record
from memreg.engine.score import best_score
from memreg.engine.state import MemoryState
from memreg.engine.statistics import Statistics
from memreg.engine.store import search_vector
from memreg.engine.validate import validate
from memreg.engine.workspace import Workspace
from memreg.registry.models import SchemaVersion, Status
from memreg.registry.parse import parse_schema

CANDIDATES = 20
KNOWN = 2_000
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


@dataclass(frozen=True)
class Scene:
    """A proposal about somebody known, and the rows of the memories that it is held against, the right one first."""

    proposal: Proposal
    rows: Sequence[dict[str, Any]]


def version_of() -> SchemaVersion:
    """The schema `assistant`, annotated and active."""
    spec = parse_schema(ASSISTANT.read_text("utf-8"), "assistant")
    annotations = dict(annotate(spec).classes) | {c.name: c.declared for c in spec.classes if c.declared is not None}
    return SchemaVersion(spec, 1, Status.ACTIVE, "", annotations, 1)


def scenes(number: int) -> list[Scene]:
    """Persons who moved, each with the 20 memories that share the most words with them; a third were said before."""
    known = people(KNOWN)
    chance = random.Random(5)
    holders: dict[str, list[int]] = {}
    for place, values in enumerate(known):
        for word in [*values["name"].split(), values["city"], values["employer"]]:
            holders.setdefault(word, []).append(place)
    found = []
    for place in chance.sample(range(KNOWN), number):
        values = known[place]
        like = [p for word in values["name"].split() for p in holders[word] if p != place]
        like += [p for p in holders[values["employer"]] if p != place and p not in like]
        chosen = [place, *chance.sample(like, CANDIDATES - 1)]
        rows = [_row(p, known[p], chance) for p in chosen]
        news = {**values, "city": chance.choice(TOWNS), "tags": [*values["tags"], "moved"]}
        found.append(Scene(Proposal("Person", news, evidence=f"{values['name']} moved"), rows))
    return found


def _row(number: int, values: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    before = [{**values, "employer": chance.choice(EMPLOYERS)}] if chance.random() < 0.3 else []
    return {
        "id": UUID(int=number + 1),
        "class": "Person",
        "version": 1,
        "payload": dict(values),
        "originals": {},
        "is_deleted": False,
        "unresolved": False,
        "revision": 1 + len(before),
        "change": number,
        "created_at": NOW,
        "updated_at": NOW,
        "last_seen_at": NOW,
        "earlier": [(1, each) for each in before],
        "pinned": {},
        "void_revisions": [],
        "merged_into": None,
    }


Work = Callable[[int], object]


def parts(version: SchemaVersion, told: Sequence[Scene]) -> dict[str, Work]:
    """Each part of a decision as a function of the number of the scene. What an engine keeps between messages (classes
    compiled, words known) is kept; memories are taken from their rows anew."""
    spec, annotation = version.spec.by_name["Person"], version.annotation_of("Person")
    words = [word for scene in told for row in scene.rows for word in row["payload"]["name"].lower().split()]
    statistics = Statistics(1, KNOWN, {word: n for word in set(words) if (n := words.count(word)) > 1}, KNOWN)
    items = [Item.of(0, scene.proposal, version, (), None) for scene in told]
    extraction = Extraction((), "structured", ids=True)
    ids = count(1)

    def states(scene: Scene) -> list[MemoryState]:
        return [MemoryState.from_row(row) for row in scene.rows]

    def item(number: int) -> Item:
        return Item.of(0, told[number].proposal, version, (), None)

    def identity(number: int) -> Situation:
        mine, row = items[number], told[number].rows[0]
        return Situation(mine.checked, hits=(Hit(mine.keys[0].key, row["id"]),))

    def asking(number: int) -> Record:
        return Record.of(items[number].checked.values, spec, annotation)

    def scored(number: int) -> Situation:
        mine, record = items[number], asking(number)
        found = []
        for state in states(told[number]):
            records = state.records(spec, annotation)
            partial = partial_identity(record.identity, records[0].payload, annotation)
            found.append(Candidate(state.id, best_score(record, records, statistics), partial))
        return Situation(mine.checked, candidates=tuple(found))

    def ended(number: int, situation: Situation) -> object:
        """Decide, apply and write down."""
        mine, workspace = items[number], Workspace()
        state = workspace.take(told[number].rows[0])
        workspace.known_keys.update(mine.key_places)
        verdict = decide(situation)
        rules = Rules(spec, annotation, 1, NOW, lambda: UUID(int=next(ids)))
        applying = apply(verdict, mine.checked, workspace, rules)
        try:
            workspace.known_keys.update(next(applying))
            next(applying)
        except StopIteration as stop:
            outcome = stop.value
        keys = list(mine.keys)
        entry = audit.Entry(
            uuid7(), 1, 1, "m", 0, mine.given, situation, verdict, outcome, extraction, 1, NOW, None, keys,
            {held.key.name: [state.id] for held in keys}, {state.id: dict(state.payload)}, 1.5,
        )  # fmt: skip
        return audit.rows(entry)

    situations = [scored(number) for number in range(len(told))]
    rows = [ended(number, situations[number]) for number in range(len(told))]
    fresh = [[state.records(spec, annotation) for state in states(scene)] for scene in told]

    def score_read(number: int) -> None:
        record = asking(number)
        for records in fresh[number]:
            best_score(record, records, statistics)

    def stored(number: int) -> object:
        state = MemoryState.from_row(told[number].rows[0])
        return memory_keys(state.records(spec, annotation), version.name, "Person")

    return {
        "validate": lambda n: validate(told[n].proposal, version),
        "item": item,
        "item and what it asks by": lambda n: item(n).probes,
        "record": asking,
        "20 rows read": lambda n: [state.records(spec, annotation) for state in states(told[n])],
        "20 candidates scored": score_read,
        "20 rows read and scored": scored,
        "identity: decide, apply, entry": lambda n: ended(n, identity(n)),
        "score: decide, apply, entry": lambda n: ended(n, situations[n]),
        "rows of the entry as JSON": lambda n: json.dumps(rows[n]),
        "keys that a memory is found by": stored,
        "tsvector": lambda n: search_vector(MemoryState.from_row(told[n].rows[0]), "default", version),
        "an id": lambda _: uuid7(),
        "identity, all": lambda n: (item(n), ended(n, identity(n)), stored(n)),
        "score, all": lambda n: (item(n).probes, ended(n, scored(n)), stored(n)),
    }


def microseconds(work: Work, number: int, rounds: int) -> float:
    """The least of the rounds for one call, so that a busy machine does not tell; the first round only warms."""
    spent = []
    for _ in range(rounds + 1):
        start = time.process_time()
        for each in range(number):
            work(each)
        spent.append((time.process_time() - start) / number)
    return round(1e6 * min(spent[1:]), 1)


def profile(work: Work, number: int, times: int) -> None:
    """Where the time of a part goes."""
    profiler = cProfile.Profile()
    places = cycle(range(number))
    profiler.enable()
    for _ in range(times):
        work(next(places))
    profiler.disable()
    pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(40)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--profile", metavar="PART", help="show on stderr where a part's time goes")
    asked = parser.parse_args()
    told = scenes(asked.scenes)
    work = parts(version_of(), told)
    if asked.profile:
        profile(work[asked.profile], len(told), 2_000)
        return 0
    figures = {name: microseconds(each, len(told), asked.rounds) for name, each in work.items()}
    table = Table(title="A decision in Python alone (microseconds of CPU)")
    table.add_column("part")
    table.add_column("µs", justify="right")
    for name, each in figures.items():
        table.add_row(name, f"{each:,.1f}")
    Console(stderr=True).print(table)
    print(json.dumps({"bench": "cpu", "microseconds": figures}, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
