"""What holds for the tests that need a server: the longest one begins first, so that nobody waits for it at the end."""

from __future__ import annotations

import pytest

_LONG = "test_mixed_load_with_kills_breaks_nothing_and_memory_stays_flat"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the soak, which mostly sleeps, before all that is run beside it."""
    items.sort(key=lambda item: item.name != _LONG)
