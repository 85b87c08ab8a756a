-- inbox_counts --
-- Messages that are not settled, by schema and status, in one tenant and schema or (null) in every one.
select
    schema,
    status,
    count(*) as messages,
    min(received_at) as oldest,
    count(*) filter (where queued) as queued,
    count(*) filter (where attempts > 0) as failed_before,
    min(received_at) filter (where coalesce(next_attempt_at, received_at) <= %(now)s) as oldest_due,
    count(*) filter (where started_at <= %(left_since)s) as left_behind
from memreg.messages
where status in ('accepted', 'extracting', 'dead')
    and (%(tenant)s::text is null or tenant = %(tenant)s)
    and (%(schema)s::text is null or schema = %(schema)s)
group by schema, status
order by schema, status

-- fullest_queues --
-- By schema, how many messages wait in the fullest queue of a tenant; in one tenant and schema or (null) in every one.
select schema, max(messages) as messages
from (
    select tenant, schema, count(*) as messages
    from memreg.messages
    where status in ('accepted', 'extracting', 'dead')
        and status <> 'dead'
        and queued
        and (%(tenant)s::text is null or tenant = %(tenant)s)
        and (%(schema)s::text is null or schema = %(schema)s)
    group by tenant, schema
) as queues
group by schema

-- inbox_page --
-- Messages of some statuses (of those that are not settled) after an arrival, oldest first.
select found.*
from unnest(%(statuses)s::text[]) as wanted (status)
cross join lateral (
    select
        id, arrival, session, role, left(text, 200) as beginning, status, queued, attempts, error, received_at,
        started_at, next_attempt_at, settled_by
    from memreg.messages
    where messages.tenant = %(tenant)s
        and messages.schema = %(schema)s
        and messages.status = wanted.status
        and messages.status in ('accepted', 'extracting', 'dead')
        and messages.arrival > case when %(after)s::uuid is null then '00000000-0000-0000-0000-000000000000'::uuid else %(after)s::uuid end
    order by arrival
    limit %(limit)s
) as found
order by found.arrival
limit %(limit)s

-- dropped_page --
-- Messages that a person gave up, after an arrival, oldest first.
select
    id, arrival, session, role, left(text, 200) as beginning, status, queued, attempts, error, received_at,
    started_at, next_attempt_at, settled_by
from memreg.messages
where tenant = %(tenant)s
    and schema = %(schema)s
    and status = 'dropped'
    and arrival > '00000000-0000-0000-0000-000000000000'
    and arrival > case when %(after)s::uuid is null then '00000000-0000-0000-0000-000000000000'::uuid else %(after)s::uuid end
order by arrival
limit %(limit)s

-- whole_message --
-- One message with all that is kept of it; of the model's reply, its beginning and its length.
select
    id, arrival, session, role, at, text, left(text, 200) as beginning, status, queued, attempts, error, received_at,
    started_at, next_attempt_at, decided_at, settled_by, left(reply, %(reply)s) as reply, length(reply) as reply_length
from memreg.messages
where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s

-- calls_of_message --
-- The requests to a model that a message took, in their order.
select id, ordinal, extractor, model, tokens_in, tokens_out, latency_ms, outcome, created_at
from memreg.model_calls
where tenant = %(tenant)s and schema = %(schema)s and message_id = %(message_id)s
order by id

-- drop_message --
-- A person gives a message up, unless it is settled: kept, with the reason and who.
update memreg.messages
set status = 'dropped', error = %(reason)s, settled_by = %(by)s, next_attempt_at = null
where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s and status not in ('decided', 'dropped')

-- newest_failure --
-- Why the newest of the messages failed that are dead or wait for another try.
select tenant, schema, id, status, error, attempts, received_at
from memreg.messages
where status in ('accepted', 'extracting', 'dead')
    and status <> 'extracting'
    and error is not null
    and (%(tenant)s::text is null or tenant = %(tenant)s)
    and (%(schema)s::text is null or schema = %(schema)s)
order by arrival desc
limit 1
