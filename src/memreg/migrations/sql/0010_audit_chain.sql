-- The audit as a chain: each entry carries a digest that the database makes, seals tie the entries of a tenant together
-- in the background, the tables are divided by months, and what was written is never changed.

alter table memreg.audit_log drop constraint audit_log_action_check;
alter table memreg.audit_log add constraint audit_log_action_check check (action in (
    'CREATE', 'UPDATE', 'UPSERT', 'DELETE', 'REJECT', 'SKIP',
    'UNDO', 'MERGE', 'SPLIT', 'CORRECT', 'FORGET', 'RESTORE', 'ERASE', 'SWITCH', 'REVEAL', 'RETAIN'
));

-- Null in entries of before this migration until they are sealed for the first time.
alter table memreg.audit_log
    add column values_digest bytea,
    add column written_at    timestamptz;

alter table memreg.audit_values
    add column digest    bytea,
    add column erased_by uuid;

-- Months. The tables as they are hold everything up to the end of this one: they become partitions where they lie.

create function memreg.uuid_from(at timestamptz)
returns uuid language sql immutable parallel safe
return (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

comment on function memreg.uuid_from is 'the smallest UUIDv7 of a moment, and a bound of the ids before it';

create function memreg.time_of(id uuid)
returns timestamptz language sql immutable parallel safe
return to_timestamp((('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint) / 1000.0);

create function memreg.month_after(at timestamptz)
returns timestamptz language sql immutable parallel safe
return (date_trunc('month', at at time zone 'UTC') + interval '1 month') at time zone 'UTC';

create temporary table audit_indexes on commit drop as
select pg_index.indexrelid::regclass as index, pg_class.relname, pg_get_indexdef(pg_index.indexrelid) as definition,
    pg_index.indisprimary as is_primary
from pg_index
join pg_class on pg_class.oid = pg_index.indexrelid
where pg_index.indrelid in ('memreg.audit_log'::regclass, 'memreg.audit_values'::regclass);

do $$
declare
    each record;
begin
    for each in select index, regexp_replace(relname, '^audit_(log|values)', 'audit_\1_first') as named from audit_indexes
    loop
        execute format('alter index %s rename to %I', each.index, each.named);
    end loop;
end
$$;

alter table memreg.audit_log rename to audit_log_first;
alter table memreg.audit_values rename to audit_values_first;

create table memreg.audit_log (
    like memreg.audit_log_first including defaults including constraints including comments,
    primary key (tenant, id)
) partition by range (id);

comment on column memreg.audit_log.values_digest is 'SHA-256 of the salt and the values, as they were written';
comment on column memreg.audit_log.written_at is 'when it was written, by the clock of the database';
comment on column memreg.audit_log.digest is 'SHA-256 of all other columns: memreg.audit_digest';

create table memreg.audit_values (
    like memreg.audit_values_first including defaults including constraints including comments,
    primary key (tenant, audit_id)
) partition by range (audit_id);

comment on column memreg.audit_values.digest is 'SHA-256 of the salt and the values that are here now';
comment on column memreg.audit_values.erased_by is 'the audit entry of the erasing';

do $$
declare
    definition text;
begin
    for definition in select audit_indexes.definition from audit_indexes where not is_primary loop
        execute definition;
    end loop;
end
$$;

create index audit_log_retained on memreg.audit_log (tenant, id) where action = 'RETAIN';

-- Ids that no clock gave (from far in the future) would keep everything in one partition, with none beside it.
do $$
declare
    newest   timestamptz;
    boundary uuid;
begin
    select memreg.time_of(coalesce(max(id::text)::uuid, memreg.uuid_from(now()))) into newest from (
        (select id from memreg.audit_log_first order by id desc limit 1)
        union all
        (select audit_id from memreg.audit_values_first order by audit_id desc limit 1)
    ) as ids;
    if newest > now() + interval '1 year' then
        alter table memreg.audit_log attach partition memreg.audit_log_first for values from (minvalue) to (maxvalue);
        alter table memreg.audit_values attach partition memreg.audit_values_first
            for values from (minvalue) to (maxvalue);
    else
        boundary := memreg.uuid_from(memreg.month_after(greatest(newest, now())));
        execute format(
            'alter table memreg.audit_log attach partition memreg.audit_log_first for values from (minvalue) to (%L)',
            boundary
        );
        execute format(
            'alter table memreg.audit_values attach partition memreg.audit_values_first'
            ' for values from (minvalue) to (%L)',
            boundary
        );
    end if;
end
$$;

-- Digests. Their canonical form is the text of a JSON array as jsonb writes it: numbers as they are, times as seconds
-- since 1970, floating-point numbers and digests by their bytes. No setting of a session has a part in it.

create function memreg.audit_values_digest(
    salt bytea, audit_id uuid, proposal jsonb, evidence text, before jsonb, after jsonb, reasons jsonb, details jsonb
)
returns bytea language sql stable parallel safe
return sha256(salt || convert_to(
    jsonb_build_array(1, audit_id, proposal, evidence, before, after, reasons, details)::text, 'UTF8'
));

create function memreg.audit_digest(entry memreg.audit_log)
returns bytea language sql stable parallel safe
return sha256(convert_to(jsonb_build_array(
    1, entry.tenant, entry.id, entry.schema, entry.version, entry.class, entry.message_id, entry.ordinal,
    entry.operation, entry.action, entry.basis, entry.memory_id, entry.revision, entry.score, entry.unresolved,
    entry.candidates, entry.thresholds, entry.snapshot, entry.annotation, entry.extractor, entry.model,
    entry.prompt_hash, entry.tokens_in, entry.tokens_out, encode(float8send(entry.latency_ms), 'hex'), entry.attempts,
    entry.actor, entry.undoes, encode(float8send(entry.took_ms), 'hex'), extract(epoch from entry.created_at),
    extract(epoch from entry.written_at), encode(entry.values_digest, 'hex')
)::text, 'UTF8'));

-- What was written and no seal knows yet. A sealer takes it from here, whenever its transaction was committed.
create table memreg.audit_unsealed (
    tenant     text not null,
    written_at timestamptz not null,
    id         uuid not null,
    primary key (tenant, written_at, id)
) with (autovacuum_vacuum_scale_factor = 0.05);

insert into memreg.audit_unsealed (tenant, written_at, id)
select tenant, least(created_at, now()), id
from memreg.audit_log;

-- A link of a tenant's chain: the entries that it ties, by their ids; what of them it knows; and the link before.
create table memreg.audit_seals (
    tenant    text not null,
    seal      bigint not null check (seal > 0),
    entries   uuid[] not null,
    content   bytea not null,
    newest    timestamptz not null,
    previous  bytea not null,
    sealed_at timestamptz not null,
    hash      bytea not null,
    primary key (tenant, seal)
);

comment on column memreg.audit_seals.content is 'SHA-256 of the ids and digests of its entries, in their order';
comment on column memreg.audit_seals.newest is 'when the newest entry was written that this seal or one before it ties';
comment on column memreg.audit_seals.previous is 'the hash of the seal before; of the first one, that of the tenant';
comment on column memreg.audit_seals.hash is 'SHA-256 of all other columns: memreg.seal_hash';

create function memreg.seal_hash(link memreg.audit_seals)
returns bytea language sql stable parallel safe
return sha256(convert_to(jsonb_build_array(
    1, link.tenant, link.seal, encode(sha256(convert_to(link.entries::text, 'UTF8')), 'hex'),
    encode(link.content, 'hex'), extract(epoch from link.newest), encode(link.previous, 'hex'),
    extract(epoch from link.sealed_at)
)::text, 'UTF8'));

create function memreg.first_link(of_tenant text)
returns bytea language sql immutable parallel safe
return sha256(convert_to('memreg audit ' || of_tenant, 'UTF8'));

-- What happens to rows as they come. `audit_values` come before `audit_log`, which takes their digest over.

create function memreg.enter_audit_values()
returns trigger language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    new.erased_at := null;
    new.erased_by := null;
    new.digest := memreg.audit_values_digest(
        new.salt, new.audit_id, new.proposal, new.evidence, new.before, new.after, new.reasons, new.details
    );
    return new;
end
$$;

create function memreg.enter_audit()
returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    entry memreg.audit_log;
begin
    new.written_at := clock_timestamp();
    select digest into new.values_digest
    from memreg.audit_values
    where tenant = new.tenant and audit_id = new.id;
    if new.values_digest is null then
        raise exception 'the audit entry % has no values: they are written before it', new.id
            using errcode = 'integrity_constraint_violation';
    end if;
    entry := new;
    new.digest := memreg.audit_digest(entry);
    insert into memreg.audit_unsealed (tenant, written_at, id) values (new.tenant, new.written_at, new.id);
    return new;
end
$$;

-- What is never changed. `memreg.audit_gate` says what a function of memreg is about to do; it says nothing to those
-- who do not own the table.

create function memreg.passes_audit_gate(purpose text, of_table oid)
returns boolean language sql stable
return current_setting('memreg.audit_gate', true) = purpose and pg_has_role(
    current_user, (select relowner from pg_catalog.pg_class where oid = of_table), 'member'
);

create function memreg.refuse_change()
returns trigger language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '% is only ever added to, so % is refused', tg_argv[0], lower(tg_op)
        using errcode = 'restrict_violation', hint = 'Undo, correct or erase what it tells: the audit keeps both.';
end
$$;

-- Erasing takes values away, and leaves which entry they were of; what is left has a digest again.
create function memreg.change_audit_values()
returns trigger language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if not coalesce(memreg.passes_audit_gate('erase', tg_relid), false) or new.erased_at is null
        or (new.tenant, new.audit_id) is distinct from (old.tenant, old.audit_id)
    then
        raise exception 'audit_values is only ever added to, so update is refused'
            using errcode = 'restrict_violation', hint = 'memreg erase takes values away for good.';
    end if;
    new.digest := memreg.audit_values_digest(
        new.salt, new.audit_id, new.proposal, new.evidence, new.before, new.after, new.reasons, new.details
    );
    return new;
end
$$;

create function memreg.change_revision()
returns trigger language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if not coalesce(memreg.passes_audit_gate('erase', tg_relid), false)
        or (new.tenant, new.memory_id, new.revision, new.version, new.is_deleted, new.unresolved, new.audit_id)
            is distinct from
            (old.tenant, old.memory_id, old.revision, old.version, old.is_deleted, old.unresolved, old.audit_id)
    then
        raise exception 'memory_revisions is only ever added to, so update is refused'
            using errcode = 'restrict_violation', hint = 'memreg erase takes values away for good.';
    end if;
    return new;
end
$$;

-- An entry of before this migration gets its digests when it is sealed, from what it holds; nothing else changes.
create function memreg.change_audit()
returns trigger language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    entry memreg.audit_log;
begin
    if not coalesce(memreg.passes_audit_gate('seal', tg_relid), false) or old.written_at is not null then
        raise exception 'audit_log is only ever added to, so update is refused'
            using errcode = 'restrict_violation', hint = 'memreg undo takes back what an entry did.';
    end if;
    new := old;
    new.written_at := least(old.created_at, clock_timestamp());
    select memreg.audit_values_digest(salt, audit_id, proposal, evidence, before, after, reasons, details)
    into new.values_digest
    from memreg.audit_values
    where tenant = old.tenant and audit_id = old.id;
    new.values_digest := coalesce(new.values_digest, sha256(''));
    entry := new;
    new.digest := memreg.audit_digest(entry);
    return new;
end
$$;

create trigger enter before insert on memreg.audit_values
for each row execute function memreg.enter_audit_values();
create trigger enter before insert on memreg.audit_log
for each row execute function memreg.enter_audit();

create trigger change before update on memreg.audit_values
for each row execute function memreg.change_audit_values();
create trigger change before update on memreg.audit_log
for each row execute function memreg.change_audit();
create trigger change before update on memreg.memory_revisions
for each row execute function memreg.change_revision();
create trigger change before update on memreg.audit_seals
for each row execute function memreg.refuse_change('audit_seals');

create trigger remove before delete on memreg.audit_values
for each row execute function memreg.refuse_change('audit_values');
create trigger remove before delete on memreg.audit_log
for each row execute function memreg.refuse_change('audit_log');
create trigger remove before delete on memreg.memory_revisions
for each row execute function memreg.refuse_change('memory_revisions');
create trigger remove before delete on memreg.audit_seals
for each row execute function memreg.refuse_change('audit_seals');

create trigger empty before truncate on memreg.audit_values
for each statement execute function memreg.refuse_change('audit_values');
create trigger empty before truncate on memreg.audit_log
for each statement execute function memreg.refuse_change('audit_log');
create trigger empty before truncate on memreg.memory_revisions
for each statement execute function memreg.refuse_change('memory_revisions');
create trigger empty before truncate on memreg.audit_seals
for each statement execute function memreg.refuse_change('audit_seals');

-- A partition is reached through its table alone, and is not emptied behind its back.
create function memreg.close_partition(partition regclass, of_table text)
returns void language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('alter table %s enable row level security', partition);
    execute format(
        'create trigger empty before truncate on %s for each statement execute function memreg.refuse_change(%L)',
        partition, of_table
    );
end
$$;

select
    memreg.close_partition('memreg.audit_log_first', 'audit_log'),
    memreg.close_partition('memreg.audit_values_first', 'audit_values');

-- The partitions of a table with the id that each ends before; null for the one that holds what no other does.
create function memreg.audit_partitions(of_table regclass)
returns table (partition regclass, ends uuid, is_default boolean) language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
    select
        child.oid::regclass,
        substring(pg_get_expr(child.relpartbound, child.oid) from $re$TO \('([0-9a-f-]{36})'\)$re$)::uuid,
        pg_get_expr(child.relpartbound, child.oid) = 'DEFAULT'
    from pg_inherits
    join pg_class as child on child.oid = pg_inherits.inhrelid
    where pg_inherits.inhparent = of_table;
end;

-- Makes the partitions of the months up to the end of the next one, and gives how many. Where nobody did so in time,
-- entries are in the default partition: it becomes that of the months that it holds, and another takes its place. Where
-- it also holds ids that a wrong clock gave, these months stay in it, and those after them have their own.
create function memreg.make_audit_partitions()
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
    foreach of_table in array array['audit_values', 'audit_log'] loop
        id_column := case of_table when 'audit_log' then 'id' else 'audit_id' end;
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

create function memreg.make_default_partition(of_table text)
returns void language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('create table memreg.%I partition of memreg.%I default', of_table || '_rest', of_table);
    perform memreg.close_partition(format('memreg.%I', of_table || '_rest')::regclass, of_table);
end
$$;

select memreg.make_default_partition(of_table)
from unnest(array['audit_values', 'audit_log']) as of_table
where exists (
    select from memreg.audit_partitions(format('memreg.%I', of_table)::regclass) where ends is not null
);

select memreg.make_audit_partitions();

-- Removes the months that end by an id, and gives how many. What goes has to be sealed, and the audit of every tenant
-- that loses entries has to tell of it, by an entry of the same transaction.
create function memreg.drop_audit_months(by_id uuid)
returns integer language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '10s'
as $$
declare
    month   regclass;
    silent  text;
    dropped integer := 0;
begin
    for month in
        select partition from memreg.audit_partitions('memreg.audit_log') where ends <= by_id order by ends
    loop
        -- What is being written there now is waited for: it has to be sealed and told as well.
        execute format('lock table %s in share mode', month);
        execute format(
            'select min(gone.tenant) from (select distinct tenant from %s) as gone where not exists ('
            '    select from memreg.audit_log as told'
            '    where told.tenant = gone.tenant and told.action = ''RETAIN'' and told.written_at >= now()'
            ')', month
        ) into silent;
        if silent is not null then
            raise exception 'the audit of a tenant does not tell that its entries are removed'
                using errcode = 'integrity_constraint_violation';
        end if;
        if exists (select from memreg.audit_unsealed where id < by_id) then
            raise exception 'entries that no seal ties are not removed' using errcode = 'integrity_constraint_violation';
        end if;
        execute format('drop table %s', month);
        dropped := dropped + 1;
    end loop;
    for month in
        select partition from memreg.audit_partitions('memreg.audit_values') where ends <= by_id order by ends
    loop
        execute format('drop table %s', month);
    end loop;
    return dropped;
end
$$;

-- Seals up to `most` entries of a tenant, in the order in which they were written, and gives how many; null where
-- another one seals them now. A transaction of a tenant seals its own alone. Entry by entry, each by its key: statistics
-- of a queue that is empty most of the time would mislead every other plan.
create function memreg.seal_audit(of_tenant text, most integer)
returns integer language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
declare
    before  memreg.audit_seals;
    link    memreg.audit_seals;
    waiting record;
    entry   record;
    parts   bytea[] := '{}';
    times   timestamptz[] := '{}';
begin
    if coalesce(current_setting('memreg.tenant', true), '') not in ('', of_tenant) then
        raise exception 'the audit of another tenant is not sealed from here' using errcode = 'insufficient_privilege';
    end if;
    if not pg_try_advisory_xact_lock(hashtextextended('memreg audit seal ' || of_tenant, 0)) then
        return null;
    end if;
    link.entries := '{}';
    perform set_config('memreg.audit_gate', 'seal', true);
    for waiting in
        select id, written_at from memreg.audit_unsealed where tenant = of_tenant order by written_at, id
    loop
        exit when cardinality(parts) >= most;
        select log.digest, log.written_at into entry
        from memreg.audit_log as log
        where log.tenant = of_tenant and log.id = waiting.id;
        continue when not found;  -- it is gone, which verifying tells
        if entry.written_at is null then
            update memreg.audit_log as log set written_at = log.created_at
            where log.tenant = of_tenant and log.id = waiting.id
            returning log.digest, log.written_at into entry;
        end if;
        link.entries := link.entries || waiting.id;
        link.newest := greatest(link.newest, entry.written_at);
        parts := parts || (uuid_send(waiting.id) || entry.digest);
        times := times || waiting.written_at;
    end loop;
    perform set_config('memreg.audit_gate', '', true);
    if parts = '{}' then
        return 0;
    end if;
    select * into before from memreg.audit_seals where tenant = of_tenant order by seal desc limit 1;
    link.tenant := of_tenant;
    link.seal := coalesce(before.seal, 0) + 1;
    link.content := (
        select sha256(string_agg(part, ''::bytea order by place)) from unnest(parts) with ordinality as tied (part, place)
    );
    link.newest := greatest(link.newest, before.newest);
    link.previous := coalesce(before.hash, memreg.first_link(of_tenant));
    link.sealed_at := greatest(clock_timestamp(), before.sealed_at);
    link.hash := memreg.seal_hash(link);
    insert into memreg.audit_seals (tenant, seal, entries, content, newest, previous, sealed_at, hash)
    values (
        link.tenant, link.seal, link.entries, link.content, link.newest, link.previous, link.sealed_at, link.hash
    );
    delete from memreg.audit_unsealed as waits
    using unnest(link.entries, times) as tied (id, written_at)
    where waits.tenant = of_tenant and waits.written_at = tied.written_at and waits.id = tied.id;
    return cardinality(link.entries);
end
$$;

-- Who may do what: a tenant's transactions add entries and read them; nobody but the functions above does more.
revoke all on function memreg.seal_audit(text, integer) from public;
revoke all on function memreg.make_audit_partitions() from public;
revoke all on function memreg.drop_audit_months(uuid) from public;
revoke all on function memreg.close_partition(regclass, text) from public;
revoke all on function memreg.make_default_partition(text) from public;
grant execute on function memreg.seal_audit(text, integer) to memreg_app, memreg_operator;
grant execute on function memreg.make_audit_partitions() to memreg_app, memreg_operator;
grant execute on function memreg.drop_audit_months(uuid) to memreg_operator;
grant select, insert on memreg.audit_log, memreg.audit_values, memreg.memory_revisions to memreg_app, memreg_operator;
grant select on memreg.audit_unsealed, memreg.audit_seals to memreg_app, memreg_operator;
