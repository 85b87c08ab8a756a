"""What agreement is worth in a class, as a part of each snapshot, and an index of what it is learned from."""

from __future__ import annotations

from memreg.migrations.apply import apply_file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    apply_file("0005_calibrations.sql")
