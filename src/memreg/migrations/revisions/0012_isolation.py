"""Isolation: policies on every tenant table, for a role that owns nothing; what that role and an operator may do."""

from __future__ import annotations

from memreg.migrations.apply import apply_file

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    apply_file("0012_isolation.sql")
