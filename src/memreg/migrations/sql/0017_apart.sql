-- Apart: a search looks into the shard of its tenant alone, where the tables are divided by tenant.

drop function memreg.search_memories(text, tsquery, tsquery, integer);

-- As before, of a tenant that is told, so that whoever divides the tables knows where to send it; of another than the
-- transaction's it finds nothing.
create function memreg.search_memories(
    of_tenant text, of_schema text, query tsquery, ranking tsquery, at_most integer
)
returns table (id uuid, rank real)
language sql stable security definer rows 100
set search_path = pg_catalog, pg_temp
set enable_bitmapscan = on
as $$
    select near.id, ts_rank('{0.1, 0.33, 0.66, 1.0}', near.search, ranking) as rank
    from (
        -- "offset 0" keeps the search before the rest: by its index alone. So does the collation, by which texts are
        -- equal as by every other, and for which no index is there that begins with the tenant.
        select memories.schema, memories.id, memories.search
        from memreg.memories
        where memories.tenant = of_tenant collate "C"
            and memories.search @@ query and not memories.is_deleted and not memories.unresolved
        offset 0
    ) as near
    where near.schema = of_schema and of_tenant = current_setting('memreg.tenant', true)
    order by rank desc, near.id
    limit at_most
$$;

comment on function memreg.search_memories is
    'the live memories of the transaction''s tenant that a query finds, best rank first';

revoke execute on function memreg.search_memories(text, text, tsquery, tsquery, integer) from public;
grant execute on function memreg.search_memories(text, text, tsquery, tsquery, integer) to memreg_app, memreg_operator;
