-- insert_audit --
-- One entry for each decision.
insert into memreg.audit_log (
    tenant, id, schema, version, class, message_id, ordinal, operation, action, basis, memory_id, revision, score,
    unresolved, candidates, thresholds, snapshot, annotation, extractor, model, prompt_hash, tokens_in, tokens_out,
    latency_ms, attempts, actor, undoes, took_ms, created_at
)
select
    %(tenant)s, id, %(schema)s, version, class, message_id, ordinal, operation, action, basis, memory_id, revision,
    score, unresolved, candidates, thresholds, snapshot, annotation, extractor, model, prompt_hash, tokens_in,
    tokens_out, latency_ms, attempts, actor, undoes, took_ms, created_at
from jsonb_to_recordset(%(rows)s) as rows (
    id uuid, version integer, class text, message_id text, ordinal integer, operation text, action text, basis text,
    memory_id uuid, revision integer, score numeric, unresolved boolean, candidates jsonb, thresholds jsonb,
    snapshot integer, annotation integer, extractor text, model text, prompt_hash text, tokens_in integer,
    tokens_out integer, latency_ms double precision, attempts integer, actor text, undoes uuid,
    took_ms double precision, created_at timestamptz
)

-- insert_audit_values --
-- The values of each decision's entry, and every state that a memory went through by them.
with revised as (
    insert into memreg.memory_revisions (
        tenant, memory_id, revision, version, payload, originals, pinned, is_deleted, unresolved, audit_id, created_at
    )
    select
        %(tenant)s, memory_id, revision, version, payload, originals, pinned, is_deleted, unresolved, audit_id,
        created_at
    from jsonb_to_recordset(%(revisions)s) as revisions (
        memory_id uuid, revision integer, version integer, payload jsonb, originals jsonb, pinned jsonb,
        is_deleted boolean, unresolved boolean, audit_id uuid, created_at timestamptz
    )
)
insert into memreg.audit_values (tenant, audit_id, proposal, evidence, before, after, reasons, details, salt)
select %(tenant)s, audit_id, proposal, evidence, before, after, reasons, details, salt
from jsonb_to_recordset(%(rows)s) as rows (
    audit_id uuid, proposal jsonb, evidence text, before jsonb, after jsonb, reasons jsonb, details jsonb, salt bytea
)

-- insert_reviews --
-- Questions to a person. What is open already, or was answered by keeping memories apart, is not asked again: it is counted.
insert into memreg.review_items as items (
    tenant, id, schema, class, kind, subject, memory_ids, message_id, audit_id, reason, times, created_at, last_asked_at
)
select distinct on (asked.class, asked.kind, asked.subject)
    %(tenant)s, asked.id, %(schema)s, asked.class, asked.kind, asked.subject, asked.memory_ids, asked.message_id,
    asked.audit_id, asked.reason,
    (count(*) over (partition by asked.class, asked.kind, asked.subject))::integer as times, %(now)s, %(now)s
from (
    select
        rows.id, rows.class, coalesce(apart.kind, rows.kind) as kind, rows.subject, rows.memory_ids, rows.message_id,
        rows.audit_id, rows.reason
    from jsonb_to_recordset(%(rows)s) as rows (
        id uuid, class text, kind text, subject text, memory_ids uuid[], message_id text, audit_id uuid, reason text
    )
    left join lateral (
        select earlier.kind
        from memreg.review_items as earlier
        where earlier.tenant = %(tenant)s
            and earlier.schema = %(schema)s
            and earlier.class = rows.class
            and earlier.kind in ('possible_duplicate', 'identity_conflict')
            and rows.kind in ('possible_duplicate', 'identity_conflict')
            and earlier.subject = rows.subject
            and earlier.verdict = 'apart'
        limit 1
    ) as apart on true
) as asked
order by asked.class, asked.kind, asked.subject, asked.id
on conflict (tenant, schema, class, kind, subject) where status = 'open' or verdict = 'apart' do update
set times = items.times + excluded.times, last_asked_at = greatest(items.last_asked_at, excluded.last_asked_at)

-- settle_dead_letter --
-- A dead message was decided after all, so its question is settled.
update memreg.review_items
set status = 'settled'
where tenant = %(tenant)s and schema = %(schema)s and kind = 'dead_letter' and subject = %(subject)s
    and status = 'open'
