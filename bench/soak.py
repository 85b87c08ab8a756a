"""A soak: mixed load for as long as wanted, workers, loaders and Postgres killed now and then, and everything that must
hold checked as it goes and at the end; memory and latency must stay flat.

    python bench/soak.py                                  two minutes
    python bench/soak.py --minutes 60 --report soak       an hour, with report.html and soak.json in the folder soak
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench import soak_report
from bench.soak_outcome import Outcome
from bench.soak_run import Wanted, run

FLAT_MEMORY, FLAT_LATENCY = 1.05, 1.5
"""How much larger the last third may be than the first, after the warm-up: resident memory; a decision's median,
beside that of a piece of work that never grows."""


def not_flat(outcome: Outcome) -> list[str]:
    """What did not stay flat of a soak in which everything held."""
    found = []
    if outcome.memory_ratio > FLAT_MEMORY:
        found.append(f"memory grew: {outcome.figures['memory']}")
    if outcome.latency_ratio > FLAT_LATENCY:
        told = outcome.figures["latency"]
        found.append(f"decisions became slower: {told['direct']}, beside the control: {told['control']}")
    return found


def main() -> int:
    """Read the command line and soak; 0 where everything held and stayed flat, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=float, default=120.0)
    length.add_argument("--minutes", type=float)
    parser.add_argument("--seed", type=int, default=Wanted.seed, help="what is said, and what is killed when")
    parser.add_argument("--rate", type=float, default=Wanted.rate, help="steps a second of a loader; 0: all it can")
    parser.add_argument("--loaders", type=int, default=Wanted.loaders)
    parser.add_argument("--workers", type=int, default=Wanted.workers)
    parser.add_argument("--tenants", type=int, default=Wanted.tenants)
    parser.add_argument("--objects", type=int, default=Wanted.objects, help="of each class in each tenant")
    parser.add_argument("--trace", type=int, default=0, metavar="FRAMES", help="tell where memory grows (slow)")
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="where report.html and soak.json go")
    given = vars(parser.parse_args())
    minutes, report, seconds = given.pop("minutes"), given.pop("report"), given.pop("seconds")
    wanted = Wanted.of(minutes * 60 if minutes else seconds, **given)
    print(f"A soak of {wanted.seconds:,.0f} seconds, seed {wanted.seed}", flush=True)
    outcome = run(wanted, lambda text: print(text, flush=True))
    broken = outcome.broken or not_flat(outcome)
    for sentence in broken:
        print(f"DOES NOT HOLD: {sentence}")
    if report is not None:
        print(f"The report: {soak_report.write(outcome, report, wanted.seconds)}")
    print(json.dumps({"holds": not broken, "broken": broken, **outcome.figures}, default=str))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
