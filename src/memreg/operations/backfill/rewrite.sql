-- take_over_calibrations --
-- A class under a new name is scored by what was learned of it under the old one.
insert into memreg.calibrations (
    tenant, schema, class, snapshot, change, documents, frequencies, model, set_by, reason, created_at
)
select tenant, schema, renamed.name, snapshot, 0, documents, frequencies, model, set_by, reason, created_at
from unnest(%(befores)s::text[], %(names)s::text[]) as renamed (before, name)
join memreg.calibrations on calibrations.class = renamed.before
where calibrations.schema = %(schema)s
on conflict do nothing

-- lock_memories --
-- Hold some memories until the end of the transaction, in one order for everybody.
select memories.tenant, memories.id
from unnest(%(tenants)s::text[], %(ids)s::uuid[]) as wanted (tenant, wanted_id)
join memreg.memories on memories.tenant = wanted.tenant and memories.id = wanted.wanted_id
order by memories.tenant, memories.id
for update of memories

-- rewrite_memories --
-- Memories in the form of another version, and what they are found by under it; one that was written to since is left.
with rows as materialized (
    select *
    from jsonb_to_recordset(%(rows)s) as rows (
        tenant text, id uuid, class text, payload jsonb, originals jsonb, pinned jsonb, search tsvector, candidate_keys bigint[],
        revision integer
    )
),
present as materialized (
    select rows.*, memories.candidate_keys as before, memories.search as searched
    from rows
    join memreg.memories on memories.tenant = rows.tenant and memories.id = rows.id
    where memories.revision = rows.revision and memories.version < %(version)s
),
forgotten as (
    delete from memreg.backfill_keys
    using present
    where backfill_keys.tenant = present.tenant and backfill_keys.memory_id = present.id and %(is_indexed)s
),
keyed as materialized (
    select
        present.tenant, present.id, present.class, present.payload, present.originals, present.pinned,
        present.before || coalesce(known.spare, '{}') as before,
        coalesce(present.search, known.search, present.searched) as search,
        case
            when present.candidate_keys is not null then present.candidate_keys
            when known.keys is null then present.before
            else array(select key from unnest(present.before) as key where not key = any(known.gone)) || known.keys
        end as candidate_keys,
        known.keys as added
    from present
    left join memreg.backfill_keys as known
        on known.tenant = present.tenant and known.memory_id = present.id and %(is_indexed)s
),
gone as (
    delete from memreg.candidate_keys
    using (
        select keyed.tenant, keyed.id, old.key
        from keyed
        cross join lateral unnest(keyed.before) as old (key)
        where not old.key = any(keyed.candidate_keys)
    ) as stale
    where candidate_keys.tenant = stale.tenant and candidate_keys.key = stale.key
        and candidate_keys.memory_id = stale.id
),
come as (
    insert into memreg.candidate_keys (tenant, key, memory_id)
    select keyed.tenant, posted.key, keyed.id
    from keyed
    cross join lateral unnest(keyed.candidate_keys) as posted (key)
    where not posted.key = any(keyed.before) and not posted.key = any(coalesce(keyed.added, '{}'))
    on conflict do nothing
)
update memreg.memories
set class = keyed.class,
    -- Under another name it comes before all that is written there: the count of writes of a class only grows.
    change = case when memories.class = keyed.class then memories.change else memories.change - 1099511627776 end,
    said_version = coalesce(memories.said_version, memories.version),
    version = %(version)s,
    payload = keyed.payload,
    originals = keyed.originals,
    pinned = keyed.pinned,
    search = keyed.search,
    candidate_keys = keyed.candidate_keys
from keyed
where memories.tenant = keyed.tenant and memories.id = keyed.id

-- renumber_memories --
-- The memories of a part whose form is the same under another version.
update memreg.memories
set said_version = coalesce(said_version, version), version = %(version)s
where (tenant, schema, class, change) > (%(after_tenant)s, %(schema)s, %(after_class)s, %(after_change)s)
    and (tenant, schema, class, change) <= (%(to_tenant)s, %(schema)s, %(to_class)s, %(to_change)s)
    and schema = %(schema)s
    and (class, version) in (
        select same.class, same.version
        from unnest(%(classes)s::text[], %(versions)s::integer[]) as same (class, version)
    )
    and not is_deleted

-- count_behind --
-- How many live memories of the classes are on each older version, in every tenant.
select class, version, count(*) as memories
from memreg.memories
where schema = %(schema)s and version < %(version)s and class = any(%(classes)s) and not is_deleted
group by class, version
order by class, version

-- sample_memories --
-- Live memories on an older version, of some percent of the pages that hold memories.
select
    tenant, id, class, version, payload, originals, search::text as search, candidate_keys, is_deleted, unresolved, revision,
    change, created_at, updated_at, last_seen_at, said_version, pinned, merged_into, void_revisions,
    case when said_version is not null then memreg.said(tenant, id, revision) end as said,
    case when revision > 1 then memreg.earlier_revisions(tenant, id, revision, void_revisions) end as earlier
from memreg.memories tablesample system (%(percent)s) repeatable (1)
where schema = %(schema)s and class = any(%(classes)s) and version < %(version)s and not is_deleted
limit %(limit)s
