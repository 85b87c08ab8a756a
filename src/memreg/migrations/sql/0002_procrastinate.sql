-- procrastinate names its tables without a schema. Its functions look in ours whatever the caller's search_path is, so
-- that a job can be deferred inside one of our transactions.
do $$
declare
    routine regprocedure;
begin
    for routine in
        select oid from pg_proc
        where pronamespace = 'memreg'::regnamespace and proname like 'procrastinate\_%'
    loop
        execute format('alter function %s set search_path to memreg, pg_catalog', routine);
    end loop;
end
$$;
