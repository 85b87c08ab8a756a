-- keep_collisions --
-- Memories whose strong key another one holds.
insert into memreg.backfill_collisions (tenant, backfill_id, class, key, digest, keeper_id, memory_id)
select keys.tenant, %(id)s, keys.class, keys.key, keys.digest, held.memory_id, keys.memory_id
from unnest(
    %(tenants)s::text[], %(classes)s::text[], %(names)s::text[], %(digests)s::bytea[], %(ids)s::uuid[]
) as keys (tenant, class, key, digest, memory_id)
join memreg.identity_keys as held
    on held.tenant = keys.tenant
    and held.schema = %(schema)s
    and held.class = keys.class
    and held.key = keys.key
    and held.digest = keys.digest
where held.strong and held.released_at is null and held.memory_id <> keys.memory_id
on conflict (tenant, backfill_id, memory_id, key, digest) do update set keeper_id = excluded.keeper_id

-- count_collisions --
-- How many memories have the strong key of another one.
select count(distinct (tenant, memory_id)) as collisions from memreg.backfill_collisions where backfill_id = %(id)s

-- heirs --
-- Strong keys whose holder let them go since go to the first of those that they collided with.
insert into memreg.identity_keys (tenant, schema, class, key, digest, memory_id, strong, created_at)
select distinct on (met.tenant, met.class, met.key, met.digest)
    met.tenant, %(schema)s, met.class, met.key, met.digest, met.memory_id, true, %(now)s
from memreg.backfill_collisions as met
where met.backfill_id = %(id)s
    and not exists (
        select from memreg.identity_keys as held
        where held.tenant = met.tenant
            and held.schema = %(schema)s
            and held.class = met.class
            and held.key = met.key
            and held.digest = met.digest
            and held.strong
            and held.released_at is null
    )
order by met.tenant, met.class, met.key, met.digest, met.memory_id
on conflict do nothing

-- name_keepers --
-- Who holds the keys of collisions now.
update memreg.backfill_collisions as met
set keeper_id = held.memory_id
from memreg.identity_keys as held
where met.backfill_id = %(id)s
    and held.tenant = met.tenant
    and held.schema = %(schema)s
    and held.class = met.class
    and held.key = met.key
    and held.digest = met.digest
    and held.strong
    and held.released_at is null
    and met.keeper_id <> held.memory_id

-- drop_keepers --
-- Who holds a key collides with nobody by it.
delete from memreg.backfill_collisions where backfill_id = %(id)s and memory_id = keeper_id

-- prefer_oldest --
-- Of memories with one strong key the oldest keeps it, whoever was indexed first.
with better as (
    select tenant, class, key, digest, keeper_id, (array_agg(memory_id order by memory_id))[1] as oldest_id
    from memreg.backfill_collisions
    where backfill_id = %(id)s
    group by tenant, class, key, digest, keeper_id
    having (array_agg(memory_id order by memory_id))[1] < keeper_id
),
moved as (
    update memreg.identity_keys
    set memory_id = better.oldest_id
    from better
    where identity_keys.tenant = better.tenant
        and identity_keys.schema = %(schema)s
        and identity_keys.class = better.class
        and identity_keys.key = better.key
        and identity_keys.digest = better.digest
        and identity_keys.memory_id = better.keeper_id
)
update memreg.backfill_collisions as met
set memory_id = case when met.memory_id = better.oldest_id then better.keeper_id else met.memory_id end,
    keeper_id = better.oldest_id
from better
where met.backfill_id = %(id)s
    and met.tenant = better.tenant
    and met.class = better.class
    and met.key = better.key
    and met.digest = better.digest

-- open_collisions --
-- Collisions that nothing was done about yet, the oldest keeper first.
select met.*
from memreg.backfill_collisions as met
where met.backfill_id = %(id)s and met.outcome is null
order by met.tenant, met.keeper_id, met.memory_id, met.key
limit %(limit)s

-- ones_now --
-- What two memories went into since, or they themselves.
select
    memreg.keeper_of(%(tenant)s, %(keeper)s::uuid) as keeper_id, memreg.keeper_of(%(tenant)s, %(memory)s::uuid) as memory_id

-- close_collisions --
-- What was done about some collisions.
update memreg.backfill_collisions
set outcome = %(outcome)s, audit_id = coalesce(%(audit_id)s, audit_id)
where backfill_id = %(id)s and tenant = %(tenant)s and (memory_id, keeper_id) in (
    select memory_id, keeper_id from unnest(%(ids)s::uuid[], %(keepers)s::uuid[]) as done (memory_id, keeper_id)
)

-- memories_to_merge --
-- Two memories as they are now, with the newest count of writes of their class.
select
    memories.tenant, id, class, version, payload, originals, is_deleted, unresolved, revision, change, created_at, updated_at,
    last_seen_at, said_version, pinned, merged_into, void_revisions, null as said,
    case when revision > 1 then memreg.earlier_revisions(memories.tenant, id, revision, void_revisions) end as earlier
from memreg.memories
where tenant = %(tenant)s and id = any(%(ids)s::uuid[])

-- newest_change --
-- How often a class of a tenant was written to.
select greatest(change, 0) as change
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s
order by change desc
limit 1

-- keep_merge --
-- A merge is kept like a message of its own, so that its audit entry has one.
insert into memreg.messages (
    tenant, schema, id, arrival, role, text, digest, status, attempts, received_at, decided_at
)
values (
    %(tenant)s, %(schema)s, %(id)s, %(arrival)s, 'system', %(text)s, %(digest)s, 'decided', 1, %(now)s, %(now)s
)
on conflict do nothing
