-- The inbox as a queue: the order of arrival, what is being worked on, what is to be tried again, and what it cost.

alter table memreg.messages
    add column arrival         uuid,
    add column zone            text,
    add column queued          boolean not null default false,
    add column started_at      timestamptz,
    add column next_attempt_at timestamptz,
    add column settled_by      text;

-- A UUIDv7 of the millisecond in which it was received; its random part is made of the id, so that a second run agrees.
update memreg.messages
set arrival = (
    lpad(to_hex((extract(epoch from received_at) * 1000)::bigint), 12, '0')
    || '7' || substr(md5(id), 1, 3) || '8' || substr(md5(tenant || schema || id), 1, 15)
)::uuid;

alter table memreg.messages alter column arrival set not null;

alter table memreg.messages drop constraint messages_status_check;
alter table memreg.messages add constraint messages_status_check
    check (status in ('accepted', 'extracting', 'decided', 'dead', 'dropped'));

comment on column memreg.messages.arrival is 'a UUIDv7: the order in which messages were taken';
comment on column memreg.messages.zone is 'the zone of `at`, which tells what day it was there: a name, or an offset';
comment on column memreg.messages.queued is 'whether it was left to the workers';
comment on column memreg.messages.started_at is 'since when it is being extracted';
comment on column memreg.messages.next_attempt_at is 'when it is tried again after a failure that may pass';
comment on column memreg.messages.settled_by is 'the person who dropped it';

create unique index messages_by_arrival on memreg.messages (tenant, schema, arrival);
create index messages_by_session on memreg.messages (tenant, schema, session, arrival) where session is not null;
create index messages_unsettled on memreg.messages (tenant, schema, status, arrival)
    where status in ('accepted', 'extracting', 'dead');
create index messages_waiting on memreg.messages (tenant, schema, session, arrival)
    where status in ('accepted', 'extracting') and queued;
-- What left the queue, by when it came: for the figures of the last hours.
create index messages_queued on memreg.messages (tenant, schema, received_at, status) where queued;

-- procrastinate asks for a job's lock with every job that it fetches, and so do we with every one that we defer.
create index memreg_jobs_by_lock on memreg.procrastinate_jobs (lock) where status in ('todo', 'doing');

-- One request to a model, answered or not. Its tokens are null where the server did not count them.
create table memreg.model_calls (
    tenant      text not null,
    id          uuid not null,
    schema      text not null,
    message_id  text not null,
    ordinal     integer not null,
    extractor   text not null,
    model       text,
    prompt_hash text,
    tokens_in   integer,
    tokens_out  integer,
    latency_ms  double precision,
    outcome     text not null,
    created_at  timestamptz not null,
    primary key (tenant, id)
);

create index model_calls_by_time on memreg.model_calls (tenant, schema, created_at);
create index model_calls_by_message on memreg.model_calls (tenant, schema, message_id);

-- Who works the queue off, with a heartbeat. No tenant data.
create table memreg.workers (
    id         uuid primary key,
    host       text not null,
    pid        integer not null,
    slots      integer not null,
    started_at timestamptz not null,
    seen_at    timestamptz not null
);

alter table memreg.audit_log add column attempts integer;

comment on column memreg.audit_log.attempts is 'requests made to the model for the whole message';
