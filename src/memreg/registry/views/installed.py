"""The views of ours that are in a database, and who may read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from psycopg.sql import SQL, Composable, Identifier

from memreg.core.steps import Row
from memreg.registry.views.relation import Mark, mark_in, qualified


@dataclass(frozen=True, slots=True)
class Grant:
    """What a role may do with a view, or with one column of it; `role` None: everybody."""

    role: str | None
    privilege: str
    grantable: bool = False
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Installed:
    """A view of ours: where it is, its mark, its columns with their types, its owner and who else may read it."""

    place: str
    name: str
    mark: Mark
    columns: tuple[tuple[str, str], ...]
    owner: str
    options: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()

    @property
    def names(self) -> list[str]:
        """The names of its columns, in order."""
        return [name for name, _ in self.columns]

    def called(self, name: str, columns: Iterable[tuple[str, str]]) -> Installed:
        """The same view under another name, with (old, new) columns renamed."""
        new = dict(columns)
        return replace(
            self,
            name=name,
            columns=tuple((new.get(each, each), kind) for each, kind in self.columns),
            grants=tuple(replace(each, column=new.get(each.column or "", each.column)) for each in self.grants),
        )

    def grant_again(self, columns: Iterable[str]) -> list[Composable]:
        """The statements that give the roles back what they had on a view made anew with these columns."""
        left = set(columns)
        view = qualified(self.place, self.name)
        found: list[Composable] = []
        for each in self.grants:
            if each.column is not None and each.column not in left:
                continue
            part = SQL(" ({})").format(Identifier(each.column)) if each.column is not None else SQL("")
            role: Composable = SQL("public") if each.role is None else Identifier(each.role)
            found.append(
                SQL("grant {}{} on {} to {}{}").format(
                    SQL(each.privilege), part, view, role, SQL(" with grant option" if each.grantable else "")
                )
            )
        return found


def installed(rows: Iterable[Row], schema: str | None = None) -> list[Installed]:
    """The views of a schema (None: of every one) in the rows of `marked_views`."""
    found = []
    for row in rows:
        mark = mark_in(row["comment"])
        if mark is None or (schema is not None and mark.schema != schema):
            continue
        grants = tuple(_grant(*each) for each in row["grants"])
        columns = tuple(zip(row["columns"], row["types"], strict=True))
        found.append(Installed(row["place"], row["name"], mark, columns, row["owner"], tuple(row["options"]), grants))
    return found


def _grant(role: Any, privilege: Any, grantable: Any, column: Any) -> Grant:
    return Grant(role, str(privilege), bool(grantable), column)
