"""Every column that could hold what a memory said is known to erasing: a new one has to be decided about."""

from __future__ import annotations

import psycopg

KINDS = ("text", "text[]", "jsonb", "bytea", "tsvector", "bigint[]", "character varying")
ASKED = """
select class.relname || '.' || attribute.attname
from pg_attribute as attribute
join pg_class as class on class.oid = attribute.attrelid
where class.relnamespace = 'memreg'::regnamespace
    and class.relkind in ('r', 'p')
    and not class.relispartition
    and attribute.attnum > 0
    and not attribute.attisdropped
    and format_type(attribute.atttypid, null) = any(%s)
    and attribute.attname not in ('tenant', 'schema', 'class')
    and class.relname not like 'procrastinate%%'
"""
ERASED = """
audit_values: proposal evidence before after reasons details salt digest
backfill_collisions: digest
backfill_failures: reason
backfill_keys: keys gone spare search
calibrations: frequencies reason
identity_keys: digest
kill_switches: reason
memories: payload originals search candidate_keys pinned
memory_revisions: payload originals pinned
messages: session text digest error reply
review_items: reason why
"""
"""What erasing takes values out of."""
TOLD = """
annotations: classes
audit_log: message_id actor
messages: id
schema_versions: definition
"""
"""What stays, and is told where it quotes a value: ids and names in the chain, and files that are nobody's data."""
NO_VALUES = """
alembic_version: version_num
annotations: source model prompt_hash decided_by verdict reason
audit_log: operation action basis candidates thresholds extractor model prompt_hash digest values_digest
audit_seals: content previous hash
backfill_collisions: key outcome
backfill_parts: stage after_tenant after_class to_tenant to_class
backfills: status error stage policy allowed started_by why
calibrations: model set_by
identity_keys: key
judgements: kind judged_by
kill_switch_rules: rule set_by
kill_switches: set_by evidence
memory_references: column
messages: role status zone settled_by traceparent
model_calls: message_id extractor model prompt_hash outcome
review_items: kind subject status message_id verdict settled_by
schema_versions: status fingerprint models reason registered_by verdict forced
schemas: name
workers: host
"""
"""Names, ids, figures, hashes of other things, and what operators are called."""


def columns(text: str) -> set[str]:
    found = set()
    for line in text.strip().splitlines():
        table, names = line.split(": ")
        found |= {f"{table}.{name}" for name in names.split()}
    return found


def test_every_column_is_decided_about(database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        there = {name for (name,) in conn.execute(ASKED, [list(KINDS)]).fetchall()}
    known = columns(ERASED) | columns(TOLD) | columns(NO_VALUES)
    assert there - known == set(), "does it hold what memories said? then `erase` has to take it away"
    assert known - there == set()
    assert not columns(ERASED) & columns(NO_VALUES)
