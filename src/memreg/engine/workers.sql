-- see_worker --
-- A worker's heartbeat.
insert into memreg.workers (id, host, pid, slots, started_at, seen_at)
values (%(id)s, %(host)s, %(pid)s, %(slots)s, %(now)s, %(now)s)
on conflict (id) do update set seen_at = excluded.seen_at

-- forget_workers --
-- A worker that stops, and those that were not seen for an hour.
delete from memreg.workers where id = %(id)s or seen_at < %(gone)s

-- left_behind --
-- Messages of every tenant that nobody works on for long and that no job is there for, oldest first.
select tenant, schema, id
from memreg.messages as kept
where status in ('accepted', 'extracting')
    and coalesce(next_attempt_at, started_at, received_at) < %(left_since)s
    and not exists (
        select from memreg.procrastinate_jobs as jobs
        where jobs.status in ('todo', 'doing')
            and jobs.lock = encode(
                sha256(convert_to(concat_ws(E'\x1f', tenant, schema, coalesce('s' || session, 'a' || arrival)), 'UTF8')),
                'hex'
            )
    )
order by arrival
limit %(limit)s

-- hold_take_over --
-- One worker at a time takes jobs over; it lets go at the end of the transaction.
select pg_try_advisory_xact_lock(hashtextextended('memreg take over', 0)) as held

-- take_over --
-- Put the jobs of workers without a heartbeat back into the queue; one that somebody has taken up again since is left.
with stalled as materialized (
    select jobs.id
    from memreg.procrastinate_jobs as jobs
    where jobs.queue_name = %(queue)s
        and jobs.status = 'doing'
        and not exists (
            select from memreg.procrastinate_workers as workers
            where workers.id = jobs.worker_id
                and workers.last_heartbeat >= now() - make_interval(secs => %(seconds)s)
        )
    for update of jobs skip locked
)
select memreg.procrastinate_retry_job_v2(id, now(), null, null, null) from stalled

-- prune_workers --
-- Forget the workers of the job queue that have no heartbeat.
select memreg.procrastinate_prune_stalled_workers_v1(%(seconds)s)

-- jobs_left --
-- How many jobs of the queue are being done or could be done now: not those behind one of their session that is put off.
select count(*) as jobs
from (
    select from memreg.procrastinate_jobs as jobs
    where jobs.queue_name = %(queue)s
        and (
            jobs.status = 'doing'
            or jobs.status = 'todo'
            and (jobs.scheduled_at is null or jobs.scheduled_at <= now())
            and not exists (
                select from memreg.procrastinate_jobs as before
                where before.lock = jobs.lock
                    and before.status in ('todo', 'doing')
                    and before.status = 'todo'
                    and before.id < jobs.id
                    and before.scheduled_at > now()
            )
        )
    limit 1000
) as jobs
