"""The registry, the memories, the audit and what lookups need."""

from __future__ import annotations

from memreg.migrations.apply import apply_file

revision = "0001"
down_revision = None


def upgrade() -> None:
    apply_file("0001_spine.sql")
