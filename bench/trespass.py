"""Attempts of one tenant to reach another: by every method of an engine, operation and command, and by plain SQL."""

from __future__ import annotations

import inspect
import io
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import click
import psycopg
from click.testing import CliRunner
from psycopg import sql

from bench.victim import Victim
from memreg import Engine, Message, Proposal, Turn
from memreg.cli.main import memreg
from memreg.core.database import Database
from memreg.core.errors import MemregError
from memreg.core.queries import Query
from memreg.core.steps import fetch_rows
from memreg.operations import inbox
from memreg.operations.key_precision import key_precision
from memreg.operations.kill_switch import status, switch
from memreg.operations.resolve import resolve
from memreg.operations.usage import usage

OF_NO_TENANT = frozenset({"background", "close", "connect", "for_tenant", "registry", "schema", "version"})
"""What an engine does that is not about memories: connections, workers of every tenant, the schemas that all share."""


@dataclass
class Thief:
    """A tenant that knows more of a victim than it should, and asks with it; `given` is what it has just used."""

    engine: Any
    victim: Victim
    chance: random.Random
    given: set[str] = field(default_factory=set)

    def id(self, kind: str) -> str:
        """Something of the victim's, as it is named."""
        found = self.chance.choice(self.victim.ids[kind])
        self.given.add(found)
        return found

    def someone(self) -> dict[str, str]:
        """What a stranger knows of somebody whom the victim remembers."""
        return dict(self.chance.choice(self.victim.known))

    def word(self) -> str:
        """What may be searched for: a name, a letter, or the secret itself."""
        person = self.someone()
        return self.chance.choice([person["name"], person["name"][0], "hidden", self.chance.choice(self.victim.hidden)])

    def proposal(self, operation: Literal["upsert", "delete"] = "upsert") -> Proposal:
        """Words about somebody whom the victim remembers too."""
        return Proposal("Person", self.someone() | {"city": f"stolen {self.chance.random()}"}, operation)

    def message(self) -> Message:
        """A message that is named as one of the victim's is."""
        person = self.someone()
        text = self.chance.choice(["{name} writes from {email}.", "Forget {email}."]).format(**person)
        return Message(text, self.id("message"), session=self.id("session"))


BY: dict[str, Any] = {"by": "mallory", "why": "greed"}
Attempt = Callable[[Thief], Any]
METHODS: dict[str, Attempt] = {
    "anchor_audit": lambda t: t.engine.anchor_audit(),
    "audit": lambda t: (
        t.engine.audit(memory_id=t.id("memory"))
        or t.engine.audit(message_id=t.id("message"), session=t.id("session"), before=t.id("entry"))
    ),
    "calibrate": lambda t: t.engine.calibrate("Person", shift=t.chance.random(), **BY),
    "calibration": lambda t: t.engine.calibration("Person"),
    "correct": lambda t: t.engine.correct(t.id("memory"), {"city": "stolen"}, **BY),
    "erase": lambda t: t.engine.erase(t.id("memory"), **BY),
    "explain": lambda t: t.engine.explain(t.id("entry"), why_not=t.id("memory") if t.chance.random() < 0.5 else None),
    "export_audit": lambda t: written(lambda write: t.engine.export_audit(write, reveal=True, **BY)),
    "forget": lambda t: t.engine.forget(t.id("memory"), **BY),
    "get": lambda t: t.engine.get(t.id("memory")),
    "history": lambda t: t.engine.history(t.id("memory")),
    "ingest": lambda t: t.engine.ingest(
        t.message(), proposals=[t.proposal(t.chance.choice(("upsert", "delete")))] if t.chance.random() < 0.7 else None
    ),
    "ingest_many": lambda t: t.engine.ingest_many(
        [Turn([t.proposal()]), t.message(), Turn([t.proposal("delete")], id=t.id("message")), t.message()],
        on_error=lambda _, __: None,
    ),
    "jobs_left": lambda t: t.engine.jobs_left(),
    "kill_switch": lambda t: t.engine.kill_switch(t.chance.random() < 0.2, **BY),
    "kill_switches": lambda t: t.engine.kill_switches(),
    "list": lambda t: t.engine.list("Person", after=t.id("memory"), limit=20),
    "merge": lambda t: t.engine.merge(t.id("memory"), t.id("memory"), **BY),
    "monitor": lambda t: t.engine.monitor(),
    "reopen": lambda t: t.engine.reopen(t.id("review"), **BY),
    "replay_audit": lambda t: t.engine.replay_audit() if t.chance.random() < 0.1 else None,
    "restore": lambda t: t.engine.restore(t.id("memory"), **BY),
    "retry": lambda t: t.engine.retry(t.id("message")),
    "reveal": lambda t: t.engine.reveal("what is not mine", **BY),
    "review": lambda t: t.engine.review(reveal=True, **BY),
    "seal_audit": lambda t: t.engine.seal_audit(),
    "search": lambda t: t.engine.search(t.word(), limit=50),
    "settle": lambda t: t.engine.settle(t.id("review"), t.chance.choice(("merge", "apart", "right", "wrong")), **BY),
    "split": lambda t: t.engine.split(t.id("memory"), columns=["city"], **BY),
    "stats": lambda t: t.engine.stats(),
    "submit": lambda t: t.engine.submit(t.message()),
    "undo": lambda t: t.engine.undo(t.id("entry"), cascade=True, **BY),
    "undo_many": lambda t: t.engine.undo_many(message_id=t.id("message"), session=t.id("session"), dry_run=False, **BY),
    "usage": lambda t: t.engine.usage(by=["day", "class", "model"]),
    "verify_audit": lambda t: t.engine.verify_audit(anchor=t.victim.anchor) if t.chance.random() < 0.1 else None,
    "wait": lambda t: t.engine.wait(t.id("message"), timeout=0),
}
"""By the name of an engine's method, how it is tried."""

OPERATIONS: dict[str, Attempt] = {
    "inbox": lambda t: inbox.inbox(t.engine.database, t.engine.tenant, "people"),
    "inbox show": lambda t: inbox.show(t.engine.database, t.engine.tenant, "people", t.id("message")),
    "inbox drop": lambda t: inbox.drop(t.engine.database, t.engine.tenant, "people", [t.id("message")], **BY),
    "inbox requeue": lambda t: inbox.requeue(t.engine.database, t.engine.tenant, "people", t.id("message")),
    "kill switch": lambda t: status(t.engine.database, t.engine.tenant, "people"),
    "kill switch on": lambda t: switch(
        t.engine.database, t.engine.tenant, "people", on=t.chance.random() < 0.3, by="mallory", reason="greed"
    ),
    "resolve": lambda t: resolve(t.engine.database, t.engine.tenant, "people", dry_run=t.chance.random() < 0.5),
    "key precision": lambda t: key_precision(t.engine.database, "people", tenant=t.engine.tenant),
    "examples": lambda t: t.engine.registry.examples("people", tenant=t.engine.tenant, show_pii=True),
    "usage": lambda t: usage(t.engine.database, t.engine.tenant, "people"),
}

STATEMENTS = (
    "select * from memreg.{table}",
    "select * from memreg.{table} where tenant = {victim}",
    "select count(*) as n from memreg.{table} where tenant = {victim} having count(*) > 0",
    "delete from memreg.{table} where tenant = {victim} returning *",
    "update memreg.{table} set tenant = {thief} where tenant = {victim} returning *",
    "insert into memreg.{table} select * from memreg.{table} where tenant = {victim} returning *",
    "select * from memreg.{table} where tenant = {victim} for update",
    "select * from memreg.{table} where ({table}::text)::integer = 1",
    "truncate memreg.{table}",
    "alter table memreg.{table} disable row level security",
    "create policy mine on memreg.{table} using (true)",
    "select * from memreg.audit_log_first",
    "select * from memreg.audit_values_first",
    "select 1 from unnest({ids}::uuid[]) as id where memreg.said({victim}, id, 1) is not null",
    "select 1 from unnest({ids}::uuid[]) as id where memreg.keeper_of({victim}, id) <> id",
    "select * from memreg.search_memories({victim}, 'people', {query}::tsquery, {query}::tsquery, 100)",
    "select memreg.erase_keys({ids}::uuid[]) as n where memreg.erase_keys({ids}::uuid[]) > 0",
    "select memreg.drop_audit_months(null)",
    "select * from memreg.procrastinate_jobs where args ->> 'tenant' = {victim}",
    "update memreg.procrastinate_jobs set priority = 9 where args ->> 'tenant' = {victim} returning *",
    "select word from ts_stat('select search from memreg.memories') where word like 'hidden%%'",
    "select * from pg_stats where schemaname = 'memreg' and most_common_vals::text like '%%hidden%%'",
    "set role memreg_operator; select * from memreg.memories",
)
"""What SQL as the role of a tenant may try; each must give nothing of the victim's or be refused."""


def written(export: Callable[[Callable[[str], object]], Any]) -> Any:
    """What an export gives, whether it is waited for or not."""
    out = io.StringIO()
    done = export(out.write)
    if not inspect.isawaitable(done):
        return out.getvalue()

    async def waited() -> str:
        await done
        return out.getvalue()

    return waited()


def untried(engine: type) -> list[str]:
    """Public methods of an engine that no attempt is made through."""
    names = [name for name, _ in inspect.getmembers(engine) if not name.startswith("_")]
    return [
        name for name in names if name not in METHODS and name.removeprefix("a") != "close" and name not in OF_NO_TENANT
    ]


def by_sql(thief: Thief, tables: list[str]) -> Any:
    """One statement in a transaction of the thief; its rows, of which none may be there where it names the victim."""
    statement = thief.chance.choice(STATEMENTS)
    ids = [thief.id("memory") for _ in range(5)]
    if statement.startswith("set role"):
        statement = "select set_config('role', 'memreg_operator', true) from memreg.{table} where false"
    text = (
        sql.SQL(statement.replace("%%", "%"))
        .format(
            table=sql.Identifier(thief.chance.choice(tables)),
            victim=thief.victim.tenant,
            thief=thief.engine.tenant,
            ids=ids,
            query="hidden:*",
        )
        .as_string()
    )
    asked = Query("attempt", "An attempt.", text.replace("%", "%%"))
    found = thief.engine.database.run(thief.engine.tenant, lambda: fetch_rows(asked()))
    if "{victim}" in statement and found:
        raise AssertionError(f"{text} gave {len(found)} rows")
    return found


def commands() -> list[tuple[str, ...]]:
    """Every command that is about a tenant, as it is called."""
    found: list[tuple[str, ...]] = []

    def walk(group: click.Group, before: tuple[str, ...]) -> None:
        context = click.Context(group)
        for name in group.list_commands(context):
            below = group.get_command(context, name)
            assert below is not None
            if any("--tenant" in each.opts for each in below.params):
                found.append((*before, name))
            if isinstance(below, click.Group):
                walk(below, (*before, name))

    walk(memreg, ())
    return found


class Refused(Exception):
    """A command ended with another status than 0; what it printed."""


def by_command(thief: Thief, path: tuple[str, ...], dsn: str) -> str:
    """A command of the thief with what it knows in the place of each argument; all that it printed."""
    below: click.Command = memreg
    for name in path:
        assert isinstance(below, click.Group)
        found = below.get_command(click.Context(below), name)
        assert found is not None
        below = found
    kinds = {"audit_id": "entry", "review_id": "review", "message_id": "message", "message_ids": "message"}
    words: list[str] = []
    for parameter in below.params:
        if isinstance(parameter, click.Argument):
            if parameter.name in ("memory_id", "keep", "other", *kinds):
                words.append(thief.id(kinds.get(parameter.name, "memory")))
            elif parameter.name == "values":
                words.append("city=stolen")
            elif parameter.name == "text":
                words.append(thief.word())
            elif parameter.name == "verdict":
                words.append(thief.chance.choice(("merge", "apart", "right", "wrong")))
            elif parameter.required or parameter.name == "class_name":
                words.append("people" if parameter.name == "name" else "Person")
    options = {each for parameter in below.params for each in parameter.opts}
    words += [
        word
        for option, word in (("--why", "greed"), ("--by", "mallory"), ("--reveal", ""))
        if option in options
        for word in (option, word)
        if word
    ]
    words += [flag for flag in ("--yes",) if flag in options]
    arguments = [*path, *words, "--tenant", thief.engine.tenant, "--schema", "people", "--database", dsn]
    done = CliRunner().invoke(memreg, arguments, input="Ana Lopez writes from p1@x.org.\n", catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    if done.exit_code:
        raise Refused(done.output)
    return done.output


def leaks(victim: Victim, given: Iterable[str], said: str) -> list[str]:
    """What of the victim's is in words that the thief was told, and that it had not said itself."""
    known = set(given)
    words = [word for word in victim.hidden if word in said and word not in known]
    return words + [each for each in victim.every_id if each in said and each not in known]


def told(what: Callable[[], Any]) -> tuple[str, bool]:
    """What somebody was told by an attempt, and whether it was refused."""
    try:
        found = what()
        found = list(found) if isinstance(found, Iterator) else found
    except (MemregError, psycopg.Error, Refused) as error:
        parts = [str(error), repr(getattr(error, "facts", ""))]
        return " ".join(parts), True
    return repr(found), False


async def awaited(found: Any) -> Any:
    """What an asynchronous engine's method came to: a coroutine's result, or all that it gives one by one."""
    if inspect.isawaitable(found):
        return await found
    return [each async for each in found] if isinstance(found, AsyncIterator) else found


def engines(database: Database, tenants: Iterable[str]) -> list[Engine]:
    """An engine for each tenant."""
    return [Engine(database, tenant=tenant, schema="people", extractor="patterns") for tenant in tenants]
