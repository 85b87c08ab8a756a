"""The named queries of the operations."""

from __future__ import annotations

from memreg.core.queries import Queries

FILES = ("held_back.sql", "identity_answers.sql", "inbox.sql", "usage.sql", "server.sql")
SQL = Queries.load("memreg.operations", *FILES)
EVERY = "*"
