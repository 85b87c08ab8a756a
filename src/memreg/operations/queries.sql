-- one_switch --
-- One switch, as it was last set.
select tenant, schema, class, is_on, reason, set_by, set_at
from memreg.kill_switches
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s
for update

-- set_switch --
-- A switch is turned on or off, by whom, when and why.
insert into memreg.kill_switches (tenant, schema, class, is_on, reason, set_by, set_at)
values (%(tenant)s, %(schema)s, %(class_name)s, %(is_on)s, %(reason)s, %(by)s, %(now)s)
on conflict (tenant, schema, class) do update
set is_on = excluded.is_on, reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at

-- switches_of --
-- The switches that have a say in a tenant, schema and class ('*' is every one), the widest first.
select tenant, schema, class, is_on, reason, set_by, set_at
from memreg.kill_switches
where (%(tenant)s = '*' or tenant in (%(tenant)s, '*'))
    and (%(schema)s = '*' or schema in (%(schema)s, '*'))
    and (%(class_name)s = '*' or class in (%(class_name)s, '*'))
order by (tenant = '*') desc, (schema = '*') desc, (class = '*') desc, tenant, schema, class

-- count_unresolved --
-- How many memories of each class wait to be resolved.
select class, count(*) as memories
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and unresolved and not is_deleted
group by class
order by class

-- count_held_back --
-- How many proposals of each class were decided while it was create-only, and wait to be decided again.
with held as (
    select log.class, first_value(log.id) over (partition by log.message_id, log.class order by log.id) as first_id
    from memreg.audit_log as log
    join memreg.audit_values as said on said.tenant = log.tenant and said.audit_id = log.id
    where log.tenant = %(tenant)s
        and log.schema = %(schema)s
        and log.basis in ('kill_switch', 'pending', 'incomplete', 'duplicate_in_turn')
        and said.details ->> 'mode' in ('kill_switch', 'pending')
)

select class, count(*) as proposals
from held
where not exists (
    select from memreg.messages
    where messages.tenant = %(tenant)s
        and messages.schema = %(schema)s
        and messages.id = 'resolve:' || held.first_id::text
)
group by class
order by class

-- held_back --
-- What waits to be decided again after an entry, in the order it came, with the unresolved memory each proposal made; a message whole.
with waiting as (
    select log.id as first_id, log.message_id, log.class
    from memreg.audit_log as log
    join memreg.audit_values as said on said.tenant = log.tenant and said.audit_id = log.id
    where log.tenant = %(tenant)s
        and log.schema = %(schema)s
        and log.class = any(%(classes)s)
        and log.basis in ('kill_switch', 'pending', 'incomplete', 'duplicate_in_turn')
        and log.id > coalesce(%(after)s::uuid, '00000000-0000-0000-0000-000000000000')
        and said.details ->> 'mode' in ('kill_switch', 'pending')
        and not exists (
            select from memreg.messages
            where messages.tenant = %(tenant)s
                and messages.schema = %(schema)s
                and messages.id = 'resolve:' || log.id::text
        )
        and not exists (
            select from memreg.audit_log as earlier
            join memreg.audit_values as said_earlier
                on said_earlier.tenant = earlier.tenant and said_earlier.audit_id = earlier.id
            where earlier.tenant = %(tenant)s
                and earlier.schema = %(schema)s
                and earlier.message_id = log.message_id
                and earlier.class = log.class
                and earlier.id < log.id
                and earlier.basis in ('kill_switch', 'pending', 'incomplete', 'duplicate_in_turn')
                and said_earlier.details ->> 'mode' in ('kill_switch', 'pending')
        )
    order by log.id
    limit %(limit)s
)

select
    held.id as audit_id, waiting.first_id, held.class, held.message_id, held.ordinal, held.action, said.proposal,
    memories.id, memories.version, memories.payload, memories.originals, memories.is_deleted, memories.unresolved,
    memories.revision, memories.change, memories.created_at, memories.updated_at, memories.last_seen_at,
    memreg.earlier_payloads(memories.tenant, memories.id, memories.revision) as earlier
from waiting
join memreg.audit_log as held
    on held.tenant = %(tenant)s
    and held.schema = %(schema)s
    and held.message_id = waiting.message_id
    and held.class = waiting.class
    and held.basis in ('kill_switch', 'pending', 'incomplete', 'duplicate_in_turn')
join memreg.audit_values as said
    on said.tenant = %(tenant)s
    and said.audit_id = held.id
    and said.details ->> 'mode' in ('kill_switch', 'pending')
left join memreg.memories
    on held.action = 'CREATE'
    and memories.tenant = %(tenant)s
    and memories.id = held.memory_id
    and memories.unresolved
    and not memories.is_deleted
order by waiting.first_id, held.ordinal

-- keep_resolution --
-- What was held back of a message is decided again: kept like a message of its own, so that it happens once.
insert into memreg.messages (
    tenant, schema, id, role, text, digest, status, attempts, received_at, decided_at
)
values (%(tenant)s, %(schema)s, %(id)s, 'system', %(text)s, %(digest)s, 'decided', 1, %(now)s, %(now)s)

-- open_reviews --
-- Open questions to a person, oldest first, with what their memories say now.
select
    items.id, items.class, items.kind, items.memory_ids, items.message_id, items.audit_id, items.reason,
    items.created_at, found.memories
from memreg.review_items as items
cross join lateral (
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', memories.id,
        'values', memories.payload,
        'revision', memories.revision,
        'is_deleted', memories.is_deleted,
        'unresolved', memories.unresolved
    ) order by wanted.place), '[]') as memories
    from unnest(items.memory_ids) with ordinality as wanted (id, place)
    join memreg.memories on memories.tenant = items.tenant and memories.id = wanted.id
) as found
where items.tenant = %(tenant)s
    and items.schema = %(schema)s
    and items.status = 'open'
    and (%(kind)s::text is null or items.kind = %(kind)s)
    and (%(class_name)s::text is null or items.class = %(class_name)s)
order by items.created_at, items.id
limit %(limit)s

-- count_reviews --
-- How many questions to a person are open, by kind and class.
select kind, class, count(*) as items
from memreg.review_items
where tenant = %(tenant)s
    and schema = %(schema)s
    and status = 'open'
    and (%(kind)s::text is null or kind = %(kind)s)
    and (%(class_name)s::text is null or class = %(class_name)s)
group by kind, class
order by kind, class

-- class_names --
-- The classes that some version of a schema has (or of any schema, for '*').
select distinct each ->> 'name' as class
from memreg.schema_versions
cross join lateral jsonb_array_elements(definition -> 'classes') as each
where %(schema)s = '*' or schema = %(schema)s
order by class

-- lock_backfill --
-- Hold a backfill until the end of the transaction: its chunks run one after the other, whoever runs them.
select id, schema, to_version, status from memreg.backfills where id = %(id)s for update

-- running_backfill --
-- The backfill of a schema that is not at its end.
select running.id, running.to_version, schema_versions.status as version_status
from memreg.backfills as running
join memreg.schema_versions
    on schema_versions.schema = running.schema and schema_versions.version = running.to_version
where running.schema = %(schema)s and running.status = 'running'

-- newer_active --
-- A version above a number that is active already.
select version from memreg.schema_versions
where schema = %(schema)s and version > %(version)s and status = 'active'

-- count_behind --
-- How many memories of the classes are on an older version, in every tenant.
select count(*) as memories
from memreg.memories
where schema = %(schema)s and version < %(version)s and class = any(%(classes)s) and not is_deleted

-- insert_backfill --
-- A backfill begins.
insert into memreg.backfills (id, schema, to_version, status, total, created_at)
values (%(id)s, %(schema)s, %(version)s, 'running', %(total)s, %(now)s)

-- count_converted --
-- A chunk is converted.
update memreg.backfills set converted = converted + %(converted)s where id = %(id)s

-- finish_backfill --
-- A backfill is at its end.
update memreg.backfills set status = %(status)s, error = %(error)s, finished_at = %(now)s where id = %(id)s

-- list_backfills --
-- Backfills of a schema, or of all, the newest first, with how many memories they could not convert.
select
    backfills.*,
    (select count(*) from memreg.backfill_failures where backfill_id = backfills.id) as failures
from memreg.backfills
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

-- memories_to_convert --
-- The next memories on an older version that the backfill did not try yet, in every tenant.
select tenant, class, id
from memreg.memories
where schema = %(schema)s
    and version < %(version)s
    and class = any(%(classes)s)
    and not is_deleted
    and not exists (
        select from memreg.backfill_failures
        where backfill_failures.tenant = memories.tenant
            and backfill_failures.memory_id = memories.id
            and backfill_failures.backfill_id = %(backfill_id)s
    )
order by version, tenant, class, id
limit %(limit)s

-- memories_behind_now --
-- Of some memories, those that are still on an older version, as they are now.
select
    memories.tenant, id, class, version, payload, originals, is_deleted, unresolved, revision, change, created_at,
    updated_at, last_seen_at, null as earlier
from unnest(%(tenants)s::text[], %(ids)s::uuid[]) as wanted (tenant, wanted_id)
join memreg.memories on memories.tenant = wanted.tenant and memories.id = wanted.wanted_id
where version < %(version)s and not is_deleted
order by memories.tenant, class, id

-- newest_changes --
-- How often each class of each tenant was written to.
select wanted.tenant, wanted.class, newest.change
from unnest(%(tenants)s::text[], %(classes)s::text[]) as wanted (tenant, class)
cross join lateral (
    select change
    from memreg.memories
    where memories.tenant = wanted.tenant and memories.schema = %(schema)s and memories.class = wanted.class
    order by change desc
    limit 1
) as newest

-- keys_held --
-- The keys that some memories hold.
select held.tenant, held.memory_id, held.key, held.digest, held.strong
from unnest(%(tenants)s::text[], %(ids)s::uuid[]) as wanted (tenant, id)
join memreg.identity_keys as held on held.tenant = wanted.tenant and held.memory_id = wanted.id
where held.released_at is null

-- strong_holders --
-- The memories that hold some strong keys.
select held.tenant, held.class, held.key, held.digest, held.memory_id
from unnest(%(tenants)s::text[], %(classes)s::text[], %(names)s::text[], %(digests)s::bytea[])
    as wanted (tenant, class, key, digest)
join memreg.identity_keys as held
    on held.tenant = wanted.tenant
    and held.schema = %(schema)s
    and held.class = wanted.class
    and held.key = wanted.key
    and held.digest = wanted.digest
where held.strong and held.released_at is null

-- insert_failures --
-- Memories that could not be converted, with the reasons.
insert into memreg.backfill_failures (tenant, memory_id, backfill_id, reason, created_at)
select tenant, memory_id, %(backfill_id)s, reason, %(now)s
from jsonb_to_recordset(%(rows)s) as rows (tenant text, memory_id uuid, reason text)
on conflict do nothing

-- defer_chunk --
-- Put the next chunk of a backfill into the job queue, unless it is there; a job that somebody does now does not count.
select memreg.procrastinate_defer_jobs_v1(array[
    row(
        %(queue)s::text, %(task)s::text, 0, null, null, jsonb_build_object('backfill_id', %(id)s::text), null
    )::memreg.procrastinate_job_to_defer_v1
])
where not exists (
    select from memreg.procrastinate_jobs where queue_name = %(queue)s and status = 'todo'
)

-- forget_jobs --
-- Delete the jobs of a backfill that is at its end, and those that a worker left when it was killed.
delete from memreg.procrastinate_jobs
where (queue_name = %(queue)s and status <> 'doing')
    or (
        task_name = %(task)s
        and status = 'doing'
        and not exists (
            select from memreg.procrastinate_workers
            where procrastinate_workers.id = procrastinate_jobs.worker_id
                and last_heartbeat > now() - interval '30 seconds'
        )
    )

-- backfill_schema --
-- The schema of a backfill, which never changes.
select schema from memreg.backfills where id = %(id)s

-- identity_answers --
-- The newest decisions of a version's class that identity keys answered, in one tenant or (null) in every one.
select
    newest.operation, newest.basis, newest.score, (newest.thresholds ->> 'possible')::float8 as possible,
    case when newest.basis = 'identity_conflict' then newest.candidates end as candidates,
    said.details -> 'keys' as keys,
    case
        when newest.operation = 'delete' then array(select jsonb_object_keys(said.details -> 'values'))
        else '{}'
    end as said
from (
    select tenant, id, operation, basis, score, thresholds, candidates
    from memreg.audit_log
    where schema = %(schema)s
        and version = %(version)s
        and class = %(class_name)s
        and basis in ('identity', 'identity_conflict')
        and (%(tenant)s::text is null or tenant = %(tenant)s)
    order by id desc
    limit %(limit)s
) as newest
join memreg.audit_values as said on said.tenant = newest.tenant and said.audit_id = newest.id

-- answered_before --
-- The last version before one in which identity keys of a class answered, in one tenant or (null) in any.
select max(version) as version
from memreg.audit_log
where schema = %(schema)s
    and version < %(version)s
    and class = %(class_name)s
    and basis in ('identity', 'identity_conflict')
    and (%(tenant)s::text is null or tenant = %(tenant)s)
