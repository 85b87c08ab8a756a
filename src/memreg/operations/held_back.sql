-- count_unresolved --
-- How many memories of each class wait to be resolved.
select class, count(*) as memories
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and unresolved and not is_deleted
group by class
order by class

-- count_held_back --
-- How many proposals of each class wait to be decided again: decided while it was create-only, or undone for that.
with held as (
    select
        log.class, log.id,
        first_value(log.id) over (partition by log.message_id, log.class order by log.id) as first_id
    from memreg.audit_log as log
    join memreg.audit_values as said on said.tenant = log.tenant and said.audit_id = log.id
    where log.tenant = %(tenant)s
        and log.schema = %(schema)s
        and log.basis in ('kill_switch', 'pending', 'incomplete', 'duplicate_in_turn')
        and said.details ->> 'mode' in ('kill_switch', 'pending')
    union all
    select
        log.class, undo.id,
        first_value(undo.id) over (
            partition by log.message_id, log.class, undo.message_id, undo.created_at order by undo.id
        ) as first_id
    from memreg.audit_log as undo
    join memreg.audit_values as said on said.tenant = undo.tenant and said.audit_id = undo.id
    join memreg.audit_log as log on log.tenant = %(tenant)s and log.id = undo.undoes
    where undo.tenant = %(tenant)s
        and undo.schema = %(schema)s
        and undo.undoes is not null
        and said.details ->> 'again' = 'true'
        and not memreg.is_undone(%(tenant)s, undo.id)
)

select class, count(*) as proposals
from held
where not exists (
        select from memreg.messages
        where messages.tenant = %(tenant)s
            and messages.schema = %(schema)s
            and messages.id = 'resolve:' || held.first_id::text
    )
    and not memreg.is_undone(%(tenant)s, held.id)
group by class
order by class

-- held_back --
-- What waits to be decided again after an entry, in the order it came, with the unresolved memory each proposal made; a message whole.
with waiting as (
    (
        select log.id as first_id, log.id as order_id, log.message_id, log.class, false as again,
            null::text as undone_by, null::timestamptz as undone_at
        from memreg.audit_log as log
        join memreg.audit_values as said on said.tenant = log.tenant and said.audit_id = log.id
        where log.tenant = %(tenant)s
            and log.schema = %(schema)s
            and log.class = any(%(classes)s)
            and log.basis in ('kill_switch', 'pending', 'incomplete', 'duplicate_in_turn')
            and log.id > case when %(after)s::uuid is null then '00000000-0000-0000-0000-000000000000'::uuid else %(after)s::uuid end
            and said.details ->> 'mode' in ('kill_switch', 'pending')
            and not exists (
                select from memreg.messages
                where messages.tenant = %(tenant)s
                    and messages.schema = %(schema)s
                    and messages.id = 'resolve:' || log.id::text
            )
            and not exists (
                select from memreg.audit_log as earlier
                join memreg.audit_values as said_earlier
                    on said_earlier.tenant = earlier.tenant and said_earlier.audit_id = earlier.id
                where earlier.tenant = %(tenant)s
                    and earlier.schema = %(schema)s
                    and earlier.message_id = log.message_id
                    and earlier.class = log.class
                    and earlier.id < log.id
                    and earlier.basis in ('kill_switch', 'pending', 'incomplete', 'duplicate_in_turn')
                    and said_earlier.details ->> 'mode' in ('kill_switch', 'pending')
            )
        order by log.id
        limit %(limit)s
    )
    union all
    (
        -- Those that were undone for that, in the order in which they were decided, which an index has: as many as are
        -- wanted and no more, or each chunk would go through all that a bad hour left. What was undone later is a turn
        -- of its own: the first one may have been decided again already.
        select turn.first_id, log.id as order_id, log.message_id, log.class, true as again,
            undo.message_id as undone_by, undo.created_at as undone_at
        from (
            select id, undoes, message_id, created_at
            from memreg.audit_log
            where audit_log.tenant = %(tenant)s
                and audit_log.schema = %(schema)s
                -- That entry itself may have been held back as well, and have ended the turns before.
                and audit_log.undoes >= case when %(after)s::uuid is null then '00000000-0000-0000-0000-000000000000'::uuid else %(after)s::uuid end
            order by audit_log.undoes
            offset 0
        ) as undo
        cross join lateral (
            select details ->> 'again' as again
            from memreg.audit_values
            where audit_values.tenant = %(tenant)s and audit_values.audit_id = undo.id
            offset 0
        ) as said
        cross join lateral (
            select id, message_id, class
            from memreg.audit_log as decided
            where decided.tenant = %(tenant)s and decided.id = undo.undoes and decided.class = any(%(classes)s)
            offset 0
        ) as log
        cross join lateral (
            select
                (array_agg(also.id order by also.id))[1] as first_id,
                (array_agg(member.id order by member.id))[1] as order_id
            from (
                select id
                from memreg.audit_log as of_message
                where of_message.tenant = %(tenant)s
                    and of_message.schema = %(schema)s
                    and of_message.message_id = log.message_id
                    and of_message.class = log.class
                offset 0
            ) as member
            cross join lateral (
                select undone.id
                from memreg.audit_log as undone
                where undone.tenant = %(tenant)s
                    and undone.undoes = member.id
                    and undone.message_id = undo.message_id
                    and undone.created_at = undo.created_at
                offset 0
            ) as also
            cross join lateral (
                select details ->> 'again' as again
                from memreg.audit_values
                where audit_values.tenant = %(tenant)s and audit_values.audit_id = also.id
                offset 0
            ) as said_also
            where said_also.again = 'true' and not memreg.is_undone(%(tenant)s, also.id)
        ) as turn
        where said.again = 'true'
            and turn.order_id = log.id
            and not exists (
                select from memreg.messages
                where messages.tenant = %(tenant)s
                    and messages.schema = %(schema)s
                    and messages.id = 'resolve:' || turn.first_id::text
            )
        order by undo.undoes
        limit %(limit)s
    )
    order by order_id, again
    limit %(limit)s
)

select
    held.id as audit_id, waiting.first_id, waiting.order_id, waiting.again, held.class as said_class,
    held.version as said_under, coalesce(memories.class, held.class) as class, held.message_id, held.ordinal,
    held.action, stood.memory_id as stood_as, said.proposal, memreg.details_told(said.proposal, said.details) -> 'values' as decided_values,
    memories.id, memories.version, memories.payload, memories.originals, memories.is_deleted, memories.unresolved,
    memories.revision, memories.change, memories.created_at, memories.updated_at, memories.last_seen_at,
    memories.said_version, memories.pinned, memories.merged_into, memories.void_revisions,
    case when memories.version <> %(version)s and memories.said_version is not null then
        memreg.said(memories.tenant, memories.id, memories.revision)
    end as said,
    memreg.earlier_revisions(memories.tenant, memories.id, memories.revision, memories.void_revisions) as earlier
from waiting
join memreg.audit_log as held
    on held.tenant = %(tenant)s
    and held.schema = %(schema)s
    and held.message_id = waiting.message_id
    and held.class = waiting.class
join memreg.audit_values as said on said.tenant = %(tenant)s and said.audit_id = held.id
-- The unresolved memory that it made, or that it had become or had taken in before it was undone.
cross join lateral (
    select case
        when waiting.again and jsonb_typeof(said.details -> 'absorbed') = 'object'
            then (said.details -> 'absorbed' ->> 'memory_id')::uuid
        when held.action = 'CREATE' and (not waiting.again or (said.before ->> 'unresolved')::boolean)
            then held.memory_id
    end as memory_id
) as stood
left join memreg.memories
    on memories.tenant = %(tenant)s
    and memories.id = stood.memory_id
    and memories.unresolved
    and not memories.is_deleted
where case
        when waiting.again then exists (
            select from memreg.audit_log as also
            join memreg.audit_values as said_also on said_also.tenant = %(tenant)s and said_also.audit_id = also.id
            where also.tenant = %(tenant)s
                and also.undoes = held.id
                and also.message_id = waiting.undone_by
                and also.created_at = waiting.undone_at
                and said_also.details ->> 'again' = 'true'
                and not memreg.is_undone(%(tenant)s, also.id)
        )
        else held.basis in ('kill_switch', 'pending', 'incomplete', 'duplicate_in_turn')
            and said.details ->> 'mode' in ('kill_switch', 'pending')
    end
order by waiting.order_id, waiting.again, case when waiting.again then held.id end, held.ordinal

-- gone_of --
-- Those of some memories that are deleted, and went into no other one.
select id
from memreg.memories
where tenant = %(tenant)s
    and schema = %(schema)s
    and id = any(%(ids)s::uuid[])
    and is_deleted
    and merged_into is null

-- keep_resolution --
-- What was held back of a message is decided again: kept like a message of its own, so that it happens once.
insert into memreg.messages (
    tenant, schema, id, arrival, role, text, digest, status, attempts, received_at, decided_at
)
values (%(tenant)s, %(schema)s, %(id)s, %(arrival)s, 'system', %(text)s, %(digest)s, 'decided', 1, %(now)s, %(now)s)

-- class_names --
-- The classes that some version of a schema has (or of any schema, for '*').
select distinct each ->> 'name' as class
from memreg.schema_versions
cross join lateral jsonb_array_elements(definition -> 'classes') as each
where %(schema)s = '*' or schema = %(schema)s
order by class
