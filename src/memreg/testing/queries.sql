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
