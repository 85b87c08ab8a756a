"""What must hold of a soak's database, at any moment or once everybody waits: each breach in one sentence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from bench.soak_world import CLASSES, NAME, Told, Truth, World
from bench.victim import TABLES
from memreg import Engine
from memreg.operations.resolve import resolve

Conn = psycopg.Connection[tuple[Any, ...]]
OURS = r"^t\d+-\d+-\d+-\d+$"
"""Ids of the messages of loaders; those of a person's acts and of `resolve` look otherwise."""
OBJECT = (
    "case class when 'Account' then payload ->> 'number' when 'Place' then payload ->> 'name'"
    " else payload ->> 'email' end"
)
BEGINNING = UUID(int=0)
"""Before every audit entry."""
ANY_TIME = {
    "a proposal has more than one audit entry": """
        select tenant, message_id, ordinal from memreg.audit_log
        where id > %(since)s and message_id ~ %(ours)s group by 1, 2, 3 having count(*) > 1
    """,
    "a strong identity key is held by more than one memory": """
        select tenant, class, key, count(*) from memreg.identity_keys
        where strong and released_at is null group by tenant, schema, class, key, digest having count(*) > 1
    """,
    "an object has more than one live memory": f"""
        select tenant, class, {OBJECT} as object, count(*) from memreg.memories
        where not is_deleted and not unresolved and {OBJECT} is not null group by 1, 2, 3 having count(*) > 1
    """,
    "a memory holds what was said in another tenant": f"""
        select tenant, class, {OBJECT} from memreg.memories
        where class = 'Account' and not starts_with(payload ->> 'number', tenant || 'x')
            or class = 'Person' and payload ->> 'email' not like '%%@' || tenant || '.example'
    """,
    "a message is another tenant's": """
        select tenant, id from memreg.messages where id ~ %(ours)s and not starts_with(id, tenant || '-')
    """,
    "an audit entry is about a memory that its tenant does not have": """
        select tenant, id from memreg.audit_log
        where id > %(since)s and memory_id is not null and not exists (
            select from memreg.memories where memories.tenant = audit_log.tenant and memories.id = audit_log.memory_id
        )
    """,
    "an audit entry has no values": """
        select tenant, id from memreg.audit_log as log where id > %(since)s and not exists (
            select from memreg.audit_values as said where said.tenant = log.tenant and said.audit_id = log.id
        )
    """,
    "a live memory has no revision of its number": """
        select tenant, id from memreg.memories where not exists (
            select from memreg.memory_revisions as each
            where each.tenant = memories.tenant and each.memory_id = memories.id and each.revision = memories.revision
        )
    """,
}
TOLD = {
    "a message that was told is not kept": """
        select told.* from told
        where not exists (select from memreg.messages as kept where kept.tenant = told.tenant and kept.id = told.id)
    """,
    "a message that nobody told is kept": """
        select kept.tenant, kept.id from memreg.messages as kept
        where kept.id ~ %(ours)s and not exists (select from told where told.tenant = kept.tenant and told.id = kept.id)
    """,
    "a message is neither decided nor dead": """
        select tenant, id, status, queued, attempts, next_attempt_at::text from memreg.messages
        where status not in ('decided', 'dead')
    """,
    "a message that can be read is dead, or one that cannot is decided": """
        select told.*, kept.status, kept.error from told join memreg.messages as kept using (tenant, id)
        where (kept.status = 'dead') <> (told.proposals is null) and kept.schema = 'soak'
    """,
    "messages of a session were not decided in the order of their submits": """
        select * from (
            select tenant, id, decided_at::text, lag(id) over of_session as before,
                decided_at < lag(decided_at) over of_session as late
            from memreg.messages
            where queued and session is not null and status = 'decided'
            window of_session as (partition by tenant, schema, session order by arrival)
        ) as ordered
        where late
    """,
    "a message has not exactly one audit entry for each of its proposals": """
        select told.*, found.entries from told
        left join (
            select tenant, message_id, count(*) as entries, count(distinct ordinal) as ordinals, min(ordinal) as first,
                max(ordinal) as last
            from memreg.audit_log where message_id ~ %(ours)s group by 1, 2
        ) as found on found.tenant = told.tenant and found.message_id = told.id
        where (coalesce(found.entries, 0), coalesce(found.ordinals, 0), coalesce(found.last - found.first + 1, 0))
            <> (coalesce(told.proposals, 0), coalesce(told.proposals, 0), coalesce(told.proposals, 0))
    """,
}
AT_REST = {
    "a transaction was left open": """
        select pid, state, query from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and state like 'idle in transaction%%'
    """,
    "a lock was left": """
        select locktype, mode, pid, state, query from pg_locks join pg_stat_activity using (pid)
        where pid <> pg_backend_pid() and datname = current_database() and locktype in ('advisory', 'tuple')
    """,
    "a transaction was left prepared": "select gid from pg_prepared_xacts",
    "a job is being done by nobody": """
        select jobs.id, jobs.status from memreg.procrastinate_jobs as jobs where jobs.status = 'doing'
    """,
}
_DIGEST = "select count(*), coalesce(sum(hashtextextended(one::text, 0)::numeric), 0) from memreg.{} as one"


@dataclass
class Checks:
    """The checks of a soak. `truth`: what must be remembered, as far as it was folded; by loader, how many steps that
    were."""

    dsn: str
    world: World
    truth: dict[str, Truth] = field(default_factory=dict)
    folded: dict[int, int] = field(default_factory=dict)
    told: int = 0
    """Messages that were folded."""
    proposals: int = 0
    done: int = 0
    """How often something was checked."""
    patience: float = 30.0
    """Seconds until what is open must be closed."""
    anchors: dict[str, str] = field(default_factory=dict)

    def any_time(self, since: UUID = BEGINNING) -> list[str]:
        """What must hold whatever is going on; of the audit, what came after `since`."""
        with _connect(self.dsn) as conn:
            given = {"since": since, "ours": OURS}
            return self._of(conn, ANY_TIME, given) + self._tenants(conn)

    def at_rest(self, begun: dict[int, int], engine: Engine) -> list[str]:
        """What must hold once everything that was begun is done and nobody does anything. `begun`: steps by loader."""
        broken = self.any_time()
        for tenant in self.world.names:
            resolved = resolve(engine.database, tenant, NAME, by="soak")
            if resolved.left:
                broken.append(f"something of {tenant} cannot be resolved: {resolved.left}")
        with _connect(self.dsn) as conn:
            conn.execute("create temporary table if not exists told (tenant text, id text, proposals integer)")
            with conn.cursor().copy("copy told from stdin") as copy:
                for told in self._steps(begun):
                    for message, proposals in zip(told.messages, told.proposals, strict=True):
                        copy.write_row((told.tenant, message.id, None if proposals is None else len(proposals)))
            conn.execute("analyze told")
            self.told, self.proposals = conn.execute("select count(*), sum(proposals) from told").fetchone() or (0, 0)
            broken += self._of(conn, TOLD, {"ours": OURS})
            broken += self._settles(conn)
            broken += self._remembered(conn)
        for tenant in self.world.names:
            broken += self._audit(engine.for_tenant(tenant))
        return broken

    def digest(self) -> dict[str, tuple[int, int]]:
        """Rows of every table of tenants, and the sum of what they hold: the same where nothing was changed."""
        with _connect(self.dsn) as conn:
            found = {}
            for (table,) in conn.execute(TABLES.encode()).fetchall():
                found[table] = conn.execute(sql.SQL(_DIGEST).format(sql.Identifier(table))).fetchone() or (0, 0)
            return found

    # Parts

    def _steps(self, begun: dict[int, int]) -> Iterator[Told]:
        """Every step that was begun; those that are new are folded."""
        for loader, count in begun.items():
            for number in range(count):
                told = self.world.told(loader, number)
                if number >= self.folded.get(loader, 0):
                    for proposals in told.proposals:
                        self.truth.setdefault(told.tenant, Truth()).fold(proposals or ())
                yield told
            self.folded[loader] = max(count, self.folded.get(loader, 0))

    def _of(self, conn: Conn, asked: dict[str, str], given: dict[str, Any]) -> list[str]:
        broken = []
        for sentence, query in asked.items():
            self.done += 1
            rows = conn.execute(query.encode(), given).fetchmany(3)
            if rows:
                broken.append(f"{sentence}: {rows}")
        return broken

    def _settles(self, conn: Conn) -> list[str]:
        """What comes to rest within a moment: a worker that looks for work holds a lock, too, but not for long."""
        ends = time.monotonic() + self.patience
        while (broken := self._of(conn, AT_REST, {})) and time.monotonic() < ends:
            time.sleep(0.5)
        return broken

    def _tenants(self, conn: Conn) -> list[str]:
        broken = []
        known = [*self.world.names, "*"]
        for (table,) in conn.execute(TABLES.encode()).fetchall():
            self.done += 1
            query = sql.SQL("select tenant from memreg.{} where tenant <> all(%s) limit 1").format(
                sql.Identifier(table)
            )
            if row := conn.execute(query, (known,)).fetchone():
                broken.append(f"a row of {table} is of a tenant that is not there: {row}")
        return broken

    def _remembered(self, conn: Conn) -> list[str]:
        """The accounts and places are what was told, all of it and nothing else."""
        broken = []
        for tenant, truth in self.truth.items():
            found: dict[str, dict[str, dict[str, Any]]] = {"Account": {}, "Place": {}}
            rows = conn.execute(
                "select class, payload from memreg.memories where tenant = %s and class <> 'Person' and not is_deleted",
                (tenant,),
            )
            for class_name, payload in rows:
                found[class_name][payload[CLASSES[class_name]]] = payload
            accounts = {
                name: {**{c: v for c, v in each.items() if c != "number"}, "tags": set(each.get("tags") or ())}
                for name, each in found["Account"].items()
            }
            places = {name: {c: v for c, v in each.items() if c != "name"} for name, each in found["Place"].items()}
            for what, have, want in (("account", accounts, truth.accounts), ("place", places, truth.places)):
                self.done += 1
                wrong = [name for name in {*have, *want} if have.get(name) != want.get(name)]
                if wrong:
                    one = min(wrong)
                    broken.append(
                        f"{len(wrong)} {what}s of {tenant} are not what was told: {one} is {have.get(one)}, "
                        f"and was told as {want.get(one)}"
                    )
        return broken

    def _audit(self, engine: Engine) -> list[str]:
        """The audit rebuilds the memories, is as it was written, and goes on from where it was before."""
        broken = []
        replayed = engine.replay_audit()
        if not replayed.is_same:
            what = [*replayed.misfits[:3], *replayed.differences[:3]]
            broken.append(f"the audit does not rebuild what is stored: {replayed.sentence} {what}")
        engine.seal_audit()
        verified = engine.verify_audit(anchor=self.anchors.get(engine.tenant))
        if not verified.is_intact:
            broken.append(f"{verified.sentence} {[each.sentence for each in verified.findings[:3]]}")
        self.anchors[engine.tenant] = engine.anchor_audit()
        self.done += 2
        return broken


def replays(world: World, begun: dict[int, int], engine: Engine, pick: Callable[[int], bool]) -> tuple[int, list[str]]:
    """Ingest some of what was told once more; how many messages, and which were not answered as replays."""
    again, broken = 0, []
    for loader, count in begun.items():
        for number in filter(pick, range(count)):
            told = world.told(loader, number)
            tenant = engine.for_tenant(told.tenant)
            for message, proposals in zip(told.messages, told.proposals, strict=True):
                if proposals is None:
                    continue  # a dead one is tried again
                given = None if told.way in ("submit", "text") else proposals
                result = tenant.ingest(message, proposals=given)
                again += 1
                if result.status != "replayed" or len(result.decisions) != len(proposals):
                    broken.append(f"{message.id} given again was {result.status}")
    return again, broken


def connections(dsn: str) -> int:
    """How many others are connected to the database."""
    with _connect(dsn) as conn:
        asked = (
            "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
        )
        return int((conn.execute(asked.encode()).fetchone() or (0,))[0])


@contextmanager
def _connect(dsn: str) -> Iterator[Conn]:
    with psycopg.connect(dsn, autocommit=True) as conn:
        yield conn
