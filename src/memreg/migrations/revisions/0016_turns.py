"""Turns: each tenant has its share of the queue, however many messages another leaves to it."""

from __future__ import annotations

from memreg.migrations.apply import apply_file

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    apply_file("0016_turns.sql")
