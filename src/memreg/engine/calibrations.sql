-- latest_snapshots --
-- The newest statistics of the classes, without the frequencies, and how often each class was written to.
select
    wanted.class,
    latest.snapshot,
    latest.documents,
    latest.change as snapshot_change,
    greatest(newest.change, 0) as change
from unnest(%(classes)s::text[]) as wanted (class)
left join lateral (
    select snapshot, documents, change
    from memreg.calibrations
    where tenant = %(tenant)s and schema = %(schema)s and calibrations.class = wanted.class
    order by snapshot desc
    limit 1
) as latest on true
left join lateral (
    select change
    from memreg.memories
    where tenant = %(tenant)s and schema = %(schema)s and memories.class = wanted.class
    order by change desc
    limit 1
) as newest on true

-- one_snapshot --
-- The statistics and the calibration of one class as of a snapshot.
select snapshot, documents, change, frequencies, model
from memreg.calibrations
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s and snapshot = %(snapshot)s

-- count_tokens --
-- How many of a class's newest live memories hold each token, as one object; tokens of one memory only are left out.
select coalesce(json_object_agg(word, ndoc), '{}') as counts
from (
    select word, ndoc
    from ts_stat(format(
        $$select search from memreg.memories
          where tenant = %%L and schema = %%L and class = %%L and not is_deleted and not unresolved
          order by id desc limit 20000$$,
        %(tenant)s::text, %(schema)s::text, %(class_name)s::text
    ))
    where ndoc > 1
    order by ndoc desc, word
    limit 20000
) as counted

-- recent_levels --
-- The newest decisions of a class that were held against candidates: how far each column agreed with the best of them, as text, as it is much.
select candidates::text as candidates, basis = 'identity' as identified
from memreg.audit_log
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s
    and operation = 'upsert' and candidates <> '[]'
order by id desc
limit %(limit)s

-- table_growth --
-- Whether the memories have doubled since the planner last looked at them.
select
    reltuples < 0
    or pg_relation_size(oid) > 2 * greatest(relpages, 1) * current_setting('block_size')::bigint as has_grown
from pg_catalog.pg_class
where oid = 'memreg.memories'::regclass

-- look_at_tables --
-- Let the planner look at the tables that decisions read, save those that somebody looks at now; plans are made anew.
select memreg.look_at_tables()

-- keep_snapshot --
-- Store statistics under the next number; another worker's of the same number wins, and nothing is given back.
insert into memreg.calibrations (
    tenant, schema, class, snapshot, change, documents, frequencies, model, set_by, reason, created_at
)
values (
    %(tenant)s, %(schema)s, %(class_name)s, %(snapshot)s, %(change)s, %(documents)s, %(frequencies)s, %(model)s,
    %(by)s, %(reason)s, %(now)s
)
on conflict do nothing
returning snapshot

-- override_snapshot --
-- Store the statistics of a snapshot under the next number, with what a person sets in its calibration; as above.
insert into memreg.calibrations (
    tenant, schema, class, snapshot, change, documents, frequencies, model, set_by, reason, created_at
)
select
    %(tenant)s, schema, class, %(snapshot)s, change, documents, frequencies, %(model)s, %(by)s, %(reason)s, %(now)s
from memreg.calibrations
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s and snapshot = %(before)s
on conflict do nothing
returning snapshot

-- snapshot_facts --
-- A snapshot without its frequencies: when it was taken, how many memories and writes there were, what it learned.
select snapshot, documents, change, model, created_at
from memreg.calibrations
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s and snapshot = %(snapshot)s

-- overrides --
-- The snapshots of a class that a person asked for, newest first: who, when and why, and what was set from then on.
select
    snapshot, created_at, set_by, reason,
    (model ->> 'shift')::double precision as shift, (model ->> 'fixed')::boolean as held
from memreg.calibrations
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s and set_by is not null
order by snapshot desc
limit %(limit)s

-- recent_scores --
-- The newest decisions of a class: the best score of each, where it was held against a candidate, and what decided it.
select
    basis,
    -- The best comes first.
    coalesce(
        candidates #>> '{held, 0, 1}', split_part(candidates #>> '{held, 0}', ',', 2), candidates #>> '{0, score}'
    )::double precision as score
from memreg.audit_log
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s and operation = 'upsert'
    and basis <> 'invalid'
order by id desc
limit %(limit)s
