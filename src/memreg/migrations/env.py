"""Alembic's environment: online only, on the connection that the runner opened, each revision in its transaction."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="alembic_version",
    version_table_schema="memreg",
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
