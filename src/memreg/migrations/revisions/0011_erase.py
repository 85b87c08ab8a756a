"""Erasing for good: what takes values away where nothing else may, and what finds texts that quote them."""

from __future__ import annotations

from memreg.migrations.apply import apply_file

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    apply_file("0011_erase.sql")
