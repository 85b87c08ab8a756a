"""The inbox as a queue: the order of arrival, what is being worked on, what is to be tried again, and what it cost."""

from __future__ import annotations

from memreg.migrations.apply import apply_file

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    apply_file("0007_inbox.sql")
