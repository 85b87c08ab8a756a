-- left_over_databases --
-- Throwaway databases of this user that no running evaluation stands behind.
select datname
from pg_database
where starts_with(datname::text, 'memreg_eval_')
    and datdba = (select oid from pg_roles where rolname = current_user)
    and not exists (select from pg_stat_activity where application_name = pg_database.datname)

-- best_candidates --
-- For each decision of a tenant that was held against candidates, the best of them, as entries keep candidates.
select
    message_id,
    case
        when jsonb_typeof(candidates) = 'array' then jsonb_build_array(candidates -> 0)
        else jsonb_set(candidates, '{held}', jsonb_build_array(candidates #> '{held, 0}'))
    end as candidates
from memreg.audit_log
where tenant = %(tenant)s and schema = %(schema)s and candidates <> '[]'

-- answers_of_keys --
-- For each decision of a tenant whose keys were held by a memory: which memories held them, and which answered.
select audit_log.message_id, audit_values.details -> 'keys' as keys
from memreg.audit_log
join memreg.audit_values on audit_values.tenant = audit_log.tenant and audit_values.audit_id = audit_log.id
where audit_log.tenant = %(tenant)s
    and audit_log.schema = %(schema)s
    and jsonb_path_exists(audit_values.details, '$.keys[*].holders[0]')

-- entries_to_explain --
-- Some audit entries with their values.
select
    audit_log.id,
    audit_log.message_id,
    audit_log.candidates,
    audit_values.reasons,
    memreg.details_told(audit_values.proposal, audit_values.details) as details
from memreg.audit_log
join memreg.audit_values on audit_values.tenant = audit_log.tenant and audit_values.audit_id = audit_log.id
where audit_log.tenant = %(tenant)s and audit_log.schema = %(schema)s and audit_log.id = any(%(ids)s::uuid[])
