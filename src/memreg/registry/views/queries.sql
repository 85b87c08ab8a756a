-- server_version --
-- The server's version as a number, 150004 for 15.4.
select current_setting('server_version_num')::integer as number, current_user as me

-- marked_views --
-- Every view whose comment says that it is ours, with its columns, options, owner, and who may do what with it.
select n.nspname as place, c.relname as name, obj_description(c.oid, 'pg_class') as comment,
    pg_get_userbyid(c.relowner) as owner, coalesce(c.reloptions, '{}') as options,
    array(
        select a.attname::text from pg_catalog.pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum
    ) as columns,
    array(
        select format_type(a.atttypid, a.atttypmod) from pg_catalog.pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum
    ) as types,
    coalesce((
        select jsonb_agg(jsonb_build_array(
            case when g.grantee = 0 then null else pg_get_userbyid(g.grantee) end, g.privilege_type, g.is_grantable, g.col
        ))
        from (
            select acl.grantee, acl.privilege_type, acl.is_grantable, null::text as col
            from aclexplode(c.relacl) acl
            union all
            select acl.grantee, acl.privilege_type, acl.is_grantable, a.attname::text
            from pg_catalog.pg_attribute a, aclexplode(a.attacl) acl
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        ) g
        where g.grantee <> c.relowner
    ), '[]') as grants
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'v' and obj_description(c.oid, 'pg_class') like %(marker)s
order by n.nspname, c.relname

-- places --
-- The schemas of Postgres of the given names, with their comments.
select nspname as place, obj_description(oid, 'pg_namespace') as comment from pg_catalog.pg_namespace
where nspname = any(%(places)s)

-- relations_in --
-- What there is in a schema of Postgres: tables, views, sequences and types, by name.
select relname as name, obj_description(c.oid, 'pg_class') as comment
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = %(place)s
order by relname

-- attempt --
-- Runs statements that all succeed or leave nothing; gives what went wrong (state, message, detail), else null.
select memreg.attempt(%(statements)s, %(patience)s) as problem
