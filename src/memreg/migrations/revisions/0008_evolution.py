"""Schemas that evolve: what a version is based on, how a memory was said, and backfills in stages."""

from __future__ import annotations

from memreg.migrations.apply import apply_file

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    apply_file("0008_evolution.sql")
