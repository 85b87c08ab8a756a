-- ensure_schema --
-- Makes the schema's row unless it exists.
insert into memreg.schemas (name, created_at) values (%(name)s, %(at)s) on conflict (name) do nothing

-- lock_schema --
-- Waits until no ingest and no other change of versions runs in the schema, and keeps them out until the transaction ends.
select pg_advisory_xact_lock(%(key)s)

-- lock_schema_shared --
-- Keeps changes of the schema's versions out until the transaction ends; ingests do not hinder each other.
select pg_advisory_xact_lock_shared(%(key)s)

-- schema_names --
-- The names of all schemas.
select name from memreg.schemas order by name

-- one_schema --
-- The schema of a name.
select name from memreg.schemas where name = %(name)s

-- usable_head --
-- The version that ingest uses: the active one, else the newest pending one; with the ordinal of the annotation in force.
select v.version, v.status,
    (select coalesce(max(a.ordinal), 0) from memreg.annotations a where a.schema = v.schema and a.version = v.version)
        as annotation
from memreg.schema_versions v
where v.schema = %(name)s and v.status in ('active', 'pending')
order by (v.status = 'active') desc, v.version desc
limit 1

-- version_numbers --
-- Number, status and reason of every version of a schema, the newest first.
select version, status, reason from memreg.schema_versions where schema = %(name)s order by version desc

-- one_version --
-- A version with the annotation in force, if it has one.
select v.*, a.ordinal, a.source, a.classes, a.model, a.prompt_hash, a.tokens_in, a.tokens_out,
    a.created_at as annotated_at, a.decided_by, a.decided_at, a.verdict, a.reason as verdict_reason
from memreg.schema_versions v
left join lateral (
    select * from memreg.annotations a
    where a.schema = v.schema and a.version = v.version
    order by a.ordinal desc limit 1
) a on true
where v.schema = %(name)s and v.version = %(version)s

-- newest_version --
-- The newest version of a schema with the annotation in force, if it has one.
select v.*, a.ordinal, a.source, a.classes, a.model, a.prompt_hash, a.tokens_in, a.tokens_out,
    a.created_at as annotated_at, a.decided_by, a.decided_at, a.verdict, a.reason as verdict_reason
from memreg.schema_versions v
left join lateral (
    select * from memreg.annotations a
    where a.schema = v.schema and a.version = v.version
    order by a.ordinal desc limit 1
) a on true
where v.schema = %(name)s
order by v.version desc
limit 1

-- earlier_versions --
-- The versions of a schema before one, newest first, with the annotation in force, and whether memories may hold its keys.
select v.version, v.base, v.restores, v.definition, v.models, a.classes,
    v.activated_at is not null or v.status in ('approved', 'retired') as was_in_force
from memreg.schema_versions v
left join lateral (
    select classes from memreg.annotations a
    where a.schema = v.schema and a.version = v.version
    order by a.ordinal desc limit 1
) a on true
where v.schema = %(name)s and v.version < %(version)s
order by v.version desc

-- all_versions --
-- Every version of every schema (or of one) with the annotation in force.
select v.*, a.ordinal, a.source, a.classes, a.model, a.prompt_hash, a.tokens_in, a.tokens_out,
    a.created_at as annotated_at, a.decided_by, a.decided_at, a.verdict, a.reason as verdict_reason
from memreg.schema_versions v
left join lateral (
    select * from memreg.annotations a
    where a.schema = v.schema and a.version = v.version
    order by a.ordinal desc limit 1
) a on true
where %(name)s::text is null or v.schema = %(name)s
order by v.schema, v.version

-- insert_version --
-- A new version of a schema, a draft until it is annotated.
insert into memreg.schema_versions (
    schema, version, status, fingerprint, definition, models, registered_by, created_at, base, restores, verdict, forced
)
values (
    %(name)s, %(version)s, 'draft', %(fingerprint)s, %(definition)s, %(models)s, %(by)s, %(at)s, %(base)s, %(restores)s,
    %(verdict)s, %(forced)s
)

-- set_models --
-- Replaces the names of the Pydantic classes that a version's memories come back as.
update memreg.schema_versions set models = %(models)s where schema = %(name)s and version = %(version)s

-- set_status --
-- Moves a version to another status, with the reason for it.
update memreg.schema_versions set status = %(status)s, reason = %(reason)s
where schema = %(name)s and version = %(version)s

-- activate_version --
-- Makes a version the active one.
update memreg.schema_versions set status = 'active', reason = null, activated_at = %(at)s
where schema = %(name)s and version = %(version)s

-- retire_versions --
-- Retires every active or approved version older than the one that becomes active.
update memreg.schema_versions set status = 'retired'
where schema = %(name)s and version < %(version)s and status in ('active', 'approved')

-- insert_annotation --
-- One more annotation of a version; the last one counts.
insert into memreg.annotations (schema, version, ordinal, source, classes, model, prompt_hash, tokens_in, tokens_out, created_at)
select %(name)s, %(version)s, coalesce(max(ordinal), 0) + 1, %(source)s, %(classes)s, %(model)s, %(prompt_hash)s,
    %(tokens_in)s, %(tokens_out)s, %(at)s
from memreg.annotations where schema = %(name)s and version = %(version)s
returning ordinal

-- decide_annotation --
-- Records who approved or rejected the annotation in force, when and why.
update memreg.annotations set decided_by = %(by)s, decided_at = %(at)s, verdict = %(verdict)s, reason = %(reason)s
where schema = %(name)s and version = %(version)s
    and ordinal = (select max(ordinal) from memreg.annotations where schema = %(name)s and version = %(version)s)

-- annotation_history --
-- Every annotation of a version in order; one that took no tokens is of an earlier one that did, of the same prompt.
select a.ordinal, a.source, a.classes, a.model, a.prompt_hash, a.tokens_in, a.tokens_out,
    a.created_at as annotated_at, a.decided_by, a.decided_at, a.verdict, a.reason as verdict_reason,
    asked.schema as asked_schema, asked.version as asked_version
from memreg.annotations a
left join lateral (
    select earlier.schema, earlier.version
    from memreg.annotations earlier
    where earlier.prompt_hash = a.prompt_hash
        and earlier.tokens_in is distinct from 0
        and earlier.created_at <= a.created_at
    order by earlier.created_at desc, earlier.version desc, earlier.ordinal desc
    limit 1
) asked on a.tokens_in = 0 and a.prompt_hash is not null
where a.schema = %(name)s and a.version = %(version)s
order by a.ordinal

-- reusable_annotation --
-- What a model said to the same prompt about the same content before, unless a person rejected it since.
select a.*, a.created_at as annotated_at, a.reason as verdict_reason
from memreg.annotations a
join memreg.schema_versions v on v.schema = a.schema and v.version = a.version
where v.fingerprint = %(fingerprint)s
    and a.prompt_hash = %(prompt_hash)s
    and a.source = 'llm'
    and not exists (
        select from memreg.annotations refused
        where refused.prompt_hash = a.prompt_hash
            and refused.verdict = 'rejected'
            and refused.created_at >= a.created_at
    )
order by (a.tokens_in is not distinct from 0), a.created_at desc, a.version desc, a.ordinal desc
limit 1

-- hold_classes --
-- Keeps classes create-only in every tenant until a person approves them; a switch that is on already stays as it was set.
insert into memreg.kill_switches (tenant, schema, class, is_on, reason, set_by, set_at)
select '*', %(name)s, held.class, true, held.reason, %(by)s, %(at)s
from unnest(%(classes)s::text[], %(reasons)s::text[]) as held (class, reason)
on conflict (tenant, schema, class) do update
set is_on = true, reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at
where not kill_switches.is_on

-- release_classes --
-- Lets the classes go that were held back until a person approves them; switches that a person set stay.
update memreg.kill_switches set is_on = false, reason = %(reason)s, set_at = %(at)s
where tenant = '*' and schema = %(name)s and is_on and set_by = %(by)s
returning class

-- take_over_switches --
-- A class under a new name is create-only where it was under the old one.
insert into memreg.kill_switches (
    tenant, schema, class, is_on, reason, set_by, set_at, evidence, audit_id, reset_at
)
select tenant, schema, renamed.name, is_on, reason, set_by, set_at, evidence, audit_id, reset_at
from unnest(%(befores)s::text[], %(names)s::text[]) as renamed (before, name)
join memreg.kill_switches on kill_switches.class = renamed.before
where kill_switches.schema = %(schema)s
on conflict (tenant, schema, class) do update
set is_on = excluded.is_on, reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at,
    evidence = excluded.evidence, audit_id = excluded.audit_id, reset_at = excluded.reset_at
where kill_switches.set_at < excluded.set_at

-- take_over_rules --
-- What trips the switch of a class is the same under its new name.
insert into memreg.kill_switch_rules (tenant, schema, class, rule, "limit", minimum, is_on, set_by, set_at)
select tenant, schema, renamed.name, rule, "limit", minimum, is_on, set_by, set_at
from unnest(%(befores)s::text[], %(names)s::text[]) as renamed (before, name)
join memreg.kill_switch_rules on kill_switch_rules.class = renamed.before
where kill_switch_rules.schema = %(schema)s
on conflict (tenant, schema, class, rule) do update
set "limit" = excluded."limit", minimum = excluded.minimum, is_on = excluded.is_on, set_by = excluded.set_by,
    set_at = excluded.set_at
where kill_switch_rules.set_at < excluded.set_at

-- held_classes --
-- The classes of a schema that are held back until a person approves them, with the reasons.
select class, reason from memreg.kill_switches
where tenant = '*' and schema = %(name)s and is_on and set_by = %(by)s
order by class

-- memories_behind --
-- Whether a live memory of one of the classes is on a version older than the given one, in any tenant.
select exists (
    select from memreg.memories
    where schema = %(name)s and version < %(version)s and class = any(%(classes)s) and not is_deleted
) as behind
