"""A database with 100,000 memories of 200 tenants, from a large one to those with a handful: rows as the engine writes
them, made by the server itself."""

from __future__ import annotations

from typing import Any

import psycopg

MEMORIES = 100_000
LARGE, SMALL = "t1", "t180"
"""A tenant with an eighth of everything, and one with a few dozen memories."""

# Spread by irrational steps: the same rows every time. Tenants and words are Zipfian.
SPREAD = """
create temporary table spread as
select
    n, 't' || floor(power(200, u))::integer as tenant, at, memreg.uuid_from(at) as id,
    memreg.uuid_from(at + interval '1 millisecond') as audit_id,
    case when n % 10 = 0 then 'Note' when n % 10 < 3 then 'Company' else 'Person' end as class,
    array['given' || floor(power(2000, v))::integer, 'family' || floor(power(5000, w))::integer, 'town' || n % 97]
        as words,
    case when n % 3 = 0 then 2 else 1 end as revisions
from (
    select
        n, now() - (100001 - n) * interval '10 seconds' as at, (n * 6180339887 % 10000000000)::float8 / 1e10 as u,
        (n * 7548776662 % 10000000000)::float8 / 1e10 as v, (n * 5698402910 % 10000000000)::float8 / 1e10 as w
    from generate_series(1, 100000::bigint) as n
) as numbers
"""
ROWS = (
    """
insert into memreg.memories (
    tenant, id, schema, class, version, payload, search, candidate_keys, is_deleted, unresolved, revision, change,
    created_at, updated_at, last_seen_at, deleted_at
)
select
    tenant, id, 's', class, 1,
    jsonb_build_object('name', words[1] || ' ' || words[2], 'city', words[3], 'email', n || '@example.com'),
    array_to_tsvector(words),
    array(select hashtextextended(class || word, 0) from unnest(words || (words[1] || words[2])) as word),
    n % 20 = 0, n % 50 = 1, revisions, n, at, at, at, case when n % 20 = 0 then at end
from spread
""",
    """
insert into memreg.candidate_keys (tenant, key, memory_id)
select tenant, unnest(candidate_keys), id from memreg.memories where not is_deleted and not unresolved
""",
    """
insert into memreg.identity_keys (tenant, schema, class, key, digest, memory_id, strong, released_at, created_at)
select tenant, 's', class, 'email', sha256(n::text::bytea), id, true, case when n % 20 = 0 then at end, at from spread
""",
    """
insert into memreg.memory_revisions (
    tenant, memory_id, revision, version, payload, is_deleted, unresolved, audit_id, created_at
)
select tenant, id, revision, 1, '{"name": "Ana"}', false, false, audit_id, at
from spread
cross join lateral generate_series(1, revisions) as revision
""",
    """
insert into memreg.memory_references (tenant, target_id, memory_id, "column")
select tenant, memreg.uuid_from(at - interval '1000 seconds'), id, 'employer' from spread where n % 10 = 5
""",
    """
insert into memreg.messages (
    tenant, schema, id, arrival, session, role, text, digest, status, queued, attempts, received_at, decided_at
)
select
    tenant, 's', 'm' || n, audit_id, case when n % 5 = 0 then 'session' || n % 100 end, 'user', repeat('word ', 20), '',
    case n % 1000 when 1 then 'accepted' when 2 then 'extracting' when 3 then 'dead' else 'decided' end,
    n % 2 = 1, 1, at, at
from spread
""",
    """
insert into memreg.audit_values (tenant, audit_id, proposal, salt) select tenant, audit_id, '{"a": 1}', '' from spread
""",
    """
insert into memreg.audit_log (
    tenant, id, schema, version, class, message_id, ordinal, operation, action, basis, memory_id, revision, candidates,
    thresholds, snapshot, annotation, extractor, undoes, digest, created_at
)
select
    tenant, audit_id, 's', 1, class, 'm' || n, 0, 'upsert', case when n % 3 = 0 then 'UPDATE' else 'CREATE' end,
    case n % 100 when 1 then 'kill_switch' when 2 then 'person' when 3 then 'identity' else 'new' end,
    id, 1, '[{"score": 0.4, "levels": {}}]', '{}', 1, 1, 'llm', case when n % 100 = 2 then audit_id end, '', at
from spread
""",
    """
insert into memreg.calibrations (tenant, schema, class, snapshot, change, documents, frequencies, created_at)
select tenant, 's', class, snapshot, 10 * snapshot, 100, '{"ana": 3}', now()
from (select distinct tenant, class from spread) as classes
cross join generate_series(1, 10) as snapshot
""",
    """
insert into memreg.review_items (
    tenant, id, schema, class, kind, subject, memory_ids, audit_id, reason, created_at, status
)
select tenant, id, 's', class, 'possible_duplicate', id::text, array[id], audit_id, 'alike', at,
    case when n % 40 = 7 then 'open' else 'settled' end
from spread
where n % 20 = 7
""",
)
# What the triggers make of each entry (its digest, its place in the queue of the unsealed) no plan depends on.
WITHOUT_TRIGGERS = (
    "alter table memreg.audit_log disable trigger user",
    "alter table memreg.audit_values disable trigger user",
)


def fill(conn: psycopg.Connection[Any]) -> None:
    """Fill a migrated database; about six seconds. No table is analysed."""
    with conn.transaction():
        for statement in (*WITHOUT_TRIGGERS, SPREAD, *ROWS):
            conn.execute(statement.encode())
