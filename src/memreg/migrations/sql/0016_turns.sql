-- Turns: each tenant has its share of the queue. A job's priority is minus its turn, and a tenant has one job a turn; so
-- ten thousand messages of one tenant wait behind the first one of another that comes after them.

-- The jobs of a lock, and the last turn of a tenant, are looked up with each message that is left to the workers.
create index jobs_by_lock on memreg.procrastinate_jobs (lock) where status in ('todo', 'doing');
create index jobs_by_tenant on memreg.procrastinate_jobs ((args ->> 'tenant'), priority) where status = 'todo';

-- Whose turn it is depends on the jobs of every tenant, of which a transaction of one sees nothing but this number. What
-- is done now says it, and what is done next; jobs that wait for their next try may stand before that.
create function memreg.turn_of_queue(of_queue text)
returns integer
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select least(
        (select coalesce(min(priority), 0) from memreg.procrastinate_jobs
            where status = 'doing' and lock is not null and queue_name = of_queue),
        (
            select coalesce(max(priority), 0)
            from (
                select priority, scheduled_at
                from memreg.procrastinate_jobs
                where status = 'todo' and queue_name = of_queue
                order by priority desc, id
                limit 100
            ) as first
            where scheduled_at is null or scheduled_at <= now()
        )
    )
$$;

comment on function memreg.turn_of_queue is 'the priority of what is done now, or next, in a queue; 0 where it is empty';

-- Whether somebody waits whose turn it would be: who has had a while then leaves the rest for later.
create function memreg.others_wait(of_queue text, besides text)
returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(bool_or(whose <> besides), false)
    from (
        select args ->> 'tenant' as whose, scheduled_at
        from memreg.procrastinate_jobs
        where status = 'todo' and queue_name = of_queue
        order by priority desc, id
        limit 100
    ) as first
    where scheduled_at is null or scheduled_at <= now()
$$;

comment on function memreg.others_wait is 'whether a job of another tenant waits in a queue, and could be done now';

revoke execute on function memreg.turn_of_queue(text), memreg.others_wait(text, text) from public;
grant execute on function memreg.turn_of_queue(text), memreg.others_wait(text, text) to memreg_app, memreg_operator;
