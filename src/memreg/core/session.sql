-- begin --
-- Begin a transaction in which each statement sees what has committed before it: what is re-read under a lock must be so.
begin isolation level read committed;

-- name_tenant --
-- Name the tenant and the time limit of the statements, read by indexes whatever the statistics say, and compile nothing: where only a table scan is left, its forbidden cost would call the compiler up to PostgreSQL 17.
select
    set_config('memreg.tenant', %(tenant)s, true),
    set_config('enable_seqscan', 'off', true),
    set_config('jit', 'off', true),
    set_config('statement_timeout', %(statement_timeout)s, true);

-- configure_session --
-- Give times in UTC.
select set_config('TimeZone', 'UTC', false);
