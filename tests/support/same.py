"""Everything of a tenant that decisions made, without ids and times: what two runs of the same must have in common."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.queries import Queries
from memreg.core.steps import fetch_rows
from memreg.engine.model import IngestResult

_SQL = Queries(
    """-- audit --
-- What was decided, in order.
select
    log.id, log.message_id, log.ordinal, log.class, log.version, log.operation, log.action, log.basis, log.memory_id,
    log.revision, log.score, log.unresolved, log.thresholds, log.annotation,
    log.snapshot,
    log.extractor, log.actor, said.reasons, said.proposal, said.evidence, said.before,
    memreg.details_told(said.proposal, said.details) as details,
    memreg.state_told(said.after, said.proposal, said.details) as after
from memreg.audit_log as log
join memreg.audit_values as said on said.tenant = log.tenant and said.audit_id = log.id
where log.tenant = %(tenant)s
order by log.id

-- memories --
-- Every memory, in the order of their making.
select
    id, class, version, payload, originals, is_deleted, unresolved, revision, said_version, merged_into, pinned,
    deleted_at is null as is_there
from memreg.memories
where tenant = %(tenant)s
order by id

-- revisions --
-- Every revision.
select memory_id, revision, payload, is_deleted, unresolved, audit_id
from memreg.memory_revisions
where tenant = %(tenant)s
order by memory_id, revision

-- keys --
-- Every key, released ones too.
select memory_id, class, key, strong, released_at is null as is_held
from memreg.identity_keys
where tenant = %(tenant)s
order by class, key, memory_id

-- references --
-- What refers to what.
select * from memreg.memory_references where tenant = %(tenant)s

-- candidates --
-- How many keys of candidates stand for how many memories.
select count(*) as keys from memreg.candidate_keys where tenant = %(tenant)s

-- reviews --
-- Every question, in the order of its asking.
select class, kind, subject, memory_ids, message_id, audit_id, reason, status
from memreg.review_items
where tenant = %(tenant)s
order by id

-- messages --
-- Every message.
select id, session, role, text, status, error, attempts
from memreg.messages
where tenant = %(tenant)s
order by id

-- counts --
-- How far the writes of each class are counted.
select class, max(change) as change from memreg.memories where tenant = %(tenant)s group by class

-- switches --
-- The kill switches.
select class, is_on, reason from memreg.kill_switches where tenant = %(tenant)s order by class

-- snapshots --
-- The statistics that were taken.
select class, snapshot, change, documents, frequencies, model
from memreg.calibrations
where tenant = %(tenant)s
order by class, snapshot
""",
    "what two runs have in common",
)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_HASH = re.compile(r" ?[0-9a-f]{64}")  # of references they are of ids
_TIMES = frozenset({"at", "now", "took_ms", "latency_ms"})
_OF_COLUMNS = frozenset({"changed", "changes", "columns", "conflicts"})  # in the order that a payload has them in
_DIGESTS = frozenset({"digest"})


def everything(database: Database, tenant: str, schema: str) -> dict[str, list[str]]:
    """The rows of each table as texts, with what `explain` tells of each decision; an id stands as how many other ids
    were told before it in the audit."""
    engine = Engine(database, tenant=tenant, schema=schema)
    names: dict[str, str] = {}

    def named(text: str) -> str:
        text = _HASH.sub("", text)
        told = _UUID.sub(lambda found: names.setdefault(found[0], f"#{len(names)}"), text)
        return told.replace(f"tenant {tenant} ", "tenant ")

    found: dict[str, list[str]] = {}
    for name in ("audit", "memories", "revisions", "keys", "references", "candidates", "reviews", "messages", "counts",
                 "switches", "snapshots"):  # fmt: skip
        rows = database.run(tenant, lambda query=_SQL[name]: fetch_rows(query(tenant=tenant)))  # type: ignore[misc]
        if name == "audit":
            for row in rows:
                facts = engine.explain(row["id"]).facts
                row |= {part: facts[part] for part in ("candidates", "changes", "conflicts", "keys", "rule", "why")}
        texts = [named(json.dumps(_without_times(row), default=str, sort_keys=True)) for row in rows]
        # The order of what is not numbered by its making is that of the ids.
        found[name] = texts if name in ("audit", "memories", "snapshots") else sorted(texts)
    return found


def told(results: Sequence[IngestResult]) -> list[Any]:
    """Results as values, ids as above."""
    names: dict[str, int] = {}

    def number(value: object) -> int | None:
        return None if value is None else names.setdefault(str(value), len(names))

    def named(text: str) -> str:
        return _UUID.sub(lambda found: f"#{number(found[0])}", text)

    return [
        (
            named(each.message_id),
            each.status,
            each.error,
            [
                (str(d.action), str(d.basis), d.class_name, number(d.memory_id), d.score, number(d.audit_id),
                 [named(reason) for reason in d.reasons])
                for d in each.decisions
            ],
        )
        for each in results
    ]  # fmt: skip


def _without_times(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {
            part: _without_times(each, part)
            for part, each in value.items()
            if part not in _TIMES | _DIGESTS | {"tenant"} and not part.endswith("_at")
        }
    if not isinstance(value, list):
        return value
    found = [_without_times(each, name) for each in value]
    return sorted(found, key=lambda each: json.dumps(each, default=str)) if name in _OF_COLUMNS else found
