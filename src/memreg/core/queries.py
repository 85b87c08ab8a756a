"""Named SQL: queries live in `.sql` files, each under a line with its name and a line that says what it does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

_HEADER = re.compile(r"^-- (?P<name>[a-z][a-z0-9_]*) --\n-- (?P<description>.+)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Query:
    """One named statement with psycopg placeholders (`%(name)s`)."""

    name: str
    description: str
    sql: str

    def __call__(self, **params: Any) -> Statement:
        return Statement(self, params)


@dataclass(frozen=True, slots=True)
class Statement:
    """A query with its parameters: what a plan asks of the database."""

    query: Query
    params: Mapping[str, Any]


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
            self._queries[name] = Query(name, header["description"], text[header.end() : end].strip())

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
