-- judge --
-- What was found out about decisions, of those that it can be said of; what stood against it is withdrawn.
with said as (
    select told.id, told.audit_id, told.kind, log.schema, log.class, log.version, log.created_at
    from unnest(%(ids)s::uuid[], %(entries)s::uuid[], %(kinds)s::text[]) as told (id, audit_id, kind)
    join memreg.audit_log as log on log.tenant = %(tenant)s and log.id = told.audit_id
    where case told.kind
        when 'false_update' then log.action in ('UPDATE', 'UPSERT', 'DELETE')
        when 'missed_update' then log.action = 'CREATE'
        else log.action in ('CREATE', 'UPDATE', 'UPSERT', 'DELETE')
    end
),
revoked as (
    update memreg.judgements
    set withdrawn_at = %(now)s
    from said
    where judgements.tenant = %(tenant)s
        and judgements.audit_id = said.audit_id
        and judgements.kind <> said.kind
        and judgements.withdrawn_at is null
)
insert into memreg.judgements (
    tenant, id, schema, class, version, kind, audit_id, act_id, review_id, judged_by, decided_at, created_at
)
select
    %(tenant)s, said.id, said.schema, said.class, said.version, said.kind, said.audit_id, %(act_id)s, %(review_id)s,
    %(by)s, said.created_at, %(now)s
from said
on conflict (tenant, audit_id, kind) where withdrawn_at is null do nothing

-- withdraw_judgements --
-- What acts had found out holds no longer: they were undone.
update memreg.judgements
set withdrawn_at = %(now)s
where tenant = %(tenant)s and act_id = any(%(act_ids)s::uuid[]) and withdrawn_at is null
