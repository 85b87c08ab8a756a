"""Names of views and of their columns: snake case, no longer than Postgres keeps, each once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from memreg.registry.models import ClassSpec, SchemaSpec
from memreg.registry.names import SQL_RESERVED, snake_case

LENGTH_LIMIT = 63
"""The bytes of a name that Postgres keeps."""

OWN = ("id", "tenant", "created_at", "updated_at", "last_seen_at", "revision", "version", "unresolved")
"""The columns that every view has, whatever its class."""

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)


def in_sql(name: str) -> str:
    """A name as a query writes it: in double quotes where it has to be."""
    if _PLAIN.fullmatch(name) and name not in SQL_RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def view_names(spec: SchemaSpec) -> Mapping[str, str]:
    """The view of each class: its name in snake case.

    Where two classes would meet, or the name would be longer than Postgres keeps, the later one is called by its name
    in small letters, or gets a number.
    """
    return _names([each.name for each in spec.classes], ())


def column_names(spec: ClassSpec) -> Mapping[str, str]:
    """The view's column of each column of a class: its name in snake case, with `_` behind where every view has it."""
    return _names([each.name for each in spec.columns], OWN)


def _names(names: Sequence[str], taken: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    used = set(taken)
    # Names that are in small letters already keep them, whoever comes first.
    ordered = sorted(names, key=lambda name: name != name.lower())
    for name in ordered:
        found[name] = next(each for each in _choices(name) if each not in used)
        used.add(found[name])
    return {name: found[name] for name in names}


def _choices(name: str) -> Iterable[str]:
    for wish in (snake_case(name), name.lower(), f"{name.lower()}_"):
        if len(wish) <= LENGTH_LIMIT:
            yield wish
    for number in range(2, 10_000):
        end = f"_{number}"
        yield name.lower()[: LENGTH_LIMIT - len(end)] + end
