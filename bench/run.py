"""The benchmark: what memreg costs beside hand-written SQL and COPY, as ratios of one run on one machine.

    python bench/run.py [--sizes 0,10000,100000] [--only single,batch] [--calls 200] [--profile]

Only what of one run is compared means anything: the machine is never the same twice. The result is one JSON line at the
end, kept in bench/results/history.jsonl with a plot beside it where every section ran.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench.speed import history, plot, tables
from bench.speed.course import DEFAULT, SECTIONS, Options, run
from memreg.core.errors import PlotsUnavailable


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    sizes = ",".join(map(str, DEFAULT.sizes))
    parser.add_argument("--sizes", default=sizes, help=f"memories of the tenants ({sizes})")
    parser.add_argument("--only", default="", help=f"sections, of {', '.join(SECTIONS)}")
    parser.add_argument("--calls", type=int, default=DEFAULT.calls, help=f"calls of each kind ({DEFAULT.calls})")
    parser.add_argument("--rows", type=int, default=DEFAULT.rows, help=f"rows of a batch ({DEFAULT.rows})")
    parser.add_argument("--work", type=int, default=DEFAULT.work, help=f"decisions of workers ({DEFAULT.work})")
    parser.add_argument("--space", type=int, default=DEFAULT.space, help=f"memories that are weighed ({DEFAULT.space})")
    parser.add_argument("--cache", help="shared_buffers of the embedded server (a quarter of the machine's memory)")
    parser.add_argument("--profile", action="store_true", help="keep whole profiles in bench/results/profiles")


def options_of(given: argparse.Namespace, parser: argparse.ArgumentParser) -> Options:
    """The options that were given. Ends the program where they make no sense."""
    try:
        sizes = tuple(sorted({int(each.replace("_", "")) for each in given.sizes.replace(" ", ",").split(",") if each}))
    except ValueError:
        parser.error(f"--sizes {given.sizes}: numbers with commas between them are wanted")
    only = tuple(given.only.split(",")) if given.only else tuple(SECTIONS)
    if unknown := sorted(set(only) - set(SECTIONS)):
        parser.error(f"--only {', '.join(unknown)}: there is {', '.join(SECTIONS)}")
    if not sizes or any(size and size < 5_000 for size in sizes):
        parser.error("--sizes: 0, and numbers from 5,000 on, as smaller tenants have too few people to call about")
    folder = history.FOLDER / "profiles" if given.profile else None
    return Options(sizes, only, max(20, given.calls), given.rows, given.work, given.space, folder, given.cache)


def keep(result: dict[str, Any], options: Options, say: Callable[[str], None]) -> None:
    """Keep a result in the history, with a plot beside it, where every section ran."""
    if set(options.only) != set(SECTIONS):
        return
    history.append(result)
    try:
        (history.FOLDER / "speed.svg").write_text(plot.svg(result, history.read()), "utf-8")
    except PlotsUnavailable as exc:
        say(str(exc))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments(parser)
    options = options_of(parser.parse_args(), parser)
    console = Console(width=150, soft_wrap=False)
    result = run(options, os.environ.get("MEMREG_DATABASE_URL"), console.print)
    console.print(tables.targets(result["targets"]))
    keep(result, options, console.print)
    print(json.dumps(result, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
