"""The true memory is among the 20 candidates, and the lookup costs the same in a tenant of a million as in a small
one."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench import candidates
from bench.stage import Show, database, embedded, folder, perform, server_version
from memreg.migrations import runner

SMALL, LARGE = 10_000, 1_000_000
MEAN, LEAST = 0.99, 0.98
TIMES_KEY, TIMES_SMALL = 25, 1.5
CACHE = "2GB"
"""What a server for a million memories would be given; the embedded one's 128 MB are for trying things out."""
GIVEN = "MEMREG_ACCURACY_DATA"


def recalls(show: Show, dsn: str, streams: Path) -> None:
    """Recall over the streams that are at hand, with the generated one, whose figures count where there is no other."""
    both: dict[str, dict[str, Any]] = {"merged": {}, "apart": {}}
    with candidates.connect(dsn) as conn:
        for stream in candidates.streams(streams):
            for kind, found in both.items():
                found[stream.name] = candidates.recall(conn, stream, merged=kind == "merged").figures()
            shown = ", ".join(f"{kind} {found[stream.name]['recall']:.4f}" for kind, found in both.items())
            show.say(f"  {stream.name}: {shown}")
    show.figures["recall"] = both
    for kind, found in both.items():
        each = {name: figures["recall"] for name, figures in found.items() if name != "generated" or len(found) == 1}
        mean = statistics.mean(each.values())
        show.figures[f"recall_mean_{kind}"] = round(mean, 5)
        sense = "an entity is one memory" if kind == "merged" else "each record is a memory"
        show.claim(f"{sense}: recall@20 is at least {MEAN} on average over {len(each)} streams", mean >= MEAN, mean)
        low = {name: value for name, value in each.items() if value < LEAST}
        show.claim(f"{sense}: it is below {LEAST} on none", not low, low)


def sizes(show: Show, dsn: str, large: int, lookups: int) -> None:
    """Latency in a small tenant, then in a large one of the same database, beside a lookup by primary key."""
    measured = {}
    for count, found, on_disk in candidates.sizes(dsn, (SMALL, large), lookups, show.say):
        measured[count] = found
        show.figures[f"at_{count}"] = found.figures() | {"on_disk": on_disk}
        show.say(f"  {show.figures[f'at_{count}']}")
        show.claim(f"at {count:,} memories recall@20 is at least {LEAST}", found.recall >= LEAST, found.recall)
    small, big = measured[SMALL], measured[large]
    key = statistics.median(big.quietest.key)
    for name, told in (("again", "people told again"), ("common", "the most common words alone")):
        here = candidates.p95(getattr(big.quietest, name))
        before = candidates.p95(getattr(small.quietest, name))
        to_key, to_small = here / key, here / before
        show.figures[f"{name}_p95_to_key"], show.figures[f"{name}_p95_to_small"] = round(to_key, 2), round(to_small, 2)
        claim = f"at {large:,}, {told}: the 95th percentile is at most"
        show.claim(f"{claim} {TIMES_KEY} times the median by primary key", to_key <= TIMES_KEY, to_key)
        show.claim(f"{claim} {TIMES_SMALL} times that at {SMALL:,}", to_small <= TIMES_SMALL, to_small)


def main(show: Show) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    given = Path(os.environ.get(GIVEN) or candidates.STREAMS)
    parser.add_argument("--data", type=Path, default=given, help="a folder of streams with their .schema.json")
    parser.add_argument("--memories", type=int, default=LARGE, help="memories of the large tenant")
    parser.add_argument("--lookups", type=int, default=200, help="lookups in each of ten rounds")
    options = parser.parse_args()
    with folder() as place:
        with embedded(place / "home") as dsn, candidates.connect(dsn) as conn:
            conn.execute(f"alter system set shared_buffers = '{CACHE}'".encode())
        with embedded(place / "home") as dsn:
            runner.upgrade(dsn)
            show.figures |= {"postgres": server_version(dsn), "cores": os.cpu_count(), "shared_buffers": CACHE}
            show.say(f"Latency, with {SMALL:,} and {options.memories:,} memories in one tenant, {CACHE} of cache")
            sizes(show, dsn, options.memories, options.lookups)
    with database() as dsn:
        show.say("Recall over streams, in one pass of each, by the lookup alone; identity keys are not used")
        recalls(show, dsn, options.data)


if __name__ == "__main__":
    perform("accuracy_3_candidates", main)
