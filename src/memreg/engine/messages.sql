-- one_message --
-- What is known of a message.
select
    arrival, session, role, at, zone, text, digest, status, queued, attempts, error, settled_by, received_at, erased_at
from memreg.messages
where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s

-- kept_messages --
-- Which of some messages are kept, and how far they are.
select kept.*
from unnest(%(ids)s::text[]) as asked (id)
cross join lateral (
    select id, status, digest, error, settled_by, erased_at
    from memreg.messages
    where messages.tenant = %(tenant)s and messages.schema = %(schema)s and messages.id = asked.id
) as kept

-- arrived_message --
-- A message by its arrival, which is what the jobs of the queue name it by.
select id, session, role, at, zone, text, status, attempts, received_at, traceparent
from memreg.messages
where tenant = %(tenant)s and schema = %(schema)s and arrival = %(arrival)s
    and arrival > '00000000-0000-0000-0000-000000000000'

-- next_of_session --
-- The oldest message of a session that waits for a worker.
select id, arrival, session, role, at, zone, text, status, attempts, next_attempt_at, received_at, traceparent
from memreg.messages
where tenant = %(tenant)s and schema = %(schema)s and session = %(session)s
    and status in ('accepted', 'extracting') and queued
order by arrival
limit 1

-- newest_of_session --
-- The arrival of the newest message of a session.
select arrival
from memreg.messages
where tenant = %(tenant)s and schema = %(schema)s and session = %(session)s
order by arrival desc
limit 1

-- take_message --
-- Keep a message and begin with it; one that was kept and is not settled is begun again.
insert into memreg.messages as kept (
    tenant, schema, id, arrival, session, role, at, zone, text, digest, status, received_at, started_at
)
values (
    %(tenant)s, %(schema)s, %(id)s, %(arrival)s, %(session)s, %(role)s, %(at)s, %(zone)s, %(text)s, %(digest)s, 'extracting',
    %(now)s, %(now)s
)
on conflict (tenant, schema, id) do update
set status = 'extracting', started_at = excluded.started_at, next_attempt_at = null
where kept.status in ('accepted', 'extracting', 'dead')
returning received_at

-- turns_before --
-- The newest messages of a session that were taken before one.
select id, session, role, coalesce(at, received_at) as at, zone, text
from memreg.messages
where tenant = %(tenant)s and schema = %(schema)s and session = %(session)s and status <> 'dropped'
    and erased_at is null
    and arrival < (
        select arrival from memreg.messages where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s
    )
order by arrival desc
limit %(limit)s

-- claim_message --
-- Hold a kept message until the end of the transaction, and give its state.
select status, digest, error, settled_by, erased_at
from memreg.messages
where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s
for update

-- bury_message --
-- A message is dead: kept with the reason, to be retried.
update memreg.messages
set status = 'dead', error = %(error)s, reply = %(reply)s, attempts = attempts + 1, next_attempt_at = null
where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s and status not in ('decided', 'dropped')

-- postpone_message --
-- A message waits for its next try after a failure that may pass; `tried` is 0 where nobody was asked.
update memreg.messages
set status = 'accepted', error = %(error)s, reply = %(reply)s, attempts = attempts + %(tried)s,
    next_attempt_at = %(next)s
where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s and status not in ('decided', 'dropped')

-- keep_calls --
-- Every request that a message made to a model.
insert into memreg.model_calls (
    tenant, id, schema, message_id, ordinal, extractor, model, prompt_hash, tokens_in, tokens_out, latency_ms, outcome,
    created_at
)
select
    %(tenant)s, id, %(schema)s, %(message_id)s, ordinal, %(extractor)s, model, %(prompt_hash)s, tokens_in, tokens_out,
    latency_ms, outcome, %(now)s
from jsonb_to_recordset(%(rows)s) as rows (
    id uuid, ordinal integer, model text, tokens_in integer, tokens_out integer, latency_ms double precision,
    outcome text
)

-- decisions_of_message --
-- The decisions of a message, in the order of its proposals.
select made.id, made.class, made.action, made.basis, made.memory_id, made.score, audit_values.reasons
from (
    select id, ordinal, class, action, basis, memory_id, score
    from memreg.audit_log
    where audit_log.tenant = %(tenant)s and audit_log.schema = %(schema)s and audit_log.message_id = %(message_id)s
    offset 0
) as made
join memreg.audit_values on audit_values.tenant = %(tenant)s and audit_values.audit_id = made.id
order by made.ordinal

-- decisions_of_messages --
-- The decisions of some messages, each in the order of its proposals.
select
    made.id, made.message_id, made.class, made.action, made.basis, made.memory_id, made.score, audit_values.reasons
from unnest(%(message_ids)s::text[]) as asked (message_id)
cross join lateral (
    select id, message_id, ordinal, class, action, basis, memory_id, score
    from memreg.audit_log
    where audit_log.tenant = %(tenant)s and audit_log.schema = %(schema)s and audit_log.message_id = asked.message_id
    offset 0
) as made
join memreg.audit_values on audit_values.tenant = %(tenant)s and audit_values.audit_id = made.id
order by made.message_id, made.ordinal
