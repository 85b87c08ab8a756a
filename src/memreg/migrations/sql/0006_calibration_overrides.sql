-- A person may shift the scores of a class, hold its calibration fast or have it learned again: a snapshot of its own
-- that says who did and why.
alter table memreg.calibrations add column set_by text, add column reason text;

comment on column memreg.calibrations.set_by is 'the person who asked for this snapshot; null where it came by schedule';
comment on column memreg.calibrations.reason is 'why that person did';
