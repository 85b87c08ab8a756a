"""Messages of before 0007 keep their order of arrival, and those that wait are found by the workers."""

from __future__ import annotations

import psycopg

from memreg.core.database import Database
from memreg.core.settings import Settings
from memreg.engine import inbox
from memreg.engine.ingest import message_digest
from memreg.engine.model import Message
from memreg.migrations import runner
from tests.support.engines import people

INSERT = b"""
insert into memreg.messages (tenant, schema, id, session, role, text, digest, status, received_at)
values ('default', 'people', %s, 's', 'user', %s, %s, %s, now() - %s * interval '1 day')
"""
OLD = (("c", "accepted", 1), ("a", "decided", 3), ("d", "dead", 0.5), ("b", "accepted", 2))  # days ago


def test_old_messages_are_in_the_order_in_which_they_came(empty_database_url: str) -> None:
    runner.upgrade(empty_database_url, to="0006")
    with psycopg.connect(empty_database_url) as conn:
        for name, status, days in OLD:
            said = Message(f"Ana Lopez lives in {name}")
            conn.execute(INSERT, (name, said.text, message_digest(said), status, days))
    runner.upgrade(empty_database_url)
    with psycopg.connect(empty_database_url) as conn:
        rows = conn.execute("select id, arrival, queued, received_at from memreg.messages order by arrival").fetchall()
    assert [row[0] for row in rows] == ["a", "b", "c", "d"]
    for _, arrival, queued, received in rows:
        assert (arrival.version, arrival.variant, queued) == (7, "specified in RFC 4122", False)
        assert abs((arrival.int >> 80) / 1000 - received.timestamp()) < 0.002
    with Database.connect(Settings(database_url=empty_database_url)) as database:
        engine = people(database)
        left = database.run_admin(lambda: inbox.left_behind(rows[-1][3]))
        assert [each.message_id for each in left] == ["b", "c"]
        assert engine.retry("b").status == "decided"
