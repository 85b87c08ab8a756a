"""Refreshing statistics between decisions, when the count of writes says so: a class's for scores, the planner's
for reads."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.types.json import Jsonb

from memreg.core.clock import Clock
from memreg.core.steps import Steps, fetch, fetch_row, fetch_rows
from memreg.engine.calibration import Calibration
from memreg.engine.learn import LEARNED_FROM, learn, observed_from
from memreg.engine.store import SQL
from memreg.engine.text import scope_token


@dataclass(frozen=True, slots=True)
class Due:
    """A class whose next snapshot is due: its count of writes, and which of its columns name an object."""

    change: int
    names: tuple[str, ...]


def refresh(
    tenant: str,
    schema: str,
    class_name: str,
    due: Due,
    clock: Clock,
    *,
    by: str | None = None,
    reason: str | None = None,
) -> Steps[int | None]:
    """Take the next snapshot of a class: the document frequencies of its newest 20,000 live memories at most, and the
    calibration by its newest 2,000 decisions. `by`: the person who asks for it, due or not, held fast or not.

    Gives the snapshot's number, or None when another worker was first or the calibration is held fast.
    """
    of_class = {"tenant": tenant, "schema": schema, "class_name": class_name}
    counts, latest, recent = yield from fetch(
        SQL["count_tokens"](**of_class),
        SQL["latest_snapshots"](tenant=tenant, schema=schema, classes=[class_name]),
        SQL["recent_levels"](**of_class, limit=LEARNED_FROM),
    )
    if by is None and latest[0]["snapshot"] is not None and latest[0]["snapshot_change"] >= due.change:
        return None
    before = yield from calibration_of(tenant, schema, class_name, latest[0]["snapshot"])
    if by is None and before.fixed:
        return None
    frequencies: dict[str, int] = counts[0]["counts"]
    documents = frequencies.pop(scope_token(tenant, schema, class_name), 0)
    model = learn([observed_from(row) for row in recent], due.names, before)
    # Whoever wrote the number meanwhile has the say: a person's shift must not be lost to what was learned before it.
    kept = yield from fetch_row(
        SQL["keep_snapshot"](
            **of_class,
            snapshot=(latest[0]["snapshot"] or 0) + 1,
            change=due.change if by is None else latest[0]["change"],
            documents=documents,
            frequencies=Jsonb(frequencies),
            model=Jsonb(model.to_json()),
            by=by,
            reason=reason,
            now=clock(),
        )
    )
    return int(kept["snapshot"]) if kept else None


def calibration_of(tenant: str, schema: str, class_name: str, snapshot: int | None) -> Steps[Calibration]:
    """The calibration of a class as of a snapshot; without one, what its columns' roles promise."""
    if not snapshot:
        return Calibration()
    row = yield from fetch_row(
        SQL["one_snapshot"](tenant=tenant, schema=schema, class_name=class_name, snapshot=snapshot)
    )
    return Calibration.from_json(row["model"] if row else None)


def look_at_tables() -> Steps[bool]:
    """Let the planner look at the tables if they have doubled; gives whether they had.

    Prepared plans of an empty table stay in use until then: autovacuum comes only once a minute, a first load is
    faster.
    """
    growth = yield from fetch_rows(SQL["table_growth"]())
    if not growth[0]["has_grown"]:
        return False
    yield (SQL["look_at_tables"](),)
    return True
