-- begin --
-- Begin a transaction.
begin;

-- name_tenant --
-- Name the tenant and the time limit of the statements, and read by indexes whatever the statistics say, in this transaction.
select
    set_config('memreg.tenant', %(tenant)s, true),
    set_config('enable_seqscan', 'off', true),
    set_config('statement_timeout', %(statement_timeout)s, true);

-- configure_session --
-- Give times in UTC.
select set_config('TimeZone', 'UTC', false);
