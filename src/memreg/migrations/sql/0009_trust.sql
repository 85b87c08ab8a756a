-- Trust: what a person does to memories is an entry like every decision; questions keep their answers, decisions what
-- was found out about them, and kill switches their evidence.

-- What every transaction of a tenant is set to, and what works across tenants without owning anything. Roles are of the
-- whole server: another database of memreg, or whoever looks after the server, may have made them.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['memreg_app', 'memreg_operator'] loop
        begin
            if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
                execute format('create role %I nologin', wanted);
            end if;
        exception
            when duplicate_object or unique_violation then
                null;
            when insufficient_privilege then
                raise exception '% may not make the role %: as an administrator, run "create role memreg_app; create role memreg_operator; grant memreg_app, memreg_operator to %", and migrate again',
                    current_user, wanted, quote_ident(current_user);
        end;
    end loop;
end
$$;

-- Who migrates may become memreg_app, where it may let itself: a superuser need not, and who made the role has to.
do $$
declare
    may text := case when current_setting('server_version_num')::integer >= 160000 then 'SET' else 'MEMBER' end;
begin
    if not pg_has_role(current_user, 'memreg_app', may) then
        execute format('grant memreg_app to %I', current_user);
    end if;
exception when insufficient_privilege or unique_violation or internal_error then
    null;
end
$$;

grant usage on schema memreg to memreg_app, memreg_operator;

-- What a person set in a memory holds against what messages say later.
alter table memreg.memories
    add column pinned         jsonb not null default '{}',
    add column void_revisions integer[] not null default '{}',
    add column erased_at      timestamptz;
alter table memreg.memory_revisions add column pinned jsonb not null default '{}';
alter table memreg.messages
    add column erased_at   timestamptz,
    add column traceparent text;
alter table memreg.audit_values add column erased_at timestamptz;

comment on column memreg.memories.pinned is 'by column: who set its value, when and why; no message changes it';
comment on column memreg.memories.void_revisions is 'revisions that were taken back: it is not known by what it said then';
comment on column memreg.memories.erased_at is 'when its values were erased for good';
comment on column memreg.messages.erased_at is 'when its text was erased for good';
comment on column memreg.messages.traceparent is 'the span that it was submitted in, as W3C writes it: its worker''s is part of that trace';
comment on column memreg.audit_values.erased_at is 'when these values were erased for good';

-- The four revisions before one that were not taken back, newest first, with the version that each was written under.
drop function memreg.earlier_revisions(text, uuid, integer);
create function memreg.earlier_revisions(of_tenant text, of_memory uuid, before_revision integer, void integer[])
returns jsonb language sql stable parallel safe
as $$
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
$$;

alter table memreg.audit_log
    add column undoes  uuid,
    add column took_ms double precision;

alter table memreg.audit_log drop constraint audit_log_action_check;
alter table memreg.audit_log add constraint audit_log_action_check check (action in (
    'CREATE', 'UPDATE', 'UPSERT', 'DELETE', 'REJECT', 'SKIP',
    'UNDO', 'MERGE', 'SPLIT', 'CORRECT', 'FORGET', 'RESTORE', 'ERASE', 'SWITCH', 'REVEAL'
));

comment on column memreg.audit_log.undoes is 'the entry that this one undid';
comment on column memreg.audit_log.took_ms is 'milliseconds from the start of deciding to the writing of the entry';

create index audit_log_undoes on memreg.audit_log (tenant, undoes) where undoes is not null;

-- Whether an entry was undone, by an undo that stands.
create function memreg.is_undone(of_tenant text, of_entry uuid)
returns boolean language plpgsql stable parallel safe
as $$
begin
    return exists (
        select from memreg.audit_log as undo
        where undo.tenant = of_tenant and undo.undoes = of_entry and not memreg.is_undone(of_tenant, undo.id)
    );
end
$$;

-- Questions to a person with their answers. Who keeps two memories apart is not asked about them again.
alter table memreg.review_items
    add column times         integer not null default 1,
    add column last_asked_at timestamptz,
    add column verdict       text,
    add column settled_by    text,
    add column settled_at    timestamptz,
    add column why           text,
    add column act_id        uuid;

alter table memreg.review_items drop constraint review_items_kind_check;
alter table memreg.review_items add constraint review_items_kind_check check (kind in (
    'possible_duplicate', 'identity_conflict', 'identity_contradiction', 'dead_letter', 'unresolved', 'annotation_doubt'
));

drop index memreg.review_items_open;
create unique index review_items_open on memreg.review_items (tenant, schema, class, kind, subject)
    where status = 'open' or verdict = 'apart';

comment on column memreg.review_items.times is 'how often it was asked';
comment on column memreg.review_items.act_id is 'the audit entry of what was done about it';

-- What was found out about decisions: that one was wrong, or right.
create table memreg.judgements (
    tenant       text not null,
    id           uuid not null,
    schema       text not null,
    class        text not null,
    version      integer not null,
    kind         text not null check (kind in ('false_update', 'missed_update', 'right')),
    audit_id     uuid not null,
    act_id       uuid,
    review_id    uuid,
    judged_by    text not null,
    decided_at   timestamptz not null,
    created_at   timestamptz not null,
    withdrawn_at timestamptz,
    primary key (tenant, id)
);

comment on column memreg.judgements.audit_id is 'the decision that is judged';
comment on column memreg.judgements.act_id is 'the audit entry of the act that judged it';
comment on column memreg.judgements.decided_at is 'when the judged decision was made';

create unique index judgements_standing on memreg.judgements (tenant, audit_id, kind) where withdrawn_at is null;
create index judgements_by_class on memreg.judgements (tenant, schema, class, decided_at);
create index judgements_by_act on memreg.judgements (tenant, act_id);

alter table memreg.kill_switches
    add column evidence jsonb,
    add column audit_id uuid,
    add column reset_at timestamptz;

comment on column memreg.kill_switches.evidence is 'what it was tripped by; null where a person turned it on';
comment on column memreg.kill_switches.audit_id is 'the audit entry of how it was last set';
comment on column memreg.kill_switches.reset_at is 'when a person last turned it off: only what came since counts';

-- What trips a kill switch by itself, where that is otherwise than by default. '*' as in kill_switches.
create table memreg.kill_switch_rules (
    tenant  text not null,
    schema  text not null,
    class   text not null,
    rule    text not null,
    "limit" double precision,
    minimum integer,
    is_on   boolean not null,
    set_by  text not null,
    set_at  timestamptz not null,
    primary key (tenant, schema, class, rule)
);
