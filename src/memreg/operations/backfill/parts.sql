-- keep_marks --
-- How far each class of each tenant has been written to; what is written after this is indexed again.
insert into memreg.backfill_marks (tenant, backfill_id, class, change)
select tenant, %(id)s, class, max(change)
from memreg.memories
where schema = %(schema)s and class = any(%(classes)s)
group by tenant, class
on conflict (tenant, backfill_id, class) do nothing

-- keep_parts --
-- The memories that a stage has to look at, in parts of a size, by tenant, class and the count of writes.
with ordered as (
    select tenant, class, change, row_number() over (order by tenant, class, change) as n
    from memreg.memories
    where schema = %(schema)s and class = any(%(classes)s) and version < %(version)s and (%(deleted)s or not is_deleted)
),
ends as (
    select tenant, class, change, n, (select max(n) from ordered) as whole
    from ordered
),
bounds as (
    select
        tenant, class, change, n,
        lag(tenant, 1, '') over (order by n) as after_tenant,
        lag(class, 1, '') over (order by n) as after_class,
        lag(change, 1, -1) over (order by n) as after_change,
        lag(n, 1, 0) over (order by n) as after_n
    from ends
    where n %% %(size)s = 0 or n = whole
)
insert into memreg.backfill_parts (
    backfill_id, stage, part, after_tenant, after_class, after_change, to_tenant, to_class, to_change, memories
)
select
    %(id)s, %(stage)s, (n - 1) / %(size)s, after_tenant, after_class, after_change, tenant, class, change, n - after_n
from bounds

-- is_prepared --
-- The parts of a stage are known; their memories are the work to do.
update memreg.backfills
set prepared = true,
    total = (
        select coalesce(sum(memories), 0)
        from memreg.backfill_parts
        where backfill_id = %(id)s and stage = %(stage)s
    )
where id = %(id)s

-- take_part --
-- A part that nobody works on, the last one first, held until the end of the transaction.
select parts.*
from memreg.backfill_parts as parts
where parts.backfill_id = %(id)s and parts.stage = %(stage)s and not parts.finished
order by parts.part desc
limit 1
for update skip locked

-- parts_left --
-- Whether a part of a stage is left, by somebody in the making or not.
select exists (
    select from memreg.backfill_parts where backfill_id = %(id)s and stage = %(stage)s and not finished
) as are_left

-- finish_part --
-- A part is done, in so many seconds.
update memreg.backfill_parts
set finished = true, seconds = %(seconds)s
where backfill_id = %(id)s and stage = %(stage)s and part = %(part)s

-- memories_of_part --
-- The memories of a part that are on an older version, as they are now; with the keys that they hold.
select
    tenant, id, class, version, payload, originals, case when %(lookups)s then search::text end as search,
    case when %(lookups)s then candidate_keys end as candidate_keys, is_deleted, unresolved, revision, change, created_at,
    updated_at, last_seen_at, said_version, pinned, merged_into, void_revisions,
    case when said_version is not null then memreg.said(tenant, id, revision) end as said,
    case when revision > 1 then memreg.earlier_revisions(tenant, id, revision, void_revisions) end as earlier
from memreg.memories
where (tenant, schema, class, change) > (%(after_tenant)s, %(schema)s, %(after_class)s, %(after_change)s)
    and (tenant, schema, class, change) <= (%(to_tenant)s, %(schema)s, %(to_class)s, %(to_change)s)
    and schema = %(schema)s
    and class = any(%(classes)s)
    and version < %(version)s
    and (%(deleted)s or not is_deleted)
order by tenant, schema, class, change

-- memories_since --
-- The memories on an older version that were written to after the marks of a backfill, class by class in order.
with recursive places as (
    (
        select tenant, class
        from memreg.memories
        where schema = %(schema)s
        order by tenant, class
        limit 1
    )
    union all
    select next.tenant, next.class
    from places
    cross join lateral (
        select tenant, class
        from memreg.memories
        where (tenant, schema, class) > (places.tenant, %(schema)s, places.class) and schema = %(schema)s
            and class > ''
        order by tenant, schema, class
        limit 1
    ) as next
)
select since.*
from places
left join memreg.backfill_marks as marks
    on marks.tenant = places.tenant and marks.backfill_id = %(id)s and marks.class = places.class
cross join lateral (
    select
        tenant, id, class, version, payload, originals, search::text as search, candidate_keys, is_deleted, unresolved, revision,
        change, created_at, updated_at, last_seen_at, said_version, pinned, merged_into, void_revisions,
        case when said_version is not null then memreg.said(tenant, id, revision) end as said,
        case when revision > 1 then memreg.earlier_revisions(tenant, id, revision, void_revisions) end as earlier
    from memreg.memories
    where memories.tenant = places.tenant
        and memories.schema = %(schema)s
        and memories.class = places.class
        and memories.change > coalesce(marks.change, 0)
        and memories.version < %(version)s
    order by memories.change
    limit %(limit)s
) as since
where places.class = any(%(classes)s)
limit %(limit)s

-- move_marks --
-- The classes of tenants are indexed up to these counts of writes.
insert into memreg.backfill_marks (tenant, backfill_id, class, change)
select tenant, %(id)s, class, change
from unnest(%(tenants)s::text[], %(classes)s::text[], %(changes)s::bigint[]) as seen (tenant, class, change)
on conflict (tenant, backfill_id, class) do update set change = greatest(backfill_marks.change, excluded.change)

-- plan_anew --
-- What reads a range of memories is planned for that range: a plan for any range would read far more.
select set_config('plan_cache_mode', 'force_custom_plan', true)

-- forget_parts --
-- The parts of a backfill that is given up, or turned back, once those at hand are done: nobody takes another.
delete from memreg.backfill_parts where backfill_id = %(id)s and not finished

-- forget_done_parts --
-- The parts of a backfill that are done, once they are counted.
delete from memreg.backfill_parts where backfill_id = %(id)s

-- forget_work --
-- What a backfill kept for itself is not needed at its end.
with parts as (delete from memreg.backfill_parts where backfill_id = %(id)s),
marks as (delete from memreg.backfill_marks where backfill_id = %(id)s)
delete from memreg.backfill_keys where backfill_id = %(id)s
