"""The benchmark meets each target of memreg's speed, in one run on this machine; the figures are those of `make bench`.

It takes about a quarter of an hour on two cores; with smaller `--sizes` less, but then what was not measured is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.run import arguments, keep, options_of
from bench.speed.course import run
from bench.stage import Show, perform

SIZES = "0,10000,100000,1000000"


def main(show: Show) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    arguments(parser)
    parser.set_defaults(sizes=SIZES)
    options = options_of(parser.parse_args(), parser)
    console = Console(width=150)
    result = run(options, os.environ.get("MEMREG_DATABASE_URL"), console.print)
    keep(result, options, show.say)
    show.figures |= {"machine": result["machine"], "targets": result["targets"], "seconds_of": result["seconds"]}
    for each in result["targets"]:
        figure = "it was not measured" if each["figure"] is None else each["figure"]
        show.claim(f"{each['target']}: {each['limit']}", each["met"] is True, figure)


if __name__ == "__main__":
    perform("speed_1_targets", main)
