-- Erasing for good. What is only ever added to elsewhere, these functions take values away from: of the tenant of the
-- transaction alone, and never anything but values.

-- A text in the form in which other spellings of it are equal: lower case, no accents, no invisible characters.
create function memreg.folded(said text)
returns text language sql immutable parallel safe
return case
    when octet_length(said) = length(said) then lower(said)
    else replace(
        regexp_replace(
            lower(normalize(replace(said, 'ẞ', 'ss'), NFKD)),
            '[\u0300-\u036f\u00ad\u200b-\u200f\u2060\ufeff]', '', 'g'
        ),
        'ß', 'ss'
    )
end;

-- Whether a text may quote something, to be looked at closely: it has one of some words in it (as patterns of `like`),
-- or one of some numbers (as patterns of `~`: taking all other signs out first costs thirty times as much), or
-- characters written as JSON does.
create function memreg.may_quote(said text, words text[], digits text[], unsure boolean)
returns boolean language sql immutable parallel safe
return said is not null and (
    unsure
    or position('\u' in said) > 0
    or memreg.folded(said) like any (words)
    or cardinality(digits) > 0 and memreg.folded(said) ~ any (digits)
);

create function memreg.erasing_tenant()
returns text language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(current_setting('memreg.tenant', true), '') = '' then
        raise exception 'values are erased in a transaction of their tenant' using errcode = 'insufficient_privilege';
    end if;
    return current_setting('memreg.tenant');
end
$$;

-- What is left of audit entries, by which act the rest was taken; the digest of what is left is told, so that the entry
-- of that act can vouch for it.
create function memreg.erase_audit_values(remains jsonb, by_entry uuid, at timestamptz)
returns table (entry uuid, left_digest bytea)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Not as a setting of the function: only a superuser may give a function one that Postgres does not know.
    perform set_config('memreg.audit_gate', 'erase', true);
    return query
        update memreg.audit_values as kept
        set proposal = rest.proposal, evidence = rest.evidence, before = rest.before, after = rest.after,
            reasons = rest.reasons, details = rest.details, salt = rest.salt, erased_at = at, erased_by = by_entry
        from jsonb_to_recordset(remains) as rest (
            audit_id uuid, proposal jsonb, evidence text, before jsonb, after jsonb, reasons jsonb, details jsonb,
            salt bytea
        )
        where kept.tenant = memreg.erasing_tenant() and kept.audit_id = rest.audit_id
        returning kept.audit_id, kept.digest;
    perform set_config('memreg.audit_gate', '', true);
end
$$;

-- What is left of revisions; all of a memory's where none is named.
create function memreg.erase_revisions(remains jsonb)
returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    erased bigint;
begin
    perform set_config('memreg.audit_gate', 'erase', true);
    update memreg.memory_revisions as kept
    set payload = coalesce(rest.payload, '{}'), originals = coalesce(rest.originals, '{}'),
        pinned = coalesce(rest.pinned, '{}')
    from jsonb_to_recordset(remains) as rest (
        memory_id uuid, revision integer, payload jsonb, originals jsonb, pinned jsonb
    )
    where kept.tenant = memreg.erasing_tenant()
        and kept.memory_id = rest.memory_id
        and (rest.revision is null or kept.revision = rest.revision);
    get diagnostics erased = row_count;
    perform set_config('memreg.audit_gate', '', true);
    return erased;
end
$$;

-- What memories are found by and what was noted about them: keys, references, and what backfills keep.
create function memreg.erase_keys(of_memories uuid[])
returns bigint
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
    with indexed as (
        select memories.id, unnest(memories.candidate_keys) as key
        from memreg.memories
        where memories.tenant = memreg.erasing_tenant() and memories.id = any (of_memories)
        union
        select coming.memory_id, unnest(coming.keys || coming.gone || coming.spare)
        from memreg.backfill_keys as coming
        where coming.tenant = memreg.erasing_tenant() and coming.memory_id = any (of_memories)
    ),
    found_by as (
        delete from memreg.candidate_keys
        using indexed
        where candidate_keys.tenant = memreg.erasing_tenant()
            and candidate_keys.key = indexed.key
            and candidate_keys.memory_id = indexed.id
        returning 1
    ),
    identified_by as (
        delete from memreg.identity_keys
        where tenant = memreg.erasing_tenant() and memory_id = any (of_memories)
        returning 1
    ),
    referred_to as (
        delete from memreg.memory_references
        where tenant = memreg.erasing_tenant() and memory_id = any (of_memories)
        returning 1
    ),
    to_come as (
        delete from memreg.backfill_keys
        where tenant = memreg.erasing_tenant() and memory_id = any (of_memories)
        returning 1
    ),
    collided as (
        delete from memreg.backfill_collisions
        where tenant = memreg.erasing_tenant() and (memory_id = any (of_memories) or keeper_id = any (of_memories))
        returning 1
    ),
    failed as (
        delete from memreg.backfill_failures
        where tenant = memreg.erasing_tenant() and memory_id = any (of_memories)
        returning 1
    )

    select
        (select count(*) from found_by) + (select count(*) from identified_by) + (select count(*) from referred_to)
        + (select count(*) from to_come) + (select count(*) from collided) + (select count(*) from failed);
end;

-- Digests of single keys of memories.
create function memreg.erase_identity_keys(gone jsonb)
returns bigint
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
    with erased as (
        delete from memreg.identity_keys as kept
        using jsonb_to_recordset(gone) as rest (memory_id uuid, digest bytea)
        where kept.tenant = memreg.erasing_tenant() and kept.memory_id = rest.memory_id and kept.digest = rest.digest
        returning 1
    )

    select count(*) from erased;
end;

-- Words out of the statistics of classes.
create function memreg.erase_tokens(of_schema text, classes text[], tokens text[])
returns bigint
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
    with erased as (
        update memreg.calibrations
        set frequencies = frequencies - tokens
        where tenant = memreg.erasing_tenant() and schema = of_schema and class = any (classes)
            and frequencies ?| tokens
        returning 1
    )

    select count(*) from erased;
end;

-- What is left of the notes that people made about statistics and kill switches, and backfills about other memories.
create function memreg.erase_notes(remains jsonb)
returns bigint
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
    with rest as (
        select *
        from jsonb_to_recordset(remains) as rest (
            kind text, schema text, class text, snapshot integer, memory_id uuid, reason text
        )
    ),
    calibrated as (
        update memreg.calibrations as kept
        set reason = rest.reason
        from rest
        where rest.kind = 'calibration' and kept.tenant = memreg.erasing_tenant() and kept.schema = rest.schema
            and kept.class = rest.class and kept.snapshot = rest.snapshot
        returning 1
    ),
    switched as (
        update memreg.kill_switches as kept
        set reason = rest.reason
        from rest
        where rest.kind = 'kill_switch' and kept.tenant = memreg.erasing_tenant() and kept.schema = rest.schema
            and kept.class = rest.class
        returning 1
    ),
    failed as (
        update memreg.backfill_failures as kept
        set reason = rest.reason
        from rest
        where rest.kind = 'backfill' and kept.tenant = memreg.erasing_tenant() and kept.memory_id = rest.memory_id
        returning 1
    )

    select
        (select count(*) from calibrated) + (select count(*) from switched) + (select count(*) from failed);
end;

revoke all on function memreg.erase_audit_values(jsonb, uuid, timestamptz) from public;
revoke all on function memreg.erase_revisions(jsonb) from public;
revoke all on function memreg.erase_keys(uuid[]) from public;
revoke all on function memreg.erase_identity_keys(jsonb) from public;
revoke all on function memreg.erase_tokens(text, text[], text[]) from public;
revoke all on function memreg.erase_notes(jsonb) from public;
grant execute on function memreg.erase_audit_values(jsonb, uuid, timestamptz) to memreg_app;
grant execute on function memreg.erase_revisions(jsonb) to memreg_app;
grant execute on function memreg.erase_keys(uuid[]) to memreg_app;
grant execute on function memreg.erase_identity_keys(jsonb) to memreg_app;
grant execute on function memreg.erase_tokens(text, text[], text[]) to memreg_app;
grant execute on function memreg.erase_notes(jsonb) to memreg_app;
