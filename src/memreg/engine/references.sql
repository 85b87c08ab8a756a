-- followed --
-- Memories by their ids, each as the one that it went into, where it did.
with recursive chain as (
    select asked.id as asked_id, asked.id, 0 as step
    from unnest(%(ids)s::uuid[]) as asked (id)
    union all
    select chain.asked_id, memories.merged_into, chain.step + 1
    from chain
    -- "offset 0": by the primary key, not through all that went into others.
    cross join lateral (
        select merged_into from memreg.memories where memories.tenant = %(tenant)s and memories.id = chain.id offset 0
    ) as memories
    where memories.merged_into is not null and chain.step < 100
)

select
    chain.asked_id, found.id, found.class, found.version, found.payload, found.originals, found.is_deleted,
    found.unresolved, found.revision, found.change, found.created_at, found.updated_at, found.last_seen_at,
    found.said_version, found.pinned, found.merged_into, found.void_revisions,
    case when found.version <> %(version)s and found.said_version is not null then
        memreg.said(%(tenant)s, found.id, found.revision)
    end as said,
    case when found.revision > 1 then memreg.earlier_revisions(%(tenant)s, found.id, found.revision, found.void_revisions) end as earlier
from chain
join memreg.memories as found
    on found.tenant = %(tenant)s and found.id = chain.id and found.schema = %(schema)s and found.merged_into is null

-- gone_into --
-- The memories that went into others, directly or by way of more.
with recursive family as (
    select asked.id as keeper_id, asked.id
    from unnest(%(ids)s::uuid[]) as asked (id)
    union
    select family.keeper_id, memories.id
    from family
    join memreg.memories on memories.tenant = %(tenant)s and memories.merged_into = family.id
)

select keeper_id, id
from family
where id <> keeper_id

-- referring --
-- The memories that refer to one of several, each with the columns by which it does, the first ones.
select
    refer.target_ids, held.id, held.class, held.version, held.payload, held.originals, held.is_deleted,
    held.unresolved, held.revision, held.change, held.created_at, held.updated_at, held.last_seen_at,
    held.said_version, held.pinned, held.merged_into, held.void_revisions,
    case when held.version <> %(version)s and held.said_version is not null then
        memreg.said(%(tenant)s, held.id, held.revision)
    end as said,
    case when held.revision > 1 then memreg.earlier_revisions(%(tenant)s, held.id, held.revision, held.void_revisions) end as earlier
from (
    select memory_id, array_agg(distinct target_id) as target_ids
    from memreg.memory_references
    where memory_references.tenant = %(tenant)s
        and memory_references.target_id = any(%(ids)s::uuid[])
        and not memory_references."column" = any(%(idle)s::text[])
    group by memory_id
    order by memory_id
    limit %(limit)s
) as refer
join memreg.memories as held on held.tenant = %(tenant)s and held.id = refer.memory_id
where held.schema = %(schema)s and not held.is_deleted
order by held.id

-- keep_references --
-- What memories refer to from now on.
with wanted as (
    select *
    from jsonb_to_recordset(%(rows)s) as wanted (target_id uuid, memory_id uuid, "column" text)
),
gone as (
    delete from memreg.memory_references
    using unnest(%(ids)s::uuid[]) as asked (id)
    where memory_references.tenant = %(tenant)s
        and memory_references.memory_id = asked.id
        and not exists (
            select from wanted
            where wanted.target_id = memory_references.target_id
                and wanted.memory_id = memory_references.memory_id
                and wanted."column" = memory_references."column"
        )
)
insert into memreg.memory_references (tenant, target_id, memory_id, "column")
select %(tenant)s, target_id, memory_id, "column"
from wanted
on conflict do nothing

-- merge_into --
-- A memory went into another one, or into what that went into; whoever refers to it refers to that from now on.
update memreg.memories
set merged_into = keeper.id
from (
    select memreg.keeper_of(%(tenant)s, wanted.keeper_id) as id, wanted.memory_id
    from unnest(%(memories)s::uuid[], %(keepers)s::uuid[]) as wanted (memory_id, keeper_id)
) as keeper
where memories.tenant = %(tenant)s and memories.id = keeper.memory_id and keeper.id <> keeper.memory_id

-- targets --
-- What memories are called and whether they are still there, each as the one that it went into.
select
    asked.id as asked_id, found.id, found.class, found.version, found.payload, found.originals, found.is_deleted,
    found.revision, found.said_version,
    case when found.version < %(version)s and found.said_version is not null then
        memreg.said(%(tenant)s, found.id, found.revision)
    end as said
from unnest(%(ids)s::uuid[]) as asked (id)
join memreg.memories as said_of on said_of.tenant = %(tenant)s and said_of.id = asked.id
cross join lateral (
    -- "offset 0" keeps who went into nobody from being asked about.
    select case when said_of.merged_into is null then said_of.id else memreg.keeper_of(%(tenant)s, said_of.id) end as id
    offset 0
) as kept
join memreg.memories as found on found.tenant = %(tenant)s and found.id = kept.id and found.schema = %(schema)s

-- refer_again --
-- What memories of any tenant refer to, as their rows say, after a backfill has rewritten these.
with asked as (
    select * from unnest(%(tenants)s::text[], %(ids)s::uuid[]) as asked (tenant, id)
),
wanted as (
    select distinct memories.tenant, (told.value #>> '{}')::uuid as target_id, memories.id as memory_id, place."column"
    from asked
    cross join lateral (
        -- "offset 0": each memory by its primary key.
        select * from memreg.memories where memories.tenant = asked.tenant and memories.id = asked.id offset 0
    ) as memories
    join unnest(%(classes)s::text[], %(columns)s::text[]) as place (class, "column") on place.class = memories.class
    cross join lateral jsonb_path_query(memories.payload -> place."column", '$[*]') as told (value)
    where not memories.is_deleted and told.value #>> '{}' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
),
gone as (
    delete from memreg.memory_references
    using asked
    where memory_references.tenant = asked.tenant
        and memory_references.memory_id = asked.id
        and not exists (
            select from wanted
            where wanted.tenant = memory_references.tenant
                and wanted.target_id = memory_references.target_id
                and wanted.memory_id = memory_references.memory_id
                and wanted."column" = memory_references."column"
        )
)
insert into memreg.memory_references (tenant, target_id, memory_id, "column")
select tenant, target_id, memory_id, "column"
from wanted
on conflict do nothing
