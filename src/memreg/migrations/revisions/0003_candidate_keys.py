"""The keys that candidates are looked up by."""

from __future__ import annotations

from memreg.migrations.apply import apply_file

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    apply_file("0003_candidate_keys.sql")
