-- sample_rows --
-- The newest memories of some classes of a tenant on each version of a schema up to one, the newest version first.
select versions.version, wanted.class, newest.payload
from memreg.schema_versions as versions
cross join unnest(%(classes)s::text[]) as wanted (class)
cross join lateral (
    select memories.id, memories.payload
    from memreg.memories
    where memories.tenant = %(tenant)s
        and memories.schema = %(schema)s
        and memories.version = versions.version
        and memories.class = wanted.class
        and not memories.is_deleted
    order by memories.id desc
    limit %(limit)s
) as newest
where versions.schema = %(schema)s and (%(version)s::integer is null or versions.version <= %(version)s::integer)
order by versions.version desc, wanted.class, newest.id desc

-- example_rows --
-- The newest memories of a class of a tenant, also those that wait to be resolved.
select id, payload, version, unresolved
from memreg.memories
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s and not is_deleted
order by id desc
limit %(limit)s
