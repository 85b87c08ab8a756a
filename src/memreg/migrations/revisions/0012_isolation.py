"""Isolation: policies on every tenant table, for a role that owns nothing; what that role and an operator may do."""

from __future__ import annotations

from memreg.migrations import runner
from memreg.migrations.apply import apply_file

revision = "0012"
down_revision = max(number for number in runner.revisions() if number < revision)


def upgrade() -> None:
    apply_file("0012_isolation.sql")
