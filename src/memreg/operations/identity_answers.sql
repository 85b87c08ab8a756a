-- identity_answers --
-- The newest decisions of a version's class that identity keys answered, in one tenant or (null) in every one.
select
    newest.operation, newest.basis, newest.score, (newest.thresholds ->> 'possible')::float8 as possible,
    case when newest.basis = 'identity_conflict' then newest.candidates end as candidates,
    said.details -> 'keys' as keys,
    case
        when newest.operation = 'delete' then array(select jsonb_object_keys(memreg.details_told(said.proposal, said.details) -> 'values'))
        else '{}'
    end as said
from (
    select tenant, id, operation, basis, score, thresholds, candidates
    from memreg.audit_log
    where schema = %(schema)s
        and version = %(version)s
        and class = %(class_name)s
        and basis in ('identity', 'identity_conflict')
        and (%(tenant)s::text is null or tenant = %(tenant)s)
    order by id desc
    limit %(limit)s
) as newest
join memreg.audit_values as said on said.tenant = newest.tenant and said.audit_id = newest.id

-- answered_before --
-- The last version before one in which identity keys of a class answered, in one tenant or (null) in any.
select max(version) as version
from memreg.audit_log
where schema = %(schema)s
    and version < %(version)s
    and class = %(class_name)s
    and basis in ('identity', 'identity_conflict')
    and (%(tenant)s::text is null or tenant = %(tenant)s)
