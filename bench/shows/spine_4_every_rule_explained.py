"""Every row of the decision table has a walk that ends in it, and `memreg explain` tells why: rule, values, score."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.stage import ROOT, Show, database, memreg, own_environment, perform, server_version
from memreg import Engine
from memreg.cli.output import json_text
from memreg.core.database import Database
from memreg.core.settings import Settings
from memreg.engine.kept import LEAST_TOLD
from memreg.engine.told import shown
from memreg.testing.walks import WHO, load_walk, run_walk, walk_files

WALKS = ROOT / "fixtures" / "walks"
TABLE = ROOT / "docs" / "reference" / "decision-table.md"
BY_KEY = {"identity", "identity_conflict"}
BY_SCORE = {"score", "partial_identity", "possible_duplicate"}


@dataclass(frozen=True)
class End:
    """How a walk ended: its last decision, as `memreg explain` tells it, in words and as data."""

    walk: str
    row: int
    audit_id: UUID
    text: str
    facts: dict[str, Any]


def rows_of_the_table() -> dict[int, set[str]]:
    """The numbers of the table's rows, and the bases that each may have."""
    rows = re.findall(r"^\| (\d+) \|.*\| ([^|]+) \|$", TABLE.read_text("utf-8"), re.MULTILINE)
    return {int(number): set(re.findall(r"`(\w+)`", bases)) for number, bases in rows}


def explain(dsn: str, schema: str, audit_id: UUID, *options: str) -> str:
    """What the installed command prints."""
    command = [memreg(), "explain", str(audit_id), "--schema", schema, "--tenant", WHO, *options]
    environment = own_environment(MEMREG_DATABASE_URL=dsn, COLUMNS="1000")
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout


def missing(end: End) -> list[str]:
    """What the explanation ought to say and does not."""
    facts, text = end.facts, " ".join(end.text.split())  # its lines are broken to fit a terminal
    rule, said = facts["rule"], facts["details"].get("values") or {}
    lacks = []
    if f"by rule {end.row}, {rule['basis']}: {rule['sentence']}" not in text:
        lacks.append("the rule with its sentence")
    answered = [key for key in facts["details"].get("keys", []) if key["answers"]]
    if rule["basis"] in BY_KEY and not answered and not facts["follows"]:
        lacks.append("a key that answered")
    for key in answered:
        columns = key["key"].split("+")
        value = ", ".join(shown(said[column]) for column in columns)
        for memory in key["answers"]:
            payload = facts["details"]["compared_with"][memory]
            met = ", ".join(shown(payload.get(column)) for column in columns)
            if not re.search(
                f"{re.escape(start_of(key))} {re.escape(value)} .{{0,60}}{re.escape(met)}.{{0,40}}{memory}", text
            ):
                lacks.append(f"the two values of the key {key['key']} that met")
    if rule["basis"] in BY_SCORE and not facts["candidates"]:
        lacks.append("a candidate")
    for candidate in facts["candidates"][:1]:
        if f"candidate 1, memory {candidate['memory_id']}: score {candidate['score']:.4f}" not in text:
            lacks.append("the best candidate with its score")
        shared = [column for column in said if candidate["values"].get(column) is not None]
        pairs = [(said[column], candidate["values"][column]) for column in shared]
        for column, (mine, theirs) in zip(shared, pairs, strict=True):
            if f"{column}: {shown(mine)} {'=' if mine == theirs else '≠'} {shown(theirs)}" not in text:
                lacks.append(f"the two values of {column}")
        for part in candidate["parts"]:
            amount = f"{part['amount']:+.2f}" if part["amount"] else "bound"
            if (part["amount"] or part.get("bounds")) and f"{amount} {part['name']}" not in text:
                lacks.append(f"the part {part['name']} of the score")
        if not candidate["parts"] and candidate["score"] < LEAST_TOLD:
            if "too little alike to be kept with its parts: --why-not computes them again" not in text:
                lacks.append("why there are no parts of the score")
        elif not any(part.get("bounds") for part in candidate["parts"]):
            again = recomputed(candidate["parts"])
            if not math.isclose(again, candidate["score"], abs_tol=0.002):
                lacks.append(f"parts that make up the score: {again:.4f}")
    return lacks


def start_of(key: dict[str, Any]) -> str:
    """How an explanation names a key."""
    return f"{key['key']} ({key['strength']})"


def _answers(end: End) -> list[bool]:
    return [bool(key["answers"]) for key in end.facts["details"].get("keys", [])]


def recomputed(parts: list[dict[str, Any]]) -> float:
    """The score from its parts as explained: the logistic function of the sum of their log odds."""
    return 1 / (1 + math.exp(-sum(part["amount"] for part in parts)))


def main(show: Show) -> None:
    table = rows_of_the_table()
    show.claim("the decision table has 14 rows", sorted(table) == list(range(1, 15)), sorted(table))
    ends: list[End] = []
    with database() as dsn:
        walks = [load_walk(path) for path in walk_files(WALKS)]
        show.say(f"{len(walks)} walks")
        ran, facts = [], []
        with Database.connect(Settings(database_url=dsn)) as opened:
            for walk in walks:
                run = run_walk(walk, opened)
                show.broken += [f"{walk.source}: {difference}" for difference in run.differences]
                ran.append((walk, run.decisions[-1].audit_id))
                engine = Engine(opened, tenant=WHO, schema=walk.schema.name)
                facts.append(json.loads(json_text(engine.explain(ran[-1][1]).facts)))
        show.claim("every walk goes as it is written", not show.broken, show.broken[:3])
        with ThreadPoolExecutor(2) as pool:
            texts = list(pool.map(lambda each: explain(dsn, each[0].schema.name, each[1]), ran))
        for (walk, audit_id), text, known in zip(ran, texts, facts, strict=True):
            ends.append(End(walk.source, walk.ends_in or 0, audit_id, text, known))
        document = json.loads(explain(dsn, ran[-1][0].schema.name, ran[-1][1], "--json"))
        show.claim("with --json, memreg explain prints the same as data", document["facts"] == facts[-1])
        version = server_version(dsn)
    for row, bases in sorted(table.items()):
        here = [end for end in ends if end.facts["rule"]["number"] == end.row == row]
        found = {end.facts["rule"]["basis"] for end in here}
        show.claim(f"row {row}: a walk ends in it for {', '.join(sorted(bases))}", found == bases, found)
    for end in ends:
        lacks = missing(end)
        if lacks or end.facts["rule"]["number"] != end.row:
            show.claim(f"{end.walk}: memreg explain tells why", False, f"without {'; '.join(lacks)}\n{end.text}")
    show.claim("memreg explain names the rule, the two values that met and the parts of the score", not show.broken)
    show.figures |= {
        "postgres": version,
        "walks": len(ends),
        "rows": {row: sum(end.row == row for end in ends) for row in sorted(table)},
        "explained_with_a_key_that_met": sum(any(_answers(end)) for end in ends),
        "explained_with_a_score": sum(bool(end.facts["candidates"]) for end in ends),
    }


if __name__ == "__main__":
    perform("spine_4_every_rule_explained", main)
