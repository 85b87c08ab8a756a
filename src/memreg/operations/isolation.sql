-- role_facts --
-- The two roles, as far as they are there: what else they may, what they own here, and which roles they are members of.
select
    rolname as name, rolsuper or rolbypassrls as is_unbound, rolcanlogin as can_login,
    (select nspowner::regrole::text from pg_namespace where nspname = 'memreg') as owner,
    (
        select count(*) from pg_class
        where relnamespace = 'memreg'::regnamespace and relowner = pg_roles.oid
    ) as owned,
    array(
        select granted.rolname::text from pg_auth_members
        join pg_roles as granted on granted.oid = roleid
        where member = pg_roles.oid
        order by 1
    ) as member_of
from pg_roles
where rolname in ('memreg_app', 'memreg_operator')

-- login_facts --
-- The login: whether it may be a tenant's role, and what lets it work across tenants.
select
    session_user::text as name,
    pg_has_role(
        session_user, 'memreg_app',
        case when current_setting('server_version_num')::integer >= 160000 then 'SET' else 'MEMBER' end
    ) as may_be_app,
    pg_has_role(session_user, 'memreg_operator', 'USAGE') as is_operator,
    pg_has_role(session_user, (
        select relowner from pg_class where relnamespace = 'memreg'::regnamespace and relname = 'memories'
    ), 'USAGE') as is_owner

-- table_facts --
-- Every table: whether it has a tenant, what guards it, and what the two roles may do with it.
select
    relname as name, relispartition as is_partition, relrowsecurity as is_secured,
    exists (
        select from pg_attribute where attrelid = pg_class.oid and attname = 'tenant' and not attisdropped
    ) as has_tenant,
    coalesce((
        select jsonb_object_agg(polname, jsonb_build_array(
            array(select case role when 0 then 'public' else pg_get_userbyid(role) end from unnest(polroles) as role),
            polpermissive,
            polcmd,
            pg_get_expr(polqual, polrelid),
            pg_get_expr(polwithcheck, polrelid)
        ))
        from pg_policy
        where polrelid = pg_class.oid
    ), '{}') as policies,
    array(
        select privilege from unnest(%(privileges)s::text[]) as privilege
        where has_table_privilege('memreg_app', pg_class.oid, privilege)
    ) as app,
    array(
        select privilege from unnest(%(privileges)s::text[]) as privilege
        where has_table_privilege('memreg_operator', pg_class.oid, privilege)
    ) as operator
from pg_class
where relnamespace = 'memreg'::regnamespace and relkind in ('r', 'p')
order by relname

-- function_facts --
-- The functions that run as their owner, and who may call them.
select
    proname as name, oid::regprocedure::text as signature,
    has_function_privilege('public', oid, 'execute') as is_open,
    has_function_privilege('memreg_app', oid, 'execute') as app,
    has_function_privilege('memreg_operator', oid, 'execute') as operator
from pg_proc
where pronamespace = 'memreg'::regnamespace and prosecdef and prorettype <> 'trigger'::regtype
order by signature

-- server_surroundings --
-- What time the server has, and how much the database takes.
select
    clock_timestamp() as at, pg_database_size(current_database()) as bytes,
    age(datfrozenxid) as transactions,
    current_setting('autovacuum_freeze_max_age')::bigint as freeze_age
from pg_database
where datname = current_database()
