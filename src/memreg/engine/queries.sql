-- lock_class --
-- Hold a class of a tenant until the end of the transaction: one writer at a time.
select pg_advisory_xact_lock(%(lock)s::bigint)

-- switches --
-- The switches that are on for a tenant and schema, by class ('*' is every class).
select class, reason
from memreg.kill_switches
where tenant in (%(tenant)s, '*') and schema in (%(schema)s, '*') and is_on

-- one_message --
-- What is known of a message.
select
    arrival, session, role, at, zone, text, digest, status, queued, attempts, error, settled_by, received_at, erased_at
from memreg.messages
where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s

-- arrived_message --
-- A message by its arrival, which is what the jobs of the queue name it by.
select id, session, role, at, zone, text, status, attempts, received_at, traceparent
from memreg.messages
where tenant = %(tenant)s and schema = %(schema)s and arrival = %(arrival)s

-- next_of_session --
-- The oldest message of a session that waits for a worker.
select id, arrival, session, role, at, zone, text, status, attempts, next_attempt_at, received_at, traceparent
from memreg.messages
where tenant = %(tenant)s and schema = %(schema)s and session = %(session)s
    and status in ('accepted', 'extracting') and queued
order by arrival
limit 1

-- newest_of_session --
-- The arrival of the newest message of a session.
select arrival
from memreg.messages
where tenant = %(tenant)s and schema = %(schema)s and session = %(session)s
order by arrival desc
limit 1

-- settle_message --
-- Keep a message that this transaction decides; nothing happens when it is already kept.
insert into memreg.messages (
    tenant, schema, id, arrival, session, role, at, zone, text, digest, status, attempts, received_at, decided_at
)
values (
    %(tenant)s, %(schema)s, %(id)s, %(arrival)s, %(session)s, %(role)s, %(at)s, %(zone)s, %(text)s, %(digest)s, 'decided', 1,
    %(now)s, %(now)s
)
on conflict (tenant, schema, id) do nothing
returning id

-- take_message --
-- Keep a message and begin with it; one that was kept and is not settled is begun again.
insert into memreg.messages as kept (
    tenant, schema, id, arrival, session, role, at, zone, text, digest, status, received_at, started_at
)
values (
    %(tenant)s, %(schema)s, %(id)s, %(arrival)s, %(session)s, %(role)s, %(at)s, %(zone)s, %(text)s, %(digest)s, 'extracting',
    %(now)s, %(now)s
)
on conflict (tenant, schema, id) do update
set status = 'extracting', started_at = excluded.started_at, next_attempt_at = null
where kept.status in ('accepted', 'extracting', 'dead')
returning received_at

-- turns_before --
-- The newest messages of a session that were taken before one.
select id, session, role, coalesce(at, received_at) as at, zone, text
from memreg.messages
where tenant = %(tenant)s and schema = %(schema)s and session = %(session)s and status <> 'dropped'
    and erased_at is null
    and arrival < (
        select arrival from memreg.messages where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s
    )
order by arrival desc
limit %(limit)s

-- claim_message --
-- Hold a kept message until the end of the transaction, and give its state.
select status, digest, error, settled_by, erased_at
from memreg.messages
where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s
for update

-- decide_message --
-- A message is decided.
update memreg.messages
set status = 'decided', decided_at = %(now)s, error = %(note)s, reply = %(reply)s, attempts = attempts + 1,
    next_attempt_at = null
where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s

-- bury_message --
-- A message is dead: kept with the reason, to be retried.
update memreg.messages
set status = 'dead', error = %(error)s, reply = %(reply)s, attempts = attempts + 1, next_attempt_at = null
where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s and status not in ('decided', 'dropped')

-- postpone_message --
-- A message waits for its next try after a failure that may pass; `tried` is 0 where nobody was asked.
update memreg.messages
set status = 'accepted', error = %(error)s, reply = %(reply)s, attempts = attempts + %(tried)s,
    next_attempt_at = %(next)s
where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s and status not in ('decided', 'dropped')

-- keep_calls --
-- Every request that a message made to a model.
insert into memreg.model_calls (
    tenant, id, schema, message_id, ordinal, extractor, model, prompt_hash, tokens_in, tokens_out, latency_ms, outcome,
    created_at
)
select
    %(tenant)s, id, %(schema)s, %(message_id)s, ordinal, %(extractor)s, model, %(prompt_hash)s, tokens_in, tokens_out,
    latency_ms, outcome, %(now)s
from jsonb_to_recordset(%(rows)s) as rows (
    id uuid, ordinal integer, model text, tokens_in integer, tokens_out integer, latency_ms double precision,
    outcome text
)

-- count_waiting --
-- How many messages wait in the queue, counted up to its capacity.
select count(*) as waiting
from (
    select from memreg.messages
    where tenant = %(tenant)s and schema = %(schema)s and status in ('accepted', 'extracting') and queued
    limit %(capacity)s
) as waiting

-- queue_message --
-- Keep a message for the workers; one that nobody works on is left to them.
insert into memreg.messages as kept (
    tenant, schema, id, arrival, session, role, at, zone, text, digest, status, queued, received_at, traceparent
)
values (
    %(tenant)s, %(schema)s, %(id)s, %(arrival)s, %(session)s, %(role)s, %(at)s, %(zone)s, %(text)s, %(digest)s, 'accepted', true,
    %(now)s, %(traceparent)s
)
on conflict (tenant, schema, id) do update
set status = 'accepted', queued = true, next_attempt_at = null, traceparent = excluded.traceparent
where kept.status in ('accepted', 'dead')
returning arrival, session

-- defer_message --
-- A job for the workers, unless one of the same lock waits: held, so that nobody takes it before this message is kept.
with waiting as materialized (
    select id from memreg.procrastinate_jobs where lock = %(lock)s and status in ('todo', 'doing') and status = 'todo'
    for update
)
select memreg.procrastinate_defer_jobs_v1(array[
    row(
        %(queue)s::text, %(task)s::text, 0, %(lock)s::text, null,
        jsonb_build_object('tenant', %(tenant)s::text, 'schema', %(schema)s::text, 'arrival', %(arrival)s::text), null
    )::memreg.procrastinate_job_to_defer_v1
])
where not exists (select from waiting)

-- reschedule_job --
-- When a job that waits is done, at the earliest; null is now.
update memreg.procrastinate_jobs
set scheduled_at = %(at)s
where lock = %(lock)s and status in ('todo', 'doing') and status = 'todo' and scheduled_at > now()

-- queue_figures --
-- What became of the messages left to the workers that were received since a time, and how many wait now.
select
    (
        select coalesce(jsonb_object_agg(status, messages), '{}')
        from (
            select status, count(*) as messages
            from memreg.messages
            where tenant = %(tenant)s and schema = %(schema)s and queued and received_at >= %(since)s
            group by status
        ) as since
    ) as since,
    (
        select coalesce(jsonb_object_agg(status, messages), '{}')
        from (
            select status, count(*) as messages
            from memreg.messages
            where tenant = %(tenant)s and schema = %(schema)s and queued and status in ('accepted', 'extracting')
            group by status
        ) as waiting
    ) as waiting

-- worker_figures --
-- The slots of the workers that were seen since a time, and how many are taken.
select
    (select coalesce(sum(slots), 0) from memreg.workers where seen_at > %(alive)s) as slots,
    (
        select count(*)
        from memreg.procrastinate_jobs as jobs
        join memreg.procrastinate_workers as workers on workers.id = jobs.worker_id
        where jobs.queue_name = %(queue)s and jobs.status = 'doing'
    ) as active

-- requeue_message --
-- A message that was left behind, or that a person retries, is left to the workers again.
update memreg.messages
set status = 'accepted', queued = true, next_attempt_at = null
where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s and status in ('accepted', 'extracting', 'dead')
returning arrival, session

-- latest_snapshots --
-- The newest statistics of the classes, without the frequencies, and how often each class was written to.
select
    wanted.class,
    latest.snapshot,
    latest.documents,
    latest.change as snapshot_change,
    greatest(newest.change, 0) as change
from unnest(%(classes)s::text[]) as wanted (class)
left join lateral (
    select snapshot, documents, change
    from memreg.calibrations
    where tenant = %(tenant)s and schema = %(schema)s and calibrations.class = wanted.class
    order by snapshot desc
    limit 1
) as latest on true
left join lateral (
    select change
    from memreg.memories
    where tenant = %(tenant)s and schema = %(schema)s and memories.class = wanted.class
    order by change desc
    limit 1
) as newest on true

-- one_snapshot --
-- The statistics and the calibration of one class as of a snapshot.
select snapshot, documents, change, frequencies, model
from memreg.calibrations
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s and snapshot = %(snapshot)s

-- count_tokens --
-- How many of a class's newest live memories hold each token; tokens of one memory only are left out.
select word, ndoc
from ts_stat(format(
    $$select search from memreg.memories
      where tenant = %%L and schema = %%L and class = %%L and not is_deleted and not unresolved
      order by id desc limit 20000$$,
    %(tenant)s::text, %(schema)s::text, %(class_name)s::text
))
where ndoc > 1
order by ndoc desc, word
limit 20000

-- recent_levels --
-- The newest decisions of a class that were held against candidates: how far each column agreed with the best of them.
select jsonb_path_query_array(candidates, '$[*].levels') as levels, basis = 'identity' as identified
from memreg.audit_log
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s
    and operation = 'upsert' and candidates <> '[]'
order by id desc
limit %(limit)s

-- table_growth --
-- Whether the memories have doubled since the planner last looked at them.
select
    reltuples < 0
    or pg_relation_size(oid) > 2 * greatest(relpages, 1) * current_setting('block_size')::bigint as has_grown
from pg_catalog.pg_class
where oid = 'memreg.memories'::regclass

-- look_at_tables --
-- Let the planner look at the tables that decisions read, save those that somebody looks at now; plans are made anew.
select memreg.look_at_tables()

-- keep_snapshot --
-- Store statistics under the next number; another worker's of the same number wins, and nothing is given back.
insert into memreg.calibrations (
    tenant, schema, class, snapshot, change, documents, frequencies, model, set_by, reason, created_at
)
values (
    %(tenant)s, %(schema)s, %(class_name)s, %(snapshot)s, %(change)s, %(documents)s, %(frequencies)s, %(model)s,
    %(by)s, %(reason)s, %(now)s
)
on conflict do nothing
returning snapshot

-- override_snapshot --
-- Store the statistics of a snapshot under the next number, with what a person sets in its calibration; as above.
insert into memreg.calibrations (
    tenant, schema, class, snapshot, change, documents, frequencies, model, set_by, reason, created_at
)
select
    %(tenant)s, schema, class, %(snapshot)s, change, documents, frequencies, %(model)s, %(by)s, %(reason)s, %(now)s
from memreg.calibrations
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s and snapshot = %(before)s
on conflict do nothing
returning snapshot

-- snapshot_facts --
-- A snapshot without its frequencies: when it was taken, how many memories and writes there were, what it learned.
select snapshot, documents, change, model, created_at
from memreg.calibrations
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s and snapshot = %(snapshot)s

-- overrides --
-- The snapshots of a class that a person asked for, newest first: who, when and why, and what was set from then on.
select
    snapshot, created_at, set_by, reason,
    (model ->> 'shift')::double precision as shift, (model ->> 'fixed')::boolean as held
from memreg.calibrations
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s and set_by is not null
order by snapshot desc
limit %(limit)s

-- recent_scores --
-- The newest decisions of a class: the best score of each, where it was held against a candidate, and what decided it.
select
    basis,
    (select max((held ->> 'score')::double precision) from jsonb_array_elements(candidates) as held) as score
from memreg.audit_log
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s and operation = 'upsert'
    and basis <> 'invalid'
order by id desc
limit %(limit)s

-- key_holders --
-- The memories, live and deleted, that hold one of the keys.
select
    keys.key, keys.digest, keys.strong, keys.released_at is not null as released,
    held.id, held.class, held.version, held.payload, held.originals, held.is_deleted, held.unresolved, held.revision,
    held.change, held.created_at, held.updated_at, held.last_seen_at, held.said_version, held.pinned, held.merged_into, held.void_revisions,
    case when held.version <> %(version)s and held.said_version is not null then
        memreg.said(%(tenant)s, held.id, held.revision)
    end as said,
    case when held.revision > 1 then memreg.earlier_revisions(%(tenant)s, held.id, held.revision, held.void_revisions) end as earlier
from unnest(%(classes)s::text[], %(names)s::text[], %(digests)s::bytea[]) as wanted (class, key, digest)
cross join lateral (
    select key, digest, strong, released_at, memory_id
    from memreg.identity_keys
    where identity_keys.tenant = %(tenant)s
        and identity_keys.schema = %(schema)s
        and identity_keys.class = wanted.class
        and identity_keys.key = wanted.key
        and identity_keys.digest = wanted.digest
    order by released_at nulls first
    limit %(limit)s
) as keys
cross join lateral (
    -- "offset 0" keeps the order of the joins: keys first, then each memory by its primary key.
    select *
    from memreg.memories
    where memories.tenant = %(tenant)s and memories.id = keys.memory_id
    offset 0
) as held

-- candidates --
-- The live memories kept under most of a proposal's keys; a key says the less the more memories are under it.
with held as materialized (
    -- A key's newest memories only, so that no key makes more work than another, however many share it.
    select
        asked.key, near.ids, cardinality(near.ids) = %(postings)s as is_cut,
        asked.weight / sqrt(cardinality(near.ids)) as worth
    from unnest(%(keys)s::bigint[], %(weights)s::double precision[]) as asked (key, weight)
    cross join lateral (
        select array_agg(memory_id) as ids
        from (
            select memory_id
            from memreg.candidate_keys
            where candidate_keys.tenant = %(tenant)s and candidate_keys.key = asked.key
            order by memory_id desc
            limit %(postings)s
        ) as newest
    ) as near
    where near.ids is not null
),
shortlist as (
    select holder.id, sum(held.worth) filter (where not held.is_cut) as worth
    from held
    cross join lateral unnest(held.ids) as holder (id)
    -- The newest of a common key are of use only where the others find nobody.
    where not held.is_cut
        or (select coalesce(sum(cardinality(ids)), 0) from held where not is_cut) < %(shortlist)s
    group by holder.id
    order by sum(held.worth) desc, holder.id desc
    limit %(shortlist)s
),
found as (
    select near.*
    from shortlist
    cross join lateral (
        -- "offset 0" keeps the order of the joins: keys first, then each memory by its primary key.
        select *
        from memreg.memories
        where memories.tenant = %(tenant)s and memories.id = shortlist.id
        offset 0
    ) as near
    cross join lateral (
        -- What was cut off at a common key, the memory itself knows.
        select sum(held.worth) as worth
        from held
        where held.is_cut and held.key = any(near.candidate_keys)
    ) as common
    where near.schema = %(schema)s and not near.is_deleted and not near.unresolved
    order by coalesce(shortlist.worth, 0) + coalesce(common.worth, 0) desc, near.id desc
    limit %(limit)s
)
select
    id, class, version, payload, originals, is_deleted, unresolved, revision, change, created_at, updated_at,
    last_seen_at, said_version, pinned, merged_into, void_revisions,
    case when version <> %(version)s and said_version is not null then memreg.said(%(tenant)s, id, revision) end as said,
    case when revision > 1 then memreg.earlier_revisions(%(tenant)s, id, revision, void_revisions) end as earlier
from found

-- changed_since --
-- The memories of a class that were written to after a count of writes.
select
    id, class, version, payload, originals, is_deleted, unresolved, revision, change, created_at, updated_at,
    last_seen_at, candidate_keys, said_version, pinned, merged_into, void_revisions,
    case when version <> %(version)s and said_version is not null then memreg.said(tenant, id, revision) end as said,
    case when revision > 1 then memreg.earlier_revisions(tenant, id, revision, void_revisions) end as earlier
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s and change > %(change)s
order by change

-- keys_of --
-- The keys that memories hold.
select memory_id, class, key, digest, strong
from memreg.identity_keys
where tenant = %(tenant)s and memory_id = any(%(ids)s::uuid[]) and released_at is null

-- insert_memories --
-- New memories, and the keys that they are found by.
with written as (
    insert into memreg.memories (
        tenant, id, schema, class, version, payload, originals, search, candidate_keys, is_deleted, unresolved,
        revision, change, created_at, updated_at, last_seen_at, deleted_at, pinned, void_revisions
    )
    select
        %(tenant)s, id, %(schema)s, class, version, payload, originals, search, candidate_keys, is_deleted, unresolved,
        revision, change, created_at, updated_at, last_seen_at, deleted_at, pinned, void_revisions
    from jsonb_to_recordset(%(rows)s) as rows (
        id uuid, class text, version integer, payload jsonb, originals jsonb, search tsvector, candidate_keys bigint[],
        is_deleted boolean, unresolved boolean, revision integer, change bigint, created_at timestamptz,
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
-- Memories with another state, and the keys that they are found by from now on and no longer.
with rows as (
    select *
    from jsonb_to_recordset(%(rows)s) as rows (
        id uuid, class text, version integer, payload jsonb, originals jsonb, search tsvector, candidate_keys bigint[],
        is_deleted boolean, unresolved boolean, revision integer, change bigint, updated_at timestamptz,
        last_seen_at timestamptz, deleted_at timestamptz, pinned jsonb, void_revisions integer[]
    )
),
keyed as (
    select rows.id, memories.candidate_keys as before, rows.candidate_keys as after
    from rows
    join memreg.memories on memories.tenant = %(tenant)s and memories.id = rows.id
    where memories.id = any(%(ids)s::uuid[])
),
gone as (
    delete from memreg.candidate_keys
    using (
        select keyed.id, old.key
        from keyed
        cross join lateral unnest(keyed.before) as old (key)
        where not old.key = any(keyed.after)
    ) as stale
    where candidate_keys.tenant = %(tenant)s and candidate_keys.key = stale.key
        and candidate_keys.memory_id = stale.id
),
come as (
    insert into memreg.candidate_keys (tenant, key, memory_id)
    select %(tenant)s, posted.key, keyed.id
    from keyed
    cross join lateral unnest(keyed.after) as posted (key)
    where not posted.key = any(keyed.before)
    on conflict do nothing
)
update memreg.memories
set class = rows.class,
    version = rows.version,
    said_version = null,
    payload = rows.payload,
    originals = rows.originals,
    search = rows.search,
    candidate_keys = rows.candidate_keys,
    is_deleted = rows.is_deleted,
    unresolved = rows.unresolved,
    revision = rows.revision,
    change = rows.change,
    updated_at = rows.updated_at,
    last_seen_at = greatest(memories.last_seen_at, rows.last_seen_at),
    deleted_at = rows.deleted_at,
    pinned = rows.pinned,
    void_revisions = rows.void_revisions
from rows
where memories.tenant = %(tenant)s and memories.id = any(%(ids)s::uuid[]) and memories.id = rows.id

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
    and identity_keys.memory_id = any(%(ids)s::uuid[])
    and identity_keys.schema = %(schema)s
    and identity_keys.class = rows.class
    and identity_keys.key = rows.key
    and identity_keys.digest = rows.digest
    and identity_keys.memory_id = rows.memory_id

-- insert_audit --
-- One entry for each decision.
insert into memreg.audit_log (
    tenant, id, schema, version, class, message_id, ordinal, operation, action, basis, memory_id, revision, score,
    unresolved, candidates, thresholds, snapshot, annotation, extractor, model, prompt_hash, tokens_in, tokens_out,
    latency_ms, attempts, actor, undoes, took_ms, digest, created_at
)
select
    %(tenant)s, id, %(schema)s, version, class, message_id, ordinal, operation, action, basis, memory_id, revision,
    score, unresolved, candidates, thresholds, snapshot, annotation, extractor, model, prompt_hash, tokens_in,
    tokens_out, latency_ms, attempts, actor, undoes, took_ms, digest, created_at
from jsonb_to_recordset(%(rows)s) as rows (
    id uuid, version integer, class text, message_id text, ordinal integer, operation text, action text, basis text,
    memory_id uuid, revision integer, score numeric, unresolved boolean, candidates jsonb, thresholds jsonb,
    snapshot integer, annotation integer, extractor text, model text, prompt_hash text, tokens_in integer,
    tokens_out integer, latency_ms double precision, attempts integer, actor text, undoes uuid,
    took_ms double precision, digest bytea, created_at timestamptz
)

-- insert_audit_values --
-- The values of each decision's entry.
insert into memreg.audit_values (tenant, audit_id, proposal, evidence, before, after, reasons, details, salt)
select %(tenant)s, audit_id, proposal, evidence, before, after, reasons, details, salt
from jsonb_to_recordset(%(rows)s) as rows (
    audit_id uuid, proposal jsonb, evidence text, before jsonb, after jsonb, reasons jsonb, details jsonb, salt bytea
)

-- insert_reviews --
-- Questions to a person. What is open already, or was answered by keeping memories apart, is not asked again: it is counted.
insert into memreg.review_items as items (
    tenant, id, schema, class, kind, subject, memory_ids, message_id, audit_id, reason, times, created_at, last_asked_at
)
select distinct on (asked.class, asked.kind, asked.subject)
    %(tenant)s, asked.id, %(schema)s, asked.class, asked.kind, asked.subject, asked.memory_ids, asked.message_id,
    asked.audit_id, asked.reason,
    (count(*) over (partition by asked.class, asked.kind, asked.subject))::integer as times, %(now)s, %(now)s
from (
    select
        rows.id, rows.class, coalesce(apart.kind, rows.kind) as kind, rows.subject, rows.memory_ids, rows.message_id,
        rows.audit_id, rows.reason
    from jsonb_to_recordset(%(rows)s) as rows (
        id uuid, class text, kind text, subject text, memory_ids uuid[], message_id text, audit_id uuid, reason text
    )
    left join lateral (
        select earlier.kind
        from memreg.review_items as earlier
        where earlier.tenant = %(tenant)s
            and earlier.schema = %(schema)s
            and earlier.class = rows.class
            and earlier.kind in ('possible_duplicate', 'identity_conflict')
            and rows.kind in ('possible_duplicate', 'identity_conflict')
            and earlier.subject = rows.subject
            and earlier.verdict = 'apart'
        limit 1
    ) as apart on true
) as asked
order by asked.class, asked.kind, asked.subject, asked.id
on conflict (tenant, schema, class, kind, subject) where status = 'open' or verdict = 'apart' do update
set times = items.times + excluded.times, last_asked_at = greatest(items.last_asked_at, excluded.last_asked_at)

-- settle_dead_letter --
-- A dead message was decided after all, so its question is settled.
update memreg.review_items
set status = 'settled'
where tenant = %(tenant)s and schema = %(schema)s and kind = 'dead_letter' and subject = %(subject)s
    and status = 'open'

-- decisions_of_message --
-- The decisions of a message, in the order of its proposals.
select
    audit_log.id, audit_log.class, audit_log.action, audit_log.basis, audit_log.memory_id, audit_log.score,
    audit_values.reasons
from memreg.audit_log
join memreg.audit_values on audit_values.tenant = audit_log.tenant and audit_values.audit_id = audit_log.id
where audit_log.tenant = %(tenant)s and audit_log.schema = %(schema)s and audit_log.message_id = %(message_id)s
order by audit_log.ordinal

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
        and version between place.first and place.last
        and not is_deleted
        and id > coalesce(%(after)s::uuid, '00000000-0000-0000-0000-000000000000')
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
where tenant = %(tenant)s and schema = %(schema)s and not is_deleted
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
from memreg.search_memories(%(schema)s, %(query)s::tsquery, %(rank)s::tsquery, %(limit)s::integer) as found
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
