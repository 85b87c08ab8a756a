"""Undoing what brought something back that others had gone on referring to."""

from __future__ import annotations

import pytest

from memreg.core.database import Database
from memreg.core.errors import ActRefused
from tests.support.acts import contents
from tests.support.offices import made, offices
from tests.support.replay import check_replay


def test_who_referred_to_it_while_it_was_deleted_does_not_stand_in_the_way(database: Database) -> None:
    engine = offices(database)
    boss = made(engine, "Person", {"name": "Zoe Adams", "email": "z@x.io"})
    made(
        engine, "Person", {"name": "Ana Lopez", "email": "a@x.io", "manager": {"name": "Zoe Adams", "email": "z@x.io"}}
    )
    engine.forget(boss, by="eva")
    before = contents(database)
    restored = engine.restore(boss, by="eva").audit_id
    assert restored is not None
    engine.undo(restored, by="eva")
    assert contents(database) == before
    check_replay(database, "default", engine.version().spec)


def test_nor_does_who_was_forgotten_and_came_back_meanwhile(database: Database) -> None:
    engine = offices(database)
    boss = made(engine, "Person", {"name": "Zoe Adams", "email": "z@x.io"})
    ana = made(
        engine, "Person", {"name": "Ana Lopez", "email": "a@x.io", "manager": {"name": "Zoe Adams", "email": "z@x.io"}}
    )
    engine.forget(boss, by="eva")
    restored = engine.restore(boss, by="eva").audit_id
    forgotten = engine.forget(ana, by="eva").audit_id
    assert restored is not None
    assert forgotten is not None
    engine.undo(forgotten, by="eva")
    engine.undo(restored, by="eva")
    check_replay(database, "default", engine.version().spec)


def test_who_refers_to_it_since_it_is_back_does(database: Database) -> None:
    engine = offices(database)
    boss = made(engine, "Person", {"name": "Zoe Adams", "email": "z@x.io"})
    engine.forget(boss, by="eva")
    restored = engine.restore(boss, by="eva").audit_id
    ana = made(
        engine, "Person", {"name": "Ana Lopez", "email": "a@x.io", "manager": {"name": "Zoe Adams", "email": "z@x.io"}}
    )
    assert restored is not None
    with pytest.raises(ActRefused, match=f"memory {ana} refers to memory {boss} by manager"):
        engine.undo(restored, by="eva")
