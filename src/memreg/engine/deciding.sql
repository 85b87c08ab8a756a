-- lock_class --
-- Hold a class of a tenant until the end of the transaction: one writer at a time.
select pg_advisory_xact_lock(%(lock)s::bigint)

-- lock_turn --
-- Hold a schema's versions as they are, and the classes of a turn, in the order given, until the end of the transaction.
select
    pg_advisory_xact_lock_shared(%(schema_lock)s::bigint),
    (select count(pg_advisory_xact_lock(wanted.lock)) from unnest(%(locks)s::bigint[]) as wanted (lock)) as locked

-- begin_again --
-- Has the transaction begin again, because of what has changed since it was read.
select memreg.must(false, %(what)s::text)

-- switches --
-- The switches that are on for a tenant and schema, by class ('*' is every class).
select class, reason
from memreg.kill_switches
where tenant in (%(tenant)s, '*') and schema in (%(schema)s, '*') and is_on

-- stand --
-- How things stand with a turn: the version in use, the switches that are on, which of its messages are kept, and of each class the newest statistics and how often it was written to.
select
    head.version, head.status, head.annotation,
    (
        select coalesce(array_agg(class), '{}')
        from memreg.kill_switches
        where tenant in (%(tenant)s, '*') and kill_switches.schema in (%(schema)s, '*') and is_on
    ) as switched,
    (
        select coalesce(jsonb_agg(to_jsonb(kept)), '[]')
        from unnest(%(messages)s::text[]) as asked (id)
        cross join lateral (
            select id, status, encode(digest, 'hex') as digest, error, settled_by, erased_at
            from memreg.messages
            where messages.tenant = %(tenant)s and messages.schema = %(schema)s and messages.id = asked.id
        ) as kept
    ) as messages,
    (
        select coalesce(jsonb_agg(jsonb_build_array(asked.class, latest.snapshot, greatest(newest.change, 0))), '[]')
        from unnest(%(classes)s::text[]) as asked (class)
        left join lateral (
            select snapshot
            from memreg.calibrations
            where calibrations.tenant = %(tenant)s and calibrations.schema = %(schema)s
                and calibrations.class = asked.class
            order by snapshot desc
            limit 1
        ) as latest on true
        left join lateral (
            select change
            from memreg.memories
            where memories.tenant = %(tenant)s and memories.schema = %(schema)s and memories.class = asked.class
            order by change desc
            limit 1
        ) as newest on true
    ) as classes
from (select) as always
left join lateral (
    select
        versions.version, versions.status,
        (
            select coalesce(max(annotations.ordinal), 0)
            from memreg.annotations
            where annotations.schema = versions.schema and annotations.version = versions.version
        ) as annotation
    from memreg.schema_versions as versions
    where versions.schema = %(schema)s and versions.status in ('active', 'pending')
    order by (versions.status = 'active') desc, versions.version desc
    limit 1
) as head on true

-- claim_turn --
-- Under its locks, keep or settle a turn's messages, hold the memories that it is about (in one order for everybody, as the messages), and see to it that what it was decided by is still so: the version, the switches, that its messages are not settled, and that in its classes nothing was written since to what it read, nor to anything that it would have found (by a candidate key or an identity key). Else the transaction begins again.
with held as (
    select memories.id
    from unnest(%(held)s::uuid[], %(revisions)s::integer[]) as wanted (id, revision)
    cross join lateral (
        -- By the memory itself, whatever its row is called: one of a class that is being renamed may be erased.
        select id
        from memreg.memories
        where memories.tenant = %(tenant)s and memories.id = wanted.id and memories.revision = wanted.revision
        for update
    ) as memories
),
settled as (
    insert into memreg.messages (
        tenant, schema, id, arrival, session, role, at, zone, text, digest, status, attempts, received_at, decided_at,
        error
    )
    select
        %(tenant)s, %(schema)s, id, arrival, session, role, at, zone, text, digest, 'decided', 1, now, now, note
    from jsonb_to_recordset(%(settled)s) as rows (
        id text, arrival uuid, session text, role text, at timestamptz, zone text, text text, digest bytea,
        now timestamptz, note text
    )
    on conflict (tenant, schema, id) do nothing
    returning id
),
decided as (
    update memreg.messages
    set status = 'decided', decided_at = rows.now, error = rows.note, reply = rows.reply, attempts = attempts + 1,
        next_attempt_at = null
    from jsonb_to_recordset(%(waiting)s) as rows (
        id text, now timestamptz, note text, reply text, has_failed boolean
    )
    -- Where it failed since, there is a question to a person, which has to be settled with it.
    where messages.tenant = %(tenant)s and messages.schema = %(schema)s and messages.id = any(%(ids)s::text[])
        and messages.id = rows.id and messages.status not in ('decided', 'dropped')
        and (rows.has_failed or messages.error is null)
    returning messages.id
)
select
    memreg.must(
        (select count(*) from settled) = jsonb_array_length(%(settled)s)
        and (select count(*) from decided) = jsonb_array_length(%(waiting)s),
        'that a message waits to be decided'
    ),
    memreg.must((select count(*) from held) = cardinality(%(held)s::uuid[]), 'a memory that it is about'),
    memreg.must(
        (
            select row (
                head.version, head.status,
                (
                    select coalesce(max(annotations.ordinal), 0)
                    from memreg.annotations
                    where annotations.schema = head.schema and annotations.version = head.version
                )
            )
            from memreg.schema_versions as head
            where head.schema = %(schema)s and head.status in ('active', 'pending')
            order by (head.status = 'active') desc, head.version desc
            limit 1
        ) = row (%(version)s::integer, %(status)s::text, %(annotation)s::integer),
        'the version in use'
    ),
    memreg.must(
        (
            -- Each once and in the order of bytes, as they are given: several may hold one class.
            select coalesce(array_agg(distinct class collate "C" order by class collate "C"), '{}')
            from memreg.kill_switches
            where tenant in (%(tenant)s, '*') and kill_switches.schema in (%(schema)s, '*') and is_on
        ) = %(switched)s::text[],
        'which switches are on'
    ),
    memreg.must(
        not exists (
            select
            from unnest(%(classes)s::text[], %(changes)s::bigint[]) as seen (class, change)
            cross join lateral (
                select id, candidate_keys
                from memreg.memories
                where memories.tenant = %(tenant)s and memories.schema = %(schema)s and memories.class = seen.class
                    and memories.change > seen.change
                offset 0
            ) as since
            where since.id = any(%(read)s::uuid[])
                or exists (
                    select from unnest(since.candidate_keys) as own (key) where own.key = any(%(probes)s::bigint[])
                )
                or exists (
                    -- By the memory: never through all that hold one of the digests.
                    select
                    from (
                        select digest
                        from memreg.identity_keys
                        where identity_keys.tenant = %(tenant)s and identity_keys.memory_id = since.id
                        offset 0
                    ) as own
                    where own.digest = any(%(digests)s::bytea[])
                )
        ),
        'what it was decided by'
    )

-- key_holders --
-- The memories, live and deleted, that hold one of the keys.
select
    keys.key, keys.digest, keys.strong, keys.released_at is not null as released,
    held.id, held.class, held.version, held.payload, held.originals, held.is_deleted, held.unresolved, held.revision,
    held.change, held.created_at, held.updated_at, held.last_seen_at, held.said_version, held.pinned, held.merged_into,
    held.void_revisions, held.candidate_keys,
    (
        select coalesce(jsonb_agg(jsonb_build_array(own.class, own.key, encode(own.digest, 'hex'), own.strong)), '[]')
        from memreg.identity_keys as own
        where own.tenant = %(tenant)s and own.memory_id = held.id and own.released_at is null
    ) as held_keys,
    case when held.version <> %(version)s and held.said_version is not null then
        memreg.said(%(tenant)s, held.id, held.revision)
    end as said,
    case when held.revision > 1 then memreg.earlier_revisions(%(tenant)s, held.id, held.revision, held.void_revisions) end as earlier
from unnest(%(classes)s::text[], %(names)s::text[], %(digests)s::bytea[]) as wanted (class, key, digest)
cross join lateral (
    select key, digest, strong, released_at, memory_id
    from memreg.identity_keys
    where identity_keys.tenant = %(tenant)s
        and identity_keys.schema = %(schema)s
        and identity_keys.class = wanted.class
        and identity_keys.key = wanted.key
        and identity_keys.digest = wanted.digest
    order by released_at nulls first
    limit %(limit)s
) as keys
cross join lateral (
    -- "offset 0" keeps the order of the joins: keys first, then each memory by its primary key.
    select *
    from memreg.memories
    where memories.tenant = %(tenant)s and memories.id = keys.memory_id
    offset 0
) as held

-- candidates --
-- The live memories kept under most of each proposal's keys, best first, and which of the proposals each is for; a key says the less the more memories are under it.
with listed as materialized (
    select asked.nth, found.id, found.place
    from jsonb_to_recordset(%(asked)s) as asked (nth integer, keys bigint[], weights double precision[])
    cross join lateral (
        with held as materialized (
            -- A key's newest memories only, so that no key makes more work than another, however many share it: what went
            -- before them may still be in the index, and would be read through.
            select
                probe.key, near.ids, cardinality(near.ids) = %(postings)s as is_cut,
                probe.weight / sqrt(cardinality(near.ids)) as worth
            from unnest(asked.keys, asked.weights) as probe (key, weight)
            cross join lateral (
                select array_agg(memory_id) as ids
                from (
                    select memory_id
                    from memreg.candidate_keys
                    where candidate_keys.tenant = %(tenant)s and candidate_keys.key = probe.key
                    order by memory_id desc
                    limit %(postings)s
                ) as newest
            ) as near
            where near.ids is not null
        ),
        common as materialized (
            select key, worth from held where is_cut
        ),
        shortlist as (
            select holder.id, sum(held.worth) filter (where not held.is_cut) as worth
            from held
            cross join lateral unnest(held.ids) as holder (id)
            -- The newest of a common key are of use only where the others find nobody.
            where not held.is_cut
                or (select coalesce(sum(cardinality(ids)), 0) from held where not is_cut) < %(shortlist)s
            group by holder.id
            order by sum(held.worth) desc, holder.id desc
            limit %(shortlist)s
        )
        select
            near.id,
            row_number() over (
                order by coalesce(shortlist.worth, 0) + coalesce(near.common, 0) desc, near.id desc
            ) as place
        from shortlist
        cross join lateral (
            -- "offset 0" keeps the order of the joins: keys first, then each memory by its primary key.
            select
                id, schema, is_deleted, unresolved,
                -- What was cut off at a common key, the memory itself knows.
                (select sum(common.worth) from common where common.key = any(memories.candidate_keys)) as common
            from memreg.memories
            where memories.tenant = %(tenant)s and memories.id = shortlist.id
            offset 0
        ) as near
        where near.schema = %(schema)s and not near.is_deleted and not near.unresolved
        order by place
        limit %(limit)s
    ) as found
),
found as (
    select near.*, wanted.nths, wanted.place
    from (select id, array_agg(nth) as nths, min(place) as place from listed group by id) as wanted
    cross join lateral (
        select *
        from memreg.memories
        where memories.tenant = %(tenant)s and memories.id = wanted.id
        offset 0
    ) as near
)
select
    nths, id, class, version, payload, originals, is_deleted, unresolved, revision, change, created_at, updated_at,
    last_seen_at, said_version, pinned, merged_into, void_revisions,
    -- One of the first is what it will be about, so nearly always these are known without asking again.
    case when place <= %(likely)s then candidate_keys end as candidate_keys,
    case when place <= %(likely)s then (
        select coalesce(jsonb_agg(jsonb_build_array(own.class, own.key, encode(own.digest, 'hex'), own.strong)), '[]')
        from memreg.identity_keys as own
        where own.tenant = %(tenant)s and own.memory_id = found.id and own.released_at is null
    ) end as held_keys,
    case when version <> %(version)s and said_version is not null then memreg.said(%(tenant)s, id, revision) end as said,
    case when revision > 1 then memreg.earlier_revisions(%(tenant)s, id, revision, void_revisions) end as earlier
from found
order by place, id desc

-- changed_since --
-- The memories of a class that were written to after a count of writes.
select
    id, class, version, payload, originals, is_deleted, unresolved, revision, change, created_at, updated_at,
    last_seen_at, candidate_keys, said_version, pinned, merged_into, void_revisions,
    (
        select coalesce(jsonb_agg(jsonb_build_array(own.class, own.key, encode(own.digest, 'hex'), own.strong)), '[]')
        from memreg.identity_keys as own
        where own.tenant = %(tenant)s and own.memory_id = memories.id and own.released_at is null
    ) as held_keys,
    case when version <> %(version)s and said_version is not null then memreg.said(tenant, id, revision) end as said,
    case when revision > 1 then memreg.earlier_revisions(tenant, id, revision, void_revisions) end as earlier
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s and change > %(change)s
order by change

-- keys_of --
-- The keys that memories hold.
select held.*
from unnest(%(ids)s::uuid[]) as asked (id)
cross join lateral (
    select memory_id, class, key, digest, strong
    from memreg.identity_keys
    where identity_keys.tenant = %(tenant)s and identity_keys.memory_id = asked.id and released_at is null
) as held
