"""What a person does to a running registry: kill switch, resolve, review, backfill."""
