-- try_demo_lock --
-- One demonstration at a time in a database; held until its connection ends.
select pg_try_advisory_lock(7883941022374259) as held

-- mark_of_tables --
-- What is written on the schema of memreg's tables; no row where there is none.
select obj_description(oid, 'pg_namespace') as mark
from pg_namespace
where nspname = 'memreg'

-- drop_tables --
-- Away with the demonstration before this one.
drop schema if exists memreg cascade

-- make_tables --
-- Where the tables of the demonstration go.
create schema memreg

-- mark_tables --
-- What tells them from anybody's memories.
comment on schema memreg is 'memreg demo'
