-- judge --
-- What was found out about decisions, of those that it can be said of; what stood against it is withdrawn.
with said as (
    select told.id, told.audit_id, told.kind, told.act_id, log.schema, log.class, log.version, log.created_at
    from unnest(%(ids)s::uuid[], %(entries)s::uuid[], %(kinds)s::text[], %(act_ids)s::uuid[])
        as told (id, audit_id, kind, act_id)
    join memreg.audit_log as log on log.tenant = %(tenant)s and log.id = told.audit_id
    where case told.kind
        when 'false_update' then log.action in ('UPDATE', 'UPSERT', 'DELETE')
        when 'missed_update' then log.action = 'CREATE'
        else log.action in ('CREATE', 'UPDATE', 'UPSERT', 'DELETE')
    end
),
revoked as (
    update memreg.judgements
    set withdrawn_at = %(now)s
    from said
    where judgements.tenant = %(tenant)s
        and judgements.audit_id = said.audit_id
        and judgements.kind <> said.kind
        and judgements.withdrawn_at is null
)
insert into memreg.judgements (
    tenant, id, schema, class, version, kind, audit_id, act_id, review_id, judged_by, decided_at, created_at
)
select
    %(tenant)s, said.id, said.schema, said.class, said.version, said.kind, said.audit_id, said.act_id, %(review_id)s,
    %(by)s, said.created_at, %(now)s
from said
on conflict (tenant, audit_id, kind) where withdrawn_at is null do nothing

-- withdraw_judgements --
-- What acts had found out holds no longer: they were undone.
update memreg.judgements
set withdrawn_at = %(now)s
where tenant = %(tenant)s and act_id = any(%(act_ids)s::uuid[]) and withdrawn_at is null

-- count_decisions --
-- The newest decisions of a class in a version, since a time, counted by what the monitors tell apart. Acts are none and take no place, up to nine times as many: undoing all of a bad hour must not hide that hour.
with newest as materialized (
    select
        id, version, operation, action, basis, score, created_at, took_ms,
        (thresholds ->> 'possible')::float8 as possible,
        -- By its size, so that no list is unpacked to see that it is empty.
        pg_column_size(candidates) <= 8 as is_alone
    from (
        select id, version, operation, action, basis, score, created_at, took_ms, thresholds, candidates
        from memreg.audit_log
        where tenant = %(tenant)s
            and schema = %(schema)s
            and class = %(class_name)s
            and id >= coalesce(memreg.uuid_from(%(since)s::timestamptz), '00000000-0000-0000-0000-000000000000')
        order by id desc
        limit 10 * %(limit)s
    ) as entries
    where basis not in ('person', 'monitor')
    order by id desc
    limit %(limit)s
),
counted as (
    select
        action, basis, operation, created_at, took_ms,
        case when score is null then null else least(width_bucket(score, 0, 1, 10), 11) end as bin,
        basis = 'identity' and action = 'UPDATE' and coalesce(score < possible, false) as contradicts,
        operation = 'upsert' and basis in ('score', 'partial_identity', 'possible_duplicate', 'incomplete', 'new')
            as searched,
        is_alone,
        count(*) filter (where basis = 'identity' and action = 'UPDATE') over newer as answer,
        count(*) filter (where action in ('UPDATE', 'UPSERT') and score is not null) over newer as merge,
        count(*) filter (
            where operation = 'upsert' and basis in ('score', 'partial_identity', 'possible_duplicate', 'incomplete', 'new')
        ) over newer as search
    from newest
    where (%(version)s::integer is null or version = %(version)s)
        and (%(after)s::timestamptz is null or created_at > %(after)s)
    window newer as (order by id desc rows unbounded preceding)
)
select
    action, basis, bin, contradicts, searched, searched and is_alone as missed,
    answer <= %(answers)s as in_answers,
    merge <= %(merges)s as in_merges,
    search <= %(searches)s as in_searches,
    count(*) as decisions, min(created_at) as first, max(created_at) as last
from counted
group by action, basis, bin, contradicts, searched, missed, in_answers, in_merges, in_searches

-- count_judgements --
-- What was found out about a class's decisions in a version since a time, and holds still.
select kind, count(*) as decisions
from memreg.judgements
where tenant = %(tenant)s
    and schema = %(schema)s
    and class = %(class_name)s
    and decided_at >= %(first)s
    and (%(version)s::integer is null or version = %(version)s)
    and withdrawn_at is null
group by kind

-- key_answers --
-- The newest decisions of a class in a version, since a time, that identity keys answered.
select
    answered.operation, answered.basis, answered.score, (answered.thresholds ->> 'possible')::float8 as possible,
    case when answered.basis = 'identity_conflict' then answered.candidates end as candidates,
    said.details -> 'keys' as keys,
    case
        when answered.operation = 'delete' then array(select jsonb_object_keys(memreg.details_told(said.proposal, said.details) -> 'values'))
        else '{}'
    end as said
from (
    select id, operation, basis, score, thresholds, candidates
    from (
        select id, version, operation, basis, score, thresholds, candidates, created_at
        from (
            select id, version, operation, basis, score, thresholds, candidates, created_at
            from memreg.audit_log
            where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s
            order by id desc
            limit 10 * %(limit)s
        ) as entries
        where basis not in ('person', 'monitor')
        order by id desc
        limit %(limit)s
    ) as newest
    where basis in ('identity', 'identity_conflict')
        and version = %(version)s
        and (%(after)s::timestamptz is null or created_at > %(after)s)
    order by id desc
    limit %(answers)s
) as answered
join memreg.audit_values as said on said.tenant = %(tenant)s and said.audit_id = answered.id

-- contradicted --
-- The newest identity updates of a class in a version, since a time, that the rest of what was said contradicts.
select id, message_id, created_at
from (
    select id, version, action, basis, score, (thresholds ->> 'possible')::float8 as possible, message_id, created_at
    from (
        select id, version, action, basis, score, thresholds, message_id, created_at
        from memreg.audit_log
        where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s
        order by id desc
        limit 10 * %(limit)s
    ) as entries
    where basis not in ('person', 'monitor')
    order by id desc
    limit %(limit)s
) as newest
where action = 'UPDATE'
    and basis = 'identity'
    and score < possible
    and version = %(version)s
    and (%(after)s::timestamptz is null or created_at > %(after)s)
order by id desc

-- time_decisions --
-- How long the newest decisions of a class took (milliseconds), and when they were made, by twenty parts of the time.
select
    count(took_ms) as timed,
    percentile_cont(0.5) within group (order by took_ms) as median,
    percentile_cont(0.95) within group (order by took_ms) as slow,
    percentile_cont(0.99) within group (order by took_ms) as slowest,
    array_agg(part order by part) filter (where part is not null) as parts
from (
    select
        took_ms,
        width_bucket(extract(epoch from created_at), extract(epoch from %(first)s::timestamptz),
            extract(epoch from %(last)s::timestamptz), 20) as part
    from (
        select version, took_ms, created_at
        from (
            select id, version, basis, took_ms, created_at
            from memreg.audit_log
            where tenant = %(tenant)s
                and schema = %(schema)s
                and class = %(class_name)s
                and id >= coalesce(memreg.uuid_from(%(since)s::timestamptz), '00000000-0000-0000-0000-000000000000')
            order by id desc
            limit 10 * %(limit)s
        ) as entries
        where basis not in ('person', 'monitor')
        order by id desc
        limit %(limit)s
    ) as newest
    where %(version)s::integer is null or version = %(version)s
) as decided

-- classes_decided --
-- The classes of schemas with decisions since a time, by tenant, and their versions: each tenant and schema is found by one step into the index, up to a number of them.
with recursive places as (
    (
        select tenant, schema, 1 as place
        from memreg.audit_log
        where class >= ''
            and (%(tenant)s::text is null or tenant = %(tenant)s)
            and (%(schema)s::text is null or schema = %(schema)s)
        order by tenant, schema
        limit 1
    )
    union all
    select next.tenant, next.schema, places.place + 1
    from places
    cross join lateral (
        select audit_log.tenant, audit_log.schema
        from memreg.audit_log
        where (audit_log.tenant, audit_log.schema) > (places.tenant, places.schema)
            and audit_log.class >= ''
            and (%(tenant)s::text is null or audit_log.tenant = %(tenant)s)
            and (%(schema)s::text is null or audit_log.schema = %(schema)s)
        order by audit_log.tenant, audit_log.schema
        limit 1
    ) as next
    where places.place < %(limit)s
),
-- Only those that a schema has: what else a proposal may call its class can be anything that somebody said.
known as (
    select distinct schema_versions.schema, each ->> 'name' as class
    from memreg.schema_versions
    cross join lateral jsonb_array_elements(definition -> 'classes') as each
    where %(schema)s::text is null or schema_versions.schema = %(schema)s
)
select places.tenant, places.schema, places.place, known.class, found.versions
from places
left join known on known.schema = places.schema
cross join lateral (
    select array_agg(distinct newest.version order by newest.version desc) as versions
    from (
        select audit_log.version
        from memreg.audit_log
        where audit_log.tenant = places.tenant
            and audit_log.schema = places.schema
            and audit_log.class = known.class
            and audit_log.id >= memreg.uuid_from(%(since)s::timestamptz)
            and audit_log.basis not in ('person', 'monitor')
        order by audit_log.id desc
        limit %(decisions)s
    ) as newest
) as found
order by places.tenant, places.schema, known.class

-- table_sizes --
-- What tables and indexes of memreg take, in bytes, and about how many rows the tables hold; partitions with their whole.
with parts as (
    select pg_class.oid, coalesce(pg_inherits.inhparent, pg_class.oid) as whole, pg_class.reltuples
    from pg_catalog.pg_class
    left join pg_catalog.pg_inherits on pg_inherits.inhrelid = pg_class.oid
    where pg_class.relnamespace = 'memreg'::regnamespace and pg_class.relkind in ('r', 'p')
)
select
    whole.relname as "table",
    sum(pg_table_size(parts.oid))::bigint as table_bytes,
    sum(pg_indexes_size(parts.oid))::bigint as index_bytes,
    sum(greatest(parts.reltuples, 0))::bigint as rows
from parts
join pg_catalog.pg_class as whole on whole.oid = parts.whole
group by whole.relname
order by sum(pg_total_relation_size(parts.oid)) desc, whole.relname

-- read_in_order --
-- For this transaction: the newest of a class are read through the index in its order, however few the planner expects, never all of them to be sorted.
select set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true)
