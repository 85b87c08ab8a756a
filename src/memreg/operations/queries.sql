-- count_unresolved --
-- How many memories of each class wait to be resolved.
select class, count(*) as memories
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and unresolved and not is_deleted
group by class
order by class

-- count_held_back --
-- How many proposals of each class wait to be decided again: decided while it was create-only, or undone for that.
with held as (
    select log.class, first_value(log.id) over (partition by log.message_id, log.class order by log.id) as first_id
    from memreg.audit_log as log
    join memreg.audit_values as said on said.tenant = log.tenant and said.audit_id = log.id
    where log.tenant = %(tenant)s
        and log.schema = %(schema)s
        and log.basis in ('kill_switch', 'pending', 'incomplete', 'duplicate_in_turn')
        and said.details ->> 'mode' in ('kill_switch', 'pending')
        and not memreg.is_undone(%(tenant)s, log.id)
    union all
    select log.class, first_value(undo.id) over (partition by log.message_id, log.class order by undo.id) as first_id
    from memreg.audit_log as undo
    join memreg.audit_values as said on said.tenant = undo.tenant and said.audit_id = undo.id
    join memreg.audit_log as log on log.tenant = %(tenant)s and log.id = undo.undoes
    where undo.tenant = %(tenant)s
        and undo.schema = %(schema)s
        and undo.undoes is not null
        and said.details ->> 'again' = 'true'
        and not memreg.is_undone(%(tenant)s, undo.id)
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
with again as materialized (
    select
        log.id, log.message_id, log.class,
        first_value(undo.id) over (partition by log.message_id, log.class order by undo.id) as first_id,
        first_value(log.id) over (partition by log.message_id, log.class order by log.id) as order_id
    from memreg.audit_log as undo
    join memreg.audit_values as said on said.tenant = undo.tenant and said.audit_id = undo.id
    join memreg.audit_log as log on log.tenant = %(tenant)s and log.id = undo.undoes
    where undo.tenant = %(tenant)s
        and undo.schema = %(schema)s
        and undo.undoes is not null
        and log.class = any(%(classes)s)
        and said.details ->> 'again' = 'true'
        and not memreg.is_undone(%(tenant)s, undo.id)
),
waiting as (
    (
        select log.id as first_id, log.id as order_id, log.message_id, log.class, false as again
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
    union all
    (
        select distinct on (order_id) first_id, order_id, message_id, class, true
        from again
        where order_id > coalesce(%(after)s::uuid, '00000000-0000-0000-0000-000000000000')
            and not exists (
                select from memreg.messages
                where messages.tenant = %(tenant)s
                    and messages.schema = %(schema)s
                    and messages.id = 'resolve:' || again.first_id::text
            )
        order by order_id
        limit %(limit)s
    )
    order by order_id, again
    limit %(limit)s
)

select
    held.id as audit_id, waiting.first_id, waiting.order_id, waiting.again, held.class as said_class,
    held.version as said_under, coalesce(memories.class, held.class) as class, held.message_id, held.ordinal,
    held.action, said.proposal, said.details -> 'values' as decided_values,
    memories.id, memories.version, memories.payload, memories.originals, memories.is_deleted, memories.unresolved,
    memories.revision, memories.change, memories.created_at, memories.updated_at, memories.last_seen_at,
    memories.said_version, memories.pinned, memories.merged_into, memories.void_revisions,
    case when memories.version <> %(version)s and memories.said_version is not null then
        memreg.said(memories.tenant, memories.id, memories.revision)
    end as said,
    memreg.earlier_revisions(memories.tenant, memories.id, memories.revision, memories.void_revisions) as earlier
from waiting
join memreg.audit_log as held
    on held.tenant = %(tenant)s
    and held.schema = %(schema)s
    and held.message_id = waiting.message_id
    and held.class = waiting.class
join memreg.audit_values as said on said.tenant = %(tenant)s and said.audit_id = held.id
left join memreg.memories
    on held.action = 'CREATE'
    and not waiting.again
    and memories.tenant = %(tenant)s
    and memories.id = held.memory_id
    and memories.unresolved
    and not memories.is_deleted
where case
        when waiting.again then held.id in (select id from again)
        else held.basis in ('kill_switch', 'pending', 'incomplete', 'duplicate_in_turn')
            and said.details ->> 'mode' in ('kill_switch', 'pending')
    end
order by waiting.order_id, waiting.again, held.ordinal

-- keep_resolution --
-- What was held back of a message is decided again: kept like a message of its own, so that it happens once.
insert into memreg.messages (
    tenant, schema, id, arrival, role, text, digest, status, attempts, received_at, decided_at
)
values (%(tenant)s, %(schema)s, %(id)s, %(arrival)s, 'system', %(text)s, %(digest)s, 'decided', 1, %(now)s, %(now)s)

-- class_names --
-- The classes that some version of a schema has (or of any schema, for '*').
select distinct each ->> 'name' as class
from memreg.schema_versions
cross join lateral jsonb_array_elements(definition -> 'classes') as each
where %(schema)s = '*' or schema = %(schema)s
order by class

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

-- inbox_counts --
-- Messages that are not settled, by schema and status, in one tenant and schema or (null) in every one.
select
    schema,
    status,
    count(*) as messages,
    min(received_at) as oldest,
    count(*) filter (where queued) as queued,
    count(*) filter (where attempts > 0) as failed_before,
    min(received_at) filter (where coalesce(next_attempt_at, received_at) <= %(now)s) as oldest_due,
    count(*) filter (where started_at <= %(left_since)s) as left_behind
from memreg.messages
where status in ('accepted', 'extracting', 'dead')
    and (%(tenant)s::text is null or tenant = %(tenant)s)
    and (%(schema)s::text is null or schema = %(schema)s)
group by schema, status
order by schema, status

-- fullest_queues --
-- By schema, how many messages wait in the fullest queue of a tenant; in one tenant and schema or (null) in every one.
select schema, max(messages) as messages
from (
    select tenant, schema, count(*) as messages
    from memreg.messages
    where status in ('accepted', 'extracting', 'dead')
        and status <> 'dead'
        and queued
        and (%(tenant)s::text is null or tenant = %(tenant)s)
        and (%(schema)s::text is null or schema = %(schema)s)
    group by tenant, schema
) as queues
group by schema

-- inbox_page --
-- Messages of some statuses (of those that are not settled) after an arrival, oldest first.
select found.*
from unnest(%(statuses)s::text[]) as wanted (status)
cross join lateral (
    select
        id, arrival, session, role, left(text, 200) as beginning, status, queued, attempts, error, received_at,
        started_at, next_attempt_at, settled_by
    from memreg.messages
    where messages.tenant = %(tenant)s
        and messages.schema = %(schema)s
        and messages.status = wanted.status
        and messages.status in ('accepted', 'extracting', 'dead')
        and messages.arrival > coalesce(%(after)s::uuid, '00000000-0000-0000-0000-000000000000')
    order by arrival
    limit %(limit)s
) as found
order by found.arrival
limit %(limit)s

-- dropped_page --
-- Messages that a person gave up, after an arrival, oldest first.
select
    id, arrival, session, role, left(text, 200) as beginning, status, queued, attempts, error, received_at,
    started_at, next_attempt_at, settled_by
from memreg.messages
where tenant = %(tenant)s
    and schema = %(schema)s
    and status = 'dropped'
    and arrival > coalesce(%(after)s::uuid, '00000000-0000-0000-0000-000000000000')
order by arrival
limit %(limit)s

-- whole_message --
-- One message with all that is kept of it; of the model's reply, its beginning and its length.
select
    id, arrival, session, role, at, text, left(text, 200) as beginning, status, queued, attempts, error, received_at,
    started_at, next_attempt_at, decided_at, settled_by, left(reply, %(reply)s) as reply, length(reply) as reply_length
from memreg.messages
where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s

-- calls_of_message --
-- The requests to a model that a message took, in their order.
select id, ordinal, extractor, model, tokens_in, tokens_out, latency_ms, outcome, created_at
from memreg.model_calls
where tenant = %(tenant)s and schema = %(schema)s and message_id = %(message_id)s
order by id

-- drop_message --
-- A person gives a message up, unless it is settled: kept, with the reason and who.
update memreg.messages
set status = 'dropped', error = %(reason)s, settled_by = %(by)s, next_attempt_at = null
where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s and status in ('accepted', 'extracting', 'dead')

-- newest_failure --
-- Why the newest of the messages failed that are dead or wait for another try.
select tenant, schema, id, status, error, attempts, received_at
from memreg.messages
where status in ('accepted', 'extracting', 'dead')
    and status <> 'extracting'
    and error is not null
    and (%(tenant)s::text is null or tenant = %(tenant)s)
    and (%(schema)s::text is null or schema = %(schema)s)
order by arrival desc
limit 1

-- call_scopes --
-- The tenants and schemas that asked a model, each found by one step into the index, however many requests there are.
with recursive scopes as (
    (
        select tenant, schema
        from memreg.model_calls
        where %(tenant)s::text is null or tenant = %(tenant)s
        order by tenant, schema
        limit 1
    )
    union all
    select next.tenant, next.schema
    from scopes
    cross join lateral (
        select model_calls.tenant, model_calls.schema
        from memreg.model_calls
        where (model_calls.tenant, model_calls.schema) > (scopes.tenant, scopes.schema)
            and (%(tenant)s::text is null or model_calls.tenant = %(tenant)s)
        order by model_calls.tenant, model_calls.schema
        limit 1
    ) as next
)

select tenant, schema from scopes where %(schema)s::text is null or schema = %(schema)s

-- count_calls --
-- Requests to models of some tenants and schemas within a time, with their cost, by schema, day, model and outcome.
select
    calls.schema,
    (calls.created_at at time zone 'UTC')::date as day,
    calls.model,
    calls.outcome,
    count(*) as requests,
    count(*) filter (where calls.outcome = 'ok' and calls.tokens_in is null) as uncounted,
    coalesce(sum(calls.tokens_in), 0) as tokens_in,
    coalesce(sum(calls.tokens_out), 0) as tokens_out,
    coalesce(sum(calls.latency_ms::numeric), 0) as latency_ms
from unnest(%(tenants)s::text[], %(schemas)s::text[]) as wanted (tenant, schema)
join memreg.model_calls as calls
    on calls.tenant = wanted.tenant
    and calls.schema = wanted.schema
    and calls.created_at >= %(since)s
    and calls.created_at < %(until)s
group by 1, 2, 3, 4
order by 1, 2, 3, 4

-- share_calls --
-- As above, and by class: of a message's `all_entries` in the audit, `entries` are of the class ('' where there are none).
with calls as (
    select calls.*
    from unnest(%(tenants)s::text[], %(schemas)s::text[]) as wanted (tenant, schema)
    join memreg.model_calls as calls
        on calls.tenant = wanted.tenant
        and calls.schema = wanted.schema
        and calls.created_at >= %(since)s
        and calls.created_at < %(until)s
),
shares as (
    select
        log.tenant, log.schema, log.message_id, log.class, count(*) as entries,
        sum(count(*)) over (partition by log.tenant, log.schema, log.message_id) as all_entries
    from (select distinct tenant, schema, message_id from calls) as asked
    join memreg.audit_log as log
        on log.tenant = asked.tenant and log.schema = asked.schema and log.message_id = asked.message_id
    group by log.tenant, log.schema, log.message_id, log.class
)
select
    calls.schema,
    (calls.created_at at time zone 'UTC')::date as day,
    calls.model,
    calls.outcome,
    coalesce(shares.class, '') as class,
    coalesce(shares.entries, 1) as entries,
    coalesce(shares.all_entries, 1) as all_entries,
    count(*) as requests,
    count(*) filter (where calls.outcome = 'ok' and calls.tokens_in is null) as uncounted,
    coalesce(sum(calls.tokens_in), 0) as tokens_in,
    coalesce(sum(calls.tokens_out), 0) as tokens_out,
    coalesce(sum(calls.latency_ms::numeric), 0) as latency_ms
from calls
left join shares
    on shares.tenant = calls.tenant and shares.schema = calls.schema and shares.message_id = calls.message_id
group by 1, 2, 3, 4, 5, 6, 7
order by 1, 2, 3, 4, 5, 6, 7

-- count_annotations --
-- Annotations by a model of a schema, or (null) of every one, within a time, with their cost; not those that took no call.
select
    schema,
    (created_at at time zone 'UTC')::date as day,
    model,
    count(*) as requests,
    count(*) filter (where tokens_in is null) as uncounted,
    coalesce(sum(tokens_in), 0) as tokens_in,
    coalesce(sum(tokens_out), 0) as tokens_out
from memreg.annotations
where model is not null
    and prompt_hash is not null
    and (tokens_in, tokens_out) is distinct from (0, 0)
    and (%(schema)s::text is null or schema = %(schema)s)
    and created_at >= %(since)s
    and created_at < %(until)s
group by 1, 2, 3
order by 1, 2, 3

-- list_workers --
-- Who works the queue off or did a short while ago, the last seen first.
select id, host, pid, slots, started_at, seen_at
from memreg.workers
order by seen_at desc
limit 1000

-- count_jobs --
-- Jobs by queue: those that could be done now, those being done, and those whose worker is gone.
select
    queue_name as queue,
    count(*) filter (where status = 'todo' and (scheduled_at is null or scheduled_at <= %(now)s)) as due,
    count(*) filter (where status = 'doing') as doing,
    count(*) filter (
        where status = 'doing'
            and not exists (
                select from memreg.procrastinate_workers as workers
                where workers.id = jobs.worker_id and workers.last_heartbeat > %(alive)s
            )
    ) as stalled
from memreg.procrastinate_jobs as jobs
where status in ('todo', 'doing')
group by queue_name
order by queue_name

-- review_backlog --
-- Open questions to a person by schema and kind, and the oldest of each, in one tenant and schema or (null) in every one.
select schema, kind, count(*) as items, min(created_at) as oldest
from memreg.review_items
where status = 'open'
    and (%(tenant)s::text is null or tenant = %(tenant)s)
    and (%(schema)s::text is null or schema = %(schema)s)
group by schema, kind
order by schema, kind

-- server_facts --
-- Which Postgres this is, and who we are on it.
select
    current_setting('server_version_num')::integer as number,
    current_setting('server_version') as version,
    current_user as "user",
    (select rolsuper from pg_roles where rolname = current_user) as superuser,
    pg_is_in_recovery() as standby

-- known_extensions --
-- Of some extensions, those that the server could have or has.
select name, installed_version
from pg_available_extensions
where name = any(%(names)s::text[])
order by name
