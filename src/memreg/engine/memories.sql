-- insert_memories --
-- New memories, and the keys that they are found by.
with written as (
    insert into memreg.memories (
        tenant, id, schema, class, version, payload, originals, search, candidate_keys, is_deleted, unresolved,
        revision, change, created_at, updated_at, last_seen_at, deleted_at, pinned, void_revisions
    )
    select
        %(tenant)s, id, %(schema)s, class, version, payload, originals, search, candidate_keys, is_deleted, unresolved,
        revision,
        coalesce(change, nth + (
            select greatest(max(counted.change), 0)
            from memreg.memories as counted
            where counted.tenant = %(tenant)s and counted.schema = %(schema)s and counted.class = rows.class
        )),
        created_at, updated_at, last_seen_at, deleted_at, pinned, void_revisions
    from jsonb_to_recordset(%(rows)s) as rows (
        id uuid, class text, version integer, payload jsonb, originals jsonb, search tsvector, candidate_keys bigint[],
        is_deleted boolean, unresolved boolean, revision integer, change bigint, nth bigint, created_at timestamptz,
        updated_at timestamptz, last_seen_at timestamptz, deleted_at timestamptz, pinned jsonb, void_revisions integer[]
    )
    returning id, candidate_keys
)
insert into memreg.candidate_keys (tenant, key, memory_id)
select %(tenant)s, posted.key, written.id
from written
cross join lateral unnest(written.candidate_keys) as posted (key)

-- hold_memories --
-- Hold some memories until the end of the transaction, in one order for everybody.
select id
from memreg.memories
where tenant = %(tenant)s and id = any(%(ids)s::uuid[])
order by id
for update

-- update_memories --
-- Memories with another state, by their ids, and the keys that they are found by from now on and no longer.
with keyed as (
    select held.id, held.candidate_keys as before, new.candidate_keys as after
    from unnest(%(ids)s::uuid[]) as wanted (id)
    cross join lateral (
        select id, candidate_keys
        from memreg.memories
        where memories.tenant = %(tenant)s and memories.id = wanted.id
        offset 0
    ) as held
    cross join lateral jsonb_to_record(%(rows)s::jsonb -> held.id::text) as new (candidate_keys bigint[])
),
stale as materialized (
    select keyed.id, old.key
    from keyed
    cross join lateral unnest(keyed.before) as old (key)
    where not old.key = any(keyed.after)
),
gone as (
    -- By a list of keys: a join could as well read all that the tenant has.
    delete from memreg.candidate_keys
    where candidate_keys.tenant = %(tenant)s
        and candidate_keys.key = any(array(select stale.key from stale))
        and exists (
            select from stale
            where stale.key = candidate_keys.key and stale.id = candidate_keys.memory_id
        )
),
come as (
    insert into memreg.candidate_keys (tenant, key, memory_id)
    select %(tenant)s, posted.key, keyed.id
    from keyed
    cross join lateral unnest(keyed.after) as posted (key)
    where not posted.key = any(keyed.before)
    on conflict do nothing
)
-- Each finds its new state by its id: a join of the two would compare every one with every other.
update memreg.memories
set said_version = null,
    (
        class, version, payload, originals, search, candidate_keys, is_deleted, unresolved, revision, change,
        updated_at, last_seen_at, deleted_at, pinned, void_revisions
    ) = (
        select
            new.class, new.version, new.payload, new.originals, new.search, new.candidate_keys, new.is_deleted,
            new.unresolved, new.revision,
            coalesce(new.change, new.nth + (
                select greatest(max(counted.change), 0)
                from memreg.memories as counted
                where counted.tenant = %(tenant)s and counted.schema = %(schema)s and counted.class = new.class
            )),
            new.updated_at, greatest(memories.last_seen_at, new.last_seen_at), new.deleted_at, new.pinned,
            new.void_revisions
        from jsonb_to_record(%(rows)s::jsonb -> memories.id::text) as new (
            class text, version integer, payload jsonb, originals jsonb, search tsvector, candidate_keys bigint[],
            is_deleted boolean, unresolved boolean, revision integer, change bigint, nth bigint,
            updated_at timestamptz, last_seen_at timestamptz, deleted_at timestamptz, pinned jsonb,
            void_revisions integer[]
        )
    )
where memories.tenant = %(tenant)s and memories.id = any(%(ids)s::uuid[])

-- see_memories --
-- Memories that a message spoke of without changing them.
update memreg.memories
set last_seen_at = greatest(last_seen_at, %(now)s)
where tenant = %(tenant)s and id = any(%(ids)s::uuid[])

-- insert_revisions --
-- Every state that a memory went through.
insert into memreg.memory_revisions (
    tenant, memory_id, revision, version, payload, originals, pinned, is_deleted, unresolved, audit_id, created_at
)
select
    %(tenant)s, memory_id, revision, version, payload, originals, pinned, is_deleted, unresolved, audit_id, created_at
from jsonb_to_recordset(%(rows)s) as rows (
    memory_id uuid, revision integer, version integer, payload jsonb, originals jsonb, pinned jsonb, is_deleted boolean,
    unresolved boolean, audit_id uuid, created_at timestamptz
)

-- hold_keys --
-- Keys that memories hold from now on, and those that they took and let go at once.
insert into memreg.identity_keys (tenant, schema, class, key, digest, memory_id, strong, released_at, created_at)
select %(tenant)s, %(schema)s, class, key, digest, memory_id, strong, case when released then %(now)s::timestamptz end, %(now)s
from jsonb_to_recordset(%(rows)s) as rows (
    class text, key text, digest bytea, memory_id uuid, strong boolean, released boolean
)
on conflict (tenant, schema, class, key, digest, memory_id) do update
set released_at = excluded.released_at, strong = excluded.strong

-- release_keys --
-- Keys that memories hold no longer.
update memreg.identity_keys
set released_at = %(now)s
from jsonb_to_recordset(%(rows)s) as rows (class text, key text, digest bytea, memory_id uuid)
where identity_keys.tenant = %(tenant)s
    and identity_keys.schema = %(schema)s
    and identity_keys.class = rows.class
    and identity_keys.key = rows.key
    and identity_keys.digest = rows.digest
    and identity_keys.memory_id is not distinct from rows.memory_id

-- get_memory --
-- One memory that is not deleted.
select
    id, class, version, payload, originals, revision, unresolved, created_at, updated_at, last_seen_at, said_version,
    case when version < %(version)s and said_version is not null then memreg.said(%(tenant)s, id, revision) end as said
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s and not is_deleted

-- list_memories --
-- A class's memories that are not deleted, by id, after one; the class under each name that it has or had, by versions.
select found.*
from unnest(%(classes)s::text[], %(firsts)s::integer[], %(lasts)s::integer[]) as place (name, first, last)
cross join lateral (
    select
        id, class, version, payload, originals, revision, unresolved, created_at, updated_at, last_seen_at, said_version,
        case when version < %(version)s and said_version is not null then
            memreg.said(%(tenant)s, id, revision)
        end as said
    from memreg.memories
    where tenant = %(tenant)s
        and schema = %(schema)s
        and class = place.name
        -- As the class has it, not by the index of versions.
        and (version between place.first and place.last) is true
        and not is_deleted
        and id > case when %(after)s::uuid is null then '00000000-0000-0000-0000-000000000000'::uuid else %(after)s::uuid end
    order by id
    limit %(limit)s
) as found
order by id
limit %(limit)s

-- list_all_memories --
-- The memories of every class that are not deleted, by class and id.
select
    id, class, version, payload, originals, revision, unresolved, created_at, updated_at, last_seen_at, said_version,
    case when version < %(version)s and said_version is not null then memreg.said(%(tenant)s, id, revision) end as said
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and class > '' and not is_deleted
order by class, id
limit %(limit)s

-- search_memories --
-- Live memories whose searchable text has some of the words, best rank first; the function knows whose they must be.
select
    memories.id, class, version, payload, originals, revision, unresolved, created_at, updated_at, last_seen_at,
    said_version,
    case when version < %(version)s and said_version is not null then
        memreg.said(%(tenant)s, memories.id, revision)
    end as said,
    found.rank
from memreg.search_memories(%(tenant)s, %(schema)s, %(query)s::tsquery, %(rank)s::tsquery, %(limit)s::integer) as found
cross join lateral (
    -- "offset 0" keeps the order of the joins: what was found first, then each memory by its primary key.
    select *
    from memreg.memories
    where memories.tenant = %(tenant)s and memories.id = found.id
    offset 0
) as memories
order by found.rank desc, memories.id

-- history_of --
-- Every revision of a memory, oldest first.
select
    revisions.memory_id, revisions.revision, revisions.version, revisions.payload, revisions.is_deleted,
    revisions.unresolved, revisions.audit_id, revisions.created_at
from memreg.memory_revisions as revisions
join memreg.memories on memories.tenant = revisions.tenant and memories.id = revisions.memory_id
where revisions.tenant = %(tenant)s and memories.schema = %(schema)s and revisions.memory_id = %(id)s
order by revisions.revision
