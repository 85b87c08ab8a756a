"""Who asked for a snapshot of a class, and why."""

from __future__ import annotations

from memreg.migrations.apply import apply_file

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    apply_file("0006_calibration_overrides.sql")
