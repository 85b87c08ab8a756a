-- call_scopes --
-- The tenants and schemas that asked a model, each found by one step into the index, however many requests there are.
with recursive scopes as (
    (
        select tenant, schema
        from memreg.model_calls
        where %(tenant)s::text is null or tenant = %(tenant)s
        order by tenant, schema
        limit 1
    )
    union all
    select next.tenant, next.schema
    from scopes
    cross join lateral (
        select model_calls.tenant, model_calls.schema
        from memreg.model_calls
        where (model_calls.tenant, model_calls.schema) > (scopes.tenant, scopes.schema)
            and (%(tenant)s::text is null or model_calls.tenant = %(tenant)s)
        order by model_calls.tenant, model_calls.schema
        limit 1
    ) as next
)

select tenant, schema from scopes where %(schema)s::text is null or schema = %(schema)s

-- count_calls --
-- Requests to models of some tenants and schemas within a time, with their cost, by schema, day, model and outcome.
select
    calls.schema,
    (calls.created_at at time zone 'UTC')::date as day,
    calls.model,
    calls.outcome,
    count(*) as requests,
    count(*) filter (where calls.outcome = 'ok' and calls.tokens_in is null) as uncounted,
    coalesce(sum(calls.tokens_in), 0) as tokens_in,
    coalesce(sum(calls.tokens_out), 0) as tokens_out,
    coalesce(sum(calls.latency_ms::numeric), 0) as latency_ms
from unnest(%(tenants)s::text[], %(schemas)s::text[]) as wanted (tenant, schema)
join memreg.model_calls as calls
    on calls.tenant = wanted.tenant
    and calls.schema = wanted.schema
    and calls.created_at >= %(since)s
    and calls.created_at < %(until)s
group by 1, 2, 3, 4
order by 1, 2, 3, 4

-- share_calls --
-- As above, and by class: of a message's `all_entries` in the audit, `entries` are of the class ('' where there are none).
with calls as (
    select calls.*
    from unnest(%(tenants)s::text[], %(schemas)s::text[]) as wanted (tenant, schema)
    join memreg.model_calls as calls
        on calls.tenant = wanted.tenant
        and calls.schema = wanted.schema
        and calls.created_at >= %(since)s
        and calls.created_at < %(until)s
),
shares as (
    select
        log.tenant, log.schema, log.message_id, log.class, count(*) as entries,
        sum(count(*)) over (partition by log.tenant, log.schema, log.message_id) as all_entries
    from (select distinct tenant, schema, message_id from calls) as asked
    join memreg.audit_log as log
        on log.tenant = asked.tenant and log.schema = asked.schema and log.message_id = asked.message_id
    group by log.tenant, log.schema, log.message_id, log.class
)
select
    calls.schema,
    (calls.created_at at time zone 'UTC')::date as day,
    calls.model,
    calls.outcome,
    coalesce(shares.class, '') as class,
    coalesce(shares.entries, 1) as entries,
    coalesce(shares.all_entries, 1) as all_entries,
    count(*) as requests,
    count(*) filter (where calls.outcome = 'ok' and calls.tokens_in is null) as uncounted,
    coalesce(sum(calls.tokens_in), 0) as tokens_in,
    coalesce(sum(calls.tokens_out), 0) as tokens_out,
    coalesce(sum(calls.latency_ms::numeric), 0) as latency_ms
from calls
left join shares
    on shares.tenant = calls.tenant and shares.schema = calls.schema and shares.message_id = calls.message_id
group by 1, 2, 3, 4, 5, 6, 7
order by 1, 2, 3, 4, 5, 6, 7

-- count_annotations --
-- Annotations by a model of a schema, or (null) of every one, within a time, with their cost; not those that took no call.
select
    schema,
    (created_at at time zone 'UTC')::date as day,
    model,
    count(*) as requests,
    count(*) filter (where tokens_in is null) as uncounted,
    coalesce(sum(tokens_in), 0) as tokens_in,
    coalesce(sum(tokens_out), 0) as tokens_out
from memreg.annotations
where model is not null
    and prompt_hash is not null
    and (tokens_in, tokens_out) is distinct from (0, 0)
    and (%(schema)s::text is null or schema = %(schema)s)
    and created_at >= %(since)s
    and created_at < %(until)s
group by 1, 2, 3
order by 1, 2, 3
