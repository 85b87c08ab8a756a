"""The queries of `explain`."""

from __future__ import annotations

from memreg.core.queries import Queries

SQL = Queries.load("memreg.engine", "explain.sql")
