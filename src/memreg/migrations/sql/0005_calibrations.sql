-- What agreement is worth in a class, learned from its decisions: a part of each snapshot. Snapshots from before have
-- none: what the columns' roles promise counts until the next one.
alter table memreg.calibrations add column model jsonb;

comment on column memreg.calibrations.model is 'the levels of each column among matches, siblings and strangers';

-- The newest decisions of a class, which its calibration is learned from.
create index audit_log_by_class on memreg.audit_log (tenant, schema, class, id);
