-- rows_of --
-- Memories as rows, erased and deleted ones too.
select
    id, class, version, revision, is_deleted, unresolved, merged_into, erased_at, created_at, updated_at, last_seen_at,
    void_revisions, payload, originals
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and id = any(%(ids)s::uuid[])
order by id

-- said_in_revisions --
-- What revisions of memories say, after one of them.
select memory_id, revision, version, payload, originals
from memreg.memory_revisions
where tenant = %(tenant)s
    and memory_id = any(%(ids)s::uuid[])
    and (memory_id, revision) > (%(after_id)s::uuid, %(after_revision)s)
order by memory_id, revision
limit %(limit)s

-- said_in_entries --
-- What audit entries about memories say of them, after one of them, and the messages that they are of.
select
    log.id, log.class, log.version, log.message_id, said.proposal -> 'values' as given,
    memreg.details_told(said.proposal, said.details) -> 'values' as read, said.details -> 'originals' as originals, said.details -> 'conflicts' as conflicts
from memreg.audit_log as log
join memreg.audit_values as said on said.tenant = log.tenant and said.audit_id = log.id
where log.tenant = %(tenant)s
    and log.schema = %(schema)s
    and log.memory_id = any(%(ids)s::uuid[])
    and log.id > %(after)s::uuid
order by log.id
limit %(limit)s

-- other_memories --
-- Memories of every schema after one; those that may quote something with what they say.
-- Here as below, "offset 0" keeps each text from being looked at once for every column that it decides about.
with part as materialized (
    select schema, id, class, version, payload, originals, pinned, is_deleted, erased_at
    from memreg.memories
    where tenant = %(tenant)s and id > %(after)s::uuid
    order by id
    limit %(limit)s
)

select
    part.id, part.schema, part.class, part.version, part.is_deleted, judged.may,
    case when judged.may then part.payload end as payload,
    case when judged.may then part.originals end as originals,
    case when judged.may then part.pinned end as pinned
from part
cross join lateral (
    select
        part.id <> all (%(ids)s::uuid[])
        and part.erased_at is null
        and memreg.may_quote(
            concat_ws(' ', part.payload, part.originals, part.pinned), %(words)s::text[], %(digits)s::text[], %(unsure)s
        ) as may
    offset 0
) as judged
order by part.id

-- other_revisions --
-- Revisions of other memories after one; those that may quote something with what they say.
with part as materialized (
    select memory_id, revision, version, payload, originals, pinned
    from memreg.memory_revisions
    where tenant = %(tenant)s and (memory_id, revision) > (%(after_id)s::uuid, %(after_revision)s)
    order by memory_id, revision
    limit %(limit)s
)

select
    part.memory_id as id, part.revision, part.version, judged.may, held.schema, held.class,
    case when judged.may then part.payload end as payload,
    case when judged.may then part.originals end as originals,
    case when judged.may then part.pinned end as pinned
from part
cross join lateral (
    select
        part.memory_id <> all (%(ids)s::uuid[])
        and memreg.may_quote(
            concat_ws(' ', part.payload, part.originals, part.pinned), %(words)s::text[], %(digits)s::text[], %(unsure)s
        ) as may
    offset 0
) as judged
left join memreg.memories as held on held.tenant = %(tenant)s and held.id = part.memory_id
order by part.memory_id, part.revision

-- messages_after --
-- Messages of every schema after one; those that are meant, or may quote something, with their texts.
with part as materialized (
    select schema, id, session, text, reply, error, status, erased_at
    from memreg.messages
    where tenant = %(tenant)s and (schema, id) > (%(after_schema)s, %(after_id)s)
    order by schema, id
    limit %(limit)s
)

select
    part.schema, part.id, part.status, judged.is_meant, judged.may,
    case when judged.may then part.session end as session,
    case when judged.may then part.text end as text,
    case when judged.may then part.reply end as reply,
    case when judged.may then part.error end as error
from part
cross join lateral (
    select part.schema = %(schema)s and part.id = any(%(ids)s::text[]) and part.erased_at is null as is_meant
    offset 0
) as named
cross join lateral (
    select
        named.is_meant,
        named.is_meant or memreg.may_quote(
            concat_ws(' ', part.id, part.session, part.text, part.reply, part.error),
            %(words)s::text[], %(digits)s::text[], %(unsure)s
        ) as may
    offset 0
) as judged
order by part.schema, part.id

-- erase_messages --
-- Messages lose what they said; those that nobody has decided yet are dropped.
update memreg.messages
set text = '',
    digest = '',
    reply = null,
    session = case when rest.keeps_session then messages.session end,
    error = case when messages.status = 'decided' then null else 'it was erased' end,
    settled_by = case when messages.status in ('decided', 'dropped') then messages.settled_by else %(by)s end,
    decided_at = case when messages.status in ('decided', 'dropped') then messages.decided_at else %(now)s end,
    status = case when messages.status = 'decided' then 'decided' else 'dropped' end,
    next_attempt_at = null,
    erased_at = %(now)s
from jsonb_to_recordset(%(rows)s) as rest (schema text, id text, keeps_session boolean)
where messages.tenant = %(tenant)s and messages.schema = rest.schema and messages.id = rest.id

-- entries_after --
-- Audit entries of every schema after one; those about memories, those that name them, and those that may quote something, with their values.
with part as materialized (
    select audit_id, proposal, evidence, before, after, reasons, details
    from memreg.audit_values
    where tenant = %(tenant)s and audit_id > %(after)s::uuid
    order by audit_id
    limit %(limit)s
)

select
    part.audit_id, log.schema, log.class, log.memory_id, log.message_id, log.action, log.actor, judged.may,
    case when judged.may then part.proposal end as proposal,
    case when judged.may then part.evidence end as evidence,
    case when judged.may then part.before end as before,
    case when judged.may then memreg.state_told(part.after, part.proposal, part.details) end as after,
    case when judged.may then part.reasons end as reasons,
    case when judged.may then memreg.details_told(part.proposal, part.details) end as details
from part
join memreg.audit_log as log on log.tenant = %(tenant)s and log.id = part.audit_id
cross join lateral (
    select concat_ws(
        ' ', log.class, log.actor, part.proposal, part.evidence, part.before, part.after, part.reasons, part.details
    ) as told
    offset 0
) as said
cross join lateral (
    select
        log.memory_id = any(%(ids)s::uuid[])
        or log.memory_id is null and log.schema = %(schema)s and log.message_id = any(%(messages)s::text[])
        or said.told like any(%(named)s::text[])
        or memreg.may_quote(said.told, %(words)s::text[], %(digits)s::text[], %(unsure)s) as may
    offset 0
) as judged
order by part.audit_id

-- erase_entries --
-- What is left of audit entries.
select entry, left_digest
from memreg.erase_audit_values(%(rows)s, %(act_entry)s::uuid, %(now)s::timestamptz)

-- reviews_after --
-- Questions to a person after one; those about memories or messages that are meant, and those that may quote something.
with part as materialized (
    select id, schema, kind, subject, status, memory_ids, message_id, reason, why
    from memreg.review_items
    where tenant = %(tenant)s and id > %(after)s::uuid
    order by id
    limit %(limit)s
)

select
    part.id, judged.is_meant, judged.may, part.status,
    case when judged.may then part.reason end as reason,
    case when judged.may then part.why end as why
from part
cross join lateral (
    select
        part.memory_ids && %(ids)s::uuid[]
        or (part.schema, part.message_id) in (
            select * from unnest(%(schemas)s::text[], %(messages)s::text[])
        ) and (part.kind = 'dead_letter' or cardinality(part.memory_ids) = 0) as is_meant
    offset 0
) as named
cross join lateral (
    select
        coalesce(named.is_meant, false) as is_meant,
        coalesce(named.is_meant, false) or memreg.may_quote(
            concat_ws(' ', part.reason, part.why), %(words)s::text[], %(digits)s::text[], %(unsure)s
        ) as may
    offset 0
) as judged
order by part.id

-- erase_reviews --
-- What is left of questions; those about what was erased are settled by that.
update memreg.review_items
set reason = rest.reason,
    why = rest.why,
    status = case when rest.is_moot then 'settled' else review_items.status end,
    verdict = case when rest.is_moot and review_items.status = 'open' then 'erased' else review_items.verdict end,
    settled_by = case when rest.is_moot and review_items.status = 'open' then %(by)s else review_items.settled_by end,
    settled_at = case when rest.is_moot and review_items.status = 'open' then %(now)s else review_items.settled_at end
from jsonb_to_recordset(%(rows)s) as rest (id uuid, reason text, why text, is_moot boolean)
where review_items.tenant = %(tenant)s and review_items.id = rest.id

-- notes --
-- What people noted about statistics and kill switches of a tenant, and backfills about its memories.
select 'calibration' as kind, schema, class, snapshot, null::uuid as memory_id, reason
from memreg.calibrations
where tenant = %(tenant)s and reason is not null
union all
select 'kill_switch', schema, class, null, null, reason
from memreg.kill_switches
where tenant = %(tenant)s and reason is not null
union all
select 'backfill', null, null, null, memory_id, reason
from memreg.backfill_failures
where tenant = %(tenant)s

-- erase_notes --
-- What is left of such notes.
select memreg.erase_notes(%(rows)s)

-- erase_memories --
-- Memories lose everything but that they were there.
update memreg.memories
set class = rest.class,
    version = rest.version,
    payload = '{}',
    originals = '{}',
    pinned = '{}',
    search = '',
    candidate_keys = '{}',
    said_version = null,
    is_deleted = true,
    deleted_at = coalesce(memories.deleted_at, %(now)s),
    revision = rest.revision,
    change = rest.change,
    updated_at = rest.updated_at,
    erased_at = %(now)s
from jsonb_to_recordset(%(rows)s) as rest (
    id uuid, class text, version integer, revision integer, change bigint, updated_at timestamptz
)
where memories.tenant = %(tenant)s and memories.id = rest.id

-- schemas_of --
-- The schemas of which a tenant has memories, each found by one step into the index.
with recursive held as (
    (
        select schema
        from memreg.memories
        where tenant = %(tenant)s
        order by schema
        limit 1
    )
    union all
    select next.schema
    from held
    cross join lateral (
        select memories.schema
        from memreg.memories
        where memories.tenant = %(tenant)s and memories.schema > held.schema
        order by memories.schema
        limit 1
    ) as next
)

select schema from held

-- redact_memories --
-- What is left of other memories; what finds them is made anew by who asks for this.
update memreg.memories
set payload = rest.payload, originals = rest.originals, pinned = rest.pinned, search = ''
from jsonb_to_recordset(%(rows)s) as rest (id uuid, payload jsonb, originals jsonb, pinned jsonb)
where memories.tenant = %(tenant)s and memories.id = rest.id

-- erase_identity_keys --
-- Digests of values that other memories have no more.
select memreg.erase_identity_keys(%(rows)s) as rows

-- count_keys --
-- How much erase_keys takes away.
select
    (select coalesce(sum(cardinality(candidate_keys)), 0) from memreg.memories
        where memories.tenant = %(tenant)s and memories.id = any(%(ids)s::uuid[]))
    + (select count(*) from memreg.identity_keys
        where identity_keys.tenant = %(tenant)s and identity_keys.memory_id = any(%(ids)s::uuid[]))
    + (select count(*) from memreg.memory_references
        where memory_references.tenant = %(tenant)s and memory_references.memory_id = any(%(ids)s::uuid[]))
    + (select count(*) from memreg.backfill_failures
        where backfill_failures.tenant = %(tenant)s and backfill_failures.memory_id = any(%(ids)s::uuid[]))
    + (select count(*) from memreg.backfill_collisions
        where backfill_collisions.tenant = %(tenant)s
            and (backfill_collisions.memory_id = any(%(ids)s::uuid[])
                or backfill_collisions.keeper_id = any(%(ids)s::uuid[])))
    as rows

-- erased_by --
-- The entry by which a memory was erased.
select id
from memreg.audit_log
where tenant = %(tenant)s and memory_id = %(id)s and action = 'ERASE'
order by id desc
limit 1

-- erase_keys --
-- What memories are found by, and what was noted about them.
select memreg.erase_keys(%(ids)s::uuid[]) as rows

-- erase_revisions --
-- What is left of revisions.
select memreg.erase_revisions(%(rows)s) as rows

-- tokens_held --
-- Those of some words that are in the statistics of classes.
select distinct token
from memreg.calibrations
cross join lateral unnest(%(tokens)s::text[]) as asked (token)
where tenant = %(tenant)s and schema = %(schema)s and class = any(%(classes)s::text[]) and frequencies ? token

-- tokens_of_others --
-- Those of some words that other memories of classes have, after a memory.
with part as materialized (
    select id, search, erased_at
    from memreg.memories
    where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s and id > %(after)s::uuid
    order by id
    limit %(limit)s
)

select max(part.id::text)::uuid as last, array_agg(distinct found.lexeme) filter (where found.lexeme is not null) as tokens
from part
left join lateral (
    select lexeme
    from unnest(part.search)
    where lexeme = any(%(tokens)s::text[]) and part.id <> all (%(ids)s::uuid[])
) as found on true

-- erase_tokens --
-- Words out of the statistics of classes.
select memreg.erase_tokens(%(schema)s, %(classes)s::text[], %(tokens)s::text[]) as rows

-- count_referrers --
-- How many memories refer to some.
select count(distinct memory_id) as memories
from memreg.memory_references
where tenant = %(tenant)s and target_id = any(%(ids)s::uuid[]) and memory_id <> all (%(ids)s::uuid[])

-- schemas_quoting --
-- The schemas and annotations that may quote something, as examples do.
select schema, version, definition::text as told
from memreg.schema_versions
where memreg.may_quote(definition::text, %(words)s::text[], %(digits)s::text[], %(unsure)s)
union all
select schema, version, classes::text
from memreg.annotations
where memreg.may_quote(classes::text, %(words)s::text[], %(digits)s::text[], %(unsure)s)
order by schema, version
