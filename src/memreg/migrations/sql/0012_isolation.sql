-- Isolation: what belongs to a tenant is seen and changed in a transaction of that tenant alone, whatever a query says.
--
-- memreg_app is what a transaction of a tenant is set to; it owns nothing, so that the policies bind it where the login
-- is a superuser or owns the tables. memreg_operator lets a login that owns nothing work across tenants: backfills,
-- workers, the registry. A login is a member of both, or the owner.

grant usage on schema memreg to memreg_app, memreg_operator;

-- Policies, on every table that has a tenant; partitions are reached through their table. The sub-select is asked once
-- for a statement, not for every row.
do $$
declare
    of_table regclass;
begin
    for of_table in
        select pg_class.oid
        from pg_catalog.pg_class
        join pg_catalog.pg_attribute on attrelid = pg_class.oid and attname = 'tenant' and not attisdropped
        where relnamespace = 'memreg'::regnamespace and relkind in ('r', 'p') and not relispartition
        order by relname
    loop
        execute format('alter table %s enable row level security', of_table);
        execute format(
            'create policy of_the_tenant on %s to memreg_app using (tenant = (select current_setting(%L, true)))'
            ' with check (tenant = (select current_setting(%L, true)))',
            of_table, 'memreg.tenant', 'memreg.tenant'
        );
        execute format(
            'create policy of_every_tenant on %s to memreg_operator using (true) with check (true)', of_table
        );
    end loop;
end
$$;

-- What holds for every tenant, each of them may know.
create policy of_everybody on memreg.kill_switches for select to memreg_app using (tenant = '*');
create policy of_everybody on memreg.kill_switch_rules for select to memreg_app using (tenant = '*');

-- The queue is of every tenant; a tenant leaves its own messages to it. Only those who work it off see all of it.
alter table memreg.procrastinate_jobs enable row level security;
create policy of_the_tenant on memreg.procrastinate_jobs to memreg_app
    using (args ->> 'tenant' = (select current_setting('memreg.tenant', true)))
    with check (args ->> 'tenant' = (select current_setting('memreg.tenant', true)));
create policy of_every_tenant on memreg.procrastinate_jobs to memreg_operator using (true) with check (true);

-- A tenant: what a message does, and what a person does to memories. The audit is added to, never changed.
grant select, insert on
    memreg.audit_log, memreg.audit_values, memreg.memory_revisions, memreg.calibrations, memreg.model_calls
    to memreg_app;
grant select, insert, update on
    memreg.memories, memreg.identity_keys, memreg.messages, memreg.review_items, memreg.judgements,
    memreg.kill_switches, memreg.kill_switch_rules, memreg.procrastinate_jobs
    to memreg_app;
grant select, insert, delete on memreg.candidate_keys, memreg.memory_references to memreg_app;
grant select on
    memreg.schemas, memreg.schema_versions, memreg.annotations, memreg.backfills, memreg.backfill_failures,
    memreg.backfill_collisions, memreg.workers, memreg.procrastinate_workers
    to memreg_app;
grant insert on memreg.procrastinate_events to memreg_app;
grant usage on sequence memreg.procrastinate_jobs_id_seq, memreg.procrastinate_events_id_seq to memreg_app;

-- An operator: all of it, but for what is append-only.
grant select, insert on memreg.audit_log, memreg.audit_values, memreg.memory_revisions to memreg_operator;
grant select, insert, update, delete on
    memreg.schemas, memreg.schema_versions, memreg.annotations, memreg.memories, memreg.identity_keys,
    memreg.candidate_keys, memreg.memory_references, memreg.messages, memreg.model_calls, memreg.review_items,
    memreg.judgements, memreg.kill_switches, memreg.kill_switch_rules, memreg.calibrations, memreg.backfills,
    memreg.backfill_parts, memreg.backfill_marks, memreg.backfill_keys, memreg.backfill_collisions,
    memreg.backfill_failures, memreg.workers, memreg.procrastinate_jobs, memreg.procrastinate_workers,
    memreg.procrastinate_events, memreg.procrastinate_periodic_defers
    to memreg_operator;
grant select on memreg.alembic_version to memreg_operator;
grant usage on all sequences in schema memreg to memreg_operator;

-- Full-text search. `@@` may not look at a row before a policy has, so that under one it could not use its index: here
-- there is none, and the tenant is that of the transaction, not one that somebody names.
create function memreg.search_memories(of_schema text, query tsquery, ranking tsquery, at_most integer)
returns table (id uuid, rank real)
language sql stable security definer rows 100
set search_path = pg_catalog, pg_temp
as $$
    select near.id, ts_rank('{0.1, 0.33, 0.66, 1.0}', near.search, ranking) as rank
    from (
        -- "offset 0" keeps the search before the rest: by its index alone.
        select memories.tenant, memories.schema, memories.id, memories.search
        from memreg.memories
        where memories.search @@ query and not memories.is_deleted and not memories.unresolved
        offset 0
    ) as near
    where near.tenant = current_setting('memreg.tenant', true) and near.schema = of_schema
    order by rank desc, near.id
    limit at_most
$$;

comment on function memreg.search_memories is
    'the live memories of the transaction''s tenant that a query finds, best rank first';

-- Only who owns a table may have the planner look at it, and a transaction of a tenant owns none.
create function memreg.look_at_tables()
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    analyze (skip_locked) memreg.memories, memreg.candidate_keys, memreg.identity_keys, memreg.memory_revisions,
        memreg.messages, memreg.calibrations;
end
$$;

revoke execute on function memreg.search_memories(text, tsquery, tsquery, integer), memreg.look_at_tables() from public;
grant execute on function memreg.search_memories(text, tsquery, tsquery, integer), memreg.look_at_tables()
    to memreg_app, memreg_operator;
