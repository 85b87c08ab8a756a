-- schema_history --
-- What was done to a schema: versions registered and put in force, annotations made and decided, backfills begun and ended.
select v.created_at as at, v.version, 1 as step, 'registered' as what, v.registered_by as by, v.forced as why,
    jsonb_build_object('base', v.base, 'restores', v.restores, 'verdict', v.verdict, 'classes',
        (select jsonb_agg(class -> 'name') from jsonb_array_elements(v.definition -> 'classes') class)) as facts
from memreg.schema_versions v where v.schema = %(name)s
union all
select a.created_at, a.version, 2, 'annotated', coalesce(a.model, a.source), null,
    jsonb_build_object('ordinal', a.ordinal, 'source', a.source, 'model', a.model, 'tokens_in', a.tokens_in,
        'tokens_out', a.tokens_out)
from memreg.annotations a where a.schema = %(name)s
union all
select a.decided_at, a.version, 3, a.verdict, a.decided_by, a.reason, jsonb_build_object('ordinal', a.ordinal)
from memreg.annotations a where a.schema = %(name)s and a.decided_at is not null
union all
select b.created_at, b.to_version, 4, 'backfill begun', b.started_by, b.why,
    jsonb_build_object('id', b.id, 'total', b.total, 'policy', b.policy)
from memreg.backfills b where b.schema = %(name)s
union all
select v.activated_at, v.version, 5, 'in force', null, null, '{}'
from memreg.schema_versions v where v.schema = %(name)s and v.activated_at is not null
union all
select b.finished_at, b.to_version, 6, 'backfill ' || b.status, null, b.error,
    jsonb_build_object('id', b.id, 'converted', b.converted)
from memreg.backfills b where b.schema = %(name)s and b.finished_at is not null
order by at, version, step
