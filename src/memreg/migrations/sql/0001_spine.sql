-- The registry, the memories, the audit and what lookups need. Tenant data has the tenant first in every key.

create table memreg.schemas (
    name        text primary key,
    created_at  timestamptz not null default now()
);

create table memreg.schema_versions (
    schema       text not null references memreg.schemas (name),
    version      integer not null check (version > 0),
    status       text not null check (status in ('draft', 'pending', 'approved', 'active', 'retired', 'rejected')),
    fingerprint  text not null,
    definition   jsonb not null,
    models       jsonb not null default '{}',
    reason       text,
    registered_by text,
    created_at   timestamptz not null default now(),
    activated_at timestamptz,
    primary key (schema, version)
);

-- One active version of a schema at a time.
create unique index schema_versions_active on memreg.schema_versions (schema) where status = 'active';

-- Every annotation that a version ever had; the last one counts.
create table memreg.annotations (
    schema      text not null,
    version     integer not null,
    ordinal     integer not null,
    source      text not null,
    classes     jsonb not null,
    model       text,
    prompt_hash text,
    tokens_in   integer,
    tokens_out  integer,
    created_at  timestamptz not null default now(),
    decided_by  text,
    decided_at  timestamptz,
    verdict     text check (verdict in ('approved', 'rejected')),
    reason      text,
    primary key (schema, version, ordinal),
    foreign key (schema, version) references memreg.schema_versions (schema, version)
);

create table memreg.memories (
    tenant       text not null,
    id           uuid not null,
    schema       text not null,
    class        text not null,
    version      integer not null,
    payload      jsonb not null,
    originals    jsonb not null default '{}',
    search       tsvector not null,
    is_deleted   boolean not null default false,
    unresolved   boolean not null default false,
    revision     integer not null,
    change       bigint not null,
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    last_seen_at timestamptz not null,
    deleted_at   timestamptz,
    primary key (tenant, id)
);

comment on column memreg.memories.originals is 'what the message said, for columns where normalisation changed it';
comment on column memreg.memories.change is 'counts the writes of a class in a tenant, in the order of their commits';

-- Without a pending list, which every search would have to read through.
create index memories_search on memreg.memories using gin (search) with (fastupdate = off)
    where not is_deleted and not unresolved;
create index memories_by_class on memreg.memories (tenant, schema, class, id);
create index memories_by_change on memreg.memories (tenant, schema, class, change);
create index memories_by_version on memreg.memories (schema, version, tenant, class, id) where not is_deleted;

-- Hashed identity keys. A deleted memory's rows stay, released, so that a later decision can name it.
create table memreg.identity_keys (
    tenant      text not null,
    schema      text not null,
    class       text not null,
    key         text not null,
    digest      bytea not null,
    memory_id   uuid not null,
    strong      boolean not null,
    released_at timestamptz,
    created_at  timestamptz not null,
    primary key (tenant, schema, class, key, digest, memory_id)
);

create unique index identity_keys_strong on memreg.identity_keys (tenant, schema, class, key, digest)
    where strong and released_at is null;
create index identity_keys_by_memory on memreg.identity_keys (tenant, memory_id);

create table memreg.memory_revisions (
    tenant      text not null,
    memory_id   uuid not null,
    revision    integer not null,
    version     integer not null,
    payload     jsonb not null,
    originals   jsonb not null default '{}',
    is_deleted  boolean not null,
    unresolved  boolean not null,
    audit_id    uuid,
    created_at  timestamptz not null,
    primary key (tenant, memory_id, revision)
);

-- The payloads of the four revisions before one, newest first.
create function memreg.earlier_payloads(of_tenant text, of_memory uuid, before_revision integer)
returns jsonb language sql stable parallel safe
as $$
    select coalesce(jsonb_agg(payload order by revision desc), '[]')
    from memreg.memory_revisions
    where tenant = of_tenant
        and memory_id = of_memory
        and revision between before_revision - 4 and before_revision - 1
$$;

-- The inbox: a message is stored before anything is made of it.
create table memreg.messages (
    tenant      text not null,
    schema      text not null,
    id          text not null,
    session     text,
    role        text not null,
    at          timestamptz,
    text        text not null,
    digest      bytea not null,
    status      text not null check (status in ('accepted', 'decided', 'dead')),
    attempts    integer not null default 0,
    error       text,
    reply       text,
    received_at timestamptz not null,
    decided_at  timestamptz,
    primary key (tenant, schema, id)
);

create table memreg.audit_log (
    tenant      text not null,
    id          uuid not null,
    schema      text not null,
    version     integer not null,
    class       text not null,
    message_id  text not null,
    ordinal     integer not null,
    operation   text not null,
    action      text not null check (action in ('CREATE', 'UPDATE', 'UPSERT', 'DELETE', 'REJECT', 'SKIP')),
    basis       text not null,
    memory_id   uuid,
    revision    integer,
    score       numeric(5, 4),
    unresolved  boolean not null default false,
    candidates  jsonb not null default '[]',
    thresholds  jsonb not null,
    snapshot    integer not null,
    annotation  integer not null,
    extractor   text not null,
    model       text,
    prompt_hash text,
    tokens_in   integer,
    tokens_out  integer,
    latency_ms  double precision,
    actor       text,
    digest      bytea not null,
    created_at  timestamptz not null,
    primary key (tenant, id)
);

create index audit_log_by_message on memreg.audit_log (tenant, schema, message_id, ordinal);
create index audit_log_by_memory on memreg.audit_log (tenant, memory_id, id);

-- What may have been held back while a class was create-only, for `memreg resolve`.
create index audit_log_held_back on memreg.audit_log (tenant, schema, id)
    where basis in ('kill_switch', 'pending', 'incomplete', 'duplicate_in_turn');

-- The values of an audit entry, apart from it so that they can be erased.
create table memreg.audit_values (
    tenant    text not null,
    audit_id  uuid not null,
    proposal  jsonb not null,
    evidence  text,
    before    jsonb,
    after     jsonb,
    reasons   jsonb not null default '[]',
    details   jsonb not null default '{}',
    salt      bytea not null,
    primary key (tenant, audit_id)
);

create table memreg.review_items (
    tenant     text not null,
    id         uuid not null,
    schema     text not null,
    class      text not null,
    kind       text not null check (kind in
        ('possible_duplicate', 'identity_conflict', 'identity_contradiction', 'dead_letter')),
    subject    text not null,
    status     text not null default 'open' check (status in ('open', 'settled')),
    memory_ids uuid[] not null default '{}',
    message_id text,
    audit_id   uuid,
    reason     text not null,
    created_at timestamptz not null,
    primary key (tenant, id)
);

comment on column memreg.review_items.subject is 'what the question is about; the same open question is asked once';
create unique index review_items_open on memreg.review_items (tenant, schema, class, kind, subject) where status = 'open';

-- '*' stands for every tenant, schema or class.
create table memreg.kill_switches (
    tenant text not null,
    schema text not null,
    class  text not null,
    is_on  boolean not null,
    reason text,
    set_by text not null,
    set_at timestamptz not null,
    primary key (tenant, schema, class)
);

-- Numbered snapshots of the statistics that scores are made with.
create table memreg.calibrations (
    tenant      text not null,
    schema      text not null,
    class       text not null,
    snapshot    integer not null check (snapshot > 0),
    change      bigint not null,
    documents   integer not null,
    frequencies jsonb not null,
    created_at  timestamptz not null,
    primary key (tenant, schema, class, snapshot)
);

-- A change of version in the making. No tenant data here; what failed is in backfill_failures.
create table memreg.backfills (
    id          uuid primary key,
    schema      text not null,
    to_version  integer not null,
    status      text not null check (status in ('running', 'done', 'failed')),
    total       bigint not null,
    converted   bigint not null default 0,
    error       text,
    created_at  timestamptz not null,
    finished_at timestamptz,
    foreign key (schema, to_version) references memreg.schema_versions (schema, version)
);

create unique index backfills_running on memreg.backfills (schema) where status = 'running';

create table memreg.backfill_failures (
    tenant      text not null,
    memory_id   uuid not null,
    backfill_id uuid not null,
    reason      text not null,
    created_at  timestamptz not null,
    primary key (tenant, memory_id, backfill_id)
);
