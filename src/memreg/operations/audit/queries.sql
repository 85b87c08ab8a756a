-- seal_batch --
-- Tie the oldest entries of a tenant that no seal ties yet; how many, or null where another one seals them now.
select memreg.seal_audit(%(tenant)s, %(most)s) as sealed

-- make_partitions --
-- The months to come get their partitions; how many were made.
select memreg.make_audit_partitions() as made

-- tenants_waiting --
-- The tenants with entries that no seal ties yet.
select distinct tenant
from memreg.audit_unsealed
order by tenant

-- audited_tenants --
-- The tenants that the audit knows of, `*` too: that of what holds for all of them.
select tenant from memreg.audit_seals where seal = 1
union
select tenant from memreg.audit_unsealed
order by tenant

-- without_limit --
-- What looks at the whole audit of a tenant may take its time.
select set_config('statement_timeout', '0', true)

-- head_of --
-- The newest seal of a tenant: what an anchor keeps.
select seal, hash, sealed_at
from memreg.audit_seals
where tenant = %(tenant)s
order by seal desc
limit 1

-- seal_of --
-- The hash of one seal.
select hash
from memreg.audit_seals
where tenant = %(tenant)s and seal = %(seal)s

-- first_link --
-- What the first seal of a tenant follows on.
select sha256(convert_to('memreg audit ' || %(tenant)s::text, 'UTF8')) as hash

-- check_links --
-- Seals after one, each with what is found of its entries; every digest is made here and by no function of the database.
with links as materialized (
    select tenant, seal, entries, content, newest, previous, sealed_at, hash
    from memreg.audit_seals
    where tenant = %(tenant)s and seal > %(after)s and not %(unsealed)s
    order by seal
    limit %(limit)s
),
waiting as materialized (
    select tenant, array_agg(id order by written_at, id) as entries
    from memreg.audit_unsealed
    where tenant = %(tenant)s and %(unsealed)s
    group by tenant
),
ties as (
    select tenant, seal, entries from links
    union all
    select tenant, 0, entries from waiting
)
select
    ties.seal, cardinality(ties.entries) as tied, links.content, links.previous, links.newest, links.sealed_at,
    links.hash, found.*,
    case when links.seal is not null then
        sha256(convert_to(jsonb_build_array(
            1, links.tenant, links.seal, encode(sha256(convert_to(links.entries::text, 'UTF8')), 'hex'),
            encode(links.content, 'hex'), extract(epoch from links.newest), encode(links.previous, 'hex'),
            extract(epoch from links.sealed_at)
        )::text, 'UTF8'))
    end as hash_found
from ties
left join links on links.tenant = ties.tenant and links.seal = ties.seal
left join lateral (
    select seal.newest
    from memreg.audit_seals as seal
    where seal.tenant = %(tenant)s and (ties.seal = 0 or seal.seal < ties.seal)
    order by seal.seal desc
    limit 1
) as before on true
cross join lateral (
    select
        count(entry.id) as present,
        sha256(string_agg(uuid_send(tied.id) || entry.digest, ''::bytea order by tied.place)) as content_found,
        min(entry.written_at) as oldest,
        coalesce(array_agg(tied.id) filter (where entry.id is null), '{}') as missing,
        coalesce(array_agg(tied.id) filter (
            where entry.written_at is not null and entry.digest is distinct from sha256(convert_to(jsonb_build_array(
                1, entry.tenant, entry.id, entry.schema, entry.version, entry.class, entry.message_id, entry.ordinal,
                entry.operation, entry.action, entry.basis, entry.memory_id, entry.revision, entry.score,
                entry.unresolved, entry.candidates, entry.thresholds, entry.snapshot, entry.annotation,
                entry.extractor, entry.model, entry.prompt_hash, entry.tokens_in, entry.tokens_out,
                encode(float8send(entry.latency_ms), 'hex'), entry.attempts, entry.actor, entry.undoes,
                encode(float8send(entry.took_ms), 'hex'), extract(epoch from entry.created_at),
                extract(epoch from entry.written_at), encode(entry.values_digest, 'hex')
            )::text, 'UTF8'))
        ), '{}') as changed,
        coalesce(array_agg(tied.id) filter (where entry.id is not null and said.audit_id is null), '{}')
            as without_values,
        coalesce(array_agg(tied.id) filter (
            where said.erased_at is null and entry.written_at is not null and entry.values_digest <> said.now_digest
        ), '{}') as changed_values,
        coalesce(jsonb_object_agg(tied.id, encode(said.now_digest, 'hex')) filter (where said.erased_at is not null), '{}')
            as erased,
        coalesce(array_agg(tied.id) filter (
            where entry.written_at < before.newest - %(patience)s::interval
        ), '{}') as late,
        coalesce(array_agg(tied.id) filter (
            where abs(extract(epoch from entry.created_at - entry.written_at)) > extract(epoch from %(skew)s::interval)
            or abs(
                ('x' || substr(replace(entry.id::text, '-', ''), 1, 12))::bit(48)::bigint / 1000.0
                - extract(epoch from entry.written_at)
            ) > extract(epoch from %(skew)s::interval)
        ), '{}') as misdated
    from unnest(ties.entries) with ordinality as tied (id, place)
    -- "offset 0" looks each of them up by its key, whatever statistics say.
    left join lateral (
        select * from memreg.audit_log as log where log.tenant = %(tenant)s and log.id = tied.id offset 0
    ) as entry on true
    left join lateral (
        select
            kept.audit_id, kept.erased_at,
            sha256(kept.salt || convert_to(jsonb_build_array(
                1, kept.audit_id, kept.proposal, kept.evidence, kept.before, kept.after, kept.reasons, kept.details
            )::text, 'UTF8')) as now_digest
        from memreg.audit_values as kept
        where kept.tenant = %(tenant)s and kept.audit_id = entry.id
        offset 0
    ) as said on true
) as found
order by ties.seal

-- unknown_entries --
-- Entries that neither a seal ties nor the queue of the unsealed has: nobody but the tables' owner can write one so.
select id
from (
    select id from memreg.audit_log where tenant = %(tenant)s
    except
    (
        select unnest(entries) from memreg.audit_seals where tenant = %(tenant)s
        union all
        select id from memreg.audit_unsealed where tenant = %(tenant)s
    )
) as unknown
order by id
limit %(limit)s

-- values_alone --
-- Values without their entry.
select audit_id as id
from (
    select audit_id from memreg.audit_values where tenant = %(tenant)s
    except
    select id from memreg.audit_log where tenant = %(tenant)s
) as alone
order by audit_id
limit %(limit)s

-- messages_gone --
-- The first entry of each message that is not there any more.
select (
    select entry.id
    from memreg.audit_log as entry
    where entry.tenant = %(tenant)s and entry.schema = gone.schema and entry.message_id = gone.message_id
    order by entry.ordinal
    limit 1
) as id
from (
    select schema, message_id from memreg.audit_log where tenant = %(tenant)s
    except
    select schema, id from memreg.messages where tenant = %(tenant)s
) as gone
order by id
limit %(limit)s

-- removals --
-- What the audit of a tenant tells of entries that were removed because they were old, newest first.
select entry.id, entry.actor, entry.created_at, said.details ->> 'ends' as ends
from memreg.audit_log as entry
join memreg.audit_values as said on said.tenant = %(tenant)s and said.audit_id = entry.id
where entry.tenant = %(tenant)s and entry.action = 'RETAIN'
order by entry.id desc

-- erasures --
-- What the audit of a tenant tells of values that were erased: the digest of what was left, by entry, oldest first.
select entry.id, said.details -> 'left' as rest
from memreg.audit_log as entry
join memreg.audit_values as said on said.tenant = %(tenant)s and said.audit_id = entry.id
where entry.tenant = %(tenant)s and entry.action = 'ERASE'
order by entry.id

-- unsealed_facts --
-- How many entries of every tenant no seal ties yet, and since when the oldest waits.
select count(*) as entries, min(written_at) as since from memreg.audit_unsealed

-- partition_facts --
-- The partitions of a table that is divided by months: up to when each holds rows, and whether it holds any.
select
    pg_class.relname as name, parts.ends, memreg.time_of(parts.ends) as ends_at, parts.is_default,
    pg_relation_size(pg_class.oid) = 0 as is_empty, pg_total_relation_size(pg_class.oid) as bytes
from memreg.audit_partitions(%(of_table)s::text::regclass) as parts
join pg_catalog.pg_class on pg_class.oid = parts.partition
order by parts.ends nulls last

-- counted_before --
-- The entries of each tenant before an id, and the newest seal that ties one of them.
select entry.tenant, count(*) as entries, min(entry.created_at) as first_at, max(entry.created_at) as last_at
from memreg.audit_log as entry
where entry.id < %(ends)s
group by entry.tenant
order by entry.tenant

-- drop_months --
-- Remove the months that end by an id; how many.
select memreg.drop_audit_months(%(ends)s) as dropped

-- replayed_entries --
-- What the entries of a schema did to memories, in the order of their ids, after one.
select
    entry.id, entry.action, entry.class, entry.memory_id, said.before, said.erased_at,
    memreg.state_told(said.after, said.proposal, said.details) as after,
    jsonb_build_object('absorbed', said.details -> 'absorbed', 'others', coalesce(said.details -> 'others', '[]'))
        as details
from memreg.audit_log as entry
join memreg.audit_values as said on said.tenant = %(tenant)s and said.audit_id = entry.id
where entry.tenant = %(tenant)s and entry.schema = %(schema)s
    and entry.id > case when %(after)s::uuid is null then '00000000-0000-0000-0000-000000000000'::uuid else %(after)s::uuid end
order by entry.id
limit %(limit)s

-- replayed_memories --
-- The memories of a schema as they are, by id, after one, with the keys that they hold and what they refer to.
select
    held.id, held.class, held.payload, held.originals, held.version, held.revision, held.is_deleted, held.unresolved,
    held.pinned, held.merged_into, held.void_revisions as void, held.erased_at, held.created_at,
    (
        select coalesce(jsonb_agg(
            jsonb_build_object('key', key, 'digest', encode(digest, 'hex'), 'strong', strong) order by key, digest
        ), '[]')
        from memreg.identity_keys
        where identity_keys.tenant = %(tenant)s and identity_keys.memory_id = held.id and released_at is null
    ) as keys,
    (
        select coalesce(jsonb_agg(jsonb_build_array("column", target_id) order by "column", target_id), '[]')
        from memreg.memory_references
        where memory_references.tenant = %(tenant)s and memory_references.memory_id = held.id
    ) as refers
from memreg.memories as held
where held.tenant = %(tenant)s and held.schema = %(schema)s
    and held.id > case when %(after)s::uuid is null then '00000000-0000-0000-0000-000000000000'::uuid else %(after)s::uuid end
order by held.id
limit %(limit)s

-- schema_versions_held --
-- The versions that memories and entries of a schema are of.
select distinct version
from memreg.schema_versions
where schema = %(schema)s
order by version

-- list_entries --
-- Audit entries, newest first, that fit what is given: a memory also where the entry is about another one and changed it.
select
    entry.id, entry.class, entry.version, entry.message_id, entry.ordinal, entry.operation, entry.action, entry.basis,
    entry.memory_id, entry.revision, entry.score, entry.unresolved, entry.extractor, entry.model, entry.tokens_in,
    entry.tokens_out, entry.attempts, entry.latency_ms, entry.created_at, entry.actor, entry.undoes, said.reasons
from memreg.audit_log as entry
join memreg.audit_values as said on said.tenant = %(tenant)s and said.audit_id = entry.id
where entry.tenant = %(tenant)s
    and entry.schema in (%(schema)s, '*')
    and (%(message_id)s::text is null or entry.message_id = %(message_id)s)
    and (%(memory_id)s::uuid is null or entry.id = any(array(
        select mine.id from memreg.audit_log as mine
        where mine.tenant = %(tenant)s and mine.memory_id = %(memory_id)s
        union
        select kept.audit_id from memreg.memory_revisions as kept
        where kept.tenant = %(tenant)s and kept.memory_id = %(memory_id)s and kept.audit_id is not null
    )))
    and (%(session)s::text is null or entry.message_id = any(array(
        select messages.id from memreg.messages
        where messages.tenant = %(tenant)s and messages.schema = %(schema)s and messages.session = %(session)s
    )))
    and (%(class_name)s::text is null or entry.class = %(class_name)s)
    and (%(action)s::text is null or entry.action = %(action)s)
    and (%(basis)s::text is null or entry.basis = %(basis)s)
    and (%(by)s::text is null or entry.actor = %(by)s)
    and (%(min_score)s::double precision is null or entry.score >= %(min_score)s)
    and (%(max_score)s::double precision is null or entry.score <= %(max_score)s)
    and (%(since)s::timestamptz is null or entry.created_at >= %(since)s)
    and (%(until)s::timestamptz is null or entry.created_at < %(until)s)
    and (%(before)s::uuid is null or entry.id < %(before)s)
order by entry.id desc
limit %(limit)s

-- export_entries --
-- Audit entries with everything in them, oldest first, after one, that fit what is given as above.
select
    entry.*, said.proposal, said.evidence, said.before, said.reasons, said.erased_at,
    memreg.state_told(said.after, said.proposal, said.details) as after,
    memreg.details_told(said.proposal, said.details) as details,
    messages.session
from memreg.audit_log as entry
join memreg.audit_values as said on said.tenant = %(tenant)s and said.audit_id = entry.id
left join memreg.messages
    on messages.tenant = %(tenant)s and messages.schema = entry.schema and messages.id = entry.message_id
where entry.tenant = %(tenant)s
    and entry.schema in (%(schema)s, '*')
    and (%(message_id)s::text is null or entry.message_id = %(message_id)s)
    and (%(memory_id)s::uuid is null or entry.id = any(array(
        select mine.id from memreg.audit_log as mine
        where mine.tenant = %(tenant)s and mine.memory_id = %(memory_id)s
        union
        select kept.audit_id from memreg.memory_revisions as kept
        where kept.tenant = %(tenant)s and kept.memory_id = %(memory_id)s and kept.audit_id is not null
    )))
    and (%(session)s::text is null or entry.message_id = any(array(
        select messages.id from memreg.messages
        where messages.tenant = %(tenant)s and messages.schema = %(schema)s and messages.session = %(session)s
    )))
    and (%(class_name)s::text is null or entry.class = %(class_name)s)
    and (%(action)s::text is null or entry.action = %(action)s)
    and (%(basis)s::text is null or entry.basis = %(basis)s)
    and (%(by)s::text is null or entry.actor = %(by)s)
    and (%(min_score)s::double precision is null or entry.score >= %(min_score)s)
    and (%(max_score)s::double precision is null or entry.score <= %(max_score)s)
    and (%(since)s::timestamptz is null or entry.created_at >= %(since)s)
    and (%(until)s::timestamptz is null or entry.created_at < %(until)s)
    and (%(before)s::uuid is null or entry.id < %(before)s)
    and entry.id > case when %(after)s::uuid is null then '00000000-0000-0000-0000-000000000000'::uuid else %(after)s::uuid end
order by entry.id
limit %(limit)s

-- tail_of --
-- How many entries of a tenant no seal ties yet, counted up to a limit, and since when the oldest waits.
select count(*) as entries, min(written_at) as since
from (
    select written_at
    from memreg.audit_unsealed
    where tenant = %(tenant)s
    order by written_at
    limit %(limit)s
) as waiting
