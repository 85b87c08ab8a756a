-- invalid_indexes --
-- Indexes that a build which was stopped left behind: they cost writes and answer nothing.
select index.relname as name, pg_index.indisready as is_written
from pg_catalog.pg_index
join pg_catalog.pg_class as index on index.oid = pg_index.indexrelid
where index.relnamespace = 'memreg'::regnamespace and not pg_index.indisvalid
order by index.relname

-- vacuum_settings --
-- Whether rows that nobody sees any more are removed by themselves: on the server, and of which tables they are not.
select
    current_setting('autovacuum') = 'on' and current_setting('track_counts') = 'on' as is_on,
    (
        select coalesce(array_agg(relname::text order by relname), '{}')
        from pg_catalog.pg_class
        where relnamespace = 'memreg'::regnamespace and 'autovacuum_enabled=false' = any(reloptions)
    ) as switched_off

-- bloated_tables --
-- Tables with more rows that nobody sees any more than autovacuum should leave: more than a fifth, and 10,000.
select relname as name, n_live_tup as live, n_dead_tup as dead, greatest(last_vacuum, last_autovacuum) as vacuumed_at
from pg_catalog.pg_stat_user_tables
where schemaname = 'memreg' and n_dead_tup > 10000 and n_dead_tup > 0.2 * n_live_tup
order by n_dead_tup desc
limit 10

-- pages_of_keys --
-- How many pages hold the keys that memories are found by.
select pg_relation_size('memreg.candidate_keys') / current_setting('block_size')::bigint as pages

-- crowded_keys --
-- Of some of the keys that memories are found by, from a share (in percent) of the pages: how many belong to one with more than 1,000 memories, of which the newest are enough.
select count(*) as sampled, count(*) filter (where held.memories > 1000) as crowded
from (
    select tenant, key
    from memreg.candidate_keys tablesample system (%(share)s)
    order by random()
    limit 200
) as sample
cross join lateral (
    select count(*) as memories
    from (
        select
        from memreg.candidate_keys
        where candidate_keys.tenant = sample.tenant and candidate_keys.key = sample.key
        limit 1001
    ) as first
) as held

-- revision_months --
-- The months of revisions that end by an id, with how many of their memories are there still or were until a time.
with months as (
    select ends, coalesce(lag(ends) over (order by ends), '00000000-0000-0000-0000-000000000000') as begins
    from memreg.audit_partitions('memreg.memory_revisions')
    where ends is not null
)
select months.ends, (
    select count(*)
    from memreg.memories
    where memories.id >= months.begins
        and memories.id < months.ends
        and (not memories.is_deleted or memories.updated_at >= %(until)s)
) as kept_by
from months
where months.ends <= %(ends)s
order by months.ends

-- drop_revision_months --
-- Remove the months of revisions that end by an id and whose memories were all deleted before a time.
select dropped, kept, kept_by from memreg.drop_revision_months(%(ends)s, %(until)s)
