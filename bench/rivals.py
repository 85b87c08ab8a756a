"""What others make of a stream: Splink unsupervised, RapidFuzz, and the cosine of character trigrams.

Each gives, for every record, the earlier record that it is most like, and how much; a record is put where that one is
when the value reaches a threshold, else it stands alone. The packages are those of the dependency group `accuracy`.
"""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from memreg.evaluation.judge import Outcome, Verdict, judge
from memreg.evaluation.metrics import Figures, measure, pairwise
from memreg.evaluation.streams import StreamRecord
from memreg.evaluation.subject import Subject

SPLINK_THRESHOLD = 0.80
FUZZ_THRESHOLD = 90.0
BLOCK = 500
MOST_PAIRS = 1_000_000
ORACLE_STEPS = tuple(step / 100 for step in range(5, 101))

Links = list[tuple[int, float] | None]
"""By position: the position of the earlier record that it is most like, and how much; None where there is none."""


@dataclass(frozen=True)
class Rival:
    """What one of them came to, at the threshold it is used at."""

    name: str
    threshold: float
    figures: Figures


def texts_of(records: Sequence[StreamRecord], subject: Subject) -> list[str]:
    """What a comparison of whole records sees: the searchable and compared fields, and identity where it counts."""
    columns = [*subject.text_columns, *sorted(subject.annotation.identity_columns - set(subject.text_columns))]
    return [" ".join(str(each.fields[c]) for c in columns if each.fields.get(c)).lower() for each in records]


def figures_at(records: Sequence[StreamRecord], links: Links, threshold: float, subject: Subject) -> Figures:
    """The figures of putting each record where its best earlier one is, from the threshold on."""
    texts = texts_of(records, subject)
    outcomes = outcomes_at(records, links, threshold)
    judged = list(judge(outcomes, dirty_sources=subject.dirty_sources, text_of=texts.__getitem__))
    return measure(judged, subject.dirty_sources)


def oracle(records: Sequence[StreamRecord], links: Links, subject: Subject) -> tuple[float, Figures]:
    """The threshold of the best pairwise F1, which nobody knows without the gold, and the figures at it."""
    best = max(ORACLE_STEPS, key=lambda step: pairwise(outcomes_at(records, links, step)).f1)
    return best, figures_at(records, links, best, subject)


def frontier(
    records: Sequence[StreamRecord], links: Links, subject: Subject, limits: Sequence[float]
) -> dict[float, float | None]:
    """At each limit of the rate of false updates, the least rate of missed ones over all thresholds; None at none."""
    found: dict[float, float | None] = dict.fromkeys(limits)
    for step in ORACLE_STEPS:
        judged = list(judge(outcomes_at(records, links, step), dirty_sources=subject.dirty_sources))
        counts = Counter(each.verdict for each in judged)
        existing = sum(each.existed for each in judged)
        missed = counts[Verdict.MISSED_UPDATE] / existing if existing else 0.0
        for limit in limits:
            before = found[limit]
            if counts[Verdict.FALSE_UPDATE] / len(judged) <= limit and (before is None or missed < before):
                found[limit] = missed
    return found


def outcomes_at(records: Sequence[StreamRecord], links: Links, threshold: float) -> list[Outcome]:
    """Each record put where its best earlier one is, from the threshold on, else by itself."""
    outcomes: list[Outcome] = []
    for position, (record, link) in enumerate(zip(records, links, strict=True)):
        memory, action = str(position), "CREATE"
        if link is not None and link[1] >= threshold:
            memory, action = outcomes[link[0]].memory_id or memory, "UPDATE"
        score = None if link is None else link[1]
        outcomes.append(Outcome(record.record_id, record.entity_id, record.source, action, "score", memory, score))
    return outcomes


def trigram_links(records: Sequence[StreamRecord], subject: Subject) -> Links:
    """The cosine of TF-IDF vectors over character trigrams (scikit-learn)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3)).fit_transform(texts_of(records, subject))
    links: Links = []
    for start in range(0, len(records), BLOCK):
        block = (vectors[start : start + BLOCK] @ vectors[: start + BLOCK].T).toarray()
        links.extend(_best_earlier(row, start + offset) for offset, row in enumerate(block))
    return links


def fuzz_links(records: Sequence[StreamRecord], subject: Subject) -> Links:
    """RapidFuzz's WRatio, 0 to 100."""
    from rapidfuzz import fuzz, process

    texts = texts_of(records, subject)
    links: Links = []
    for start in range(0, len(records), BLOCK):
        stop = start + BLOCK
        block = process.cdist(texts[start:stop], texts[:stop], scorer=fuzz.WRatio, score_cutoff=FUZZ_THRESHOLD)
        links.extend(_best_earlier(row, start + offset) for offset, row in enumerate(block))
    return links


def splink_links(records: Sequence[StreamRecord], subject: Subject) -> Links:
    """Splink's match probability, trained on the stream itself without labels, on all of it at once."""
    from splink import Linker, SettingsCreator, block_on
    from splink.backends.duckdb import DuckDBAPI

    logging.getLogger("splink").setLevel(logging.ERROR)
    frame, columns = _frame(records, subject)
    rules = [block_on(c) for c in columns if _pairs(records, c) <= MOST_PAIRS]
    rules += [block_on(f"substr({c}, 1, 3)") for c in columns if _pairs(records, c, 3) <= MOST_PAIRS]
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[_comparison(c, subject) for c in columns],
        blocking_rules_to_generate_predictions=rules,
        unique_id_column_name="position",
    )
    links: Links = [None] * len(records)
    with warnings.catch_warnings(), contextlib.suppress(StopIteration):
        warnings.simplefilter("ignore")
        linker = Linker(DuckDBAPI().register(frame), settings, log_level=logging.ERROR)
        telling = sorted(columns, key=lambda c: _pairs(records, c))[:3]
        linker.training.estimate_probability_two_random_records_match(
            [block_on(*telling[:2]), block_on(*telling[1:])], recall=0.7
        )
        linker.training.estimate_u_using_random_sampling(max_pairs=MOST_PAIRS, seed=1)
        for column in telling:
            with contextlib.suppress(Exception):  # Splink gives up on a column in which it finds nothing to learn
                linker.training.estimate_parameters_using_expectation_maximisation(block_on(column))
        found = linker.inference.predict(threshold_match_probability=0.01).as_pandas_dataframe()
        for left, right, probability in zip(
            found["position_l"], found["position_r"], found["match_probability"], strict=True
        ):
            earlier, later = sorted((int(left), int(right)))
            before = links[later]
            if before is None or (probability, -earlier) > (before[1], -before[0]):
                links[later] = (earlier, float(probability))
    return links


def _comparison(column: str, subject: Subject) -> Any:
    """The comparison that Splink's own guides give for such a column."""
    import splink.comparison_library as cl

    annotation = subject.annotation
    if column in annotation.identity_columns:
        return cl.EmailComparison(column) if "mail" in column else cl.LevenshteinAtThresholds(column, [1, 2])
    if column in annotation.compare:
        return cl.DamerauLevenshteinAtThresholds(column, [1, 2])
    if annotation.searchable[column] >= 3:
        return cl.NameComparison(column)
    return cl.JaroWinklerAtThresholds(column, [0.9, 0.7]).configure(term_frequency_adjustments=True)


def _frame(records: Sequence[StreamRecord], subject: Subject) -> tuple[Any, list[str]]:
    import pandas as pd

    wanted = dict.fromkeys([*subject.text_columns, *sorted(subject.annotation.identity_columns)])
    columns = [c for c in wanted if any(record.fields.get(c) for record in records)]
    rows = [
        {"position": position} | {c: str(record.fields[c]).lower() if record.fields.get(c) else None for c in columns}
        for position, record in enumerate(records)
    ]
    return pd.DataFrame(rows), columns


def _pairs(records: Sequence[StreamRecord], column: str, first: int | None = None) -> float:
    """How many pairs of records share the value of a column, or its first characters."""
    counts = Counter(str(record.fields.get(column) or "")[:first] for record in records)
    pairs = sum(math.comb(count, 2) for value, count in counts.items() if value)
    return pairs or math.inf


def _best_earlier(row: Any, position: int) -> tuple[int, float] | None:
    if position == 0:
        return None
    best = int(np.argmax(row[:position]))
    return best, float(row[best])
