"""Fast: what a turn was decided by is looked at again when it is written, so that it locks only then."""

from __future__ import annotations

from memreg.migrations.apply import apply_file

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    apply_file("0013_fast.sql")
