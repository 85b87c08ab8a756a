"""The benchmark: what memreg costs beside hand-written SQL and COPY, as ratios of one run on one machine.

    python bench/run.py [--sizes 0,10000,100000] [--only single] [--calls 200]

Only what of one run is compared means anything: the machine is never the same twice.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench.speed import batches, single, space, starting, tables, workers
from bench.speed.place import Place, placed
from bench.stage import database

SECTIONS: dict[str, tuple[Callable[[Place, argparse.Namespace], Any], Callable[[Any], Table]]] = {
    "single": (lambda place, _: single.measure(place), tables.single),
    "batch": (lambda place, options: batches.measure(place, options.rows), tables.batch),
    "workers": (lambda place, options: workers.measure(place, options.work), tables.workers),
    "starting": (lambda place, _: starting.measure(place), tables.starting),
    "space": (lambda place, options: space.measure(place, options.space), tables.space),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="0,10000,100000", help="memories of the tenants (0,10000,100000)")
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"sections, of {', '.join(SECTIONS)}")
    parser.add_argument("--calls", type=int, default=200, help="calls of each kind at each size (200)")
    parser.add_argument("--space", type=int, default=100_000, help="memories whose bytes are counted (100000)")
    parser.add_argument("--work", type=int, default=800, help="decisions by which workers are measured (800)")
    parser.add_argument("--rows", type=int, default=1_000, help="rows of a batch (1000)")
    options = parser.parse_args()
    sizes = tuple(int(each) for each in options.sizes.split(","))
    wanted = options.only.split(",")
    console = Console(width=150)
    result: dict[str, Any] = {}
    began = time.perf_counter()
    with database(os.environ.get("MEMREG_DATABASE_URL")) as dsn:
        console.print(f"Loading {sum(sizes):,} memories …")
        with placed(dsn, sizes, options.calls, console.print, None) as place:
            console.print(f"  in {time.perf_counter() - began:.0f} s")
            for name in wanted:
                measure, table = SECTIONS[name]
                result[name] = measure(place, options)
                console.print(table(result[name]))
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
