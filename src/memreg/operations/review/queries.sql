-- open_reviews --
-- Open questions to a person, oldest first, with what their memories say now and the decision that asked.
select
    items.id, items.class, items.kind, items.memory_ids, items.message_id, items.audit_id, items.reason,
    items.created_at, items.times, items.last_asked_at, items.status, items.verdict, items.settled_by,
    items.settled_at, items.why, items.act_id, found.memories, log.action, log.basis, log.score,
    coalesce(nullif(said.details -> 'values', '{}'), said.proposal -> 'values') as proposal,
    said.before -> 'payload' as before
from memreg.review_items as items
cross join lateral (
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', memories.id,
        'class', memories.class,
        'version', memories.version,
        'payload', memories.payload,
        'originals', memories.originals,
        'revision', memories.revision,
        'is_deleted', memories.is_deleted,
        'unresolved', memories.unresolved,
        'merged_into', memories.merged_into,
        'created_at', memories.created_at,
        'updated_at', memories.updated_at
    ) order by wanted.place), '[]') as memories
    from unnest(items.memory_ids) with ordinality as wanted (id, place)
    join memreg.memories on memories.tenant = items.tenant and memories.id = wanted.id
) as found
left join memreg.audit_log as log on log.tenant = items.tenant and log.id = items.audit_id
left join memreg.audit_values as said on said.tenant = items.tenant and said.audit_id = items.audit_id
where items.tenant = %(tenant)s
    and items.schema = %(schema)s
    and (items.status = 'open' or items.id = %(id)s)
    and (%(id)s::uuid is null or items.id = %(id)s)
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

-- one_review --
-- One question with its answer, and what the decision that asked did.
select
    items.id, items.class, items.kind, items.subject, items.memory_ids, items.message_id, items.audit_id, items.status,
    items.verdict, items.settled_by, items.settled_at, items.act_id, log.action
from memreg.review_items as items
left join memreg.audit_log as log on log.tenant = items.tenant and log.id = items.audit_id
where items.tenant = %(tenant)s and items.schema = %(schema)s and items.id = %(id)s

-- settle_review --
-- A question is answered, unless somebody did so meanwhile: how, by whom, when and why, and what was done about it.
update memreg.review_items
set status = 'settled', verdict = %(verdict)s, settled_by = %(by)s, settled_at = %(now)s, why = %(why)s,
    act_id = %(act_id)s
where tenant = %(tenant)s
    and schema = %(schema)s
    and id = %(id)s
    and (status = 'open' or (settled_by = %(by)s and settled_at = %(now)s))
returning id

-- reopen_review --
-- An answer is taken back: the question is open again, unless the same was asked meanwhile.
update memreg.review_items as items
set status = 'open', verdict = null, settled_by = null, settled_at = null, why = null, act_id = null
where items.tenant = %(tenant)s
    and items.schema = %(schema)s
    and items.id = %(id)s
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
returning items.id

-- withdraw_answers --
-- What answers to a question had found out about decisions does not stand any more.
update memreg.judgements
set withdrawn_at = %(now)s
where tenant = %(tenant)s and review_id = %(review_id)s and withdrawn_at is null

-- merging_of --
-- Memories, the ones made first before the others, and what they went into.
select id, is_deleted, merged_into, created_at
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and id = any(%(ids)s::uuid[])
order by created_at, id

-- unresolved_now --
-- How many memories of each class wait to be resolved, and since when.
select class, count(*) as memories, min(created_at) as first_at, max(created_at) as last_at
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and unresolved and not is_deleted
group by class
order by class

-- derived_reviews --
-- The questions that come of how things stand: those that are open, and those about an annotation that were answered.
select id, class, kind, subject, reason, status, verdict, times, last_asked_at
from memreg.review_items
where tenant = %(tenant)s
    and schema = %(schema)s
    and kind in ('unresolved', 'annotation_doubt')
    and (status = 'open' or kind = 'annotation_doubt')

-- ask_derived --
-- Ask what comes of how things stand; what is open already is brought up to date.
insert into memreg.review_items as items (
    tenant, id, schema, class, kind, subject, reason, times, created_at, last_asked_at
)
select %(tenant)s, id, %(schema)s, class, kind, subject, reason, times, created_at, last_asked_at
from jsonb_to_recordset(%(rows)s) as rows (
    id uuid, class text, kind text, subject text, reason text, times integer, created_at timestamptz,
    last_asked_at timestamptz
)
on conflict (tenant, schema, class, kind, subject) where status = 'open' or verdict = 'apart' do update
set reason = excluded.reason, times = excluded.times, last_asked_at = excluded.last_asked_at

-- settle_derived --
-- Questions that do not arise any more.
update memreg.review_items
set status = 'settled', verdict = 'settled', settled_by = 'memreg', settled_at = %(now)s
where tenant = %(tenant)s and schema = %(schema)s and id = any(%(ids)s::uuid[]) and status = 'open'

-- entries_of_answer --
-- The entries of the transaction that an answer was, newest first: that of what was done, and those written with it.
select log.id
from memreg.audit_log as log
join memreg.audit_log as done on done.tenant = %(tenant)s and done.id = %(id)s
where log.tenant = %(tenant)s
    and log.schema = %(schema)s
    and (
        log.message_id = done.message_id
        or (
            log.memory_id = done.memory_id
            and log.action = done.action
            and log.actor = done.actor
            and log.created_at = done.created_at
        )
    )
order by log.id desc
