"""Apart: a search tells whose it is, so that it looks into one shard where the tables are divided by tenant."""

from __future__ import annotations

from memreg.migrations.apply import apply_file

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    apply_file("0017_apart.sql")
