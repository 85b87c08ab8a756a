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
-- A job for the workers at the tenant's next turn, unless one of the same lock waits: held, so that nobody takes it before this message is kept.
with waiting as materialized (
    select id from memreg.procrastinate_jobs where lock = %(lock)s and status in ('todo', 'doing') and status = 'todo'
    for update
),
turns as (
    select greatest(
        -2147483647,
        least(
            memreg.turn_of_queue(%(queue)s),
            (
                select min(priority)::bigint - 1
                from memreg.procrastinate_jobs
                where args ->> 'tenant' = %(tenant)s and status = 'todo'
            ),
            (select min(priority) from memreg.procrastinate_jobs where lock = %(lock)s and status in ('todo', 'doing'))
        )
    )::integer as priority
)
select memreg.procrastinate_defer_jobs_v1(array[
    row(
        %(queue)s::text, %(task)s::text, turns.priority, %(lock)s::text, null,
        jsonb_build_object('tenant', %(tenant)s::text, 'schema', %(schema)s::text, 'arrival', %(arrival)s::text), null
    )::memreg.procrastinate_job_to_defer_v1
])
from turns
where not exists (select from waiting)

-- others_wait --
-- Whether another tenant has a job in the queue that could be done now.
select memreg.others_wait(%(queue)s, %(tenant)s) as wait

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
where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s and status not in ('decided', 'dropped')
returning arrival, session
