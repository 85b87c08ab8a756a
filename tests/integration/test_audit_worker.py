"""A worker seals the audit of every tenant while it looks after the queue."""

from __future__ import annotations

import time

import pytest

from memreg.api import worker
from memreg.core.database import Database
from memreg.operations.audit.run import verify_all
from tests.support.engines import people, say


def test_a_worker_seals_the_audit_of_every_tenant(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "BEAT", 0.05)
    with people(database) as engine:
        say(engine.for_tenant("globex"), name="Bob", email="bob@stone.org")
        say(engine, name="Ana", email="ana@lopez.io")
        engine.submit("hello")
        until = time.monotonic() + 20
        while time.monotonic() < until:
            reports = verify_all(database, "*")
            if len(reports) == 2 and not any(each.unsealed for each in reports):
                break
            time.sleep(0.02)
    assert [(each.tenant, each.unsealed, each.is_intact) for each in reports] == [
        ("default", 0, True),
        ("globex", 0, True),
    ]
