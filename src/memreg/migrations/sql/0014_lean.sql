-- Lean: what repeats is kept once, what compresses is compressed, and no index holds more than it is asked for.

-- Entries keep values once where they are the same in several places: `as_given` in the details says that what was read
-- is what was proposed (and where it is 'changed', that all of it changed the memory), `as_said` in a state that the
-- memory was what was read. These put them in their places, with what is mostly so and is not said.
create function memreg.details_told(proposal jsonb, details jsonb)
returns jsonb language sql immutable parallel safe
return case
    when details ? 'as_given' then
        jsonb_build_object('mode', 'normal')
        || case when details ->> 'as_given' = 'changed' then
            jsonb_build_object('changed', jsonb_path_query_array(proposal -> 'values', '$.keyvalue().key'))
        else '{}' end
        || (details - 'as_given')
        || jsonb_build_object('values', proposal -> 'values')
    else details
end;

create function memreg.state_told(state jsonb, proposal jsonb, details jsonb)
returns jsonb language sql immutable parallel safe
return case
    when state ? 'as_said' then
        '{"originals": {}, "is_deleted": false, "unresolved": false}'::jsonb
        || (state - 'as_said')
        || jsonb_build_object('payload', case
            when details ? 'as_given' then proposal -> 'values' else details -> 'values'
        end)
    else state
end;

-- A row of more than 2 kB is compressed as far as it goes, and its documents stay where they are: elsewhere, each would
-- cost a row and an entry of an index of its own. (Rows of less are never compressed, whatever a table is set to.)
create function memreg.make_lean(of_table regclass)
returns void language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    method constant text := case
        when 'lz4' = any (select unnest(enumvals) from pg_settings where name = 'default_toast_compression') then 'lz4'
        else 'pglz'
    end;
    of_column name;
begin
    for of_column in
        select attname from pg_attribute
        where attrelid = of_table and attnum > 0 and not attisdropped and attstorage in ('x', 'm')
            and atttypid in ('jsonb'::regtype, 'text'::regtype, 'tsvector'::regtype)
    loop
        execute format('alter table %s alter column %I set storage main', of_table, of_column);
        execute format('alter table %s alter column %I set compression %s', of_table, of_column, method);
    end loop;
    if (select relkind from pg_class where oid = of_table) = 'r' then
        execute format('alter table %s set (toast_tuple_target = 128)', of_table);
    end if;
end
$$;

revoke all on function memreg.make_lean(regclass) from public;

-- Partitions to come are as those that there are.
create or replace function memreg.close_partition(partition regclass, of_table text)
returns void language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform memreg.make_lean(partition);
    execute format('alter table %s enable row level security', partition);
    execute format(
        'create trigger empty before truncate on %s for each statement execute function memreg.refuse_change(%L)',
        partition, of_table
    );
end
$$;

select memreg.make_lean(of_table)
from (
    select unnest(array['memreg.audit_log', 'memreg.audit_values', 'memreg.memory_revisions'])::regclass
    union
    select inhrelid::regclass from pg_inherits
    where inhparent in ('memreg.audit_log'::regclass, 'memreg.audit_values'::regclass)
) as lean (of_table);

-- Of a key that many memories have, a lookup reads the newest hundred. Twice as many are kept, so that it finds as many
-- after some were deleted; those before them say nothing to anybody and go, by one posting in 32 that comes. No farther
-- back than four times the time in which the kept ones came: before that, they have gone already, and what is left of them
-- in the index until a vacuum is not read through. It runs as the owner, as it locks what it takes away; what somebody
-- else is at, it leaves.
create function memreg.trim_candidate_keys()
returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    kept   uuid[];
    oldest timestamptz;
    since  uuid;
begin
    -- Who loads many without the index trims them all at once: memreg.trim_all_candidate_keys.
    if not exists (select from pg_index where indrelid = tg_relid and indisprimary) then
        return null;
    end if;
    kept := array(
        select memory_id
        from memreg.candidate_keys
        where tenant = new.tenant and key = new.key
        order by memory_id desc
        limit 200
    );
    if cardinality(kept) = 200 then
        oldest := memreg.time_of(kept[200]);
        since := memreg.uuid_from(greatest(
            oldest - 4 * (memreg.time_of(kept[1]) - oldest) - interval '1 second', to_timestamp(0)
        ));
        delete from memreg.candidate_keys
        where tenant = new.tenant and key = new.key and memory_id = any (array(
            select memory_id
            from memreg.candidate_keys
            where tenant = new.tenant and key = new.key and memory_id < kept[200] and memory_id > since
            order by memory_id desc
            limit 256
            for update skip locked
        ));
    end if;
    return null;
end
$$;

create trigger trim after insert on memreg.candidate_keys
for each row when ((get_byte(uuid_send(new.memory_id), 15) # new.key::bit(8)::integer) & 31 = 0)
execute function memreg.trim_candidate_keys();

create function memreg.trim_all_candidate_keys()
returns bigint language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
    with trimmed as (
        delete from memreg.candidate_keys
        using (
            select ranked.tenant, ranked.key, min(ranked.memory_id::text)::uuid as oldest_kept
            from (
                select tenant, key, memory_id, row_number() over (partition by tenant, key order by memory_id desc) as place
                from memreg.candidate_keys
            ) as ranked
            where ranked.place <= 200
            group by ranked.tenant, ranked.key
            having count(*) = 200
        ) as kept
        where candidate_keys.tenant = kept.tenant and candidate_keys.key = kept.key
            and candidate_keys.memory_id < kept.oldest_kept
        returning 1
    )

    select count(*) from trimmed;
end;

revoke all on function memreg.trim_candidate_keys() from public;
revoke all on function memreg.trim_all_candidate_keys() from public;

comment on table memreg.candidate_keys is 'of each key the newest memories that are kept under it, 200 and some more';
