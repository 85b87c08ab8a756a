"""Named SQL: queries live in `.sql` files, each under a line with its name and a line that says what it does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from typing import Any

_HEADER = re.compile(r"^-- (?P<name>[a-z][a-z0-9_]*) --\n-- (?P<description>.+)\n", re.MULTILINE)


def _plain(values: Iterable[Any]) -> str:
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def _quoted(values: Iterable[Any]) -> str:
    escaped = [None if value is None else str(value).replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return "{" + ",".join(["NULL" if value is None else f'"{value}"' for value in escaped]) + "}"


def _hex(values: Iterable[Any]) -> str:
    return "{" + ",".join(["NULL" if value is None else f'"\\\\x{bytes(value).hex()}"' for value in values]) + "}"


# The driver looks at every item of a list to find out what it is, each time; the statement says it already.
_ARRAYS: Mapping[str, Callable[[Iterable[Any]], str]] = {
    "bigint": _plain,
    "integer": _plain,
    "double precision": _plain,
    "uuid": _plain,
    "text": _quoted,
    "bytea": _hex,
}
_PLACEHOLDER = re.compile(r"%(?:%|\((\w+)\)s|)")
_COPY = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*copy\b", re.IGNORECASE | re.DOTALL)
_CAST = re.compile(rf"%\((\w+)\)s::({'|'.join(_ARRAYS)})\[\]")


@dataclass(frozen=True)
class Query:
    """One named statement with psycopg placeholders (`%(name)s`).

    `lists`: how lists are written for parameters that the statement casts to arrays wherever it names them; `data`: the
    statement as a cursor takes it, always the same object, which is how the driver knows it fastest.
    """

    name: str
    description: str
    sql: str
    lists: Mapping[str, Callable[[Iterable[Any]], str]] = field(default_factory=dict, compare=False, repr=False)
    data: bytes = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", self.sql.encode())

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Its parameters in the order of the numbers that they are sent under."""
        return tuple(dict.fromkeys(found[1] for found in _PLACEHOLDER.finditer(self.sql) if found[1]))

    @cached_property
    def copies(self) -> bool:
        """Whether it is COPY, which has no place among statements that are sent together."""
        return _COPY.match(self.sql) is not None

    @cached_property
    def numbered(self) -> bytes:
        """The statement as Postgres takes it, with numbers for parameters; always the same object.

        Raises ValueError for a `%` that is neither doubled nor a placeholder.
        """
        numbers = {name: f"${number}" for number, name in enumerate(self.order, 1)}

        def write(found: re.Match[str]) -> str:
            if found[0] == "%":
                what = found.string[found.start() :][:3]
                raise ValueError(f"{self.name} holds a % that is neither doubled nor a placeholder: {what!r}")
            return numbers[found[1]] if found[1] else "%"

        return _PLACEHOLDER.sub(write, self.sql).encode()

    @classmethod
    def of(cls, name: str, description: str, sql: str) -> Query:
        """A query, with what its text tells of its parameters."""
        casts = {
            param: kind
            for param, kind in _CAST.findall(sql)
            if sql.count(f"%({param})s") == sql.count(f"%({param})s::{kind}[]")
        }
        return cls(name, description, sql, {param: _ARRAYS[kind] for param, kind in casts.items()})

    def __call__(self, **params: Any) -> Statement:
        for name, written in self.lists.items():
            value = params.get(name)
            if isinstance(value, list | tuple):
                params[name] = written(value)
        return Statement(self, params)


@dataclass(frozen=True, slots=True)
class Statement:
    """A query with its parameters: what a plan asks of the database. `is_read`: whether anybody looks at its rows."""

    query: Query
    params: Mapping[str, Any]
    is_read: bool = True


class Queries(Mapping[str, Query]):
    """The queries of one `.sql` file by name.

    File format, repeated: a line `-- name --`, a line `-- What it does.`, then the statement.
    """

    def __init__(self, text: str, source: str) -> None:
        headers = list(_HEADER.finditer(text))
        if not headers or text[: headers[0].start()].strip():
            raise ValueError(f"{source} does not begin with a query header")
        self._queries: dict[str, Query] = {}
        ends = [header.start() for header in headers[1:]] + [len(text)]
        for header, end in zip(headers, ends, strict=True):
            name = header["name"]
            if name in self._queries:
                raise ValueError(f"{source} holds {name} twice")
            self._queries[name] = Query.of(name, header["description"], text[header.end() : end].strip())

    @classmethod
    def load(cls, package: str, *files: str) -> Queries:
        """Read `files` (without one: `queries.sql`) from the installed package `package`; a name is in one of them."""
        names = files or ("queries.sql",)
        texts = [resources.files(package).joinpath(name).read_text("utf-8") for name in names]
        return cls("\n".join(texts), f"{package}/{', '.join(names)}")

    def __getitem__(self, name: str) -> Query:
        return self._queries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._queries)

    def __len__(self) -> int:
        return len(self._queries)
