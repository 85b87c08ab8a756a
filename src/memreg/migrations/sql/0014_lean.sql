-- Lean: what repeats is kept once, what compresses is compressed, and no index holds more than it is asked for.

-- Entries keep values once where they are the same in several places: `as_given` in the details says that what was read
-- is what was proposed, `as_said` in a state that the memory was what was read. These put them in their places.
create function memreg.details_told(proposal jsonb, details jsonb)
returns jsonb language sql immutable parallel safe
return case
    when details ? 'as_given' then (details - 'as_given') || jsonb_build_object('values', proposal -> 'values')
    else details
end;

create function memreg.state_told(state jsonb, proposal jsonb, details jsonb)
returns jsonb language sql immutable parallel safe
return case
    when state ? 'as_said' then (state - 'as_said')
        || jsonb_build_object('payload', memreg.details_told(proposal, details) -> 'values')
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
