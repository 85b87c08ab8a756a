-- Upkeep: revisions are divided by the months in which their memories were born, the tables are vacuumed as they are
-- used, and no plan depends on what the statistics happen to say.

-- Revisions. Everything about a memory lies in one partition, so that reading it opens no other, however old it is. The
-- table as it is becomes the first one where it lies.

drop trigger change on memreg.memory_revisions;
drop trigger remove on memreg.memory_revisions;
drop trigger empty on memreg.memory_revisions;
drop policy of_the_tenant on memreg.memory_revisions;
drop policy of_every_tenant on memreg.memory_revisions;
revoke all on memreg.memory_revisions from memreg_app, memreg_operator;

alter table memreg.memory_revisions rename to memory_revisions_first;
alter index memreg.memory_revisions_pkey rename to memory_revisions_first_pkey;

create table memreg.memory_revisions (
    like memreg.memory_revisions_first including defaults including comments including storage including compression,
    primary key (tenant, memory_id, revision)
) partition by range (memory_id);

do $$
declare
    boundary uuid := (
        select substring(pg_get_constraintdef(oid) from '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')::uuid
        from pg_constraint
        where conrelid = 'memreg.memory_revisions_first'::regclass and conname = 'memory_revisions_before'
    );
begin
    boundary := coalesce(boundary, memreg.uuid_from(memreg.month_after(now())));
    -- Ids that no clock gave (from far in the future) would leave no place for partitions after it.
    if exists (select from memreg.memory_revisions_first where memory_id >= boundary limit 1) then
        alter table memreg.memory_revisions attach partition memreg.memory_revisions_first
            for values from (minvalue) to (maxvalue);
    else
        execute format(
            'alter table memreg.memory_revisions attach partition memreg.memory_revisions_first'
            ' for values from (minvalue) to (%L)', boundary
        );
    end if;
end
$$;

alter table memreg.memory_revisions_first drop constraint if exists memory_revisions_before;

create trigger change before update on memreg.memory_revisions
for each row execute function memreg.change_revision();
create trigger remove before delete on memreg.memory_revisions
for each row execute function memreg.refuse_change('memory_revisions');
create trigger empty before truncate on memreg.memory_revisions
for each statement execute function memreg.refuse_change('memory_revisions');

alter table memreg.memory_revisions enable row level security;
create policy of_the_tenant on memreg.memory_revisions to memreg_app
    using (tenant = (select current_setting('memreg.tenant', true)))
    with check (tenant = (select current_setting('memreg.tenant', true)));
create policy of_every_tenant on memreg.memory_revisions to memreg_operator using (true) with check (true);
grant select, insert on memreg.memory_revisions to memreg_app, memreg_operator;

-- What is only ever added to is vacuumed by what came: often enough that no vacuum has much to do.
create or replace function memreg.close_partition(partition regclass, of_table text)
returns void language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform memreg.make_lean(partition);
    execute format(
        'alter table %s set (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_insert_threshold = 20000,'
        ' autovacuum_analyze_scale_factor = 0.05)', partition
    );
    execute format('alter table %s enable row level security', partition);
    execute format(
        'create or replace trigger empty before truncate on %s'
        ' for each statement execute function memreg.refuse_change(%L)', partition, of_table
    );
end
$$;

select memreg.close_partition(inhrelid::regclass, relname::text)
from pg_inherits
join pg_class on pg_class.oid = inhparent
where inhparent in ('memreg.audit_log'::regclass, 'memreg.audit_values'::regclass, 'memreg.memory_revisions'::regclass);

-- As before, and of the revisions too: the months of a table that has none (where one partition holds every id) are not
-- made.
create or replace function memreg.make_audit_partitions()
returns integer language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '1s'
as $$
declare
    goal       constant uuid := memreg.uuid_from(memreg.month_after(memreg.month_after(clock_timestamp())));
    of_table   text;
    id_column  text;
    rest       regclass;
    ended      uuid;
    held       uuid;
    is_mixed   boolean;
    named      text;
    made       integer := 0;
begin
    if not pg_try_advisory_xact_lock(hashtextextended('memreg audit partitions', 0)) then
        return 0;
    end if;
    foreach of_table in array array['audit_values', 'audit_log', 'memory_revisions'] loop
        id_column := case of_table when 'audit_log' then 'id' when 'audit_values' then 'audit_id' else 'memory_id' end;
        loop
            select max(ends::text)::uuid into ended
            from memreg.audit_partitions(format('memreg.%I', of_table)::regclass);
            exit when ended is null or ended >= goal;
            rest := (
                select partition from memreg.audit_partitions(format('memreg.%I', of_table)::regclass) where is_default
            );
            held := null;
            if rest is not null then
                execute format(
                    'select max(%1$I::text) filter (where %1$I between $1 and $2),'
                    ' coalesce(bool_or(%1$I not between $1 and $2), false) from %2$s', id_column, rest
                ) into held, is_mixed using ended, memreg.uuid_from(clock_timestamp() + interval '1 year');
            end if;
            if held is not null and is_mixed then
                ended := memreg.uuid_from(memreg.month_after(memreg.time_of(held)));
                held := null;
            end if;
            named := of_table || to_char(memreg.time_of(ended) at time zone 'UTC', '_YYYY_MM');
            if held is null then
                execute format('create table memreg.%I (like memreg.%I including defaults including constraints)',
                    named, of_table);
                execute format('alter table memreg.%I attach partition memreg.%I for values from (%L) to (%L)',
                    of_table, named, ended, memreg.uuid_from(memreg.month_after(memreg.time_of(ended))));
                perform memreg.close_partition(format('memreg.%I', named)::regclass, of_table);
            else
                execute format('alter table memreg.%I detach partition %s', of_table, rest);
                execute format('alter table %s rename to %I', rest, named);
                execute format('alter table memreg.%I attach partition memreg.%I for values from (%L) to (%L)',
                    of_table, named, ended, memreg.uuid_from(memreg.month_after(memreg.time_of(held))));
                perform memreg.make_default_partition(of_table);
            end if;
            made := made + 1;
        end loop;
    end loop;
    return made;
exception when lock_not_available or check_violation then  -- somebody writes into them now
    return 0;
end
$$;

select memreg.make_default_partition('memory_revisions')
where exists (select from memreg.audit_partitions('memreg.memory_revisions') where ends is not null);

select memreg.make_audit_partitions();

-- Removes the months of revisions that end by an id, whose memories were all deleted before a time, and tells how many
-- went, how many months stay and how many memories keep them. What a memory was is needed as long as it is there, or as
-- the audit can still bring it back.
create function memreg.drop_revision_months(by_id uuid, deleted_before timestamptz)
returns table (dropped integer, kept integer, kept_by bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '10s'
as $$
declare
    month regclass;
    there bigint;
begin
    dropped := 0;
    kept := 0;
    kept_by := 0;
    for month in
        select partition from memreg.audit_partitions('memreg.memory_revisions') where ends <= by_id order by ends
    loop
        -- What is being written there now is waited for.
        execute format('lock table %s in share mode', month);
        execute format(
            'select count(*) from (select distinct tenant, memory_id from %s) as born'
            ' join memreg.memories on memories.tenant = born.tenant and memories.id = born.memory_id'
            ' where not memories.is_deleted or memories.updated_at >= $1', month
        ) into there using deleted_before;
        if there > 0 then
            kept := kept + 1;
            kept_by := kept_by + there;
        else
            execute format('drop table %s', month);
            dropped := dropped + 1;
        end if;
    end loop;
    return next;
end
$$;

revoke all on function memreg.drop_revision_months(uuid, timestamptz) from public;
grant execute on function memreg.drop_revision_months(uuid, timestamptz) to memreg_operator;

-- What a memory was. One plan for good, in which the partition is chosen as the function runs: the planner would rather
-- make a plan for every call, as that of one partition looks so much cheaper than that of all.
create or replace function memreg.said(of_tenant text, of_memory uuid, of_revision integer)
returns jsonb language plpgsql stable parallel safe set plan_cache_mode = force_generic_plan
as $$
begin
    return (
        select jsonb_build_array(payload, originals)
        from memreg.memory_revisions
        where tenant = of_tenant and memory_id = of_memory and revision = of_revision
    );
end
$$;

create or replace function memreg.earlier_revisions(
    of_tenant text, of_memory uuid, before_revision integer, void integer[]
)
returns jsonb language plpgsql stable parallel safe set plan_cache_mode = force_generic_plan
as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_array(version, payload) order by revision desc), '[]')
        from (
            select revision, version, payload
            from memreg.memory_revisions
            where tenant = of_tenant
                and memory_id = of_memory
                and revision < before_revision
                and revision <> all(void)
            order by revision desc
            limit 4
        ) as earlier
    );
end
$$;

-- `@@` is answered by a bitmap alone, which no other query of a tenant is to use: it reads everything under a key where
-- the newest are enough.
alter function memreg.search_memories(text, tsquery, tsquery, integer) set enable_bitmapscan = on;

-- Revisions are read by their primary key alone, so that no statistics of theirs matter; and theirs would take the
-- longer the more months there are.
create or replace function memreg.look_at_tables()
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    analyze (skip_locked) memreg.memories, memreg.candidate_keys, memreg.identity_keys, memreg.messages,
        memreg.calibrations;
end
$$;

-- What is written again and again. Room on each page keeps the new row beside the old one, and the indexes as they are.
alter table memreg.memories set (
    fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.05
);
alter table memreg.identity_keys set (
    autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05
);
alter table memreg.memory_references set (autovacuum_vacuum_scale_factor = 0.05);
alter table memreg.messages set (
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.05
);
alter table memreg.kill_switches set (fillfactor = 50);
alter table memreg.kill_switch_rules set (fillfactor = 50);
alter table memreg.workers set (fillfactor = 50, autovacuum_vacuum_threshold = 100);
alter table memreg.procrastinate_workers set (fillfactor = 50, autovacuum_vacuum_threshold = 100);
-- Queues: they are empty most of the time, and the dead rows of before are walked through by whoever asks for the next.
alter table memreg.procrastinate_jobs set (
    autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000, autovacuum_analyze_scale_factor = 0.05
);
alter table memreg.audit_unsealed set (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);
-- What is only ever added to.
alter table memreg.audit_seals set (autovacuum_vacuum_insert_scale_factor = 0.02);
alter table memreg.model_calls set (autovacuum_vacuum_insert_scale_factor = 0.02);
alter table memreg.calibrations set (autovacuum_vacuum_insert_scale_factor = 0.05);
alter table memreg.procrastinate_events set (autovacuum_vacuum_insert_scale_factor = 0.02);
