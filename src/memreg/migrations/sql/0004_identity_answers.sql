-- The decisions that identity keys answered, newest first, for the observed precision of keys. An operator's question
-- over every tenant, so that the tenant comes last; a question about one reads it from the index and no row of another.
create index audit_log_identity on memreg.audit_log (schema, class, version, id, tenant)
    where basis in ('identity', 'identity_conflict');
