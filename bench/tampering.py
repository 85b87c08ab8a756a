"""Attempts to tamper with the audit, read from `tampering.yaml`; one for each column of an entry is made here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

Who = Literal["application", "superuser"]
Way = Literal["edit", "delete", "reorder", "insert", "truncate"]
HERE = Path(__file__).resolve().parent
HELPERS = (HERE / "tampering.sql").read_text("utf-8")
"""What a superuser who knows memreg makes digests and seals anew with."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to tamper, to be tried `times` times with other entries. `around`: with the triggers out of force."""

    who: Who
    way: Way
    what: str
    sql: tuple[str, ...]
    around: bool = False
    times: int = 1


COLUMNS = (
    ("action", "case action when 'CREATE' then 'UPDATE' else 'CREATE' end"), ("basis", "'score'"), ("score", "0.1234"),
    ("memory_id", "gen_random_uuid()"), ("revision", "coalesce(revision, 0) + 1"), ("class", "class || 's'"),
    ("schema", "'other'"), ("version", "version + 1"), ("ordinal", "ordinal + 1"), ("operation", "'delete'"),
    ("unresolved", "not unresolved"), ("thresholds", "'{}'"), ("snapshot", "snapshot + 1"),
    ("annotation", "annotation + 1"), ("extractor", "'nobody'"), ("model", "'m'"), ("prompt_hash", "'h'"),
    ("tokens_in", "coalesce(tokens_in, 0) + 1"), ("tokens_out", "7"), ("attempts", "coalesce(attempts, 0) + 1"),
    ("latency_ms", "coalesce(latency_ms, 0) + 0.5"), ("took_ms", "coalesce(took_ms, 0) + 1e-9"), ("actor", "'nobody'"),
    ("undoes", "gen_random_uuid()"), ("candidates", "candidates || '[{}]'"),
    ("created_at", "created_at + interval '1 microsecond'"), ("written_at", "written_at - interval '1 microsecond'"),
    ("values_digest", "sha256('')"), ("digest", "sha256('')"), ("message_id", "message_id || 'x'"),
)  # fmt: skip
VALUES = (
    ("proposal", "proposal || '{\"confidence\": 1}'"), ("evidence", "coalesce(evidence, '') || ' '"),
    ("before", "'{}'"), ("after", "coalesce(after, '{}') || '{\"revision\": 99}'"), ("reasons", "reasons || '[\"\"]'"),
    ("details", "details || '{\"mode\": \"shadow\"}'"), ("salt", "salt || '\\x00'"),
)  # fmt: skip
"""Columns of `audit_log` and of `audit_values`, each with another value than it has."""


def attempts() -> list[Attempt]:
    """All of them: 100 by the application's role, 100 by a superuser."""
    found = [_read(each) for each in yaml.safe_load((HERE / "tampering.yaml").read_text("utf-8"))]
    whoever: tuple[tuple[Who, int], ...] = (("application", 8), ("superuser", len(COLUMNS)))
    for who, columns in whoever:
        log = [("audit_log", "id", name, to) for name, to in COLUMNS[:columns]]
        values = [("audit_values", "audit_id", name, to) for name, to in VALUES]
        found += [_edit(who, *each) for each in (*log, *values)]
    return found


def _read(each: dict[str, Any]) -> Attempt:
    return Attempt(**{**each, "sql": tuple(each["sql"])})


def _edit(who: Who, table: str, key: str, column: str, to: str) -> Attempt:
    sql = f"update memreg.{table} set {column} = {to} where tenant = %(tenant)s and {key} = %(entry)s"
    return Attempt(who, "edit", f"{column} in {table}", (sql,), around=who == "superuser")
