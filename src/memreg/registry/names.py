"""The rules for names of schemas, classes and columns."""

from __future__ import annotations

import keyword
import re

SCHEMA_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}", re.ASCII)

# PostgreSQL's reserved key words, those that may name a function or type included (its manual, appendix C).
SQL_RESERVED = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate
    collation column concurrently constraint create cross current_catalog current_date current_role
    current_schema current_time current_timestamp current_user default deferrable desc distinct do else end
    except false fetch for foreign freeze from full grant group having ilike in initially inner intersect into
    is isnull join lateral leading left like limit localtime localtimestamp natural not notnull null offset on
    only or order outer overlaps placing primary references returning right select session_user similar some
    symmetric system_user table tablesample then to trailing true union unique user using variadic verbose when
    where window with
    """.split()
)


def schema_name_problem(name: str) -> str | None:
    """Why a schema cannot have the name, and what to write instead; None where it can."""
    if SCHEMA_NAME.fullmatch(name):
        return None
    better = re.sub(r"[^a-z0-9]+", "_", snake_case(name).lower()).strip("_")[:63]
    hint = f", as {better}" if SCHEMA_NAME.fullmatch(better) else ""
    return f"a schema's name is a small letter, then at most 62 small letters, digits and _{hint}"


def class_name_problem(name: str) -> str | None:
    """Why a class cannot have the name, and what to write instead; None where it can.

    Reserved words are refused because classes become names of Python classes and of SQL relations.
    """
    if problem := _name_problem(name, "class"):
        return problem
    if name.lower() in SQL_RESERVED:
        return f"{name!r} is a reserved word of SQL: choose another name, as {name}Record"
    if keyword.iskeyword(name):
        return f"{name!r} is a reserved word of Python: choose another name, as {name}Record"
    return None


def column_name_problem(name: str) -> str | None:
    """Why a column cannot have the name, and what to write instead; None where it can."""
    return _name_problem(name, "column")


def snake_case(name: str) -> str:
    """`PersonalAssistant` as `personal_assistant`."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return parts.lower()


def _name_problem(name: str, noun: str) -> str | None:
    if NAME.fullmatch(name):
        return None
    better = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:63]
    hint = f", as {better}" if NAME.fullmatch(better) else ""
    shown = repr(name if len(name) <= 60 else name[:59] + "…")
    return f"the {noun} {shown} must be named by a letter, then at most 62 letters, digits and _{hint}"
