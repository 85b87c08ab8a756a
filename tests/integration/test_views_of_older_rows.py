"""Views read rows of older versions as the lineage does, and no stored value makes a query of theirs fail."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from memreg.registry.lineage import Ancestor, Lineage
from memreg.registry.models import Column, Dtype, Kind, SchemaVersion, Status
from memreg.registry.normalize import normalize
from memreg.registry.parse import parse_schema
from memreg.registry.views.relation import Relation, create, relations
from memreg.registry.views.values import HAS_INPUT_CHECK, sql_type, stored, typed
from tests.support.server import Server

SERVERS = [150_000, 180_000]
"""The views of the older ones are read by every server, those of the newer ones only by a newer one."""
FIRST = """
schema: shop
classes:
  Person:
    columns:
      name: {dtype: string}
      full: {dtype: string}
      street: {dtype: string}
      city: {dtype: string}
      state: {dtype: enum, values: [new, old, gone]}
      age: {dtype: number}
      born: {dtype: datetime}
      tags: {dtype: "list[string]"}
      words: {dtype: string}
      flag: {dtype: boolean}
      count: {dtype: string}
      unchanged: {dtype: "list[integer]"}
  Other:
    columns:
      name: {dtype: string}
"""
SECOND = """
schema: shop
classes:
  Client:
    from: Person
    columns:
      first: {dtype: string, from: {column: full, split: " ", part: 1}}
      last: {dtype: string, from: {column: full, split: " ", part: 2, rest: true}}
      end: {dtype: string, from: {column: full, split: " ", part: -1}}
      address: {dtype: string, from: {columns: [street, city], join: ", "}}
      state:
        dtype: enum
        values: [open, closed]
        from: {column: state, map: {new: open, old: closed}, otherwise: closed}
      years: {dtype: integer, from: {column: age, cast: round}}
      born: {dtype: date, from: {column: born, cast: date}}
      year: {dtype: integer, from: {column: born, cast: year}}
      labels: {dtype: "list[string]", from: tags}
      top: {dtype: string, from: {column: tags, cast: first}}
      many: {dtype: integer, from: {column: tags, cast: count}}
      all: {dtype: string, from: {column: tags, join: "; "}}
      parts: {dtype: "list[string]", from: {column: words, split: ","}}
      flag: {dtype: boolean}
      count: {dtype: integer}
      unchanged: {dtype: "list[integer]"}
      kind: {dtype: string, default: plain}
  Other:
    columns:
      name: {dtype: string}
"""
THIRD = """
schema: shop
classes:
  Customer:
    from: Client
    columns:
      given: {dtype: string, from: first}
      last: {dtype: string}
      end: {dtype: string}
      address: {dtype: string}
      state: {dtype: enum, values: [open, closed]}
      years: {dtype: number}
      born: {dtype: date}
      year: {dtype: integer}
      labels: {dtype: "list[string]"}
      top: {dtype: string}
      many: {dtype: string}
      all: {dtype: text}
      parts: {dtype: "list[string]"}
      agreed: {dtype: string, from: {column: flag, cast: yes_no}}
      count: {dtype: integer}
      unchanged: {dtype: "list[number]"}
      kind: {dtype: string}
  Person:
    columns:
      name: {dtype: string, default: nobody}
"""
JUNK = [
    None, "", " ", "x", "1", "1.0", "1e400", "-1e-400", "9" * 400, 9 * 10**18, 2**70, 1.5, -0.0, 1e300, True, False,
    "NaN", "Infinity", "0000-01-01", "2024-02-30", "2024-02-29", "2023-02-29", "2024-13-01", "2024-01-01T25:00",
    "2024-01-01T10:00", "2024-01-01T10:00:00.123456789+00:00", "2024-01-01 10:00Z", "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00+14:00", "infinity", "now", "epoch", [], [None], ["a", None, 2], [[1], {"a": 1}], {"a": "b"},
    "'; drop table x", "%s %(a)s", "\\", "é̀", "yes", "TRUE ", "00000000-0000-0000-0000-000000000000", "{}",
    "2024-01-01T10:00+15:30", "1e-320", "1e308", "1.8e308", "२",
]  # fmt: skip


@pytest.fixture(scope="module")
def migrated(server: Server) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    name = server.create(server.template)
    with psycopg.connect(server.dsn_of(name), autocommit=True, row_factory=dict_row) as conn:
        conn.execute("set timezone to 'Asia/Tokyo'")  # no reader's zone changes what a time is
        yield conn
    server.drop(name)


@pytest.fixture
def conn(migrated: psycopg.Connection[dict[str, Any]]) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with migrated.transaction(force_rollback=True):
        yield migrated


@pytest.fixture
def read_by_it(conn: psycopg.Connection[dict[str, Any]]) -> Sequence[int]:
    """For which servers made the views are that the server can read."""
    return SERVERS if conn.info.server_version >= HAS_INPUT_CHECK else SERVERS[:1]


@pytest.fixture(params=SERVERS)
def server_version(request: pytest.FixtureRequest, read_by_it: Sequence[int]) -> int:
    found: int = request.param
    if found not in read_by_it:
        pytest.skip("this server is older")
    return found


def chain(*files: str) -> SchemaVersion:
    """The last of the versions, each based on the one before."""
    specs = [parse_schema(text, "test") for text in files]
    ancestors = [Ancestor(spec, n, n - 1 if n > 1 else None) for n, spec in enumerate(specs, start=1)]
    return SchemaVersion(
        specs[-1], len(specs), Status.ACTIVE, "f", base=len(specs) - 1, lineage=Lineage(ancestors[-1], ancestors[:-1])
    )


def make(conn: psycopg.Connection[dict[str, Any]], relation: Relation) -> None:
    conn.execute("create schema if not exists seen")
    for statement in create("seen", relation):
        conn.execute(SQL("{}").format(statement))


def insert(conn: psycopg.Connection[dict[str, Any]], class_name: str, version: int, payload: Any) -> str:
    made = str(uuid4())
    conn.execute(
        "insert into memreg.memories (tenant, id, schema, class, version, payload, search, revision, change,"
        " created_at, updated_at, last_seen_at)"
        " values ('acme', %s, 'shop', %s, %s, %s, '', 1, 1, now(), now(), now())",
        (made, class_name, version, Jsonb(payload)),
    )
    return made


def as_read(column: Column, value: Any) -> Any:
    """A value of a payload as psycopg gives the view's column."""
    if value is None:
        return None
    if isinstance(value, list):
        return [as_read(column, each) for each in value]
    if column.dtype.kind is Kind.DATE:
        return date.fromisoformat(value)
    if column.dtype.kind is Kind.DATETIME:
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return value


def some_payload(random_: random.Random) -> dict[str, Any]:
    """A payload that the first version may have stored."""
    pool: dict[str, list[Any]] = {
        "name": ["Ana"],
        "full": ["Ana", "Ana Lopez", "Ana  de la Vega ", "  x"],
        "street": ["Main 1"],
        "city": ["Oslo"],
        "state": ["new", "old", "gone"],
        "age": [30, 2.5, -1.5, 0, 41.49],
        "born": ["2000-02-29T10:00", "1999-12-31T23:30:00+00:00"],
        "tags": [["a"], ["b", "a"]],
        "words": ["a, b,,c", ",", "x"],
        "flag": [True, False],
        "count": ["3", "4.0", "many", "-7"],
        "unchanged": [[1, 2], [3]],
    }
    spec = parse_schema(FIRST, "test").by_name["Person"]
    found = {}
    for name, values in pool.items():
        if random_.random() < 0.75:
            found[name] = normalize(spec.by_name[name], random_.choice(values)).value
    return found


def test_rows_of_older_versions_are_read_as_the_lineage_reads_them(
    conn: psycopg.Connection[dict[str, Any]], server_version: int
) -> None:
    version = chain(FIRST, SECOND, THIRD)
    assert version.lineage is not None
    wanted = {each.class_name: each for each in relations(version, None, server_version)}
    for relation in wanted.values():
        make(conn, relation)
    random_ = random.Random(7)
    rows: dict[str, tuple[str, int, dict[str, Any]]] = {}
    middle = chain(FIRST, SECOND).lineage
    assert middle is not None
    for _ in range(150):
        payload = some_payload(random_)
        rows[insert(conn, "Person", 1, payload)] = ("Person", 1, payload)
        second = middle.upcast("Person", 1, payload, {}).payload
        rows[insert(conn, "Client", 2, second)] = ("Client", 2, second)
    spec = version.spec.by_name["Customer"]
    seen = {str(row["id"]): row for row in conn.execute("select * from seen.customer").fetchall()}
    assert seen.keys() == rows.keys()
    wrong = []
    for each, (class_name, number, payload) in rows.items():
        upcast = version.lineage.upcast(class_name, number, payload, {})
        assert upcast.class_name == "Customer"
        for column in spec.columns:
            expected = as_read(column, upcast.payload.get(column.name))
            if seen[each][column.name] != expected:
                wrong.append((number, column.name, payload, expected, seen[each][column.name]))
    assert not wrong, wrong[:5]


def test_a_name_that_was_another_class_is_told_apart(conn: psycopg.Connection[dict[str, Any]]) -> None:
    version = chain(FIRST, SECOND, THIRD)
    for relation in relations(version, None, conn.info.server_version):
        make(conn, relation)
    old = insert(conn, "Person", 1, {"name": "old"})
    gone = insert(conn, "Other", 1, {"name": "gone"})
    new = insert(conn, "Person", 3, {"name": "new"})
    customers = [str(row["id"]) for row in conn.execute("select id from seen.customer").fetchall()]
    people = [str(row["id"]) for row in conn.execute("select id from seen.person").fetchall()]
    assert customers == [old]
    assert people == [new]
    assert gone not in customers + people


@pytest.mark.parametrize("is_list", [False, True], ids=["one", "list"])
@pytest.mark.parametrize("kind", list(Kind))
def test_no_stored_value_makes_a_query_fail(
    conn: psycopg.Connection[dict[str, Any]], kind: Kind, is_list: bool, server_version: int
) -> None:
    column = Column("c", Dtype(kind, is_list, "Other" if kind is Kind.REF else None), values=("a", "x"))
    other = Column("c", Dtype(Kind.STRING, not is_list))
    for written in (column, other):
        query = SQL("select payload, {}::{} as v from (values {}) as m (payload)").format(
            typed(stored(written), column, server_version),
            SQL(sql_type(column)),
            SQL(", ").join([SQL("({}::jsonb)").format(json.dumps({"c": each})) for each in JUNK]),
        )
        rows = conn.execute(SQL("select payload::text, v::text as v from ({}) as q").format(query)).fetchall()
        assert len(rows) == len(JUNK)
    if not is_list and kind not in (Kind.STRING, Kind.TEXT):
        found = {json.dumps(json.loads(row["payload"])["c"]) for row in rows if row["v"] is not None}
        assert len(found) < len(JUNK) / 2


def test_both_ways_of_checking_give_the_same(
    conn: psycopg.Connection[dict[str, Any]], read_by_it: Sequence[int]
) -> None:
    if read_by_it != SERVERS:
        pytest.skip("this server has one way")
    for kind in Kind:
        column = Column("c", Dtype(kind, False, "Other" if kind is Kind.REF else None), values=("a", "x"))
        one, other = (typed(stored(Column("c", Dtype(Kind.STRING))), column, each) for each in SERVERS)
        query = SQL("select payload, {}::text as one, {}::text as other from (values {}) as m (payload)").format(
            one, other, SQL(", ").join([SQL("({}::jsonb)").format(json.dumps({"c": each})) for each in JUNK])
        )
        for row in conn.execute(query).fetchall():
            # What Postgres 15 cannot be asked are numbers next to the smallest that there are.
            assert row["one"] == row["other"] or row["payload"]["c"] in ("1e-320",), (kind, row)


def test_a_filter_by_tenant_uses_the_index(conn: psycopg.Connection[dict[str, Any]]) -> None:
    version = chain(FIRST, SECOND, THIRD)
    for relation in relations(version, None, conn.info.server_version):
        make(conn, relation)
    conn.execute(
        "insert into memreg.memories (tenant, id, schema, class, version, payload, search, revision, change,"
        " created_at, updated_at, last_seen_at)"
        " select 'tenant' || n %% 50, gen_random_uuid(), 'shop', 'Customer', 3, '{}', '', 1, n, now(), now(), now()"
        " from generate_series(1, %s) n",
        (5_000,),
    )
    conn.execute("analyze memreg.memories")
    for name in ("customer", "person"):
        query = SQL("explain (format json) select * from seen.{} where tenant = 'tenant7'").format(Identifier(name))
        row = conn.execute(query).fetchone()
        assert row is not None
        plan = json.dumps(row["QUERY PLAN"])
        assert "Seq Scan" not in plan, plan
        # Each of these begins with the tenant; which one it is, no statistics tell.
        indexes = ("memories_by_class", "memories_by_change", "memories_by_version", "memories_pkey")
        assert any(name in plan for name in indexes), plan
