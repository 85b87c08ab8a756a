"""The floors of a batch: its rows by COPY into a temporary table and one set-wise statement, which looks up who is
meant; and by COPY into the tables themselves, which looks nothing up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

from bench.speed import hand, world
from bench.speed.capture import ORDER, Texts, Written
from bench.speed.hand import Target

_GIVEN = "given"


@dataclass(frozen=True)
class Column:
    """A column of a table that is written: a constant of the batch, or a column of the temporary table."""

    table: str
    name: str
    type: str
    constant: str | None

    @property
    def given(self) -> str:
        """Its name in the temporary table."""
        return f"{self.table}_{self.name}"

    @property
    def source(self) -> sql.Composable:
        """What is written."""
        if self.constant is None:
            return sql.Identifier(self.given)
        return sql.SQL("{}::{}").format(sql.Literal(self.constant), sql.SQL(self.type))


@dataclass(frozen=True)
class Batch:
    """A batch with every value ready: the temporary table, its lines, and the statement."""

    name: str
    create: sql.Composed
    copy: sql.Composed
    lines: bytes
    statement: bytes
    rows: int


@dataclass(frozen=True)
class Copies:
    """A batch of new memories for COPY into the tables themselves: a statement and the lines of each."""

    tables: tuple[tuple[sql.Composed, bytes], ...]


def batch(conn: Connection[Any], written: Written, targets: Sequence[Target], name: str = _GIVEN) -> Batch:
    """The rows of a decision about each of some memories of one tenant, as one statement over a temporary table."""
    found = [hand.rows_of(written, target) for target in targets]
    types = _types(conn)
    columns: dict[str, list[Column]] = {}
    for table in (each for each in ORDER if each in found[0]):
        if len(found[0][table]) != 1:
            raise ValueError(f"{table}: one row for each decision is expected")
        values = {column: {rows[table][0][column] for rows in found} for column in found[0][table][0]}
        columns[table] = [
            Column(table, column, types[table, column], next(iter(each)) if len(each) == 1 else None)
            for column, each in values.items()
            if each != {None}
        ]
    given = [column for each in columns.values() for column in each if column.constant is None]
    own = [("key_digest", "bytea"), ("keys", "bigint[]")]
    digests = [world.digests("Person", target.after)["email"].hex() for target in targets]
    lines = [
        "\t".join(
            [
                *(_escaped(rows[column.table][0][column.name]) for column in given),
                f"\\\\x{digest}",
                "{" + ",".join(map(str, hand.keys_to_come(target))) + "}",
            ]
        )
        for rows, target, digest in zip(found, targets, digests, strict=True)
    ]
    place = sql.Identifier(name)
    return Batch(
        name,
        sql.SQL("create temporary table {} ({}) on commit delete rows").format(
            place,
            sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(each), sql.SQL(of))
                for each, of in [*((column.given, column.type) for column in given), *own]
            ),
        ),
        sql.SQL("copy {} from stdin").format(place),
        ("\n".join(lines) + "\n").encode(),
        _statement(written, columns, targets[0].tenant, name).as_bytes(conn),
        len(targets),
    )


def _statement(written: Written, columns: Mapping[str, list[Column]], tenant: str, name: str) -> sql.Composed:
    creates = hand.action_of(written) == "CREATE"
    parts = []
    for table in columns:
        if table == "memories" and not creates:
            parts.append((table, _update(columns[table], hand.changed_columns(written))))
        elif table != "audit_log":
            giving = " returning audit_id" if table == "audit_values" else ""
            parts.append((table, _insert(columns[table]) + sql.SQL(" from said") + sql.SQL(giving)))
    id_of = "memories_id" if creates else "memory_id"
    ending = sql.SQL("" if creates else " on conflict do nothing")
    parts.append(
        (
            "candidate_keys",
            sql.SQL(
                "insert into memreg.candidate_keys (tenant, key, memory_id) select {}, unnest(keys), {} from said{}"
            ).format(sql.Literal(tenant), sql.Identifier(id_of), ending),
        )
    )
    key = sql.SQL(
        "k.tenant = {} and k.schema = {} and k.class = 'Person' and k.key = 'email' and k.digest = {}.key_digest"
        " and k.released_at is null"
    ).format(sql.Literal(tenant), sql.Literal(world.SCHEMA_NAME), sql.Identifier(name))
    if creates:
        said = sql.SQL("select * from {} where not exists (select from memreg.identity_keys k where {})")
    else:
        said = sql.SQL("select {0}.*, k.memory_id from {0} join memreg.identity_keys k on {1}")
    written_down = _insert(columns["audit_log"]) + sql.SQL(
        " from said join wrote_audit_values w on w.audit_id = audit_values_audit_id"
    )
    return sql.SQL("with said as materialized ({}), {} {}").format(
        said.format(sql.Identifier(name), key),
        sql.SQL(", ").join(sql.SQL("{} as ({})").format(sql.Identifier(f"wrote_{t}"), part) for t, part in parts),
        written_down,
    )


def _insert(columns: Sequence[Column]) -> sql.Composed:
    return sql.SQL("insert into memreg.{} ({}) select {}").format(
        sql.Identifier(columns[0].table),
        sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
        sql.SQL(", ").join(column.source for column in columns),
    )


def _update(columns: Sequence[Column], names: Sequence[str]) -> sql.Composed:
    tenant = next(column.source for column in columns if column.name == "tenant")
    return sql.SQL("update memreg.memories set {} from said where memories.tenant = {} and id = said.memory_id").format(
        sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(column.name), column.source)
            for column in columns
            if column.name in names
        ),
        tenant,
    )


def run(conn: Connection[Any], given: Batch) -> None:
    """Write a batch in one transaction; its temporary table is there already."""
    with conn.transaction(), conn.cursor() as cursor:
        with cursor.copy(given.copy) as out:
            out.write(given.lines)
        cursor.execute(given.statement)
        if cursor.rowcount != given.rows:
            raise RuntimeError(f"{cursor.rowcount} of {given.rows} rows were written by hand")


def copies(written: Written, targets: Sequence[Target]) -> Copies:
    """The rows of new memories, for COPY into the tables themselves."""
    lines: dict[str, list[Texts]] = {}
    for target in targets:
        for table, rows in hand.rows_of(written, target).items():
            lines.setdefault(table, []).extend(rows)
        lines.setdefault("candidate_keys", []).extend(
            {"tenant": target.tenant, "key": str(key), "memory_id": str(target.memory)}
            for key in hand.keys_to_come(target)
        )
    tables = []
    for table in (each for each in ORDER if each in lines):
        names = [name for name in lines[table][0] if any(row[name] is not None for row in lines[table])]
        statement = sql.SQL("copy memreg.{} ({}) from stdin").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
        )
        text = "".join("\t".join(_escaped(row[name]) for name in names) + "\n" for row in lines[table])
        tables.append((statement, text.encode()))
    return Copies(tuple(tables))


def run_copies(conn: Connection[Any], given: Copies) -> None:
    """Write the rows in one transaction."""
    with conn.transaction(), conn.cursor() as cursor:
        for statement, lines in given.tables:
            with cursor.copy(statement) as out:
                out.write(lines)


def _types(conn: Connection[Any]) -> dict[tuple[str, str], str]:
    rows = conn.execute(
        "select relname, attname, format_type(atttypid, atttypmod) from pg_class"
        " join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped"
        " where relnamespace = 'memreg'::regnamespace and relkind in ('r', 'p')"
    ).fetchall()
    return {(table, column): kind for table, column, kind in rows}


def _escaped(value: str | None) -> str:
    if value is None:
        return "\\N"
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
