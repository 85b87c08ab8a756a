-- find_version_table --
-- Whether the database was ever migrated.
select to_regclass('memreg.alembic_version') is not null as exists;

-- read_version --
-- The revision that the database is at.
select version_num as version from memreg.alembic_version;
