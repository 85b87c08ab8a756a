"""The kill switch: from the next message on nothing of a class is merged or deleted, by any worker.

Ingest reads the switches in each of its transactions, so there is nothing to tell to anybody. Each turn of a switch is
an entry of the audit; what trips one by itself is in `memreg.operations.trip`, and only a person turns it off.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from memreg.core.clock import Clock, utc_now
from memreg.core.database import Database
from memreg.core.errors import ArgumentInvalid
from memreg.core.ids import uuid7
from memreg.core.logs import get_logger
from memreg.core.queries import Queries
from memreg.core.steps import Row, Steps, fetch, fetch_row, fetch_rows
from memreg.core.tracing import span
from memreg.engine.model import Action, Basis
from memreg.engine.storable import storable_text
from memreg.operations.acts.notes import Note, note
from memreg.operations.store import EVERY
from memreg.operations.store import SQL as OPERATIONS
from memreg.registry import versions

SQL = Queries.load("memreg.operations", "kill_switch.sql")
MONITOR = "monitor"
"""Who sets a switch that trips by itself."""
AUTOMATIC = frozenset({MONITOR, versions.AUTO_APPROVAL})
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch as it was last set: by whom, when and why. `*` stands for every tenant, schema or class.

    `evidence`: what it last tripped by, where it did so by itself. `audit_id`: the entry of how it was last set.
    `reset_at`: when a person last turned it off; what came before trips it no more.
    """

    tenant: str
    schema: str
    class_name: str
    is_on: bool
    reason: str | None
    set_by: str
    set_at: datetime
    evidence: Mapping[str, Any] | None = None
    audit_id: UUID | None = None
    reset_at: datetime | None = None

    @property
    def scope(self) -> str:
        """What it covers, in words."""
        return _scope(self.tenant, self.schema, self.class_name)

    def off_command(self, tenant: str | None = None, schema: str | None = None) -> str:
        """The command that turns it off; a `tenant` and `schema` that a person works in go without saying."""
        what = () if self.class_name == EVERY else ("--class", self.class_name)
        return shlex.join(("memreg", "kill-switch", "off", *what, *self.options(tenant, schema)))

    def options(self, tenant: str | None = None, schema: str | None = None) -> tuple[str, ...]:
        """Whose it is as options of a command, but for what equals the `tenant` and `schema` that a person works in."""
        whose = () if self.tenant == tenant != EVERY else ("--tenant", self.tenant)
        return whose if self.schema == schema != EVERY else (*whose, "--schema", self.schema)


@dataclass(frozen=True, slots=True)
class Switched:
    """What setting a switch came to.

    `changed` is False where it stood so already (who set it first is kept). `still_on`: other switches that hold what
    was turned off, or a part of it. `waiting`: proposals that wait for `memreg resolve`, by class.
    """

    switch: Switch | None
    changed: bool
    is_on: bool
    still_on: tuple[Switch, ...]
    waiting: dict[str, int]

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        if self.is_on:
            return "it is on: nothing is merged or deleted" if self.changed else "it was on already"
        said = "it is off" if self.changed else "it was off already"
        if self.still_on:
            held = "; ".join(f"the switch of {each.scope} is on" for each in self.still_on)
            said += f", but {held}"
        return said


@dataclass(frozen=True, slots=True)
class Switches:
    """The switches that have a say in a tenant and schema (those that are off, too), and what waits meanwhile.

    By class: `waiting`, proposals to be decided again by `memreg resolve`, and `unresolved`, memories without keys.
    """

    switches: tuple[Switch, ...]
    waiting: dict[str, int]
    unresolved: dict[str, int]

    @property
    def on(self) -> tuple[Switch, ...]:
        """Those that are on, the widest first."""
        return tuple(switch for switch in self.switches if switch.is_on)


def switch(
    database: Database,
    tenant: str,
    schema: str,
    class_name: str | None = None,
    *,
    on: bool,
    by: str,
    reason: str | None = None,
    clock: Clock = utc_now,
) -> Switched:
    """Turn a switch on or off; without a class, that of every class; `*` as tenant or schema means every one.

    Raises SchemaNotFound, ArgumentInvalid, TenantInvalid, DatabaseError.
    """

    def plan() -> Steps[Switched]:
        return set_switch(tenant, schema, class_name, on, by, reason, clock)

    with span("act", verb="switch", schema=schema) as told:
        done = database.run_admin(plan) if tenant == EVERY else database.run(tenant, plan)
        told.tell(class_=class_name or EVERY, action=Action.SWITCH, is_on=on, changed=done.changed)
    if done.changed:
        _log.info(
            "kill_switch", tenant=tenant, schema=schema, class_name=class_name or EVERY, is_on=on, by=by, reason=reason
        )
    return done


def status(database: Database, tenant: str, schema: str) -> Switches:
    """The switches of a tenant and schema. Raises SchemaNotFound, TenantInvalid, DatabaseError."""

    def plan() -> Steps[Switches]:
        return read_switches(tenant, schema)

    return database.run_admin(plan) if tenant == EVERY else database.run(tenant, plan)


def set_switch(
    tenant: str,
    schema: str,
    class_name: str | None,
    on: bool,
    by: str,
    reason: str | None,
    clock: Clock,
    new_id: Callable[[], UUID] = uuid7,
) -> Steps[Switched]:
    """`switch` as a plan. Raises SchemaNotFound, ArgumentInvalid."""
    if not by.strip():
        raise ArgumentInvalid(name="by", value="empty", reason="say who turns the switch")
    yield from check_class(schema, class_name)
    name = class_name or EVERY
    before = yield from fetch_row(SQL["one_switch"](tenant=tenant, schema=schema, class_name=name))
    # A person's word takes over what auto-approval holds back: an approval does not end it then.
    is_held_back = before is not None and before["is_on"] and before["set_by"] == versions.AUTO_APPROVAL
    if not on and by in AUTOMATIC:
        raise ArgumentInvalid(name="by", value=repr(by), reason="only a person turns a kill switch off")
    changed = on != (before is not None and before["is_on"]) or (on and is_held_back and by != versions.AUTO_APPROVAL)
    if changed:
        now = clock()
        audit_id, entry = note(
            Note(
                tenant=tenant,
                schema=schema,
                class_name=name,
                action=Action.SWITCH,
                basis=Basis.PERSON,
                by=by,
                text=f"kill switch of {_scope(tenant, schema, name)} turned {'on' if on else 'off'}",
                why=reason,
                details={"on": on, "reset": dict(before["evidence"] or {}) if before is not None and not on else None},
            ),
            now,
            new_id,
        )
        yield (
            SQL["set_switch"](
                tenant=tenant,
                schema=schema,
                class_name=name,
                is_on=on,
                reason=storable_text(reason) if reason else None,
                by=storable_text(by),
                now=now,
                audit_id=audit_id,
            ),
            *entry,
        )
    all_switches, counts = yield from fetch(
        SQL["switches_of"](tenant=tenant, schema=schema, class_name=name),
        OPERATIONS["count_held_back"](tenant=tenant, schema=schema),
    )
    found = [switch_of(row) for row in all_switches]
    mine = next((each for each in found if (each.tenant, each.schema, each.class_name) == (tenant, schema, name)), None)
    still_on = () if on else tuple(each for each in found if each.is_on and each is not mine)
    waiting = {row["class"]: row["proposals"] for row in counts if name in (EVERY, row["class"])}
    return Switched(mine, changed, on, still_on, waiting)


def read_switches(tenant: str, schema: str) -> Steps[Switches]:
    """`status` as a plan. Raises SchemaNotFound."""
    if schema != EVERY:
        yield from versions.resolve_name(schema)
    switches, waiting, unresolved = yield from fetch(
        SQL["switches_of"](tenant=tenant, schema=schema, class_name=EVERY),
        OPERATIONS["count_held_back"](tenant=tenant, schema=schema),
        OPERATIONS["count_unresolved"](tenant=tenant, schema=schema),
    )
    return Switches(
        tuple(switch_of(row) for row in switches),
        {row["class"]: row["proposals"] for row in waiting},
        {row["class"]: row["memories"] for row in unresolved},
    )


def check_class(schema: str, class_name: str | None) -> Steps[None]:
    """Raises SchemaNotFound, and ArgumentInvalid where no version of the schema has the class."""
    if schema != EVERY:
        yield from versions.resolve_name(schema)
    if class_name is None or class_name == EVERY:
        return
    known = yield from fetch_rows(OPERATIONS["class_names"](schema=schema))
    names = [row["class"] for row in known]
    if class_name not in names:
        listed = ", ".join(names) or "none"
        where = "any schema" if schema == EVERY else f"the schema {schema!r}"
        raise ArgumentInvalid(name="class", value=repr(class_name), reason=f"no version of {where} has it ({listed})")


def switch_of(row: Row) -> Switch:
    """A switch from its row."""
    return Switch(
        row["tenant"],
        row["schema"],
        row["class"],
        row["is_on"],
        row["reason"],
        row["set_by"],
        row["set_at"],
        row["evidence"],
        row["audit_id"],
        row["reset_at"],
    )


def _scope(tenant: str, schema: str, class_name: str) -> str:
    what = "every class" if class_name == EVERY else class_name
    where = "every schema" if schema == EVERY else schema
    who = "every tenant" if tenant == EVERY else f"tenant {tenant}"
    return f"{what} of {where} for {who}"
