"""The named queries of the operations."""

from __future__ import annotations

from memreg.core.queries import Queries

SQL = Queries.load("memreg.operations")
EVERY = "*"
