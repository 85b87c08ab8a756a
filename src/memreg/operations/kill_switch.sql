-- one_switch --
-- One switch, as it was last set.
select tenant, schema, class, is_on, reason, set_by, set_at, evidence, audit_id, reset_at
from memreg.kill_switches
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s
for update

-- set_switch --
-- A person turns a switch on or off: whom, when, why. Off, it keeps what it had tripped by, and counts anew from then.
insert into memreg.kill_switches as switch (tenant, schema, class, is_on, reason, set_by, set_at, audit_id, reset_at)
values (
    %(tenant)s, %(schema)s, %(class_name)s, %(is_on)s, %(reason)s, %(by)s, %(now)s, %(audit_id)s,
    case when not %(is_on)s then %(now)s::timestamptz end
)
on conflict (tenant, schema, class) do update
set is_on = excluded.is_on, reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at,
    audit_id = excluded.audit_id, reset_at = coalesce(excluded.reset_at, switch.reset_at),
    evidence = case when excluded.is_on then null else switch.evidence end

-- switches_of --
-- The switches that have a say in a tenant, schema and class ('*' is every one), the widest first.
select tenant, schema, class, is_on, reason, set_by, set_at, evidence, audit_id, reset_at
from memreg.kill_switches
where (%(tenant)s = '*' or tenant in (%(tenant)s, '*'))
    and (%(schema)s = '*' or schema in (%(schema)s, '*'))
    and (%(class_name)s = '*' or class in (%(class_name)s, '*'))
order by (tenant = '*') desc, (schema = '*') desc, (class = '*') desc, tenant, schema, class
