"""A tenant with something to lose: what it has, what of it anybody may guess, and what nobody else may ever read."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from hashlib import sha256

import psycopg
from psycopg import sql

from memreg import Engine, Message, Proposal
from memreg.core.database import Database
from memreg.core.errors import ExtractionFailed
from memreg.engine.model import Extraction
from memreg.operations.kill_switch import switch
from memreg.registry.models import SchemaVersion

SCHEMA = """
schema: people
classes:
  Person:
    description: Somebody
    columns:
      name: {dtype: string, desc: Full name, required: true, normalize: [trim, collapse]}
      email: {dtype: string, desc: E-mail, normalize: [email], pii: true}
      phone: {dtype: string, desc: Phone, normalize: [digits]}
      city: {dtype: string, desc: Town}
      knows: {dtype: string, desc: Somebody else}
      notes: {dtype: text, desc: Anything else, merge: append}
    patterns:
      - "{name} writes from {email}."
      - {text: "Forget {email}.", operation: delete}
    annotation:
      searchable: {name: 3, city: 1, notes: 1}
      identity: [{columns: [email], strength: strong}, {columns: [phone], strength: shared}]
"""
FIRST = ("Ana", "Tor", "Zoe", "Per", "Ida", "Max", "Eva", "Kim")
LAST = ("Lopez", "Moe", "Quist", "Hagen", "Stone", "Woods")
TABLES = """
select relname from pg_class
join pg_attribute on attrelid = pg_class.oid and attname = 'tenant' and not attisdropped
where relnamespace = 'memreg'::regnamespace and relkind in ('r', 'p') and not relispartition
order by relname
"""


@dataclass
class Victim:
    """`ids`: by kind, what names things of it; `known`: values that a stranger may guess, by column; `hidden`: words
    that stand in its values, texts, reasons and notes, and nowhere else."""

    tenant: str
    ids: dict[str, list[str]]
    known: list[dict[str, str]]
    hidden: list[str]
    anchor: str = ""
    every_id: frozenset[str] = field(default_factory=frozenset)


class Refusing:
    """Proposes nothing, and says of what."""

    name = "refusing"

    def extract(self, message: Message, version: SchemaVersion) -> Extraction:  # noqa: ARG002
        """Raises ExtractionFailed."""
        raise ExtractionFailed(extractor=self.name, reason=f"it does not say what {message.text} is")


def prepare(database: Database, tenant: str, chance: random.Random, count: int = 60) -> Victim:
    """Give a tenant memories of every kind: changed, deleted, merged, held back, asked about, dead, waiting, erased."""
    hidden: list[str] = []

    def secret() -> str:
        hidden.append(f"hidden{chance.getrandbits(64):016x}")
        return hidden[-1]

    known = []
    engine = Engine(database, tenant=tenant, schema="people", extractor=Refusing())
    for number in range(count):
        name = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
        values = {"name": name, "email": f"p{number}@x.org", "phone": f"55501{number:03}", "city": secret()}
        known.append({column: values[column] for column in ("name", "email", "phone")})
        message = Message(f"{name} lives in {values['city']}", f"m{number}", session=f"s{number % 5}")
        engine.ingest(message, proposals=[Proposal("Person", {**values, "notes": secret()}, evidence=secret())])
        if number % 3 == 0:
            engine.ingest(proposals=[Proposal("Person", {"email": values["email"], "notes": secret()})])
        if number % 7 == 0:
            engine.ingest(proposals=[Proposal("Person", {"name": name, "city": values["city"], "notes": secret()})])
        if number % 11 == 0:
            engine.ingest(proposals=[Proposal("Person", {"email": values["email"]}, "delete")])
        if number % 10 == 0:
            engine.ingest(Message(secret(), f"dead{number}", session=f"s{number % 5}"))
            engine.submit(Message(secret(), f"waits{number}", session=f"s{number % 5}"))
    people = engine.list("Person", limit=1_000)
    engine.merge(people[1].id, people[2].id, by=secret(), why=secret())
    engine.undo(engine.audit(limit=1)[0].audit_id, by=secret(), why=secret())
    engine.correct(people[3].id, {"city": secret()}, by=secret(), why=secret())
    engine.forget(people[4].id, by=secret(), why=secret())
    engine.erase(people[5].id, by="ana", why="the law")
    engine.calibrate("Person", shift=0.25, by=secret(), why=secret())
    switch(database, tenant, "people", "Person", on=True, by=secret(), reason=secret())
    engine.ingest(proposals=[Proposal("Person", {"name": secret(), "email": "held@x.org"})])
    engine.seal_audit()
    found = Victim(tenant, _ids(database, tenant), known, hidden, engine.anchor_audit())
    found.every_id = frozenset(each for kind in ("memory", "entry", "review") for each in found.ids[kind])
    return found


def _ids(database: Database, tenant: str) -> dict[str, list[str]]:
    asked = {
        "memory": "select id from memreg.memories where tenant = %s",
        "entry": "select id from memreg.audit_log where tenant = %s",
        "review": "select id from memreg.review_items where tenant = %s",
        "message": "select id from memreg.messages where tenant = %s",
        "session": "select distinct session from memreg.messages where tenant = %s and session is not null",
    }
    with psycopg.connect(database.conninfo) as conn:
        return {kind: [str(row[0]) for row in conn.execute(text.encode(), [tenant])] for kind, text in asked.items()}


ROWS = "select coalesce(string_agg(one::text, '|' order by one::text), '') from memreg.{} as one where tenant = %s"
JOBS = ROWS.replace("tenant = %s", "args ->> 'tenant' = %s")


def state(dsn: str, tenant: str) -> dict[str, str]:
    """A digest of all that a tenant has, by table, as a superuser sees it."""
    found = {}
    with psycopg.connect(dsn) as conn:
        asked = {row[0]: ROWS for row in conn.execute(TABLES.encode())} | {"procrastinate_jobs": JOBS}
        for table, text in asked.items():
            row = conn.execute(sql.SQL(text).format(sql.Identifier(table)), [tenant]).fetchone()
            assert row is not None
            found[table] = sha256(row[0].encode()).hexdigest()
    return found
