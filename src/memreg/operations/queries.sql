-- one_switch --
-- One switch, as it was last set.
select tenant, schema, class, is_on, reason, set_by, set_at
from memreg.kill_switches
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s
for update

-- set_switch --
-- A switch is turned on or off, by whom, when and why.
insert into memreg.kill_switches (tenant, schema, class, is_on, reason, set_by, set_at)
values (%(tenant)s, %(schema)s, %(class_name)s, %(is_on)s, %(reason)s, %(by)s, %(now)s)
on conflict (tenant, schema, class) do update
set is_on = excluded.is_on, reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at

-- switches_of --
-- The switches that have a say in a tenant, schema and class ('*' is every one), the widest first.
select tenant, schema, class, is_on, reason, set_by, set_at
from memreg.kill_switches
where (%(tenant)s = '*' or tenant in (%(tenant)s, '*'))
    and (%(schema)s = '*' or schema in (%(schema)s, '*'))
    and (%(class_name)s = '*' or class in (%(class_name)s, '*'))
order by (tenant = '*') desc, (schema = '*') desc, (class = '*') desc, tenant, schema, class

-- count_unresolved --
-- How many memories of each class wait to be resolved.
select class, count(*) as memories
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and unresolved and not is_deleted
group by class
order by class

-- count_held_back --
-- How many proposals of each class were decided while it was create-only, and wait to be decided again.
with held as (
    select log.class, first_value(log.id) over (partition by log.message_id, log.class order by log.id) as first_id
    from memreg.audit_log as log
    join memreg.audit_values as said on said.tenant = log.tenant and said.audit_id = log.id
    where log.tenant = %(tenant)s
        and log.schema = %(schema)s
        and log.basis in ('kill_switch', 'pending', 'incomplete', 'duplicate_in_turn')
        and said.details ->> 'mode' in ('kill_switch', 'pending')
)

select class, count(*) as proposals
from held
where not exists (
    select from memreg.messages
    where messages.tenant = %(tenant)s
        and messages.schema = %(schema)s
        and messages.id = 'resolve:' || held.first_id::text
)
group by class
order by class

-- held_back --
-- What waits to be decided again, in the order it came, with the unresolved memory each proposal made; a message whole.
with held as (
    select
        log.id, log.class, log.message_id, log.ordinal, log.action, log.memory_id,
        first_value(log.id) over (partition by log.message_id, log.class order by log.id) as first_id
    from memreg.audit_log as log
    join memreg.audit_values as said on said.tenant = log.tenant and said.audit_id = log.id
    where log.tenant = %(tenant)s
        and log.schema = %(schema)s
        and log.class = any(%(classes)s)
        and log.basis in ('kill_switch', 'pending', 'incomplete', 'duplicate_in_turn')
        and said.details ->> 'mode' in ('kill_switch', 'pending')
),

waiting as (
    select first_id
    from held
    where id = first_id
        and not exists (
            select from memreg.messages
            where messages.tenant = %(tenant)s
                and messages.schema = %(schema)s
                and messages.id = 'resolve:' || held.first_id::text
        )
    order by first_id
    limit %(limit)s
)

select
    held.id as audit_id, held.first_id, held.class, held.message_id, held.ordinal, held.action, said.proposal,
    memories.id, memories.version, memories.payload, memories.originals, memories.is_deleted, memories.unresolved,
    memories.revision, memories.change, memories.created_at, memories.updated_at, memories.last_seen_at,
    memreg.earlier_payloads(memories.tenant, memories.id, memories.revision) as earlier
from waiting
join held on held.first_id = waiting.first_id
join memreg.audit_values as said on said.tenant = %(tenant)s and said.audit_id = held.id
left join memreg.memories
    on held.action = 'CREATE'
    and memories.tenant = %(tenant)s
    and memories.id = held.memory_id
    and memories.unresolved
    and not memories.is_deleted
order by held.first_id, held.ordinal

-- keep_resolution --
-- What was held back of a message is decided again: kept like a message of its own, so that it happens once.
insert into memreg.messages (
    tenant, schema, id, role, text, digest, status, attempts, received_at, decided_at
)
values (%(tenant)s, %(schema)s, %(id)s, 'system', %(text)s, %(digest)s, 'decided', 1, %(now)s, %(now)s)

-- open_reviews --
-- Open questions to a person, oldest first, with what their memories say now.
select
    items.id, items.class, items.kind, items.memory_ids, items.message_id, items.audit_id, items.reason,
    items.created_at, found.memories
from memreg.review_items as items
cross join lateral (
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', memories.id,
        'values', memories.payload,
        'revision', memories.revision,
        'is_deleted', memories.is_deleted,
        'unresolved', memories.unresolved
    ) order by wanted.place), '[]') as memories
    from unnest(items.memory_ids) with ordinality as wanted (id, place)
    join memreg.memories on memories.tenant = items.tenant and memories.id = wanted.id
) as found
where items.tenant = %(tenant)s
    and items.schema = %(schema)s
    and items.status = 'open'
    and (%(kind)s::text is null or items.kind = %(kind)s)
    and (%(class_name)s::text is null or items.class = %(class_name)s)
order by items.created_at, items.id
limit %(limit)s

-- count_reviews --
-- How many questions to a person are open, by kind and class.
select kind, class, count(*) as items
from memreg.review_items
where tenant = %(tenant)s
    and schema = %(schema)s
    and status = 'open'
    and (%(kind)s::text is null or kind = %(kind)s)
    and (%(class_name)s::text is null or class = %(class_name)s)
group by kind, class
order by kind, class

-- class_names --
-- The classes that some version of a schema has (or of any schema, for '*').
select distinct each ->> 'name' as class
from memreg.schema_versions
cross join lateral jsonb_array_elements(definition -> 'classes') as each
where %(schema)s = '*' or schema = %(schema)s
order by class
