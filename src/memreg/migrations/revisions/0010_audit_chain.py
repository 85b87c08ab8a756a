"""The audit as a chain: digests made by the database, seals over them, months apart, and nothing ever changed."""

from __future__ import annotations

from memreg.migrations.apply import apply_file

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    apply_file("0010_audit_chain.sql")
