-- begin --
-- Begin a transaction in which each statement sees what has committed before it: what is re-read under a lock must be so.
begin isolation level read committed;

-- commit --
-- End a transaction, and keep what it did.
commit;

-- be_tenant --
-- From here to the end of the transaction be the role that owns nothing, so that policies bind whoever logged in, and name the tenant that they let through. The rest as below, a plan is made once (to plan anew for each value would take as long as to run it), and who says nothing for a minute is gone, so that nobody waits for the locks of a client that vanished.
select
    set_config('role', 'memreg_app', true),
    set_config('memreg.tenant', %(tenant)s, true),
    set_config('TimeZone', 'UTC', true),
    set_config('enable_seqscan', 'off', true),
    set_config('enable_bitmapscan', 'off', true),
    set_config('jit', 'off', true),
    set_config('plan_cache_mode', 'force_generic_plan', true),
    set_config('idle_in_transaction_session_timeout', '60s', true),
    set_config('statement_timeout', %(statement_timeout)s, true);

-- be_login --
-- Name no tenant, the zone of times and the time limit of the statements, read by indexes whatever the statistics say, and compile nothing: where only a table scan is left, its forbidden cost would call the compiler up to PostgreSQL 17.
select
    set_config('memreg.tenant', '', true),
    set_config('TimeZone', 'UTC', true),
    set_config('enable_seqscan', 'off', true),
    set_config('enable_bitmapscan', 'off', true),
    set_config('jit', 'off', true),
    set_config('statement_timeout', %(statement_timeout)s, true);

-- leave_tenant --
-- In a transaction that was of a tenant, be the login again.
select set_config('role', 'none', true);

-- server_process --
-- Who answers: behind a pooler it is another process than the one that the connection was told of.
select pg_backend_pid() as pid

-- names_of_prepared --
-- What the server calls this statement, where it was prepared.
select name from pg_prepared_statements where statement = current_query()
