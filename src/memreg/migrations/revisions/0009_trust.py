"""Trust: acts of persons, answered questions, judged decisions, and the evidence of kill switches."""

from __future__ import annotations

from memreg.migrations.apply import apply_file

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    apply_file("0009_trust.sql")
