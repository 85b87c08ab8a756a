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

-- jobs_left --
-- How many jobs of the queue are being done or could be done now.
select count(*) as jobs
from (
    select from memreg.procrastinate_jobs
    where queue_name = %(queue)s
        and (status = 'doing' or status = 'todo' and (scheduled_at is null or scheduled_at <= now()))
    limit 1000
) as jobs
