-- The keys that candidates are looked up by: one row a key and live memory, read through its primary key alone.

alter table memreg.memories add column candidate_keys bigint[] not null default '{}';

comment on column memreg.memories.candidate_keys is
    'the keys that stand for this memory in candidate_keys; none while it is deleted or unresolved';

-- A lookup reads the index only where a vacuum has been: it comes after a twentieth of new rows, not after a fifth.
create table memreg.candidate_keys (
    tenant    text not null,
    key       bigint not null,
    memory_id uuid not null,
    primary key (tenant, key, memory_id)
) with (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_scale_factor = 0.05);

comment on column memreg.candidate_keys.key is
    'the first 8 bytes of the SHA-256 of schema, class and a token, shape, code, value or pair';

-- Memories of before are found by their words, as they were until now; the other keys come with their next write.
update memreg.memories
set candidate_keys = array(
    select
        ('x' || encode(substring(sha256(
            convert_to(schema, 'UTF8') || '\x00' || convert_to(class, 'UTF8') || '\x00' || convert_to('t' || lexeme, 'UTF8')
        ) from 1 for 8), 'hex'))::bit(64)::bigint
    from unnest(search)
    where not starts_with(lexeme, '=')
    order by weights[1], length(lexeme) + case when lexeme ~ '[0-9]' then 4 else 0 end desc, lexeme
    limit 24
)
where not is_deleted and not unresolved;

insert into memreg.candidate_keys (tenant, key, memory_id)
select tenant, unnest(candidate_keys), id
from memreg.memories;
