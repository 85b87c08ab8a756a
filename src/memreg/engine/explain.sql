-- told_entry --
-- One audit entry with its values, its message, the annotation that it was made under and who approved it, and the snapshot of statistics in force.
select
    log.id, log.version, log.class, log.message_id, log.ordinal, log.operation, log.action, log.basis, log.memory_id,
    log.revision, log.score, log.unresolved, log.candidates, log.thresholds, log.snapshot, log.annotation,
    log.extractor, log.model, log.prompt_hash, log.tokens_in, log.tokens_out, log.latency_ms, log.attempts, log.actor,
    log.undoes, log.took_ms, log.schema, log.created_at,
    said.proposal, said.evidence, said.before, said.reasons, said.erased_at,
    memreg.state_told(said.after, said.proposal, said.details) as after,
    memreg.details_told(said.proposal, said.details) as details,
    messages.text as message_text, messages.role as message_role, messages.session as message_session,
    messages.at as message_at, messages.received_at as message_received_at, messages.erased_at as message_erased_at,
    annotations.source as annotation_source, annotations.model as annotation_model,
    annotations.decided_by as approved_by, annotations.decided_at as approved_at,
    annotations.classes -> log.class as annotated,
    calibrations.created_at as snapshot_taken_at, calibrations.documents as snapshot_documents,
    calibrations.model as snapshot_model, calibrations.set_by as snapshot_set_by,
    calibrations.reason as snapshot_reason
from memreg.audit_log as log
left join memreg.audit_values as said on said.tenant = log.tenant and said.audit_id = log.id
left join memreg.messages
    on messages.tenant = log.tenant
    and messages.schema = log.schema
    and messages.id = log.message_id
left join memreg.annotations
    on annotations.schema = log.schema
    and annotations.version = log.version
    and annotations.ordinal = log.annotation
left join memreg.calibrations
    on calibrations.tenant = log.tenant
    and calibrations.schema = log.schema
    and calibrations.class = log.class
    and calibrations.snapshot = log.snapshot
where log.tenant = %(tenant)s and log.schema = %(schema)s and log.id = %(id)s

-- revisions_since --
-- What became of memories from some of their revisions on: the entry of each later revision, and what that undid.
select
    revisions.memory_id, revisions.revision, revisions.audit_id, revisions.created_at,
    log.action, log.basis, log.actor, log.undoes, log.message_id
from unnest(%(ids)s::uuid[], %(revisions)s::integer[]) as wanted (id, revision)
join memreg.memory_revisions as revisions
    on revisions.tenant = %(tenant)s
    and revisions.memory_id = wanted.id
    and revisions.revision >= wanted.revision
left join memreg.audit_log as log on log.tenant = %(tenant)s and log.id = revisions.audit_id
order by revisions.memory_id, revisions.revision

-- memory_told --
-- A memory with all its revisions and the entry that made each: what could have been known of it at a time.
select
    memories.id, memories.class, memories.version as stored_version, memories.merged_into, memories.erased_at,
    revisions.revision, revisions.version, revisions.payload, revisions.originals, revisions.is_deleted,
    revisions.unresolved, revisions.audit_id, revisions.created_at,
    log.action, log.basis, log.class as said_class, log.version as said_version
from memreg.memories
join memreg.memory_revisions as revisions
    on revisions.tenant = memories.tenant and revisions.memory_id = memories.id
left join memreg.audit_log as log on log.tenant = memories.tenant and log.id = revisions.audit_id
where memories.tenant = %(tenant)s and memories.schema = %(schema)s and memories.id = %(id)s
order by revisions.revision

-- states_told --
-- The states that an entry left memories in, as the audit keeps them.
select
    log.class, log.memory_id, said.before, coalesce(said.details, '{}') as details,
    memreg.state_told(said.after, said.proposal, said.details) as after
from memreg.audit_log as log
join memreg.audit_values as said on said.tenant = log.tenant and said.audit_id = log.id
where log.tenant = %(tenant)s and log.schema = %(schema)s and log.id = %(id)s

-- questions_of --
-- The questions to a person that an entry asked, or that it answered.
select id, kind, status, verdict, settled_by, settled_at, times, audit_id
from memreg.review_items
where tenant = %(tenant)s and schema = %(schema)s and (audit_id = %(id)s or act_id = %(id)s)
order by created_at, id

-- judgements_of --
-- What was found out about a decision and stands.
select kind, judged_by, created_at, act_id, review_id
from memreg.judgements
where tenant = %(tenant)s and audit_id = %(id)s and withdrawn_at is null
order by created_at, kind
