"""What was held back and went into a memory that said it all already is undone with the rest of its time."""

from __future__ import annotations

from datetime import UTC, datetime

from memreg.core.database import Database
from memreg.operations.kill_switch import switch
from memreg.operations.resolve import resolve
from tests.support.acts import contents
from tests.support.engines import people, say


def test_it_is_of_the_decisions_since_then(database: Database) -> None:
    engine = people(database)
    say(engine, name="Wolfgang Schmidt", city="Graz")
    switch(database, "default", "people", on=True, by="eva")
    say(engine, name="Wolfgang Schmidt", city="Graz")
    switch(database, "default", "people", on=False, by="eva")
    before, since = contents(database), datetime.now(UTC)
    [outcome] = resolve(database, "default", "people", by="eva").outcomes
    assert contents(database) != before
    done = engine.undo_many(since=since, by="eva", dry_run=False)
    assert [each.undoes for each in done.undone] == [outcome.decision.audit_id]
    assert contents(database) == before
