-- keep_act --
-- What stands for an act among the messages.
insert into memreg.messages (
    tenant, schema, id, arrival, role, text, digest, status, attempts, received_at, decided_at
)
values (%(tenant)s, %(schema)s, %(id)s, %(arrival)s, %(role)s, %(text)s, %(digest)s, 'decided', 1, %(now)s, %(now)s)

-- classes_of --
-- The classes that memories are stored under, by version; those of another schema are not among them.
select id, class, version
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and id = any(%(ids)s::uuid[])

-- memories_of --
-- Memories as they are now, deleted ones too.
select
    id, class, version, payload, originals, is_deleted, unresolved, revision, change, created_at, updated_at,
    last_seen_at, said_version, pinned, merged_into, erased_at,
    case when version <> %(version)s and said_version is not null then memreg.said(%(tenant)s, id, revision) end as said,
    case when revision > 1 then memreg.earlier_revisions(%(tenant)s, id, revision) end as earlier
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and id = any(%(ids)s::uuid[])

-- newest_changes --
-- How often classes of a tenant were written to.
select wanted.class, greatest(newest.change, 0) as change
from unnest(%(classes)s::text[]) as wanted (class)
left join lateral (
    select change
    from memreg.memories
    where tenant = %(tenant)s and schema = %(schema)s and memories.class = wanted.class
    order by change desc
    limit 1
) as newest on true

-- holders_of --
-- The live memories that hold strong keys.
select held.class, held.key, held.digest, held.memory_id
from unnest(%(classes)s::text[], %(names)s::text[], %(digests)s::bytea[]) as wanted (class, key, digest)
join memreg.identity_keys as held
    on held.tenant = %(tenant)s
    and held.schema = %(schema)s
    and held.class = wanted.class
    and held.key = wanted.key
    and held.digest = wanted.digest
    and held.strong
    and held.released_at is null

-- point_to --
-- What memories went into, from now on; null: they stand for themselves.
update memreg.memories
set merged_into = pointing.keeper_id
from unnest(%(ids)s::uuid[], %(keepers)s::uuid[]) as pointing (id, keeper_id)
where memories.tenant = %(tenant)s and memories.id = any(%(ids)s::uuid[]) and memories.id = pointing.id
