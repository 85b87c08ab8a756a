"""What a doctor says of the tables' upkeep: indexes that were left unfinished, vacuum, and the months to come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from memreg.core.queries import Queries
from memreg.core.steps import Row, Rows, Steps, fetch, fetch_rows
from memreg.operations.audit.seal import SQL as AUDIT
from memreg.operations.check import Check, counted

SQL = Queries.load("memreg.operations", "upkeep.sql")
_BESIDE = "_beside"
_LOOKED_AT = 100
"""About how many pages of the candidate keys are looked at."""
_MOST_CROWDED = 0.1
"""The share of the candidate keys that may be of keys with far more memories than are kept of one."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What was found of the tables: invalid indexes, the settings of vacuum, tables with many dead rows, the partitions
    of the revisions, and how many of some candidate keys are of a crowded one."""

    invalid: Rows
    vacuum: Row
    bloated: Rows
    months: Rows
    keys: Row


def read_upkeep() -> Steps[Upkeep]:
    """Look at the tables; an operator's question."""
    invalid, (vacuum,), bloated, months, (size,) = yield from fetch(
        SQL["invalid_indexes"](),
        SQL["vacuum_settings"](),
        SQL["bloated_tables"](),
        AUDIT["partition_facts"](of_table="memreg.memory_revisions"),
        SQL["pages_of_keys"](),
    )
    share = min(100.0, 100.0 * _LOOKED_AT / max(size["pages"], 1))
    (keys,) = yield from fetch_rows(SQL["crowded_keys"](share=share))
    return Upkeep(invalid, vacuum, bloated, months, keys)


def upkeep_checks(found: Upkeep, now: datetime) -> Iterator[Check]:
    """The checks of it. Pure."""
    checks = [*_indexes(found.invalid), *_vacuum(found.vacuum), *_bloat(found.bloated), *_months(found.months, now)]
    checks += _keys(found.keys)
    yield from checks or [Check("upkeep", "ok", "the tables are vacuumed, indexed and divided as they should be")]


def _indexes(rows: Rows) -> Iterator[Check]:
    for row in rows:
        name = row["name"]
        text = f"the index {name} was never finished: it is of no use, and every write waits for it"
        mend = (
            "drop index concurrently" if name.endswith((_BESIDE, "_ccnew", "_ccold")) else "reindex index concurrently"
        )
        yield Check("upkeep", "warn", text, f'{mend} memreg."{name}";')


def _vacuum(row: Row) -> Iterator[Check]:
    if not row["is_on"]:
        text = "autovacuum is off, so that dead rows pile up and plans grow old"
        yield Check("upkeep", "warn", text, "alter system set autovacuum = on; alter system set track_counts = on;")
    for name in row["switched_off"]:
        text = f"autovacuum is off for the table {name}, so that its dead rows pile up"
        yield Check("upkeep", "warn", text, f'alter table memreg."{name}" reset (autovacuum_enabled);')


def _bloat(rows: Rows) -> Iterator[Check]:
    for row in rows:
        when = f"last vacuumed on {row['vacuumed_at']:%Y-%m-%d}" if row["vacuumed_at"] is not None else "never vacuumed"
        dead, live = counted(row["dead"], "dead row"), f"{row['live']:,} live ones"
        text = f"the table {row['name']} has {dead} beside {live}, and was {when}"
        advice = f'vacuum (analyze) memreg."{row["name"]}"; and end transactions that stay open for hours'
        yield Check("upkeep", "warn", text, advice)


def _months(parts: Rows, now: datetime) -> Iterator[Check]:
    ends = max((part["ends_at"] for part in parts if part["ends_at"] is not None), default=None)
    if ends is not None and ends <= now:
        text = "this month of the revisions has no partition of its own, so that it cannot be removed by itself later"
        yield Check("upkeep", "warn", text, "memreg audit seal makes it")


def _keys(row: Row) -> Iterator[Check]:
    if row["crowded"] > _MOST_CROWDED * row["sampled"]:
        share = f"{row['crowded'] / row['sampled']:.0%}"
        text = f"about {share} of the candidate keys are of keys with more than 1,000 memories, of which 200 are enough"
        yield Check("upkeep", "warn", text, "select memreg.trim_all_candidate_keys(); vacuum memreg.candidate_keys;")
