"""Whose SQL a text is, by words that only one vendor writes."""

from __future__ import annotations

import re

_SIGNS: tuple[tuple[str, str], ...] = (
    ("mysql", r"ENGINE\s*=|AUTO_INCREMENT|`\w+`\s+(?:var)?char\b|UNSIGNED\b|CHARSET\s*=|TINYINT\(1\)"),
    ("tsql", r"\[\w+\]\s*\.?\s*\[|NVARCHAR|IDENTITY\s*\(\s*\d+\s*,|^\s*GO\s*$|DATETIME2|UNIQUEIDENTIFIER|sp_adde"),
    ("oracle", r"VARCHAR2|NUMBER\s*\(\d+\s*(?:,\s*\d+)?\)\s|SYSDATE|SYSTIMESTAMP|TABLESPACE|\bCLOB\b|^/\s*$|SYS_GUID"),
    ("snowflake", r"TIMESTAMP_[NLT]TZ|VARIANT|AUTOINCREMENT\s+START|CLUSTER\s+BY\s*\(|TRANSIENT|NUMBER\(38|WAREHOUSE"),
    ("bigquery", r"\bINT64\b|\bFLOAT64\b|OPTIONS\s*\(|ARRAY<|STRUCT<|\bSTRING\b\s*(?:NOT|,|\))|NOT\s+ENFORCED"),
    ("duckdb", r"STRUCT\s*\(|\bHUGEINT\b|MAP\s*\(|VARCHAR\[\]|ENUM\s*\(.*\)\s*;|UTINYINT|USMALLINT|UINTEGER"),
    ("sqlite", r"INTEGER\s+PRIMARY\s+KEY|AUTOINCREMENT\b|PRAGMA|WITHOUT\s+ROWID|\)\s*STRICT\b|datetime\('now'"),
    ("postgres", r"\w+serial\b|jsonb|timestamptz|::\w|\btext\[\]|citext|plpgsql|WITH\s+TIME\s+ZONE|OWNER\s+TO|bytea"),
)


def guess_dialect(text: str | bytes) -> str:
    """The dialect most of whose own words are in the text; postgres where none are."""
    if isinstance(text, bytes):
        utf16 = text.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = text.decode("utf-16" if utf16 else "utf-8", "replace")
    flags = re.IGNORECASE | re.MULTILINE
    counts = {dialect: len(set(map(str.upper, re.findall(pattern, text, flags)))) for dialect, pattern in _SIGNS}
    best = max(counts, key=lambda dialect: counts[dialect])
    return best if counts[best] else "postgres"
