"""One SQL view per class, with real column types, kept in step with the schema version in force."""
