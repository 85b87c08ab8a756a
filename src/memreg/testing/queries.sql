-- every_memory --
-- Every memory of a tenant and schema, deleted and unresolved ones too, with its number of revisions.
select
    memories.id, memories.class, memories.payload, memories.revision, memories.is_deleted, memories.unresolved,
    (
        select count(*) from memreg.memory_revisions as revisions
        where revisions.tenant = memories.tenant and revisions.memory_id = memories.id
    ) as revisions
from memreg.memories
where memories.tenant = %(tenant)s and memories.schema = %(schema)s
order by memories.id

-- every_key --
-- Every key that a memory of a tenant and schema holds.
select memory_id, key, digest
from memreg.identity_keys
where tenant = %(tenant)s and schema = %(schema)s and released_at is null
order by memory_id, key, digest

-- every_review --
-- The questions to a person that the messages of a tenant and schema made.
select audit_id, kind
from memreg.review_items
where tenant = %(tenant)s and schema = %(schema)s
order by id

-- every_decision --
-- Every decision of a tenant and schema, with the reasons that the audit keeps.
select audit.id, audit.message_id, audit.ordinal, audit.action, audit.basis, kept.reasons
from memreg.audit_log as audit
left join memreg.audit_values as kept on kept.tenant = audit.tenant and kept.audit_id = audit.id
where audit.tenant = %(tenant)s and audit.schema = %(schema)s
order by audit.id

-- every_message --
-- Every message of a tenant and schema as it was kept, with how many questions to a person are open about its death.
select
    messages.id, messages.arrival, messages.status, messages.text, messages.error,
    (
        select count(*) from memreg.review_items as items
        where items.tenant = messages.tenant and items.schema = messages.schema
            and items.message_id = messages.id and items.audit_id is null and items.kind = 'dead_letter'
            and items.status = 'open'
    ) as dead_letters
from memreg.messages
where messages.tenant = %(tenant)s and messages.schema = %(schema)s
order by messages.arrival

-- every_first_revision --
-- What every memory of a tenant and schema was at first.
select revisions.memory_id, revisions.payload
from memreg.memory_revisions as revisions
join memreg.memories on memories.tenant = revisions.tenant and memories.id = revisions.memory_id
where revisions.tenant = %(tenant)s and memories.schema = %(schema)s and revisions.revision = 1
order by revisions.memory_id
