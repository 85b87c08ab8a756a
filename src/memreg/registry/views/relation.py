"""A view as data: its columns with their types and SQL, the memories it shows, and the statements that make it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from psycopg.sql import SQL, Composable, Identifier, Literal

from memreg.registry.models import ClassSpec, Kind, SchemaVersion
from memreg.registry.views.names import OWN, column_names, view_names
from memreg.registry.views.readings import Reading, is_alone, readings
from memreg.registry.views.values import sql_type

MARKER = "Made by memreg, which replaces it: "
_MARKED = re.compile(re.escape(MARKER) + r"(\{.*\})\Z", re.DOTALL)
_OWN_TYPES = {
    "id": "uuid",
    "tenant": "text",
    "created_at": "timestamp with time zone",
    "updated_at": "timestamp with time zone",
    "last_seen_at": "timestamp with time zone",
    "revision": "integer",
    "version": "integer",
    "unresolved": "boolean",
}
_OWN_MEANING = {
    "id": "The memory's id.",
    "tenant": "Whose memory it is.",
    "created_at": "When it was first said.",
    "updated_at": "When its values last changed.",
    "last_seen_at": "When it was last said.",
    "revision": "Counts the changes of its values.",
    "version": "The schema version that its row has the form of.",
    "unresolved": "Made while nothing was merged: it may be one that is there already.",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """What the comment of a view of ours says: of what it is made."""

    schema: str
    version: int
    class_name: str
    tenant: str | None = None
    digest: str = ""

    def comment(self, description: str) -> str:
        """The comment of the view, for people and for `mark_in`."""
        facts = {"schema": self.schema, "version": self.version, "class": self.class_name, "digest": self.digest}
        if self.tenant is not None:
            facts["tenant"] = self.tenant
        text = MARKER + json.dumps(facts, ensure_ascii=False)
        return f"{description}\n{text}" if description else text


def mark_in(comment: str | None) -> Mark | None:
    """The mark in the comment of a relation; None where it is not a view of ours."""
    found = _MARKED.search(comment or "")
    try:
        facts = json.loads(found[1]) if found else {}
        return Mark(
            str(facts["schema"]),
            int(facts["version"]),
            str(facts["class"]),
            None if facts.get("tenant") is None else str(facts["tenant"]),
            str(facts.get("digest", "")),
        )
    except (ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """A column of a view: its type as Postgres spells it, and the SQL of its value."""

    name: str
    type: str
    sql: Composable
    desc: str = ""


@dataclass(frozen=True)
class Relation:
    """The view of one class. `renamed`: columns of the class that have another name in the view."""

    name: str
    class_name: str
    columns: tuple[ViewColumn, ...]
    where: Composable
    description: str
    mark: Mark
    renamed: tuple[tuple[str, str], ...] = ()

    def ordered(self, existing: Sequence[str]) -> Relation:
        """With the columns that are there already first, in their order, as `create or replace` wants it."""
        by_name = {column.name: column for column in self.columns}
        first = [by_name[name] for name in existing if name in by_name]
        rest = [column for column in self.columns if column.name not in existing]
        return replace(self, columns=(*first, *rest))


def relations(version: SchemaVersion, tenant: str | None, server: int) -> tuple[Relation, ...]:
    """The views of a version's classes; `tenant` None: with every tenant's memories; `server`: server_version_num."""
    names = view_names(version.spec)
    return tuple(_relation(version, each, names[each.name], tenant, server) for each in version.spec.classes)


def _relation(version: SchemaVersion, spec: ClassSpec, name: str, tenant: str | None, server: int) -> Relation:
    found = readings(version, spec.name, server)
    called = column_names(spec)
    columns = [
        ViewColumn(each, _OWN_TYPES[each], SQL("m.{}").format(Identifier(each)), _OWN_MEANING[each]) for each in OWN
    ]
    for column in spec.columns:
        kind = sql_type(column)
        sql = _by_row(found, column.name, kind)
        if column.dtype.kind is Kind.REF:
            sql = _kept_each(sql) if column.dtype.is_list else _kept(sql)
        columns.append(ViewColumn(called[column.name], kind, sql, column.desc))
    where = _where(version, spec.name, found, tenant)
    text = where.as_string(None) + "".join(f"{each.name} {each.type} {each.sql.as_string(None)}" for each in columns)
    mark = Mark(version.name, version.version, spec.name, tenant, hashlib.sha256(text.encode()).hexdigest()[:16])
    renamed = tuple((own, shown) for own, shown in called.items() if own != shown)
    return Relation(name, spec.name, tuple(columns), where, spec.description, mark, renamed)


def _by_row(found: Sequence[Reading], column: str, kind: str) -> Composable:
    """The column's SQL, by the name and the version of the row where it differs."""
    several = len({each.class_name for each in found}) > 1
    last = found[-1].columns[column]
    arms: list[Composable] = []
    for reading in reversed(found[:-1]):
        sql = reading.columns[column]
        if arms or sql.as_string(None) != last.as_string(None):
            arms.insert(0, SQL("when {} then {}").format(_from(reading, with_class=several), sql))
    if not arms:
        return SQL("{}::{}").format(last, SQL(kind))
    return SQL("(case {} else {} end)::{}").format(SQL(" ").join(arms), last, SQL(kind))


def _kept(sql: Composable) -> Composable:
    """What a reference leads to: the memory, or the one that it went into.

    Not by a function of ours, which would read the table with the rights of whoever reads the view.
    """
    return SQL(
        "(with recursive kept (id, step) as (select {}, 0 union all select held.merged_into, step + 1 from kept"
        " join memreg.memories held on held.tenant = m.tenant and held.id = kept.id"
        " where held.merged_into is not null and step < 100) select id from kept order by step desc limit 1)"
    ).format(sql)


def _kept_each(sql: Composable) -> Composable:
    """What a list of references leads to, each once."""
    return SQL(
        "(case when {0} is not null then array(select k from (select {1} as k, n from unnest({0}) with ordinality"
        " as r (e, n)) as led group by k order by min(n)) end)"
    ).format(sql, _kept(SQL("r.e")))


def _from(reading: Reading, *, with_class: bool) -> Composable:
    """Whether a row is of a reading or of a later one of the same name."""
    since = SQL("m.version >= {}").format(reading.first)
    return SQL("m.class = {} and {}").format(reading.class_name, since) if with_class else since


def _where(version: SchemaVersion, class_name: str, found: Sequence[Reading], tenant: str | None) -> Composable:
    """Which memories are shown: the live ones of the class, under every name that rows of it have."""
    names = list(dict.fromkeys(each.class_name for each in found))
    parts: list[Composable] = [SQL("m.schema = {}").format(version.name)]
    if len(names) == 1:
        parts.append(SQL("m.class = {}").format(names[0]))
    else:
        parts.append(SQL("m.class in ({})").format(SQL(", ").join([Literal(name) for name in names])))
    if not all(is_alone(version, class_name, name) for name in names):
        parts.append(SQL("({})").format(SQL(" or ").join([_place(each) for each in found])))
    parts.append(SQL("not m.is_deleted"))
    if tenant is not None:
        parts.append(SQL("m.tenant = {}").format(tenant))
    return SQL(" and ").join(parts)


def _place(reading: Reading) -> Composable:
    place = _from(reading, with_class=True)
    return place if reading.last is None else SQL("{} and m.version <= {}").format(place, reading.last)


# Statements


def qualified(place: str, name: str) -> Composable:
    """`schema.name`, quoted."""
    return Identifier(place, name)


def create(place: str, relation: Relation, options: Sequence[str] = (), *, replacing: bool = False) -> list[Composable]:
    """The statements that make the view in a schema of Postgres, with its comments; `options`: those it had."""
    names = SQL(", ").join([Identifier(column.name) for column in relation.columns])
    values = SQL(",\n    ").join([column.sql for column in relation.columns])
    wanted = [each for each in options if not each.startswith("security_barrier=")]
    if relation.mark.tenant is not None:
        wanted.append("security_barrier=true")  # no condition of a reader is asked before the tenant is
    settings = SQL(" with ({})").format(SQL(", ").join([SQL(each) for each in wanted])) if wanted else SQL("")
    view = qualified(place, relation.name)
    return [
        SQL("create {}view {} ({}){} as select\n    {}\nfrom memreg.memories m\nwhere {}").format(
            SQL("or replace ") if replacing else SQL(""), view, names, settings, values, relation.where
        ),
        SQL("comment on view {} is {}").format(view, relation.mark.comment(relation.description)),
        *(
            SQL("comment on column {} is {}").format(
                Identifier(place, relation.name, column.name), Literal(column.desc) if column.desc else SQL("null")
            )
            for column in relation.columns
        ),
    ]
