"""Two minutes of mixed load while workers, loaders and Postgres are killed: everything holds, memory stays flat."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.soak import FLAT_LATENCY, FLAT_MEMORY
from bench.soak_outcome import ALL
from bench.soak_run import Wanted, run
from bench.stage import Show, perform

SECONDS = 120.0


def main(show: Show) -> None:
    wanted = Wanted.of(SECONDS)
    show.say(f"{SECONDS:g} seconds of {wanted.loaders} loaders and {wanted.workers} workers, seed {wanted.seed}")
    outcome = run(wanted, show.say)
    figures = outcome.figures
    show.figures |= figures
    show.claim("every invariant held, all along and at the end", not outcome.broken, outcome.broken)
    if outcome.broken:
        return
    show.claim("processes were killed, and Postgres in each of four ways", figures["ends_of_postgres"] >= 4)
    grown = {name: each["ratio"] for name, each in figures["memory"].items()}
    held = len(grown) >= 3 and outcome.memory_ratio <= FLAT_MEMORY
    show.claim(f"memory is flat within {FLAT_MEMORY - 1:.0%}, of each process and {ALL}", held, grown)
    took = outcome.latency_ratio
    flat = 0 < took <= FLAT_LATENCY
    show.claim(f"beside a control, a decision's median stays within {FLAT_LATENCY:g} times", flat, took)


if __name__ == "__main__":
    perform("speed_3_soak", main)
