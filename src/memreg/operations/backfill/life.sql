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

-- no_time_limit --
-- What looks at every memory once may take its time.
select set_config('statement_timeout', '0', true)

-- read_whole_tables --
-- What touches most of a table may read it from its beginning to its end.
select set_config('enable_seqscan', 'on', true)
