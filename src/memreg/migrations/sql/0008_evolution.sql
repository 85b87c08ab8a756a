-- Schemas that evolve: what a version is based on, what a memory was said as, references, and backfills in stages.

alter table memreg.schema_versions
    add column base     integer,
    add column restores integer,
    add column verdict  jsonb,
    add column forced   text;

update memreg.schema_versions set base = version - 1 where version > 1;

comment on column memreg.schema_versions.base is 'the version that was in force when it was registered: its `from:` speak of it';
comment on column memreg.schema_versions.restores is 'the earlier version with the same content that it brings back';
comment on column memreg.schema_versions.verdict is 'how compatible it was found to be with those before, and why';
comment on column memreg.schema_versions.forced is 'why it was registered although it is not compatible';

-- A memory is its last revision. The row holds that revision in the form of `version`, which a backfill changes.
alter table memreg.memories
    add column said_version integer,
    add column merged_into  uuid;

comment on column memreg.memories.said_version is
    'the version that the last revision was written under; null where it is that of the row';
comment on column memreg.memories.merged_into is 'the memory that a deleted one went into';

-- The four revisions before one, newest first, with the version that each was written under.
create function memreg.earlier_revisions(of_tenant text, of_memory uuid, before_revision integer)
returns jsonb language sql stable parallel safe
as $$
    select coalesce(jsonb_agg(jsonb_build_array(version, payload) order by revision desc), '[]')
    from memreg.memory_revisions
    where tenant = of_tenant
        and memory_id = of_memory
        and revision between before_revision - 4 and before_revision - 1
$$;

-- A revision as it was written: its payload and what the message said of it.
create function memreg.said(of_tenant text, of_memory uuid, of_revision integer)
returns jsonb language sql stable parallel safe
as $$
    select jsonb_build_array(payload, originals)
    from memreg.memory_revisions
    where tenant = of_tenant and memory_id = of_memory and revision = of_revision
$$;

drop function memreg.earlier_payloads(text, uuid, integer);

-- Which memories refer to which, for deletes and merges of what they refer to.
create table memreg.memory_references (
    tenant    text not null,
    target_id uuid not null,
    memory_id uuid not null,
    "column"  text not null,
    primary key (tenant, target_id, memory_id, "column")
);

create index memory_references_by_memory on memreg.memory_references (tenant, memory_id);
create index memories_merged on memreg.memories (tenant, merged_into) where merged_into is not null;

-- The memory that one is now: itself, or what it went into.
create function memreg.keeper_of(of_tenant text, of_memory uuid)
returns uuid language sql stable parallel safe
as $$
    with recursive chain as (
        select of_memory as id, 0 as step
        union all
        select memories.merged_into, chain.step + 1
        from chain
        join memreg.memories on memories.tenant = of_tenant and memories.id = chain.id
        where memories.merged_into is not null and chain.step < 100
    )

    select id from chain order by step desc limit 1
$$;

-- A backfill first indexes every memory for the new version beside the old one, then puts the version in force, and
-- then rewrites the memories.
alter table memreg.backfills
    add column stage        text not null default 'rewrite' check (stage in ('index', 'rewrite')),
    add column policy       text not null default 'review' check (policy in ('review', 'merge', 'refuse')),
    add column allowed      text not null default '0',
    add column rate         double precision check (rate > 0),
    add column next_at      timestamptz,
    add column prepared     boolean not null default false,
    add column activated_at timestamptz,
    add column started_by   text,
    add column why          text;

alter table memreg.backfills drop constraint backfills_status_check;
alter table memreg.backfills add constraint backfills_status_check
    check (status in ('running', 'paused', 'cancelling', 'cancelled', 'done', 'failed'));

drop index memreg.backfills_running;
create unique index backfills_running on memreg.backfills (schema)
    where status in ('running', 'paused', 'cancelling');

comment on column memreg.backfills.policy is 'what becomes of memories that have the same strong key under the new version';
comment on column memreg.backfills.allowed is 'how many memories may stay unconverted: a count, or a share as 3%';
comment on column memreg.backfills.rate is 'memories a second at most, over all workers';
comment on column memreg.backfills.prepared is 'whether the parts of the stage are known';
comment on column memreg.backfills.next_at is 'when the next part may begin under that rate';

-- What is left to do: the memories after one and up to another, in the order of tenant, class and change.
create table memreg.backfill_parts (
    backfill_id  uuid not null references memreg.backfills (id),
    stage        text not null,
    part         integer not null,
    after_tenant text not null,
    after_class  text not null,
    after_change bigint not null,
    to_tenant    text not null,
    to_class     text not null,
    to_change    bigint not null,
    memories     integer not null,
    seconds      double precision,
    finished     boolean not null default false,
    primary key (backfill_id, stage, part)
);

create index backfill_parts_left on memreg.backfill_parts (backfill_id, stage, part) where not finished;

-- The count of writes up to which a class of a tenant is indexed; later ones are indexed again.
create table memreg.backfill_marks (
    tenant      text not null,
    backfill_id uuid not null references memreg.backfills (id),
    class       text not null,
    change      bigint not null,
    primary key (tenant, backfill_id, class)
);

-- How a memory is found under the version to come, where that is otherwise than now.
create table memreg.backfill_keys (
    tenant      text not null,
    memory_id   uuid not null,
    backfill_id uuid not null references memreg.backfills (id),
    keys        bigint[] not null,
    gone        bigint[] not null,
    spare       bigint[] not null default '{}',
    search      tsvector,
    primary key (tenant, memory_id)
);

comment on column memreg.backfill_keys.keys is 'candidate keys that it has only under the version to come';
comment on column memreg.backfill_keys.gone is 'candidate keys that it has no more under the version to come';
comment on column memreg.backfill_keys.spare is 'candidate keys that it was given before and has under no version';
comment on column memreg.backfill_keys.search is 'its words under the version to come; null where they stay';

create index backfill_keys_by_backfill on memreg.backfill_keys (backfill_id, tenant, memory_id);

-- Memories that have the strong key of another one under the version to come.
create table memreg.backfill_collisions (
    tenant      text not null,
    backfill_id uuid not null references memreg.backfills (id),
    class       text not null,
    key         text not null,
    digest      bytea not null,
    keeper_id   uuid not null,
    memory_id   uuid not null,
    outcome     text,
    audit_id    uuid,
    primary key (tenant, backfill_id, memory_id, key, digest)
);

create index backfill_collisions_by_backfill on memreg.backfill_collisions (backfill_id, tenant, memory_id);
create index backfill_failures_by_backfill on memreg.backfill_failures (backfill_id, tenant, memory_id);

-- Runs statements that all succeed or leave nothing, waiting for locks no longer than `patience`: what went wrong, as
-- state, message and detail, or null. So views never keep a version from being put in force.
create function memreg.attempt(statements text[], patience text)
returns text[] language plpgsql
as $$
declare
    statement text;
    before    text := current_setting('lock_timeout');
    detail    text;
begin
    perform set_config('lock_timeout', patience, true);
    foreach statement in array statements loop
        execute statement;
    end loop;
    perform set_config('lock_timeout', before, true);
    return null;
exception when others then
    get stacked diagnostics detail = pg_exception_detail;
    return array[sqlstate, sqlerrm, detail];
end
$$;
