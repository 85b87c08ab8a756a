"""An index of the decisions that identity keys answered, for the observed precision of keys."""

from __future__ import annotations

from memreg.migrations.apply import apply_file

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    apply_file("0004_identity_answers.sql")
