"""What a doctor finds about roles, policies and grants, and that the SQL which it advises mends just that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.settings import Settings
from memreg.operations import isolation_wanted
from memreg.operations.check import Check
from memreg.operations.doctor import examine
from memreg.operations.isolation import Isolation, isolation_checks, read_isolation, role_faults
from memreg.operations.surroundings import Surroundings, read_surroundings, surroundings_checks

PRESENT = Surroundings(timedelta(), timedelta(), 10 << 20, None, 1_000, 200_000_000)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as conn:
        yield conn


def looked_at(database: Database) -> list[Check]:
    return list(isolation_checks(database.run_admin(read_isolation)))


def failing(database: Database) -> list[Check]:
    return [check for check in looked_at(database) if check.health == "fail"]


def test_a_database_as_it_was_migrated_is_well(database: Database) -> None:
    assert [(check.name, check.health) for check in looked_at(database)] == [
        ("roles", "ok"),
        ("policies", "ok"),
        ("grants", "ok"),
    ]


@pytest.mark.parametrize(
    ("harm", "name", "told"),
    [
        ("alter table memreg.messages disable row level security", "policies", "messages is not guarded"),
        ("drop policy of_the_tenant on memreg.memories", "policies", "memories lacks the policy of_the_tenant"),
        ("drop policy of_every_tenant on memreg.calibrations", "policies", "calibrations lacks the policy"),
        ("alter policy of_the_tenant on memreg.memories using (true)", "policies", "is not what it was made as"),
        ("alter policy of_the_tenant on memreg.memories with check (true)", "policies", "is not what it was made as"),
        ("alter policy of_the_tenant on memreg.memories to public", "policies", "is not what it was made as"),
        (
            "create policy more on memreg.memories to memreg_app using (true)",
            "policies",
            "the policy more of the table memories lets a tenant",
        ),
        ("create policy more on memreg.audit_log for select using (true)", "policies", "lets a tenant see or change"),
        ("drop policy of_everybody on memreg.kill_switches", "policies", "kill_switches lacks the policy of_every"),
        ("drop policy of_the_tenant on memreg.procrastinate_jobs", "policies", "procrastinate_jobs lacks the policy"),
        ("create table memreg.notes (tenant text)", "policies", "the table notes is not guarded"),
        ("grant select on memreg.audit_log_first to memreg_app", "policies", "the partition audit_log_first can be"),
        ("grant update on memreg.audit_log to memreg_app", "grants", "memreg_app may update audit_log"),
        ("grant delete on memreg.audit_values to public", "grants", "may delete audit_values"),
        ("grant select on memreg.backfill_parts to memreg_app", "grants", "memreg_app may select backfill_parts"),
        ("revoke insert on memreg.memories from memreg_app", "grants", "memreg_app lacks insert on memories"),
        ("revoke all on memreg.schemas from memreg_operator", "grants", "lacks select, insert, update, delete on"),
        ("revoke all on function memreg.look_at_tables() from memreg_app", "grants", "may not call look_at_tables"),
        ("grant execute on function memreg.look_at_tables() to public", "grants", "everybody may call look_at_tables"),
        (
            "grant execute on function memreg.drop_audit_months(uuid) to memreg_app",
            "grants",
            "memreg_app may call drop_audit_months",
        ),
        ("alter table memreg.workers owner to memreg_app", "roles", "of memreg, whose policies do not bind it"),
    ],
)
def test_what_is_not_well_is_told_with_the_sql_that_mends_it(
    database: Database, conn: psycopg.Connection[Any], harm: str, name: str, told: str
) -> None:
    conn.execute(harm.encode())
    found = failing(database)
    assert found
    assert name in {check.name for check in found}
    assert told in " | ".join(check.text for check in found)
    for _ in range(3):  # a mended table may turn out to lack something else
        for check in failing(database):
            who, _, statement = str(check.advice).partition(": ")
            assert who in ("as the owner of the tables", "as an administrator")
            conn.execute(statement.encode())
    assert failing(database) == []


def test_faults_of_roles() -> None:
    fine = {"is_unbound": False, "can_login": False, "owned": 0, "member_of": [], "owner": "o"}
    roles = {name: {"name": name, **fine} for name in ("memreg_app", "memreg_operator")}
    login = {"name": "Clerk", "may_be_app": True, "is_operator": True, "is_owner": False}

    def told(roles: dict[str, Any], login: dict[str, Any] | None) -> list[str]:
        return [f"{fault.text}: {fault.repair}" for fault in role_faults(Isolation(roles, login))]

    assert told(roles, login) == []
    (missing,) = told({}, None)
    assert missing.startswith("memreg_app and memreg_operator missing from the server")
    assert missing.endswith(": create role memreg_app; create role memreg_operator")
    assert told(roles, login | {"may_be_app": False}) == [
        'Clerk may not become memreg_app, which every transaction of a tenant is: grant memreg_app to "Clerk"'
    ]
    assert told(roles, login | {"is_operator": False})[0].endswith('grant memreg_operator to "Clerk"')
    assert told(roles, login | {"is_operator": False, "is_owner": True}) == []
    for change, repair in (
        ({"is_unbound": True}, "alter role memreg_app nosuperuser nobypassrls"),
        ({"can_login": True}, "alter role memreg_app nologin"),
        ({"owned": 2}, "reassign owned by memreg_app to o"),
        ({"member_of": ["postgres"]}, "revoke postgres from memreg_app"),
    ):
        (one,) = told(roles | {"memreg_app": roles["memreg_app"] | change}, login)
        assert one.endswith(repair)


def test_every_function_of_the_owner_is_known(conn: psycopg.Connection[Any]) -> None:
    rows = conn.execute(
        "select proname from pg_proc where pronamespace = 'memreg'::regnamespace and prosecdef"
        " and prorettype <> 'trigger'::regtype and (has_function_privilege('memreg_app', oid, 'execute')"
        " or has_function_privilege('memreg_operator', oid, 'execute'))"
    ).fetchall()
    assert {row[0] for row in rows} == set(isolation_wanted.FUNCTIONS)


# What is around the tables


def lines(**changes: Any) -> dict[str, Check]:
    return {check.name: check for check in surroundings_checks(replace(PRESENT, **changes))}


def test_clocks_that_are_apart() -> None:
    assert lines()["clock"].health == "ok"
    assert lines(ahead=timedelta(seconds=9), unsure=timedelta(seconds=8))["clock"].health == "ok"
    late = lines(ahead=timedelta(seconds=-5))["clock"]
    assert (late.health, late.text) == ("warn", "ours is 5 seconds behind the server's")
    early = lines(ahead=timedelta(minutes=5))["clock"]
    assert (early.health, early.text) == ("fail", "ours is 5 minutes ahead of the server's")


def test_a_disk_that_is_full() -> None:
    assert "its own machine knows" in lines()["disk"].text
    assert lines(free=50 << 30)["disk"] == Check("disk", "ok", "the database takes 10.0 MB, 50.0 GB are free")
    assert lines(free=500 << 20)["disk"].health == "warn"
    assert lines(free=5 << 20)["disk"].health == "fail"
    assert "are not frozen" in lines(transactions=1_900_000_000)["disk"].text


def test_a_real_server_and_its_clock(database: Database, settings: Settings) -> None:
    found = read_surroundings(database, None, utc_now)
    assert abs(found.ahead) < timedelta(minutes=1)
    assert found.taken > 1 << 20
    shifted = examine(settings, clock=lambda: utc_now() + timedelta(hours=2))
    (clock,) = [check for check in shifted if check.name == "clock"]
    assert clock.health == "fail"
    assert "ahead of the server's" in clock.text
