"""One tenant and another: what the tables enforce, which plans they leave, and what grows with whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from memreg.core.database import Database
from memreg.core.errors import DatabaseError
from memreg.core.queries import Queries, Query
from memreg.core.settings import Settings
from memreg.core.steps import Rows, fetch_rows
from memreg.engine.candidates import CANDIDATES, LIKELY, POSTINGS, SHORTLIST, asked_by, memory_keys, probes
from memreg.engine.record import Record
from memreg.engine.store import SQL
from memreg.engine.text import rank_query, scope_token, searchable_columns, tsquery, tsvector
from tests.support.engines import people, person, say
from tests.support.server import Server
from tests.unit.test_queries_tenant import TENANT_TABLES

SPEC, ANNOTATION = person()
SESSION = Queries.load("memreg.core", "session.sql")
ME, OTHER = "acme", "umbrella"

TABLES = """
select
    relname as name, relrowsecurity as is_secured, relispartition as is_partition,
    has_table_privilege('memreg_app', pg_class.oid, 'select, insert, update, delete, truncate, references') as is_open,
    array(select polname::text from pg_policy where polrelid = pg_class.oid order by polname) as policies
from pg_class
join pg_attribute on attrelid = pg_class.oid and attname = 'tenant' and not attisdropped
where relnamespace = 'memreg'::regnamespace and relkind in ('r', 'p')
order by relname
"""
UNIQUE = """
select indexrelid::regclass::text as name
from pg_index
join pg_class on pg_class.oid = indrelid
join pg_attribute on attrelid = indrelid and attname = 'tenant'
where relnamespace = 'memreg'::regnamespace and indisunique and indkey[0] <> attnum
"""


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """The login of the tests, whom nothing binds."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield conn


def become(conn: psycopg.Connection[Any], tenant: str) -> None:
    """What every transaction of a tenant says first."""
    conn.execute(SESSION["be_tenant"].sql.encode(), {"tenant": tenant, "statement_timeout": "30000"})


# What the tables enforce


def test_every_table_with_a_tenant_has_policies(conn: psycopg.Connection[Any]) -> None:
    found = conn.execute(TABLES.encode()).fetchall()
    assert {"memories", "audit_log", "messages", "identity_keys", "review_items", "judgements"} <= {
        row[0] for row in found
    }
    for name, is_secured, is_partition, is_open, policies in found:
        assert is_secured, f"{name} has a tenant and no row-level security"
        if is_partition:
            assert not is_open, f"{name} can be read past the policies of its table"
        else:
            assert {"of_the_tenant", "of_every_tenant"} <= set(policies), f"{name} lacks a policy"


def test_queries_of_every_table_with_a_tenant_have_to_name_it(conn: psycopg.Connection[Any]) -> None:
    """What a backfill keeps for itself is of every tenant at once."""
    found = {name for name in every_tenant_table(conn) if not name.startswith("backfill_")}
    assert found == TENANT_TABLES


def test_the_tenant_is_first_in_every_unique_key(conn: psycopg.Connection[Any]) -> None:
    assert conn.execute(UNIQUE.encode()).fetchall() == []


def test_the_role_of_a_tenant_owns_nothing_and_is_bound(conn: psycopg.Connection[Any]) -> None:
    row = conn.execute(
        "select rolsuper, rolbypassrls, rolcreaterole, rolcanlogin, (select count(*) from pg_class where relowner ="
        " pg_roles.oid), (select count(*) from pg_auth_members where member = pg_roles.oid)"
        " from pg_roles where rolname = 'memreg_app'"
    ).fetchone()
    assert row == (False, False, False, False, 0, 0)


def test_no_function_of_the_owner_is_open_to_everybody(conn: psycopg.Connection[Any]) -> None:
    rows = conn.execute(
        "select proname from pg_proc where pronamespace = 'memreg'::regnamespace and prosecdef"
        " and prorettype <> 'trigger'::regtype and has_function_privilege('public', oid, 'execute')"
    ).fetchall()
    assert rows == []


def test_functions_of_the_owner_look_nowhere_else(conn: psycopg.Connection[Any]) -> None:
    """A function that runs as its owner must not find what a caller puts in its way."""
    rows = conn.execute(
        "select proname, proconfig from pg_proc where pronamespace = 'memreg'::regnamespace and prosecdef"
    ).fetchall()
    assert {"search_memories", "look_at_tables", "seal_audit", "erase_keys"} <= {row[0] for row in rows}
    assert [row[0] for row in rows if not any(each == "search_path=pg_catalog, pg_temp" for each in row[1] or [])] == []


def every_tenant_table(conn: psycopg.Connection[Any]) -> list[str]:
    return [row[0] for row in conn.execute(TABLES.encode()) if not row[2]]


def test_a_query_that_forgets_the_tenant_gives_its_own_rows_alone(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    engine = people(database, OTHER)
    say(engine, name="Ana Lopez", email="ana@lopez.io", city="Oslo")
    say(engine.for_tenant(ME), name="Tor Moe", email="tor@moe.no")
    for name in every_tenant_table(conn):
        whole = conn.execute(sql.SQL("select tenant from memreg.{}").format(sql.Identifier(name))).fetchall()
        with conn.transaction():
            become(conn, ME)
            if conn.execute("select has_table_privilege(%s, 'select')", [f"memreg.{name}"]).fetchone() != (True,):
                continue
            seen = conn.execute(sql.SQL("select tenant from memreg.{}").format(sql.Identifier(name))).fetchall()
        assert seen == [row for row in whole if row[0] in (ME, "*")]


@pytest.mark.parametrize(
    "statement",
    [
        "update memreg.memories set payload = '{}' where tenant = 'umbrella'",
        "update memreg.memories set payload = '{}'",
        "update memreg.messages set text = ''",
        "update memreg.identity_keys set released_at = now()",
        "delete from memreg.candidate_keys",
        "select from memreg.memories where tenant = 'umbrella' for update",
        "update memreg.review_items set status = 'settled'",
    ],
)
def test_nothing_of_another_is_changed_or_locked(
    database: Database, conn: psycopg.Connection[Any], statement: str
) -> None:
    say(people(database, OTHER), name="Ana Lopez", email="ana@lopez.io")
    with conn.transaction():
        become(conn, ME)
        assert conn.execute(statement.encode()).rowcount == 0


@pytest.mark.parametrize(
    "statement",
    [
        "insert into memreg.candidate_keys (tenant, key, memory_id) values ('umbrella', 1, gen_random_uuid())",
        "insert into memreg.kill_switches values ('*', '*', '*', true, '', 'mallory', now())",
        "insert into memreg.kill_switches values ('umbrella', '*', '*', true, '', 'mallory', now())",
        "update memreg.candidate_keys set tenant = 'umbrella'",
        "update memreg.memories set tenant = 'umbrella'",
        "update memreg.audit_log set actor = 'mallory'",
        "delete from memreg.audit_values",
        "delete from memreg.memories",
        "truncate memreg.memories",
        "alter table memreg.memories disable row level security",
        "drop policy of_the_tenant on memreg.memories",
        "create policy mine on memreg.memories using (true)",
        "select * from memreg.audit_log_first",
        "select * from memreg.backfill_parts",
        "insert into memreg.schemas (name) values ('mine')",
        "create table memreg.mine ()",
        "select memreg.drop_audit_months(null)",
    ],
)
def test_what_is_not_a_tenants_to_do_is_refused(
    database: Database, conn: psycopg.Connection[Any], statement: str
) -> None:
    say(people(database, ME), name="Ana Lopez", email="ana@lopez.io")
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.RestrictViolation)), conn.transaction():
        become(conn, ME)
        conn.execute(statement.encode())


def test_a_conversion_that_fails_on_a_foreign_value_is_never_asked(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    """A cast tells the value that it refuses: a policy must come before it."""
    say(people(database, OTHER), name="Secret", email="s@x.io")
    with conn.transaction():
        become(conn, ME)
        assert conn.execute("select from memreg.memories where (payload ->> 'name')::integer = 1").fetchall() == []
    with pytest.raises(psycopg.errors.InvalidTextRepresentation, match="Secret"), conn.transaction():
        become(conn, OTHER)
        conn.execute("select from memreg.memories where (payload ->> 'name')::integer = 1")


def test_the_search_is_of_the_transactions_tenant_whatever_is_asked(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    say(people(database, OTHER), name="Ana Lopez")
    query = tsquery([scope_token(OTHER, "people", "Person")], ["ana"])
    ask = b"select id from memreg.search_memories(%s, 'people', %s::tsquery, %s::tsquery, 10)"
    for named in (ME, OTHER):
        asked = [named, query, rank_query(["ana"])]
        for tenant in (ME, OTHER):
            with conn.transaction():
                become(conn, tenant)
                assert len(conn.execute(ask, asked).fetchall()) == (1 if named == tenant == OTHER else 0)
        assert conn.execute(ask, asked).fetchall() == []


def test_a_transaction_leaves_nothing_of_its_tenant_behind(settings: Settings) -> None:
    ask = Query("ask", "Who, and whose.", "select current_user as who, current_setting('memreg.tenant', true) as whose")
    with Database.connect(settings.model_copy(update={"pool_size": 1})) as database:
        login = database.run_admin(lambda: fetch_rows(ask()))
        assert database.run(ME, lambda: fetch_rows(ask())) == [{"who": "memreg_app", "whose": ME}]
        with pytest.raises(DatabaseError):
            database.run(ME, lambda: fetch_rows(Query("bad", "Bad.", "select 1 / 0")()))
        assert database.run_admin(lambda: fetch_rows(ask())) == login == [{"who": login[0]["who"], "whose": ""}]
        assert login[0]["who"] != "memreg_app"


def test_a_prepared_statement_is_of_whoever_runs_it(settings: Settings) -> None:
    """Prepared as one tenant, and as the login, on one connection: each time it reads what it may."""
    read = Query("read", "Every name.", "select payload ->> 'name' as name from memreg.memories order by 1")
    eager = settings.model_copy(update={"pool_size": 1, "prepare_threshold": 0})
    with Database.connect(eager) as database:
        engine = people(database, ME)
        say(engine, name="Ana Lopez")
        say(engine.for_tenant(OTHER), name="Tor Moe")

        def names(rows: Rows) -> list[str]:
            return [row["name"] for row in rows]

        for _ in range(8):
            assert names(database.run(ME, lambda: fetch_rows(read()))) == ["Ana Lopez"]
            assert names(database.run(OTHER, lambda: fetch_rows(read()))) == ["Tor Moe"]
            assert names(database.run_admin(lambda: fetch_rows(read()))) == ["Ana Lopez", "Tor Moe"]


# Which plans they leave

TOLD = {"name": "Ana Lopez", "born": "1990-05-01", "city": "Oslo"}


def fill(conn: psycopg.Connection[Any], tenant: str, count: int) -> None:
    """So many memories of one text, without a decision, each found by all that the text is found by."""
    keys = list(memory_keys([Record.of(TOLD, SPEC, ANNOTATION)], "people", "Person"))
    boosts = dict(ANNOTATION.searchable)
    search = tsvector(scope_token(tenant, "people", "Person"), searchable_columns(TOLD, boosts))
    conn.execute(
        b"""
        insert into memreg.memories (tenant, id, schema, class, version, payload, search, candidate_keys, revision,
            change, created_at, updated_at, last_seen_at)
        select %(tenant)s, memreg.uuid_from(now() + (n + 10 * %(count)s) * interval '1 ms'), 'people', 'Person', 1,
            %(payload)s, %(search)s::tsvector, %(keys)s::bigint[], 1, n, now(), now(), now()
        from generate_series(1, %(count)s) as n
        """,
        {"tenant": tenant, "payload": Jsonb(TOLD), "search": search, "keys": keys, "count": count},
    )
    conn.execute(
        b"insert into memreg.candidate_keys select tenant, unnest(candidate_keys), id from memreg.memories"
        b" where tenant = %s on conflict do nothing",
        [tenant],
    )
    conn.execute("vacuum (analyze) memreg.memories, memreg.candidate_keys")


def candidates() -> Any:
    keys = probes(Record.of(TOLD, SPEC, ANNOTATION), "people", "Person")
    return SQL["candidates"](
        tenant=ME,
        version=1,
        schema="people",
        asked=Jsonb([asked_by(0, keys)]),
        postings=POSTINGS,
        shortlist=SHORTLIST,
        likely=LIKELY,
        limit=CANDIDATES,
    )


def search(words: list[str]) -> Any:
    query = tsquery([scope_token(ME, "people", "Person")], words, prefix=True)
    return SQL["search_memories"](
        tenant=ME, schema="people", version=1, query=query, rank=rank_query(words, prefix=True), limit=10
    )


def count_tokens() -> Any:
    return SQL["count_tokens"](tenant=ME, schema="people", class_name="Person")


def plan_of(conn: psycopg.Connection[Any], statement: Any, *, generic: bool = False) -> dict[str, Any]:
    """The plan of a statement, run under the role of the tenant."""
    with conn.transaction():
        become(conn, ME)
        if generic:
            conn.execute("set local plan_cache_mode = force_generic_plan")
        asked = b"explain (analyze, buffers, format json) " + statement.query.sql.encode()
        row = conn.execute(asked, statement.params, prepare=True).fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


def parts(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from parts(part)


def buffers(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


@pytest.fixture(scope="module")
def crowded(server: Server) -> Iterator[psycopg.Connection[Any]]:
    """Two tenants with 2,000 memories of one text each."""
    name = server.create(server.template)
    with psycopg.connect(server.dsn_of(name), autocommit=True) as conn:
        for tenant in (ME, OTHER):
            fill(conn, tenant, 2_000)
        yield conn
    server.drop(name)


@pytest.mark.parametrize("generic", [False, True])
def test_candidates_are_found_in_btrees_that_begin_with_the_tenant(
    crowded: psycopg.Connection[Any], generic: bool
) -> None:
    plan = plan_of(crowded, candidates(), generic=generic)
    scans = [part for part in parts(plan) if "Relation Name" in part]
    assert {part["Index Name"] for part in scans} == {"candidate_keys_pkey", "memories_pkey", "identity_keys_by_memory"}
    for part in scans:
        assert part["Index Cond"].startswith("((tenant = ")
        assert part["Actual Rows"] <= POSTINGS
        assert part.get("Rows Removed by Filter", 0) == 0


def test_what_counts_words_reads_a_class_of_the_tenant(crowded: psycopg.Connection[Any]) -> None:
    inner = Query(
        "inner",
        "What ts_stat runs.",
        "select search from memreg.memories where tenant = %(tenant)s and schema = %(schema)s"
        " and class = %(class_name)s and not is_deleted and not unresolved order by id desc limit 20000",
    )
    plan = plan_of(crowded, inner(**count_tokens().params))
    read = [part for part in parts(plan) if "Index Name" in part]
    assert [part["Index Name"] in ("memories_by_class", "memories_by_change", "memories_pkey") for part in read] == [
        True
    ]
    assert read[0]["Index Cond"].lstrip("(").startswith("tenant = ")
    assert read[0]["Actual Rows"] == 2_000


def test_the_search_uses_its_index_and_under_a_policy_it_would_not(crowded: psycopg.Connection[Any]) -> None:
    statement = search(["ana"])
    bare = Query(
        "bare", "The same under the policy.", "select id from memreg.memories where search @@ %(query)s::tsquery"
    )
    policed = plan_of(crowded, bare(query=statement.params["query"]))
    assert "memories_search" not in {part.get("Index Name") for part in parts(policed)}
    with crowded.transaction():
        become(crowded, ME)
        conn, names = crowded, ("memories_search", "memories_pkey", "memories_by_class")
        before = [scans_of(conn, name) for name in names]
        for _ in range(7):  # the first ones are planned for their words, later ones for any
            assert len(conn.execute(statement.query.sql.encode(), statement.params).fetchall()) == 10
        after = [scans_of(conn, name) for name in names]
    assert [late - early for early, late in zip(before, after, strict=True)] == [7, 70, 0]


def scans_of(conn: psycopg.Connection[Any], index: str) -> int:
    """How often this transaction has looked into an index."""
    row = conn.execute("select pg_stat_get_xact_numscans(%s::regclass)", [f"memreg.{index}"]).fetchone()
    assert row is not None
    count: int = row[0]
    return count


# What grows with whom


def test_another_tenant_that_grows_costs_nothing(conn: psycopg.Connection[Any]) -> None:
    fill(conn, ME, 300)
    fill(conn, OTHER, 3_000)
    asked = {
        "candidates": candidates(),
        "search": search(["ana"]),
        "beginnings": search(["a"]),
        "words": count_tokens(),
    }

    def cost() -> dict[str, int]:
        for statement in asked.values():
            plan_of(conn, statement)
        return {name: buffers(plan_of(conn, statement)) for name, statement in asked.items()}

    before = cost()
    fill(conn, OTHER, 9_000)  # which are then 12,000
    after = cost()
    assert all(before.values())
    assert {name: after[name] - before[name] for name in asked if after[name] > before[name] * 1.25 + 10} == {}
