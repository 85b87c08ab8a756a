-- no_time_limit --
-- What looks at every memory once may take its time.
select set_config('statement_timeout', '0', true)

-- plan_anew --
-- What reads a range of memories is planned for that range: a plan for any range would read far more.
select set_config('plan_cache_mode', 'force_custom_plan', true)

-- lock_backfill --
-- Hold a backfill until the end of the transaction: its state changes by one hand at a time.
select * from memreg.backfills where id = %(id)s for update

-- read_backfill --
-- A backfill as it stands, without waiting for who holds it.
select * from memreg.backfills where id = %(id)s

-- open_backfill --
-- The backfill of a schema that is not at its end, or the last that failed to come to it.
select backfills.*, schema_versions.status as version_status, schema_versions.restores
from memreg.backfills
join memreg.schema_versions
    on schema_versions.schema = backfills.schema and schema_versions.version = backfills.to_version
where backfills.schema = %(schema)s
order by (backfills.status in ('running', 'paused', 'cancelling')) desc, backfills.created_at desc, backfills.id desc
limit 1

-- newer_active --
-- A version above a number that is active already.
select version from memreg.schema_versions
where schema = %(schema)s and version > %(version)s and status = 'active'

-- active_version --
-- The version of a schema that is in force.
select version from memreg.schema_versions where schema = %(schema)s and status = 'active'

-- insert_backfill --
-- A backfill begins.
insert into memreg.backfills (id, schema, to_version, status, stage, policy, allowed, rate, total, started_by, why, created_at)
values (
    %(id)s, %(schema)s, %(version)s, 'running', %(stage)s, %(policy)s, %(allowed)s, %(rate)s, 0, %(by)s, %(why)s, %(now)s
)

-- change_backfill --
-- A backfill goes on under other wishes; what is null stays as it is.
update memreg.backfills
set status = coalesce(%(status)s, status),
    policy = coalesce(%(policy)s, policy),
    allowed = coalesce(%(allowed)s, allowed),
    rate = case when %(rate)s::double precision is null then rate else nullif(%(rate)s, 0) end,
    error = null,
    finished_at = null
where id = %(id)s

-- set_status --
-- A backfill is halted, goes on, or is at its end.
update memreg.backfills
set status = %(status)s, error = %(error)s, finished_at = %(finished_at)s
where id = %(id)s

-- set_stage --
-- A backfill enters a stage, whose parts are not known yet.
update memreg.backfills
set stage = %(stage)s, prepared = false, total = 0, converted = 0, activated_at = %(now)s
where id = %(id)s

-- reserve --
-- When the next memories may be worked on under the rate of a backfill; the turn after that comes later by their number.
update memreg.backfills
set next_at = greatest(coalesce(next_at, %(now)s), %(now)s) + make_interval(secs => %(memories)s / rate)
where id = %(id)s and rate is not null
returning next_at - make_interval(secs => %(memories)s / rate) as at

-- keep_marks --
-- How far each class of each tenant has been written to; what is written after this is indexed again.
insert into memreg.backfill_marks (tenant, backfill_id, class, change)
select tenant, %(id)s, class, max(change)
from memreg.memories
where schema = %(schema)s and class = any(%(classes)s)
group by tenant, class
on conflict (tenant, backfill_id, class) do nothing

-- keep_parts --
-- The memories that a stage has to look at, in parts of a size, by tenant, class and the count of writes.
with ordered as (
    select tenant, class, change, row_number() over (order by tenant, class, change) as n
    from memreg.memories
    where schema = %(schema)s and class = any(%(classes)s) and version < %(version)s and (%(deleted)s or not is_deleted)
),
ends as (
    select tenant, class, change, n, (select max(n) from ordered) as whole
    from ordered
),
bounds as (
    select
        tenant, class, change, n,
        lag(tenant, 1, '') over (order by n) as after_tenant,
        lag(class, 1, '') over (order by n) as after_class,
        lag(change, 1, -1) over (order by n) as after_change,
        lag(n, 1, 0) over (order by n) as after_n
    from ends
    where n %% %(size)s = 0 or n = whole
)
insert into memreg.backfill_parts (
    backfill_id, stage, part, after_tenant, after_class, after_change, to_tenant, to_class, to_change, memories
)
select
    %(id)s, %(stage)s, (n - 1) / %(size)s, after_tenant, after_class, after_change, tenant, class, change, n - after_n
from bounds

-- is_prepared --
-- The parts of a stage are known; their memories are the work to do.
update memreg.backfills
set prepared = true,
    total = (
        select coalesce(sum(memories), 0)
        from memreg.backfill_parts
        where backfill_id = %(id)s and stage = %(stage)s
    )
where id = %(id)s

-- take_part --
-- A part that nobody works on, the last one first, held until the end of the transaction.
select parts.*
from memreg.backfill_parts as parts
where parts.backfill_id = %(id)s and parts.stage = %(stage)s and not parts.finished
order by parts.part desc
limit 1
for update skip locked

-- parts_left --
-- Whether a part of a stage is left, by somebody in the making or not.
select exists (
    select from memreg.backfill_parts where backfill_id = %(id)s and stage = %(stage)s and not finished
) as are_left

-- finish_part --
-- A part is done, in so many seconds.
update memreg.backfill_parts
set finished = true, seconds = %(seconds)s
where backfill_id = %(id)s and stage = %(stage)s and part = %(part)s

-- memories_of_part --
-- The memories of a part that are on an older version, as they are now; with the keys that they hold.
select
    tenant, id, class, version, payload, originals, case when %(lookups)s then search::text end as search,
    case when %(lookups)s then candidate_keys end as candidate_keys, is_deleted, unresolved, revision, change, created_at,
    updated_at, last_seen_at, said_version, pinned, merged_into, void_revisions,
    case when said_version is not null then memreg.said(tenant, id, revision) end as said,
    case when revision > 1 then memreg.earlier_revisions(tenant, id, revision, void_revisions) end as earlier
from memreg.memories
where (tenant, schema, class, change) > (%(after_tenant)s, %(schema)s, %(after_class)s, %(after_change)s)
    and (tenant, schema, class, change) <= (%(to_tenant)s, %(schema)s, %(to_class)s, %(to_change)s)
    and schema = %(schema)s
    and class = any(%(classes)s)
    and version < %(version)s
    and (%(deleted)s or not is_deleted)

-- memories_since --
-- The memories on an older version that were written to after the marks of a backfill, class by class in order.
with recursive places as (
    (
        select tenant, class
        from memreg.memories
        where schema = %(schema)s
        order by tenant, class
        limit 1
    )
    union all
    select next.tenant, next.class
    from places
    cross join lateral (
        select tenant, class
        from memreg.memories
        where (tenant, schema, class) > (places.tenant, %(schema)s, places.class) and schema = %(schema)s
        order by tenant, schema, class
        limit 1
    ) as next
)
select since.*
from places
left join memreg.backfill_marks as marks
    on marks.tenant = places.tenant and marks.backfill_id = %(id)s and marks.class = places.class
cross join lateral (
    select
        tenant, id, class, version, payload, originals, search::text as search, candidate_keys, is_deleted, unresolved, revision,
        change, created_at, updated_at, last_seen_at, said_version, pinned, merged_into, void_revisions,
        case when said_version is not null then memreg.said(tenant, id, revision) end as said,
        case when revision > 1 then memreg.earlier_revisions(tenant, id, revision, void_revisions) end as earlier
    from memreg.memories
    where memories.tenant = places.tenant
        and memories.schema = %(schema)s
        and memories.class = places.class
        and memories.change > coalesce(marks.change, 0)
        and memories.version < %(version)s
    order by memories.change
    limit %(limit)s
) as since
where places.class = any(%(classes)s)
limit %(limit)s

-- move_marks --
-- The classes of tenants are indexed up to these counts of writes.
insert into memreg.backfill_marks (tenant, backfill_id, class, change)
select tenant, %(id)s, class, change
from unnest(%(tenants)s::text[], %(classes)s::text[], %(changes)s::bigint[]) as seen (tenant, class, change)
on conflict (tenant, backfill_id, class) do update set change = greatest(backfill_marks.change, excluded.change)

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

-- keep_failures --
-- Memories that do not convert, with the reasons.
insert into memreg.backfill_failures (tenant, memory_id, backfill_id, reason, created_at)
select tenant, memory_id, %(id)s, reason, %(now)s
from jsonb_to_recordset(%(rows)s) as rows (tenant text, memory_id uuid, reason text)
on conflict (tenant, memory_id, backfill_id) do update set reason = excluded.reason, created_at = excluded.created_at

-- count_failures --
-- How many memories did not convert.
select count(*) as failures from memreg.backfill_failures where backfill_id = %(id)s

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

-- forget_parts --
-- The parts of a backfill that is given up, or turned back, once those at hand are done: nobody takes another.
delete from memreg.backfill_parts where backfill_id = %(id)s and not finished

-- forget_done_parts --
-- The parts of a backfill that are done, once they are counted.
delete from memreg.backfill_parts where backfill_id = %(id)s

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

-- read_whole_tables --
-- What touches most of a table may read it from its beginning to its end.
select set_config('enable_seqscan', 'on', true)

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

-- count_done --
-- What a stage came to, without those that stay as they are, kept when its parts are forgotten.
update memreg.backfills
set converted = greatest(
    0,
    (
        select coalesce(sum(memories), 0)
        from memreg.backfill_parts
        where backfill_id = %(id)s and stage = %(stage)s and finished
    ) - %(left)s
)
where id = %(id)s

-- count_merged --
-- How many memories the newest backfill to a version merged into others.
select count(distinct (tenant, memory_id)) as merged
from memreg.backfill_collisions
where outcome = 'merged' and backfill_id in (
    select id from memreg.backfills where schema = %(schema)s and to_version = %(version)s
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

-- forget_work --
-- What a backfill kept for itself is not needed at its end.
with parts as (delete from memreg.backfill_parts where backfill_id = %(id)s),
marks as (delete from memreg.backfill_marks where backfill_id = %(id)s)
delete from memreg.backfill_keys where backfill_id = %(id)s

-- list_backfills --
-- Backfills of a schema, or of all, the newest first, with what they came to.
select
    backfills.*,
    (select count(*) from memreg.backfill_failures where backfill_id = backfills.id) as failures,
    (select count(distinct (tenant, memory_id)) from memreg.backfill_collisions where backfill_id = backfills.id)
        as collisions,
    work.memories as worked, work.seconds
from memreg.backfills
left join lateral (
    select sum(memories) filter (where finished) as memories, sum(seconds) as seconds
    from memreg.backfill_parts
    where backfill_parts.backfill_id = backfills.id and backfill_parts.stage = backfills.stage
) as work on true
where (%(schema)s::text is null or schema = %(schema)s) and (%(id)s::uuid is null or id = %(id)s)
order by created_at desc, id desc
limit 1000

-- list_failures --
-- Memories that a backfill could not convert, with the reasons.
select tenant, memory_id, reason, created_at
from memreg.backfill_failures
where backfill_id = %(id)s
order by tenant, memory_id
limit %(limit)s

-- doing_jobs --
-- How many of the jobs of a backfill are waiting or being done by somebody who is alive.
select
    count(*) filter (where jobs.status = 'todo') as waiting,
    count(*) filter (where jobs.status = 'doing' and workers.last_heartbeat > %(alive)s) as doing
from memreg.procrastinate_jobs as jobs
left join memreg.procrastinate_workers as workers on workers.id = jobs.worker_id
where jobs.task_name = %(task)s and jobs.args ->> 'backfill_id' = %(id)s::text and jobs.status in ('todo', 'doing')

-- defer_chunk --
-- Put the next chunk of a backfill into a job queue.
select memreg.procrastinate_defer_jobs_v1(array[
    row(
        %(queue)s::text, %(task)s::text, 0, null, null, jsonb_build_object('backfill_id', %(id)s::text, 'queue', %(queue)s::text),
        %(at)s::timestamptz
    )::memreg.procrastinate_job_to_defer_v1
])

-- forget_jobs --
-- Delete the jobs of a backfill that waits for nobody, and those that a worker left when it was killed.
delete from memreg.procrastinate_jobs
where (task_name = %(task)s and args ->> 'backfill_id' = %(id)s::text and status <> 'doing')
    or (
        task_name = %(task)s
        and status = 'doing'
        and not exists (
            select from memreg.procrastinate_workers
            where procrastinate_workers.id = procrastinate_jobs.worker_id
                and last_heartbeat > now() - interval '30 seconds'
        )
    )
