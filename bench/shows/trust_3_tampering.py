"""200 attempts to tamper with the audit, by the application's role and by a superuser: the database refuses each, or
`memreg audit verify` finds it by an anchor that was taken before.

Entries are edited, deleted, put in another order and inserted, and the end is cut off: with the triggers in force,
around them, and with every digest and every seal made anew afterwards (`bench/tampering.yaml`). Each attempt is a
transaction that is verified before its end and then rolled back, so that all of them meet the same audit. `--seed` says
which entries they are about.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.rows import DictRow, dict_row

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.batches import batch
from bench.stage import Show, database, perform, prepare, server_version
from bench.tampering import HELPERS, Attempt, attempts
from memreg import Engine
from memreg.core.database import Database
from memreg.core.settings import Settings
from memreg.core.steps import Steps
from memreg.operations.audit.anchor import Anchor, parse_anchors
from memreg.operations.audit.finding import Verification
from memreg.operations.audit.run import anchor_all, run, seal_tenant
from memreg.operations.audit.seal import seal_batch
from memreg.operations.audit.verify import verify

T = TypeVar("T")
Conn = psycopg.Connection[DictRow]
TENANT, FOREIGN = "acme", "globex"
PATIENCE = timedelta(seconds=1)
"""By default an entry may come five minutes late, whose transaction was open so long. Here none is open for a second,
and the whole audit is a few seconds old."""
REFUSALS = ("InsufficientPrivilege", "RestrictViolation", "UniqueViolation", "IntegrityConstraintViolation")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: the database refused it (its error), verifying found it, or neither."""

    attempt: Attempt
    refused: str | None = None
    found: Verification | None = None

    @property
    def fails(self) -> bool:
        """Whether the attempt came to nothing."""
        return self.refused is not None or (self.found is not None and not self.found.is_intact)


def fill(dsn: str, schema: str, messages: int) -> None:
    """An audit as a while of work makes it: decisions of two tenants, undos, several seals."""
    with Database.connect(Settings(database_url=dsn)) as opened:
        for tenant in (TENANT, FOREIGN):
            engine = Engine(opened, tenant=tenant, schema=schema)
            for number, (message, proposals) in enumerate(batch(messages), 1):
                result = engine.ingest(message, proposals=proposals)
                if number % 40 == 0:
                    engine.undo(result.decisions[-1].audit_id, by="the show", cascade=True)
                if number % 25 == 0:
                    run(opened, tenant, lambda name=tenant: seal_batch(name))  # type: ignore[misc]
            seal_tenant(opened, tenant)


def more(dsn: str, schema: str) -> None:
    """What is written after the anchor: some of it sealed, some of it not."""
    with Database.connect(Settings(database_url=dsn)) as opened:
        engine = Engine(opened, tenant=TENANT, schema=schema)
        for number, (message, proposals) in enumerate(batch(60)[40:]):
            engine.ingest(f"{message.text}, again {number}", proposals=proposals)
            if number == 10:
                engine.seal_audit()


def drive(conn: Conn, plan: Steps[T]) -> T:
    """Run a plan in the transaction at hand."""
    try:
        asked = next(plan)
        while True:
            cursors = [conn.execute(each.query.sql.encode(), dict(each.params)) for each in asked]
            asked = plan.send([cursor.fetchall() if cursor.description else [] for cursor in cursors])
    except StopIteration as stop:
        value: T = stop.value
        return value


def parameters(conn: Conn, chance: random.Random, anchored: int) -> dict[str, Any]:
    """Entries and seals for an attempt: sealed before the anchor was taken."""
    seal = chance.randint(2, anchored - 2)
    rows = conn.execute(
        "select entries from memreg.audit_seals where tenant = %s and seal = %s", (TENANT, seal)
    ).fetchall()
    entry, other = chance.sample(rows[0]["entries"], 2)
    newest = conn.execute("select max(seal) as head from memreg.audit_seals where tenant = %s", (TENANT,)).fetchall()
    tail = conn.execute(
        "select entries[1] as id from memreg.audit_seals where tenant = %s and seal = %s", (TENANT, anchored)
    ).fetchall()
    given = {"tenant": TENANT, "foreign": FOREIGN, "entry": entry, "other": other, "seal": seal}
    return given | {"tail": tail[0]["id"], "head": newest[0]["head"]}


def attempt(conn: Conn, wanted: Attempt, chance: random.Random, anchors: list[Anchor]) -> Outcome:
    """Try it, verify where the database let it through, and leave no trace."""
    try:
        given = parameters(conn, chance, anchors[0].seal)
        if wanted.who == "superuser":
            conn.execute(HELPERS.encode())
            if wanted.around:
                conn.execute("set local session_replication_role = replica")
        else:
            conn.execute("select set_config('memreg.tenant', %s, true)", (TENANT,))
            conn.execute("set local role memreg_app")
        try:
            for statement in wanted.sql:
                conn.execute(statement.encode(), given)
        except psycopg.Error as refusal:
            return Outcome(wanted, refused=type(refusal).__name__)
        conn.execute("reset role")
        return Outcome(wanted, found=drive(conn, verify(TENANT, anchors, patience=PATIENCE)))
    finally:
        conn.rollback()


def main(show: Show) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=250, help="messages of each tenant (250)")
    parser.add_argument("--seed", type=int, default=3, help="which entries the attempts are about (3)")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with database() as dsn:
        schema = prepare(dsn)
        fill(dsn, schema, options.messages)
        with Database.connect(Settings(database_url=dsn)) as opened:
            anchors = list(parse_anchors("\n".join(map(str, anchor_all(opened, TENANT)))))
            more(dsn, schema)
            before = run(opened, TENANT, lambda: verify(TENANT, anchors, patience=PATIENCE))
            show.say(before.sentence)
            show.claim("before any attempt, verifying finds nothing", before.is_intact, before.findings)
            show.claim("some of the audit is after the anchor, and some of that is not sealed", before.unsealed > 0)
            outcomes = []
            with psycopg.connect(dsn, row_factory=dict_row) as conn:
                for wanted in attempts():
                    outcomes += [attempt(conn, wanted, chance, anchors) for _ in range(wanted.times)]
            after = run(opened, TENANT, lambda: verify(TENANT, anchors, patience=PATIENCE))
        tell(show, outcomes)
        show.claim("200 attempts were made, half of them as a superuser", len(outcomes) == 200, len(outcomes))
        passed = [f"{each.attempt.who}: {each.attempt.way} {each.attempt.what}" for each in outcomes if not each.fails]
        show.claim("each was refused by the database or found by verifying", not passed, passed)
        by = Counter(each.refused for each in outcomes if each.refused is not None)
        show.claim("what is refused is refused for what it is", set(by) <= set(REFUSALS), by)
        app = [each for each in outcomes if each.attempt.who == "application"]
        show.claim(
            "the application's role can change, delete and reorder nothing",
            all(each.refused for each in app if each.attempt.way in ("delete", "reorder", "truncate")),
        )
        show.claim("after all of them the audit is as before", after == before)
        show.figures |= {
            "server": server_version(dsn),
            "entries": before.entries,
            "seals": before.seals,
            "attempts": len(outcomes),
            "refused": sum(each.refused is not None for each in outcomes),
            "found": sum(each.refused is None and each.fails for each in outcomes),
            "refused_as": dict(by),
            "passed": len(passed),
        }


def tell(show: Show, outcomes: list[Outcome]) -> None:
    """The outcomes by who tried what, and what verifying found them by."""
    counted = Counter((each.attempt.who, each.attempt.way, each.refused is not None) for each in outcomes)
    for who, way in dict.fromkeys((each.attempt.who, each.attempt.way) for each in outcomes):
        refused, let = counted[who, way, True], counted[who, way, False]
        show.say(f"  {who:<12} {way:<9} {refused:>3} refused, {let:>3} let through and found")
    kinds = Counter(str(each.found.findings[0].kind) for each in outcomes if each.found and each.found.findings)
    show.say("  found first: " + ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))
    show.figures["found_by"] = dict(kinds)


if __name__ == "__main__":
    perform("trust_3_tampering", main)
