"""The reference of schema files names every key, and tells every cast in its own words."""

from __future__ import annotations

import pytest

from memreg.registry.casts import CASTS
from memreg.registry.parse import CLASS_KEYS, SCHEMA_KEYS
from memreg.registry.parse_column import KEYS as COLUMN_KEYS
from memreg.registry.parse_source import KEYS as SOURCE_KEYS
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "reference" / "schema-file.md").read_text("utf-8")


@pytest.mark.parametrize("key", sorted({*SCHEMA_KEYS, *CLASS_KEYS, *COLUMN_KEYS, *SOURCE_KEYS}))
def test_every_key_is_told(key: str) -> None:
    assert f"\n| `{key}` |" in PAGE


@pytest.mark.parametrize("name", CASTS)
def test_every_cast_is_told(name: str) -> None:
    table = PAGE.split("### casts")[1]
    row = next((line for line in table.splitlines() if line.startswith(f"| `{name}` |")), "")
    assert row.endswith(f"| {CASTS[name].help} |")
