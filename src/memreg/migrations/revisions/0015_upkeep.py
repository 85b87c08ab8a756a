"""Upkeep: indexes that only those use who ask for them, revisions by months, and what autovacuum is to do."""

from __future__ import annotations

from psycopg import sql

from memreg.migrations.apply import apply_file
from memreg.migrations.beside import Index, build_beside, outside_transaction, take_place

revision = "0015"
down_revision = "0014"

# The condition of each holds for every row. It is there for the planner, which uses such an index only for a query that
# asks for that column: without it, a look-up by primary key may go through any index that begins with the tenant,
# where the statistics are those of an empty table, or of one with a row a tenant.
INDEXES = (
    Index("memories_by_class", "memories", "(tenant, schema, class, id) where class is not null"),
    Index("memories_by_change", "memories", "(tenant, schema, class, change) where class is not null"),
    Index(
        "memories_by_version",
        "memories",
        "(schema, version, tenant, class) where not is_deleted and version is not null",
    ),
    Index("identity_keys_by_memory", "identity_keys", "(tenant, memory_id) where memory_id is not null"),
    Index("memory_references_by_memory", "memory_references", "(tenant, memory_id) where memory_id is not null"),
    Index(
        "messages_by_arrival",
        "messages",
        "(tenant, schema, arrival) where arrival > '00000000-0000-0000-0000-000000000000'",
        unique=True,
    ),
    Index("audit_log_by_message", "audit_log", "(tenant, schema, message_id) where message_id is not null"),
    Index("audit_log_by_memory", "audit_log", "(tenant, memory_id, id) where memory_id is not null"),
    Index("audit_log_by_class", "audit_log", "(tenant, schema, class, id) where class is not null"),
)


def upgrade() -> None:
    build_beside(INDEXES)
    _bound_revisions()
    take_place(INDEXES)
    apply_file("0015_upkeep.sql")


def _bound_revisions() -> None:
    """Have Postgres know up to when the revisions go that there are, so that their table becomes a partition without
    being read through while nobody else may use it."""
    with outside_transaction() as conn:
        row = conn.execute(
            "select memreg.uuid_from(memreg.month_after(greatest(now(), memreg.time_of(memory_id)))),"
            " memreg.time_of(memory_id) > now() + interval '1 year'"
            " from memreg.memory_revisions where to_regclass('memreg.memory_revisions_first') is null"
            " order by memory_id desc limit 1"
        ).fetchone()
        if row is None or row[1]:
            return
        conn.execute("alter table memreg.memory_revisions drop constraint if exists memory_revisions_before")
        conn.execute(
            sql.SQL(
                "alter table memreg.memory_revisions add constraint memory_revisions_before"
                " check (memory_id < {}::uuid) not valid"
            ).format(sql.Literal(str(row[0])))
        )
        conn.execute("alter table memreg.memory_revisions validate constraint memory_revisions_before")
