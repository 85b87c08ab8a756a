"""The job queue's own tables, from the SQL of the installed procrastinate, into our schema."""

from __future__ import annotations

from procrastinate.schema import SchemaManager

from memreg.migrations.apply import apply_file, apply_text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    apply_text("set local search_path to memreg")
    apply_text(SchemaManager.get_schema())
    apply_file("0002_procrastinate.sql")
