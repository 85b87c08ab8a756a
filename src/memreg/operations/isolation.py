"""How tenants are kept apart in a database, as it answers, and what is not well about it, each with the statement that
mends it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from memreg.core.queries import Queries
from memreg.core.steps import Row, Steps, fetch, fetch_rows
from memreg.operations.check import Check, counted
from memreg.operations.isolation_wanted import APP, FUNCTIONS, OPERATOR, PRIVILEGES, policies

_SQL = Queries.load("memreg.operations", "isolation.sql")
_ROLES = ("memreg_app", "memreg_operator")
_COMMANDS = {"*": "all", "r": "select", "a": "insert", "w": "update", "d": "delete"}


@dataclass(frozen=True, slots=True)
class Isolation:
    """Roles, login, tables and functions, as the catalogs tell; without both roles the rest is not known."""

    roles: Mapping[str, Row]
    login: Row | None = None
    tables: tuple[Row, ...] = ()
    functions: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not well, and the SQL that mends it; `by_administrator`: the owner of the tables may not."""

    text: str
    repair: str
    by_administrator: bool = False


def read_isolation() -> Steps[Isolation]:
    """Ask the catalogs."""
    roles = {row["name"]: row for row in (yield from fetch_rows(_SQL["role_facts"]()))}
    if len(roles) < len(_ROLES):
        return Isolation(roles)
    login, tables, functions = yield from fetch(
        _SQL["login_facts"](), _SQL["table_facts"](privileges=list(PRIVILEGES)), _SQL["function_facts"]()
    )
    return Isolation(roles, login[0], tuple(tables), tuple(functions))


def isolation_checks(found: Isolation) -> Iterator[Check]:
    """What of it is not well, a line each, else one that all is. Pure."""
    for name, faults in (
        ("roles", role_faults(found)),
        ("policies", policy_faults(found.tables)),
        ("grants", (*grant_faults(found.tables), *function_faults(found.functions))),
    ):
        listed = list(faults)
        for fault in listed:
            who = "an administrator" if fault.by_administrator else "the owner of the tables"
            yield Check(name, "fail", fault.text, f"as {who}: {fault.repair}")
        if not listed and found.login is not None:
            yield Check(name, "ok", _well(name, found, found.login))


def _well(name: str, found: Isolation, login: Row) -> str:
    guarded = sum(row["has_tenant"] and not row["is_partition"] for row in found.tables)
    if name == "roles":
        rest = "owns the tables" if login["is_owner"] else "works across tenants as memreg_operator"
        return f"transactions of a tenant are memreg_app's, which owns nothing; {login['name']} {rest}"
    if name == "policies":
        return f"{counted(guarded, 'table')} with a tenant, each guarded by row"
    return (
        f"what memreg_app and memreg_operator may do with {counted(len({*APP, *OPERATOR}), 'table')}, and nothing else"
    )


def role_faults(found: Isolation) -> Iterator[Fault]:
    """Roles that are missing or may too much, and a login that may not be what it has to be."""
    missing = [name for name in _ROLES if name not in found.roles]
    if missing:
        create = "; ".join(f"create role {name}" for name in missing)
        yield Fault(
            f"{' and '.join(missing)} missing from the server, as after a restore into another one", create, True
        )
    for name, role in found.roles.items():
        if role["is_unbound"]:
            yield Fault(f"no policy binds {name}", f"alter role {name} nosuperuser nobypassrls", True)
        if role["can_login"]:
            yield Fault(f"{name} can log in by itself", f"alter role {name} nologin", True)
        if role["owned"]:
            yield Fault(
                f"{name} owns {counted(role['owned'], 'relation')} of memreg, whose policies do not bind it",
                f"reassign owned by {name} to {role['owner']}",
                True,
            )
        if role["member_of"] and name == "memreg_app":
            others = ", ".join(role["member_of"])
            yield Fault(f"{name} is a member of {others}, and may what they may", f"revoke {others} from {name}", True)
    login = found.login
    if login is None:
        return
    if not login["may_be_app"]:
        text = f"{login['name']} may not become memreg_app, which every transaction of a tenant is"
        yield Fault(text, f"grant memreg_app to {quoted(login['name'])}", True)
    if not (login["is_owner"] or login["is_operator"]):
        text = f"{login['name']} neither owns the tables nor is memreg_operator: it cannot register, backfill or work"
        yield Fault(text, f"grant memreg_operator to {quoted(login['name'])}", True)


def policy_faults(tables: Iterable[Row]) -> Iterator[Fault]:
    """Tables with a tenant that something else than their policies guards, or nothing."""
    for row in tables:
        name, is_open = row["name"], bool(row["app"])
        if row["is_partition"] and is_open:
            yield Fault(
                f"the partition {name} can be read past the policies of its table",
                f"revoke all on memreg.{quoted(name)} from memreg_app, public",
            )
        if row["is_partition"] or not (row["has_tenant"] or name == "procrastinate_jobs"):
            continue
        if not row["is_secured"]:
            statement = f"alter table memreg.{quoted(name)} enable row level security"
            yield Fault(f"the table {name} is not guarded: every tenant reads all of it", statement)
        wanted = policies(name)
        for policy, (role, command, using, check) in wanted.items():
            there = row["policies"].get(policy)
            if there == [[role], True, _letter(command), using, check]:
                continue
            make = f"create policy {policy} on memreg.{quoted(name)} for {command} to {role}{_clauses(using, check)}"
            if there is None:
                yield Fault(f"the table {name} lacks the policy {policy}", make)
            else:
                drop = f"drop policy {policy} on memreg.{quoted(name)}; "
                yield Fault(f"the policy {policy} of the table {name} is not what it was made as", drop + make)
        for policy, (roles, permissive, *_) in row["policies"].items():
            if policy not in wanted and permissive and {"public", "memreg_app"} & set(roles):
                yield Fault(
                    f"the policy {policy} of the table {name} lets a tenant see or change more",
                    f"drop policy {quoted(policy)} on memreg.{quoted(name)}",
                )


def grant_faults(tables: Iterable[Row]) -> Iterator[Fault]:
    """What the roles may not and have to, and what they may and must not."""
    for row in tables:
        if row["is_partition"]:
            continue
        for role, column, wanted in (("memreg_app", "app", APP), ("memreg_operator", "operator", OPERATOR)):
            has, needs = set(row[column]), set(wanted.get(row["name"], ()))
            table = f"memreg.{quoted(row['name'])}"
            if lacks := [each for each in PRIVILEGES if each in needs - has]:
                listed = ", ".join(lacks)
                yield Fault(f"{role} lacks {listed} on {row['name']}", f"grant {listed} on {table} to {role}")
            if more := [each for each in PRIVILEGES if each in has - needs]:
                listed = ", ".join(more)
                yield Fault(f"{role} may {listed} {row['name']}", f"revoke {listed} on {table} from {role}, public")


def function_faults(functions: Iterable[Row]) -> Iterator[Fault]:
    """Functions that run as their owner and are open to everybody, or shut to those who need them."""
    for row in functions:
        signature = row["signature"]
        if row["is_open"]:
            yield Fault(
                f"everybody may call {row['name']}, which runs as its owner",
                f"revoke execute on function {signature} from public",
            )
            continue
        for role, has, needs in zip(
            _ROLES, (row["app"], row["operator"]), FUNCTIONS.get(row["name"], (False, False)), strict=True
        ):
            if needs and not has:
                yield Fault(f"{role} may not call {row['name']}", f"grant execute on function {signature} to {role}")
            if has and not needs:
                yield Fault(f"{role} may call {row['name']}", f"revoke execute on function {signature} from {role}")


def quoted(name: str) -> str:
    """A name as SQL has it."""
    plain = name.isidentifier() and name.isascii() and name == name.lower()
    return name if plain else '"' + name.replace('"', '""') + '"'


def _letter(command: str) -> str:
    return next(letter for letter, name in _COMMANDS.items() if name == command)


def _clauses(using: Any, check: Any) -> str:
    clauses = ""
    if using is not None:
        clauses += f" using ({_plain(using)})"
    if check is not None:
        clauses += f" with check ({_plain(check)})"
    return clauses


def _plain(expression: str) -> str:
    """An expression as a person would write it, of the catalog's words for it."""
    return expression.removeprefix("(").removesuffix(")").replace("::text", "").replace(" AS current_setting", "")
