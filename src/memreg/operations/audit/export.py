"""Handing out the audit, page by page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from memreg.core.errors import ArgumentInvalid
from memreg.core.steps import Steps, fetch_rows
from memreg.operations.audit.entries import EntryFilter
from memreg.operations.audit.record import FORMATS, as_csv, as_json, csv_header, record_of
from memreg.operations.audit.seal import SQL
from memreg.registry.models import SchemaVersion

PAGE = 500
"""Entries that are read in one transaction."""


@dataclass
class Export:
    """What is handed out, and how far it is. `write` gets each line without its end. Raises ArgumentInvalid."""

    tenant: str
    schema: str
    wanted: EntryFilter
    format: str
    write: Callable[[str], object]
    reveal: bool = False
    version: SchemaVersion | None = None
    entries: int = 0
    _after: UUID | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ArgumentInvalid(
                name="format", value=repr(self.format)[:60], reason=f"it must be one of {', '.join(FORMATS)}"
            )

    def page(self) -> Steps[bool]:
        """Hand out the next entries; whether there may be more."""
        if self.entries == 0 and self._after is None and self.format == "csv":
            self.write(csv_header())
        asked = {"tenant": self.tenant, "schema": self.schema, "after": self._after, "limit": PAGE}
        rows = yield from fetch_rows(SQL["export_entries"](**asked, **self.wanted.parameters))
        line = as_csv if self.format == "csv" else as_json
        for row in rows:
            self.write(line(record_of(row, self.version, reveal=self.reveal)))
            self._after = row["id"]
        self.entries += len(rows)
        return len(rows) == PAGE
