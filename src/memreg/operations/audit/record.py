"""An audit entry as it is handed out: one JSON document, or one line of CSV, personal values masked. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from memreg.engine.given import given_told
from memreg.engine.kept import candidates_told
from memreg.operations.masking import mask, mask_snapshot, mask_text
from memreg.registry.models import ClassSpec, SchemaVersion

Record = dict[str, Any]
FORMATS = ("jsonl", "csv")
COLUMNS = (
    "audit_id", "created_at", "written_at", "tenant", "schema", "version", "class", "message_id", "session", "ordinal",
    "operation", "action", "basis", "actor", "memory_id", "revision", "score", "unresolved", "undoes", "annotation",
    "snapshot", "thresholds", "candidates", "extractor", "model", "prompt_hash", "tokens_in", "tokens_out", "attempts",
    "latency_ms", "took_ms", "proposal", "evidence", "before", "after", "reasons", "details", "erased_at", "digest",
    "values_digest",
)  # fmt: skip
"""What a record holds, in the order of the columns of CSV."""
_TOLD_OF_DETAILS = ("mode", "changed", "keys", "why", "ends", "entries", "first_at", "last_at", "left")
"""Details that hold no values of memories."""
_IDS_ALONE = ("keys", "left")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def record_of(row: Mapping[str, Any], version: SchemaVersion | None, *, reveal: bool = False) -> Record:
    """The record of a row of `export_entries`.

    Unless `reveal`, values of columns marked `pii` are masked by what the `version` in use says of the class (where it
    does not know the class, all values are), in the evidence and the reasons too; of the details, only what holds no
    values is handed out.
    """
    row = {**row, "proposal": given_told(row["proposal"])}
    found = {name: _plain(row["id"] if name == "audit_id" else row[name]) for name in COLUMNS}
    found["candidates"] = candidates_told(row["candidates"])
    if reveal:
        return found
    spec = None if version is None else version.spec.by_name.get(row["class"])
    return found | _masked(row, spec)


def _masked(row: Mapping[str, Any], spec: ClassSpec | None) -> Record:
    proposal = row["proposal"] if isinstance(row["proposal"], dict) else {}
    values = proposal.get("values")
    said = [part for part in (values, *_states(row)) if isinstance(part, dict)]

    def hide(told: Any) -> Any:
        """Of an extractor nobody knows where it puts a list or a document instead of a text."""
        if isinstance(told, dict):
            return {name: hide(each) for name, each in told.items()}
        if isinstance(told, list):
            return [hide(each) for each in told]
        return mask_text(told, said, spec) if isinstance(told, str) else told

    if isinstance(values, dict):
        proposal = proposal | {"values": mask(values, spec)}
    elif values is not None or not isinstance(row["proposal"], dict):
        proposal = {}
    details = {name: row["details"][name] for name in _TOLD_OF_DETAILS if name in row["details"]}
    return {
        "proposal": {name: value if name == "values" else hide(value) for name, value in proposal.items()},
        "evidence": hide(row["evidence"]),
        "before": mask_snapshot(row["before"], spec, said) if row["before"] else None,
        "after": mask_snapshot(row["after"], spec, said) if row["after"] else None,
        "reasons": [hide(reason) for reason in row["reasons"]],
        "details": {name: value if name in _IDS_ALONE else hide(value) for name, value in details.items()},
    }


def _states(row: Mapping[str, Any]) -> list[Any]:
    """What the memories that an entry changed said: a text about one may quote another."""
    absorbed = row["details"].get("absorbed")
    changed = [row, *(row["details"].get("others") or ()), *([absorbed] if absorbed else ())]
    states = [each[name] for each in changed for name in ("before", "after") if each[name]]
    return [state.get(part) for state in states for part in ("payload", "originals")]


def as_json(record: Record) -> str:
    """A record as one line of JSON."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def as_csv(record: Record) -> str:
    """A record as one line of CSV (RFC 4180); what is nested is JSON in its cell.

    A text that a spreadsheet would take for a formula is led by an apostrophe.
    """
    return _line([_cell(record[name]) for name in COLUMNS])


def csv_header() -> str:
    """The first line of CSV."""
    return _line(list(COLUMNS))


def _line(cells: list[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n")


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return float(value) if isinstance(value, Decimal) else value
