"""The limits of the rules: the built-in ones, and what was set for a tenant, schema or class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from memreg.core.clock import Clock, utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid
from memreg.core.ids import uuid7
from memreg.core.queries import Queries
from memreg.core.steps import Row, Steps, fetch_rows
from memreg.engine.model import Action, Basis
from memreg.engine.storable import storable_text
from memreg.operations.acts.notes import Note, note
from memreg.operations.kill_switch import check_class
from memreg.operations.store import EVERY
from memreg.operations.trip.rules import DEFAULTS, NAMES, Limit, rule_sentence

SQL = Queries.load("memreg.operations.trip")
MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class SetRule:
    """A rule as it is in force for a class (or every class), and who set it so; None: it is as built in.

    `sentence` says what it looks at.
    """

    rule: str
    limit: float
    minimum: int
    is_on: bool
    scope: str | None
    set_by: str | None
    set_at: datetime | None
    sentence: str


def limits_for(rows: Iterable[Row], class_name: str) -> dict[str, Limit]:
    """The limits in force for a class, by rule, from rows of `rules_of`, the widest first."""
    found = dict(DEFAULTS)
    for row in rows:
        if row["class"] in (EVERY, class_name) and row["rule"] in found:
            found[row["rule"]] = _limit(row)
    return found


def rules(database: Database, tenant: str, schema: str, class_name: str | None = None) -> tuple[SetRule, ...]:
    """The rules in force for a class of a tenant's schema, or (None) for every class; `*` as tenant or schema: those
    set for every one. Raises SchemaNotFound, ArgumentInvalid, TenantInvalid, DatabaseError."""

    def plan() -> Steps[tuple[SetRule, ...]]:
        return read_rules(tenant, schema, class_name)

    return database.run_admin(plan) if tenant == EVERY else database.run(tenant, plan)


def read_rules(tenant: str, schema: str, class_name: str | None) -> Steps[tuple[SetRule, ...]]:
    """`rules` as a plan."""
    yield from check_class(schema, class_name)
    rows = yield from fetch_rows(SQL["rules_of"](tenant=tenant, schema=schema, class_name=class_name or EVERY))
    last: Mapping[str, Row] = {row["rule"]: row for row in rows}
    return tuple(_shown(name, last.get(name)) for name in NAMES)


def set_rule(
    database: Database,
    tenant: str,
    schema: str,
    rule: str,
    class_name: str | None = None,
    *,
    by: str,
    limit: float | None = None,
    minimum: int | None = None,
    on: bool = True,
    clock: Clock = utc_now,
) -> SetRule:
    """Set a rule for a class, or (None) every class; what is None is as built in. `*` as tenant or schema: every one.

    It is an entry of the audit.

    Raises SchemaNotFound, ArgumentInvalid, TenantInvalid, DatabaseError.
    """

    def plan() -> Steps[SetRule]:
        return set_rule_plan(tenant, schema, rule, class_name, by, limit, minimum, on, clock)

    return database.run_admin(plan) if tenant == EVERY else database.run(tenant, plan)


def set_rule_plan(
    tenant: str,
    schema: str,
    rule: str,
    class_name: str | None,
    by: str,
    limit: float | None,
    minimum: int | None,
    on: bool,
    clock: Clock,
) -> Steps[SetRule]:
    """`set_rule` as a plan."""
    if rule not in NAMES:
        raise ArgumentInvalid(name="rule", value=repr(rule)[:80], reason=f"it must be one of {', '.join(NAMES)}")
    if not by.strip():
        raise ArgumentInvalid(name="by", value="empty", reason="say who sets the rule")
    if limit is not None and not (math.isfinite(limit) and limit >= 0):
        raise ArgumentInvalid(name="limit", value=repr(limit), reason="it must be a number from 0 on")
    if minimum is not None and not 1 <= minimum <= MOST:
        raise ArgumentInvalid(name="minimum", value=repr(minimum), reason=f"it must be from 1 to {MOST:,}")
    yield from check_class(schema, class_name)
    now = clock()
    _, entry = note(
        Note(
            tenant=tenant,
            schema=schema,
            class_name=class_name or EVERY,
            action=Action.SWITCH,
            basis=Basis.PERSON,
            by=by,
            text=f"rule {rule} of the kill switch set",
            details={"rule": rule, "limit": limit, "minimum": minimum, "trips": on},
        ),
        now,
        uuid7,
    )
    yield (
        SQL["set_rule"](
            tenant=tenant,
            schema=schema,
            class_name=class_name or EVERY,
            rule=rule,
            limit=limit,
            minimum=minimum,
            is_on=on,
            by=storable_text(by),
            now=now,
        ),
        *entry,
    )
    found = yield from read_rules(tenant, schema, class_name)
    return next(each for each in found if each.rule == rule)


def _limit(row: Row) -> Limit:
    built_in = DEFAULTS[row["rule"]]
    limit, minimum = row["limit"], row["minimum"]
    return Limit(
        built_in.limit if limit is None else limit, built_in.minimum if minimum is None else minimum, row["is_on"]
    )


def _shown(name: str, row: Row | None) -> SetRule:
    limit = DEFAULTS[name] if row is None else _limit(row)
    scope = None if row is None else " ".join((row["tenant"], row["schema"], row["class"]))
    by, at = (None, None) if row is None else (row["set_by"], row["set_at"])
    return SetRule(name, limit.limit, limit.minimum, limit.is_on, scope, by, at, rule_sentence(name))
