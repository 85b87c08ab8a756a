-- rules_of --
-- The rules that have a say in a tenant and schema ('*' is every one), the widest first.
select tenant, schema, class, rule, "limit", minimum, is_on, set_by, set_at
from memreg.kill_switch_rules
where tenant in (%(tenant)s, '*')
    and schema in (%(schema)s, '*')
    and (%(class_name)s::text is null or class in (%(class_name)s, '*'))
order by (tenant = '*') desc, (schema = '*') desc, (class = '*') desc, class, rule

-- set_rule --
-- A rule has other limits from now on, by whom and when.
insert into memreg.kill_switch_rules (tenant, schema, class, rule, "limit", minimum, is_on, set_by, set_at)
values (%(tenant)s, %(schema)s, %(class_name)s, %(rule)s, %(limit)s, %(minimum)s, %(is_on)s, %(by)s, %(now)s)
on conflict (tenant, schema, class, rule) do update
set "limit" = excluded."limit", minimum = excluded.minimum, is_on = excluded.is_on, set_by = excluded.set_by,
    set_at = excluded.set_at

-- switches_over --
-- The switches that have a say in a tenant and schema, with when a person last reset them.
select tenant, schema, class, is_on, reset_at
from memreg.kill_switches
where tenant in (%(tenant)s, '*') and schema in (%(schema)s, '*')

-- trip_switch --
-- A class is switched by what was found; nothing where it is on already, or was reset since that was looked at.
insert into memreg.kill_switches as switch (
    tenant, schema, class, is_on, reason, set_by, set_at, evidence, audit_id
)
values (
    %(tenant)s, %(schema)s, %(class_name)s, true, %(reason)s, 'monitor', %(now)s, %(evidence)s, %(audit_id)s
)
on conflict (tenant, schema, class) do update
set is_on = true, reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at,
    evidence = excluded.evidence, audit_id = excluded.audit_id
where not switch.is_on and switch.reset_at is not distinct from %(reset_at)s::timestamptz
returning class

-- judged_classes --
-- Of some classes, those about whose decisions something was found out that holds.
select wanted.class
from unnest(%(classes)s::text[]) as wanted (class)
where exists (
    select from memreg.judgements
    where judgements.tenant = %(tenant)s
        and judgements.schema = %(schema)s
        and judgements.class = wanted.class
        and judgements.withdrawn_at is null
)

-- held_switches --
-- The switches that auto-approval turned, on or off again, as they are now.
select class, is_on, reason, set_at
from memreg.kill_switches
where tenant = '*' and schema = %(schema)s and set_by = %(by)s
order by class

-- enter_switch --
-- The audit entry of how a switch was last set; off, what came before trips it no more.
update memreg.kill_switches
set audit_id = %(audit_id)s, reset_at = case when is_on then reset_at else set_at end
where tenant = %(tenant)s and schema = %(schema)s and class = %(class_name)s
