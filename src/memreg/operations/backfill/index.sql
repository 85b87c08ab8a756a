-- forget_index --
-- What was indexed of some memories before is forgotten: the keys that only the version to come has, and what they met.
with wanted as (
    select tenant, id
    from unnest(%(tenants)s::text[], %(ids)s::uuid[]) as wanted (tenant, id)
),
unkeyed as (
    delete from memreg.identity_keys
    using wanted
    where identity_keys.tenant = wanted.tenant
        and identity_keys.memory_id = wanted.id
        and identity_keys.schema = %(schema)s
        and (identity_keys.class, identity_keys.key) in (
            select moved.class, moved.key
            from unnest(%(moved_classes)s::text[], %(moved_keys)s::text[]) as moved (class, key)
        )
),
unmet as (
    delete from memreg.backfill_collisions
    using wanted
    where backfill_collisions.tenant = wanted.tenant
        and backfill_collisions.memory_id = wanted.id
        and backfill_collisions.backfill_id = %(id)s
),
unfailed as (
    delete from memreg.backfill_failures
    using wanted
    where backfill_failures.tenant = wanted.tenant
        and backfill_failures.memory_id = wanted.id
        and backfill_failures.backfill_id = %(id)s
),
known as (
    delete from memreg.backfill_keys
    using wanted
    where backfill_keys.tenant = wanted.tenant and backfill_keys.memory_id = wanted.id
    returning backfill_keys.tenant, backfill_keys.memory_id, backfill_keys.keys || backfill_keys.spare as keys
)
delete from memreg.candidate_keys
using (
    select known.tenant, known.memory_id, old.key
    from known
    cross join lateral unnest(known.keys) as old (key)
    join memreg.memories on memories.tenant = known.tenant and memories.id = known.memory_id
    where not old.key = any(memories.candidate_keys)
) as stale
where candidate_keys.tenant = stale.tenant and candidate_keys.key = stale.key
    and candidate_keys.memory_id = stale.memory_id

-- index_keys --
-- The keys that memories have under the version to come, in one order for everybody; who came first holds a strong one.
insert into memreg.identity_keys (tenant, schema, class, key, digest, memory_id, strong, released_at, created_at)
select tenant, %(schema)s, class, key, digest, memory_id, strong, case when released then %(now)s::timestamptz end, %(now)s
from unnest(
    %(tenants)s::text[], %(classes)s::text[], %(names)s::text[], %(digests)s::bytea[], %(ids)s::uuid[], %(strong)s::boolean[],
    %(released)s::boolean[]
) as keys (tenant, class, key, digest, memory_id, strong, released)
order by tenant, class, key, digest, memory_id
on conflict do nothing
returning tenant, memory_id, key, digest

-- index_candidates --
-- What memories are found by under the version to come, beside what they are found by now.
with wanted as materialized (
    select *
    from jsonb_to_recordset(%(rows)s) as wanted (
        tenant text, memory_id uuid, keys bigint[], gone bigint[], search tsvector
    )
),
kept as (
    insert into memreg.backfill_keys (tenant, memory_id, backfill_id, keys, gone, search)
    select tenant, memory_id, %(id)s, keys, gone, search from wanted
    on conflict (tenant, memory_id) do update
    set keys = excluded.keys,
        gone = excluded.gone,
        spare = array(
            select distinct key
            from unnest(backfill_keys.keys || backfill_keys.spare) as key
            where not key = any(excluded.keys)
        ),
        search = excluded.search,
        backfill_id = excluded.backfill_id
)
insert into memreg.candidate_keys (tenant, key, memory_id)
select wanted.tenant, posted.key, wanted.memory_id
from wanted
cross join lateral unnest(wanted.keys) as posted (key)
on conflict do nothing

-- leftovers --
-- Whether another backfill of the schema came to no end, so that what it added is still there.
select exists (
    select from memreg.backfill_marks
    join memreg.backfills on backfills.id = backfill_marks.backfill_id
    where backfills.schema = %(schema)s and backfills.id <> %(id)s
) as are_left

-- adopt_keys --
-- Candidate keys that other backfills added, which came to no end, say nothing under this version; it takes them away.
update memreg.backfill_keys
set backfill_id = %(id)s, spare = keys || spare, keys = '{}', gone = '{}', search = null
from memreg.backfills as others
where others.id = backfill_keys.backfill_id and others.schema = %(schema)s and others.id <> %(id)s

-- forget_leftovers --
-- What other backfills of the schema kept for themselves is not needed any more.
with parts as (
    delete from memreg.backfill_parts
    using memreg.backfills
    where backfills.id = backfill_parts.backfill_id and backfills.schema = %(schema)s and backfills.id <> %(id)s
)
delete from memreg.backfill_marks
using memreg.backfills
where backfills.id = backfill_marks.backfill_id and backfills.schema = %(schema)s and backfills.id <> %(id)s

-- extra_keys --
-- Memories that were given keys beside their own before the version was in force.
select tenant, memory_id
from memreg.backfill_keys
where backfill_id = %(id)s
order by tenant, memory_id
limit %(limit)s

-- keep_extra_keys --
-- Memories in the form of a version older than one stay found by what they were given, beside their own keys.
update memreg.memories
set candidate_keys = array(
    select distinct key
    from unnest(memories.candidate_keys || known.keys || case when %(spare)s then known.spare end) as key
)
from unnest(%(tenants)s::text[], %(ids)s::uuid[]) as wanted (tenant, wanted_id)
join memreg.backfill_keys as known on known.tenant = wanted.tenant and known.memory_id = wanted.wanted_id
where memories.tenant = wanted.tenant
    and memories.id = wanted.wanted_id
    and memories.version < %(version)s
    and not memories.is_deleted

-- drop_extra_keys --
-- Keys that were given to memories before the version was in force, and that they do not have now.
with known as (
    delete from memreg.backfill_keys
    using unnest(%(tenants)s::text[], %(ids)s::uuid[]) as wanted (tenant, id)
    where backfill_keys.tenant = wanted.tenant and backfill_keys.memory_id = wanted.id
    returning backfill_keys.tenant, backfill_keys.memory_id, backfill_keys.keys || backfill_keys.spare as keys
)
delete from memreg.candidate_keys
using (
    select known.tenant, known.memory_id, old.key
    from known
    cross join lateral unnest(known.keys) as old (key)
    join memreg.memories on memories.tenant = known.tenant and memories.id = known.memory_id
    where not old.key = any(memories.candidate_keys)
) as stale
where candidate_keys.tenant = stale.tenant and candidate_keys.key = stale.key
    and candidate_keys.memory_id = stale.memory_id

-- drop_keys --
-- Many of the keys that are held under some names go.
delete from memreg.identity_keys
where ctid = any(array(
    select identity_keys.ctid
    from memreg.identity_keys
    join unnest(%(classes)s::text[], %(names)s::text[]) as dropped (class, name)
        on dropped.class = identity_keys.class and dropped.name = identity_keys.key
    where identity_keys.schema = %(schema)s
    limit %(limit)s
))
returning 1 as dropped

-- keep_failures --
-- Memories that do not convert, with the reasons.
insert into memreg.backfill_failures (tenant, memory_id, backfill_id, reason, created_at)
select tenant, memory_id, %(id)s, reason, %(now)s
from jsonb_to_recordset(%(rows)s) as rows (tenant text, memory_id uuid, reason text)
on conflict (tenant, memory_id, backfill_id) do update set reason = excluded.reason, created_at = excluded.created_at

-- count_failures --
-- How many memories did not convert.
select count(*) as failures from memreg.backfill_failures where backfill_id = %(id)s
