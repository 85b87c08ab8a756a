"""pgbouncer before a test's database; what needs it is skipped where it is not installed."""

from __future__ import annotations

import pytest

from bench.pooler import NOT_INSTALLED, pooler, program

__all__ = ["needs_pgbouncer", "pooler"]

needs_pgbouncer = pytest.mark.skipif(program() is None, reason=NOT_INSTALLED)
