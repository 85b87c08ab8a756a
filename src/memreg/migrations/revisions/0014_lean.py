"""Lean: the same memories and audit in fewer bytes on disk."""

from __future__ import annotations

from memreg.migrations.apply import apply_file

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    apply_file("0014_lean.sql")
