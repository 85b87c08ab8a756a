-- steps_of --
-- Every revision of a memory, oldest first, with the entry that made it and what its proposal said.
select
    revisions.revision, revisions.version, revisions.payload, revisions.originals, revisions.pinned,
    revisions.is_deleted, revisions.unresolved, revisions.audit_id, revisions.created_at, log.memory_id, log.class,
    log.action, log.basis, log.operation, log.version as said_version, log.created_at as decided_at,
    memreg.details_told(said.proposal, said.details) -> 'values' as said_values, said.details -> 'originals' as said_originals,
    coalesce(memreg.details_told(said.proposal, said.details) -> 'changed', '[]') as changed,
    coalesce(said.details -> 'conflicts', '{}') as conflicts,
    case when log.action = 'SPLIT' and log.memory_id = %(id)s and not memreg.is_undone(%(tenant)s, log.id) then
        said.proposal -> 'values' -> 'revisions'
    end as taken,
    said.details ->> 'made' as made
from memreg.memory_revisions as revisions
left join memreg.audit_log as log on log.tenant = %(tenant)s and log.id = revisions.audit_id
left join memreg.audit_values as said on said.tenant = %(tenant)s and said.audit_id = revisions.audit_id
where revisions.tenant = %(tenant)s and revisions.memory_id = %(id)s
order by revisions.revision

-- made_by --
-- The entry that made a memory.
select audit_id
from memreg.memory_revisions
where tenant = %(tenant)s and memory_id = %(id)s and revision = 1

-- settle_merged --
-- The open questions whether some memories are the same one are answered.
update memreg.review_items
set status = 'settled', verdict = 'merged', settled_by = %(by)s, settled_at = %(now)s, why = %(why)s,
    act_id = %(act_id)s
where tenant = %(tenant)s
    and schema = %(schema)s
    and status = 'open'
    and kind in ('possible_duplicate', 'identity_conflict')
    and memory_ids @> %(ids)s::uuid[]
    and memory_ids <@ %(ids)s::uuid[]

-- states_at --
-- Memories as they were at a time: the newest revision of then, and when a message last spoke of each; later ones are left out.
select
    memories.id, memories.class, memories.version as class_version, memories.created_at, was.revision, was.version,
    was.payload, was.originals, was.pinned, was.is_deleted, was.unresolved, was.audit_id,
    was.created_at as updated_at, memories.erased_at,
    (
        select max(log.created_at)
        from memreg.audit_log as log
        where log.tenant = %(tenant)s
            and log.memory_id = memories.id
            and log.created_at <= %(at)s
            and log.basis not in ('person', 'monitor')
    ) as last_seen_at
from memreg.memories
cross join lateral (
    select *
    from memreg.memory_revisions as revisions
    where revisions.tenant = %(tenant)s and revisions.memory_id = memories.id and revisions.created_at <= %(at)s
    order by revisions.revision desc
    limit 1
) as was
where memories.tenant = %(tenant)s and memories.schema = %(schema)s and memories.id = any(%(ids)s::uuid[])

-- list_at --
-- The memories of classes that were there at a time, by id, after one: each as it was then.
select
    found.id, found.class, found.class_version, found.created_at, found.revision, found.version, found.payload,
    found.originals, found.pinned, found.is_deleted, found.unresolved, found.audit_id, found.updated_at,
    null::timestamptz as erased_at,
    (
        select max(log.created_at)
        from memreg.audit_log as log
        where log.tenant = %(tenant)s
            and log.memory_id = found.id
            and log.created_at <= %(at)s
            and log.basis not in ('person', 'monitor')
    ) as last_seen_at
from (
    select
        memories.id, memories.class, memories.version as class_version, memories.created_at, was.revision,
        was.version, was.payload, was.originals, was.pinned, was.is_deleted, was.unresolved, was.audit_id,
        was.created_at as updated_at
    from unnest(%(classes)s::text[], %(firsts)s::integer[], %(lasts)s::integer[]) as place (name, first, last)
    join memreg.memories
        on memories.tenant = %(tenant)s
        and memories.schema = %(schema)s
        and memories.class = place.name
        and memories.version between place.first and place.last
        and memories.created_at <= %(at)s
        and memories.erased_at is null
        and memories.id > case when %(after)s::uuid is null then '00000000-0000-0000-0000-000000000000'::uuid else %(after)s::uuid end
    cross join lateral (
        select *
        from memreg.memory_revisions as revisions
        where revisions.tenant = %(tenant)s and revisions.memory_id = memories.id and revisions.created_at <= %(at)s
        order by revisions.revision desc
        limit 1
    ) as was
    where not was.is_deleted
    order by memories.id
    limit %(limit)s
) as found
order by found.id

-- made_at --
-- When a memory was made.
select created_at
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and id = %(id)s

-- gone_into_by --
-- The entries that made states of memories, with every state that they keep.
select
    asked.id as asked_id, log.memory_id, log.class, said.before,
    memreg.state_told(said.after, said.proposal, said.details) as after,
    jsonb_build_object(
        'absorbed', said.details -> 'absorbed', 'others', coalesce(said.details -> 'others', '[]')
    ) as details
from unnest(%(ids)s::uuid[], %(audit_ids)s::uuid[]) as asked (id, audit_id)
join memreg.audit_log as log on log.tenant = %(tenant)s and log.id = asked.audit_id
join memreg.audit_values as said on said.tenant = %(tenant)s and said.audit_id = asked.audit_id
