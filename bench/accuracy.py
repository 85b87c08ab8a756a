"""The table of accuracy: every row of it by `memreg eval`, beside Splink, RapidFuzz and character trigrams.

`make accuracy` runs it in an environment of its own. The streams are those of --data, of MEMREG_ACCURACY_DATA or of the
folder beside the checkout; without them, the rows whose data anybody can install or generate are measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench import corrupted
from bench.accuracy_streams import Given, default_folder, find
from bench.stage import Show, embedded, folder, memreg, own_environment, perform, server_version

SPLINK, FUZZ, TRIGRAMS = "Splink", "RapidFuzz", "trigrams"
NOTE = """\
False: of all decisions; missed: of the records whose entity was there. Rivals: F1 / false % / missed %: Splink trained
without labels at p ≥ 0.80, RapidFuzz's WRatio ≥ 90, and the TF-IDF cosine of character trigrams at the threshold of its
best F1, which nobody knows beforehand."""
FRONTIER_NOTE = """\
Missed updates, % of repeats, at the threshold that leaves the fewest within so many false updates: memreg by the scores
of its one pass (an approximation), and in brackets character trigrams. A dash: no threshold does."""
FALSE_LIMITS = (0.0, 0.0005, 0.002, 0.005)


@dataclass(frozen=True)
class Row:
    """A row of the table, and what it has to reach: rates as shares in [0, 1]; None: nothing is asked.

    `beside_identical`: false updates between equal texts do not count. `with_splink`: the class has fields by which
    Splink can find pairs.
    """

    stream: str
    false_updates: float
    missed_updates: float | None
    f1: float | None
    with_identity: bool = True
    beside_identical: bool = False
    beats_trigrams: bool = False
    with_splink: bool = True

    @property
    def title(self) -> str:
        """What the row is called."""
        return self.stream if self.with_identity else f"{self.stream}, without identity"


ROWS = (
    Row("febrl3", 0.0, 0.01, 0.995),
    Row("fake_1000", 0.0, 0.03, 0.985),
    Row("febrl3", 0.0005, 0.03, 0.98, with_identity=False),
    Row("fake_1000", 0.0005, 0.08, 0.95, with_identity=False),
    Row(corrupted.NAME, 0.0005, 0.15, 0.85, with_identity=False),
    Row("restaurants", 0.002, 0.02, 0.96),
    Row("dblp_acm", 0.005, 0.05, 0.95, beside_identical=True),
    Row("abt_buy", 0.005, None, None, beside_identical=True, beats_trigrams=True, with_splink=False),
    Row("itunes_amazon", 0.005, None, None, beside_identical=True, beats_trigrams=True, with_splink=False),
)


@dataclass
class Measured:
    """A row with what was measured: memreg's document of `eval --json`, and the rivals' figures by name."""

    row: Row
    given: Given
    ours: dict[str, Any]
    rivals: dict[str, dict[str, float]] = field(default_factory=dict)
    trigram_frontier: dict[float, float | None] = field(default_factory=dict)

    @property
    def false_rate(self) -> float:
        """False updates of decisions, those between equal texts left out where the row says so."""
        left_out = self.ours["false_updates_identical_text"] if self.row.beside_identical else 0
        return float((self.ours["false_updates"] - left_out) / self.ours["decisions"])

    @property
    def missed_rate(self) -> float:
        """Missed updates of the records that were to be updates."""
        return float(self.ours["missed_update_rate"])

    @property
    def f1(self) -> float:
        """Of the pairs."""
        return float(self.ours["pairwise"]["f1"])

    def frontier(self) -> dict[float, float | None]:
        """At each limit of false updates, the fewest missed ones that any one threshold would have given (about)."""
        points = self.ours["sweep"]
        return {
            limit: min((p["missed_update_rate"] for p in points if p["false_update_rate"] <= limit), default=None)
            for limit in FALSE_LIMITS
        }

    def claims(self) -> Iterator[tuple[str, bool, str]]:
        """What the row has to reach: the sentence, whether it does, and what is the case."""
        row, title = self.row, self.row.title
        beside = " besides identical text" if row.beside_identical else ""
        yield (
            f"{title}: false updates at most {100 * row.false_updates:.2f} % of decisions{beside}",
            self.false_rate <= row.false_updates,
            f"{100 * self.false_rate:.3f} %",
        )
        if row.missed_updates is not None:
            at_most = f"{title}: missed updates at most {100 * row.missed_updates:.0f} % of repeats"
            yield at_most, self.missed_rate <= row.missed_updates, f"{100 * self.missed_rate:.2f} %"
        if row.f1 is not None:
            yield f"{title}: pairwise F1 at least {row.f1:g}", self.f1 >= row.f1, f"{self.f1:.4f}"
        if row.beats_trigrams and TRIGRAMS in self.rivals:
            theirs = self.rivals[TRIGRAMS]["f1"]
            yield (
                f"{title}: pairwise F1 above that of trigrams at their oracle threshold ({theirs:.4f})",
                self.f1 > theirs,
                f"{self.f1:.4f}",
            )


def evaluate(given: Given, row: Row, dsn: str) -> dict[str, Any]:
    """What `memreg eval --json` prints of a stream. Raises RuntimeError where it fails."""
    command = [memreg(), "eval", str(given.records), "--schema", str(given.schema), "--json"]
    if not row.with_identity:
        command.append("--without-identity")
    environment = own_environment(MEMREG_DATABASE_URL=dsn)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"memreg eval of {row.title} ended with {done.returncode}: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def compare(measured: Measured, wanted: Sequence[str]) -> None:
    """What the others make of the same records in the same order, with the same fields."""
    from bench import rivals
    from memreg.evaluation.given_schema import read_subject
    from memreg.evaluation.streams import StreamRecord, read_stream

    row, found = measured.row, measured.rivals
    subject = read_subject(measured.given.schema, with_identity=row.with_identity)
    records = [item for item in read_stream(measured.given.records) if isinstance(item, StreamRecord)]
    if SPLINK in wanted and row.with_splink:
        links = rivals.splink_links(records, subject)
        found[SPLINK] = _figures(rivals.figures_at(records, links, rivals.SPLINK_THRESHOLD, subject))
    if FUZZ in wanted:
        links = rivals.fuzz_links(records, subject)
        found[FUZZ] = _figures(rivals.figures_at(records, links, rivals.FUZZ_THRESHOLD, subject))
    if TRIGRAMS in wanted:
        links = rivals.trigram_links(records, subject)
        threshold, figures = rivals.oracle(records, links, subject)
        found[TRIGRAMS] = _figures(figures) | {"threshold": threshold}
        measured.trigram_frontier = rivals.frontier(records, links, subject, FALSE_LIMITS)


def _figures(figures: Any) -> dict[str, float]:
    return {
        "f1": round(figures.pairwise.f1, 4),
        "false": round(figures.false_update_rate, 6),
        "missed": round(figures.missed_update_rate, 6),
    }


def table(measured: Sequence[Measured]) -> str:
    """The table as Markdown: F1, false updates of decisions and missed updates of repeats in per cent."""
    lines = [
        "| stream | records | memreg F1 | false % | missed % | asked | met | Splink | RapidFuzz | trigrams |",
        "|---|---:|---:|---:|---:|---|---|---|---|---|",
    ]
    for each in measured:
        asked = [f"false ≤ {100 * each.row.false_updates:g}"]
        asked += [f"missed ≤ {100 * each.row.missed_updates:g}"] if each.row.missed_updates is not None else []
        asked += [f"F1 ≥ {each.row.f1:g}"] if each.row.f1 is not None else []
        asked += ["F1 above trigrams"] if each.row.beats_trigrams else []
        identical = each.ours["false_updates_identical_text"]
        of_equal = f" (of it {100 * identical / each.ours['decisions']:.2f} of equal text)" if identical else ""
        cells = [
            each.row.title,
            f"{each.ours['records']:,}",
            f"{each.f1:.4f}",
            f"{100 * each.ours['false_update_rate']:.2f}{of_equal}",
            f"{100 * each.missed_rate:.2f}",
            ", ".join(asked),
            "yes" if all(holds for _, holds, _ in each.claims()) else "**no**",
            *(_told(each.rivals.get(name)) for name in (SPLINK, FUZZ, TRIGRAMS)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def frontier_table(measured: Sequence[Measured]) -> str:
    """The fewest missed updates (per cent of repeats) at each limit of false ones, as Markdown: memreg, trigrams."""
    heads = [f"false ≤ {100 * limit:g} %" for limit in FALSE_LIMITS]
    lines = [f"| stream | {' | '.join(heads)} | what the errors came from |", "|---" + "|---:" * len(heads) + "|---|"]
    for each in measured:
        ours = each.frontier()
        cells = [f"{_missed(ours[limit])} ({_missed(each.trigram_frontier.get(limit))})" for limit in FALSE_LIMITS]
        causes = "; ".join(f"{count:,} {cause}" for cause, count in list(each.ours["causes"].items())[:3])
        lines.append(f"| {each.row.title} | {' | '.join(cells)} | {causes} |")
    return "\n".join(lines)


def _missed(rate: float | None) -> str:
    return "–" if rate is None else f"{100 * rate:.1f}"


def _told(figures: dict[str, float] | None) -> str:
    if figures is None:
        return "–"
    return f"{figures['f1']:.3f} / {100 * figures['false']:.2f} / {100 * figures['missed']:.1f}"


def story_of(arguments: argparse.Namespace) -> Callable[[Show], None]:
    """The measuring of every row that can be measured."""

    def story(show: Show) -> None:
        data: Path | None = arguments.data or default_folder()
        if data is not None and not data.is_dir():
            raise FileNotFoundError(f"there is no folder {data}: name that of the streams with --data")
        wanted = [] if arguments.without_rivals else [SPLINK, FUZZ, TRIGRAMS]
        rows = [row for row in ROWS if not arguments.only or row.stream in arguments.only]
        measured: list[Measured] = []
        with folder() as place, embedded(place / "home") as dsn:
            for row in rows:
                given = find(row.stream, data, place)
                if given is None:
                    show.say(f"{row.title}: not measured, as the stream is not at hand (--data FOLDER)")
                    continue
                measured.append(_measure(show, row, given, dsn, wanted))
            show.figures["postgres"] = server_version(dsn)
        show.say("\n" + table(measured) + "\n")
        show.say(NOTE)
        show.say("\n" + frontier_table(measured) + "\n")
        show.say(FRONTIER_NOTE)
        for each in measured:
            for sentence, holds, otherwise in each.claims():
                show.claim(sentence, holds, otherwise)
        if arguments.markdown is not None:
            parts = (table(measured), NOTE, frontier_table(measured), FRONTIER_NOTE)
            arguments.markdown.write_text("\n\n".join(parts) + "\n", "utf-8")
        show.figures["rows"] = [_summary(each) for each in measured]
        if wanted:
            show.figures["versions"] = {name: version(name) for name in ("splink", "rapidfuzz", "scikit-learn")}

    return story


def _measure(show: Show, row: Row, given: Given, dsn: str, wanted: Sequence[str]) -> Measured:
    started = time.perf_counter()
    measured = Measured(row, given, evaluate(given, row, dsn))
    show.say(
        f"{row.title}: F1 {measured.f1:.4f}, false {100 * measured.ours['false_update_rate']:.2f} %, "
        f"missed {100 * measured.missed_rate:.2f} %, {time.perf_counter() - started:.0f} s"
    )
    for name in wanted:
        started = time.perf_counter()
        compare(measured, [name])
        if name in measured.rivals:
            show.say(f"    {name}: {_told(measured.rivals[name])}, {time.perf_counter() - started:.0f} s")
    return measured


def _summary(each: Measured) -> dict[str, Any]:
    ours = each.ours
    return {
        "stream": each.row.title,
        "from": each.given.origin,
        "records": ours["records"],
        "f1": ours["pairwise"]["f1"],
        "bcubed_f1": ours["bcubed"]["f1"],
        "false": ours["false_update_rate"],
        "false_updates": ours["false_updates"],
        "false_updates_identical_text": ours["false_updates_identical_text"],
        "missed": ours["missed_update_rate"],
        "unknown": ours["unknown"],
        "latency_ms": ours["latency_ms"],
        "missed_at_false": _by_limit(each.frontier()),
        "trigrams_missed_at_false": _by_limit(each.trigram_frontier),
        "causes": ours["causes"],
        "met": all(holds for _, holds, _ in each.claims()),
        "rivals": each.rivals,
    }


def _by_limit(rates: dict[float, float | None]) -> dict[str, float | None]:
    return {f"{100 * limit:g} %": None if rate is None else round(rate, 6) for limit, rate in rates.items()}


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("--data", type=Path, help="a folder of streams, NAME.jsonl with NAME.schema.json")
    found.add_argument("--only", action="append", metavar="NAME", help="measure this stream only (again for more)")
    found.add_argument("--without-rivals", action="store_true", help="measure memreg alone")
    found.add_argument("--markdown", type=Path, metavar="OUT", help="write the table here too")
    return found


if __name__ == "__main__":
    perform("accuracy", story_of(parser().parse_args()))
