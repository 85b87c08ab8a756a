-- keep_act --
-- What stands for an act among the messages; one of several transactions is kept by the first.
insert into memreg.messages (
    tenant, schema, id, arrival, role, text, digest, status, attempts, received_at, decided_at
)
values (%(tenant)s, %(schema)s, %(id)s, %(arrival)s, %(role)s, %(text)s, %(digest)s, 'decided', 1, %(now)s, %(now)s)
on conflict do nothing

-- classes_of --
-- The classes that memories are stored under, by version; those of another schema are not among them.
select id, class, version
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and id = any(%(ids)s::uuid[])

-- memories_of --
-- Memories as they are now, deleted ones too.
select
    id, class, version, payload, originals, is_deleted, unresolved, revision, change, created_at, updated_at,
    last_seen_at, said_version, pinned, merged_into, void_revisions, erased_at,
    case when version <> %(version)s and said_version is not null then memreg.said(%(tenant)s, id, revision) end as said,
    case when revision > 1 then memreg.earlier_revisions(%(tenant)s, id, revision, void_revisions) end as earlier
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and id = any(%(ids)s::uuid[])

-- newest_changes --
-- How often classes of a tenant were written to.
select wanted.class, greatest(newest.change, 0) as change
from unnest(%(classes)s::text[]) as wanted (class)
left join lateral (
    select change
    from memreg.memories
    where tenant = %(tenant)s and schema = %(schema)s and memories.class = wanted.class
    order by change desc
    limit 1
) as newest on true

-- holders_of --
-- The live memories that hold strong keys.
select held.class, held.key, held.digest, held.memory_id
from unnest(%(classes)s::text[], %(names)s::text[], %(digests)s::bytea[]) as wanted (class, key, digest)
join memreg.identity_keys as held
    on held.tenant = %(tenant)s
    and held.schema = %(schema)s
    and held.class = wanted.class
    and held.key = wanted.key
    and held.digest = wanted.digest
    and held.strong
    and held.released_at is null

-- point_to --
-- What memories went into, from now on; null: they stand for themselves.
update memreg.memories
set merged_into = pointing.keeper_id
from unnest(%(ids)s::uuid[], %(keepers)s::uuid[]) as pointing (id, keeper_id)
where memories.tenant = %(tenant)s and memories.id = any(%(ids)s::uuid[]) and memories.id = pointing.id

-- entries_selected --
-- The decisions that changed a memory, newest first: of a message, a session, a time, a class; acts only by their own id.
select log.id
from memreg.audit_log as log
where log.tenant = %(tenant)s
    and log.schema = %(schema)s
    and (
        log.revision is not null
        -- What was held back may have gone into a memory that said it all already.
        or exists (
            select
            from memreg.audit_values as said
            where said.tenant = %(tenant)s
                and said.audit_id = log.id
                and jsonb_typeof(said.details -> 'absorbed') = 'object'
        )
    )
    and (log.basis not in ('person', 'monitor') or log.message_id = %(message_id)s)
    and (%(message_id)s::text is null or log.message_id = %(message_id)s)
    and (%(session)s::text is null or log.message_id in (
        select id from memreg.messages
        where messages.tenant = %(tenant)s and messages.schema = %(schema)s and messages.session = %(session)s
    ))
    and (%(since)s::timestamptz is null or log.created_at >= %(since)s)
    and (%(until)s::timestamptz is null or log.created_at < %(until)s)
    and (%(class_name)s::text is null or log.class = %(class_name)s)
    and (%(action)s::text is null or log.action = %(action)s)
    and (%(basis)s::text is null or log.basis = %(basis)s)
order by log.id desc

-- entries_of --
-- Audit entries with the states that they keep.
select
    log.id, log.action, log.basis, log.operation, log.class, log.version, log.message_id, log.memory_id, log.actor,
    log.undoes, log.created_at, said.before,
    memreg.state_told(said.after, said.proposal, said.details) as after,
    jsonb_build_object('absorbed', said.details -> 'absorbed', 'others', coalesce(said.details -> 'others', '[]'))
        as details,
    said.erased_at, coalesce(said.proposal ? 'because', false) as follows
from memreg.audit_log as log
join memreg.audit_values as said on said.tenant = log.tenant and said.audit_id = log.id
where log.tenant = %(tenant)s and log.schema = %(schema)s and log.id = any(%(ids)s::uuid[])

-- revisions_of --
-- The revisions of memories in order: what each says, the entry that made it, and what that undid.
select revisions.memory_id, revisions.revision, revisions.version, revisions.payload, revisions.audit_id, log.undoes
from memreg.memory_revisions as revisions
left join memreg.audit_log as log on log.tenant = %(tenant)s and log.id = revisions.audit_id
where revisions.tenant = %(tenant)s and revisions.memory_id = any(%(ids)s::uuid[])
order by revisions.memory_id, revisions.revision

-- referrers_of --
-- The live memories that refer to some.
select refer.target_id, refer.memory_id, refer."column"
from memreg.memory_references as refer
join memreg.memories as held on held.tenant = refer.tenant and held.id = refer.memory_id
where refer.tenant = %(tenant)s and refer.target_id = any(%(ids)s::uuid[]) and not held.is_deleted

-- reopen_acted --
-- The questions whose answers were acts that are undone now are open again, unless the same was asked meanwhile.
update memreg.review_items as items
set status = 'open', verdict = null, settled_by = null, settled_at = null, why = null, act_id = null
where items.tenant = %(tenant)s
    and items.schema = %(schema)s
    and items.act_id = any(%(ids)s::uuid[])
    and items.status = 'settled'
    and not exists (
        select from memreg.review_items as other
        where other.tenant = %(tenant)s
            and other.schema = %(schema)s
            and other.class = items.class
            and other.kind = items.kind
            and other.subject = items.subject
            and other.id <> items.id
            and (other.status = 'open' or other.verdict = 'apart')
    )

-- settle_moot --
-- The questions that undone entries had asked are answered by that.
update memreg.review_items
set status = 'settled', verdict = 'undone', settled_by = %(by)s, settled_at = %(now)s
where tenant = %(tenant)s and schema = %(schema)s and audit_id = any(%(ids)s::uuid[]) and status = 'open'

-- reopen_moot --
-- The questions of entries whose undo was undone are open again, unless the same was asked meanwhile.
update memreg.review_items as items
set status = 'open', verdict = null, settled_by = null, settled_at = null
where items.tenant = %(tenant)s
    and items.schema = %(schema)s
    and items.audit_id = any(%(ids)s::uuid[])
    and items.verdict = 'undone'
    and not exists (
        select from memreg.review_items as other
        where other.tenant = %(tenant)s
            and other.schema = %(schema)s
            and other.class = items.class
            and other.kind = items.kind
            and other.subject = items.subject
            and (other.status = 'open' or other.verdict = 'apart')
    )
