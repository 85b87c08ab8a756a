-- reviews_of --
-- The questions to a person that some decisions made, with the memories they are about.
select audit_id, kind, memory_ids
from memreg.review_items
where tenant = %(tenant)s and schema = %(schema)s and audit_id = any(%(audit_ids)s::uuid[])
order by id
