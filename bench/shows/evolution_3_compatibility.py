"""Compatibility: every rule has a case, reading is the same whichever side came first, and what may be read is read.

The cases stand in `fixtures/evolution/compatibility.yaml`. The laws are tried over schemas made by chance and changed
as people change them, with and without `from:`; `--schemas N` says how many, `--seed` which. No database is needed.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.compatibility_cases import read_cases
from bench.compatibility_laws import Laws
from bench.stage import Show, perform
from memreg.registry.compatibility import RULES


def main(show: Show) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemas", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=5)
    arguments = parser.parse_args()

    cases = read_cases()
    show.say(f"{len(cases)} cases of {len(RULES)} rules")
    names = {rule.__name__ for rule in RULES}
    by_rule = Counter(case.rule for case in cases if case.is_told)
    show.claim("every rule has a case", names == set(by_rule), names.symmetric_difference(by_rule))
    undocumented = [rule.__name__ for rule in RULES if len((rule.__doc__ or "").split()) < 10]
    show.claim("every rule says in words what it does", not undocumented, undocumented)
    problems = [line for case in cases for line in case.problems()]
    for line in problems:
        show.say(f"    {line}")
    show.claim("every case is told as its file says", not problems, len(problems))

    show.say(f"{arguments.schemas} schemas made by chance, each changed twice (seed {arguments.seed})")
    laws = Laws()
    chance = random.Random(arguments.seed)
    for _ in range(arguments.schemas):
        laws.attempt(chance)
    for sentence, broken in laws.broken.items():
        show.claim(sentence, not broken, broken[:3])
    unheard = sorted(names - set(laws.heard) - {"patterns", "compared"})
    show.claim("the changes made by chance are of every kind that they can be of", not unheard, unheard)
    show.claim("some were compatible and some were not", 0 < laws.compatible < laws.pairs, laws.compatible)
    show.figures |= {
        "rules": len(RULES),
        "cases": len(cases),
        "schemas": arguments.schemas,
        "pairs": laws.pairs,
        "compatible": laws.compatible,
        "memories_read": laws.read,
        "reasons": dict(sorted(laws.heard.items())),
    }


if __name__ == "__main__":
    perform("evolution_3_compatibility", main)
