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
