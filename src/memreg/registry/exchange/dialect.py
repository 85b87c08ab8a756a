"""Whose SQL a text is, by words that only one vendor writes."""

from __future__ import annotations

import re

_SIGNS: dict[str, tuple[str, ...]] = {
    "mysql": (r"ENGINE\s*=", r"AUTO_INCREMENT", r"`\w+`\s+(?:var)?char\b", r"\bUNSIGNED\b", r"CHARSET\s*=",
              r"TINYINT\(1\)", r"\bMEDIUMINT\b", r"^DELIMITER\b"),
    "tsql": (r"\[\w+\]\s*\.?\s*\[", r"\bNVARCHAR\b", r"IDENTITY\s*\(\s*\d+\s*,", r"^\s*GO\s*$", r"DATETIME2",
             r"UNIQUEIDENTIFIER", r"sp_addextendedproperty"),
    "oracle": (r"VARCHAR2", r"\bNUMBER\s*\(\d+\s*(?:,\s*\d+)?\)\s", r"SYSDATE\b(?!\()", r"SYSTIMESTAMP", r"TABLESPACE",
               r"\bCLOB\b", r"^/\s*$", r"SYS_GUID"),
    "snowflake": (r"TIMESTAMP_[NLT]TZ", r"\bVARIANT\b", r"AUTOINCREMENT\s+START|IDENTITY\s+START", r"\bTRANSIENT\b",
                  r"\bNUMBER\s*\(", r"\bWAREHOUSE\b|USE\s+ROLE", r"MASKING\s+POLICY", r"DATA_RETENTION", r"\bRELY\b"),
    "bigquery": (r"\bINT64\b", r"\bFLOAT64\b", r"OPTIONS\s*\(", r"ARRAY<", r"STRUCT<", r"\bBIGNUMERIC\b",
                 r"\bSTRING\b\s*(?:NOT|,|\))", r"NOT\s+ENFORCED"),
    "duckdb": (r"STRUCT\s*\(", r"\bHUGEINT\b", r"MAP\s*\(", r"VARCHAR\[\]", r"\bENUM\s*\(.*\)\s*(?:,|\[\])$",
               r"UTINYINT", r"USMALLINT|UINTEGER", r"^INSTALL\b|^ATTACH\b.*\.duckdb", r"TIMESTAMP_S\b"),
    "sqlite": (r"INTEGER\s+PRIMARY\s+KEY", r"\bAUTOINCREMENT\b(?!\s+START)", r"\bPRAGMA\b", r"WITHOUT\s+ROWID",
               r"\)\s*STRICT\b", r"datetime\('now'", r"COLLATE\s+NOCASE"),
    "postgres": (r"\b(?:big|small)?serial\b", r"\bjsonb\b", r"timestamptz", r"::\s*\w", r"\btext\[\]", r"citext",
                 r"plpgsql", r"WITH\s+TIME\s+ZONE", r"OWNER\s+TO", r"\bbytea\b", r"AS\s+ENUM\s*\("),
}  # fmt: skip


def guess_dialect(text: str | bytes) -> str:
    """The dialect of which most signs are in the text; postgres where there are none."""
    if isinstance(text, bytes):
        utf16 = text.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = text.decode("utf-16" if utf16 else "utf-8", "replace")
    flags = re.IGNORECASE | re.MULTILINE
    counts = {name: sum(bool(re.search(sign, text, flags)) for sign in signs) for name, signs in _SIGNS.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else "postgres"
