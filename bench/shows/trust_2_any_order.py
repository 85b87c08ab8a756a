"""Messages, undos, merges, unmerges, splits, corrections, forgets and restores in any order: the audit alone always
rebuilds the state, and undoing everything backwards always leaves nothing."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.acts_machine import SCHEMA, Lives
from bench.stage import Show, perform, server_version
from bench.stage import database as server
from memreg import Engine
from memreg.core.database import Database
from memreg.core.settings import Settings

VERBS = (
    "ingest", "undo", "merge", "unmerge", "split by revisions", "split by columns", "correct", "unpin", "forget",
    "restore",
)  # fmt: skip


def main(show: Show) -> None:
    """The machine, over and over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lives", type=int, default=200, help="random sequences")
    parser.add_argument("--steps", type=int, default=30, help="the most steps of one")
    options = parser.parse_args()
    tally = Lives.tally
    with server() as dsn:
        show.figures["server"] = server_version(dsn)
        with Engine.connect(dsn) as engine:
            version = engine.registry.register(SCHEMA, annotate="heuristic").version
            engine.registry.approve(version.name, version.version, by="the show")
        show.say(f"{options.lives} random sequences of up to {options.steps} steps, each in a tenant of its own")
        found: BaseException | None = None
        with Database.connect(Settings(database_url=dsn)) as database:
            Lives.database = database
            try:
                run_state_machine_as_test(
                    Lives,
                    settings=settings(
                        max_examples=options.lives,
                        stateful_step_count=options.steps,
                        deadline=None,
                        database=None,
                        phases=[Phase.generate, Phase.shrink],
                        suppress_health_check=list(HealthCheck),
                    ),
                )
            except AssertionError as broken:
                found = broken
    show.figures |= {
        "sequences": tally.machines,
        "steps": tally.steps,
        "done": dict(tally.done.most_common()),
        "refused": dict(tally.refused.most_common()),
        "undone_on_the_way_back": tally.undone,
        "reads_as_of_then": tally.looked_back,
    }
    show.claim(
        "after every step the audit alone rebuilds the memories, keys and references", found is None, found or ""
    )
    show.claim("undone backwards, every state is what it was, and in the end nothing is left", found is None)
    missing = [verb for verb in VERBS if not tally.done[verb]]
    show.claim("every verb was carried out", not missing, missing)


if __name__ == "__main__":
    perform("trust_2_any_order", main)
