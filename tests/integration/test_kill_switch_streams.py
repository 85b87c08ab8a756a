"""Streams of records that are well identified trip no switch, whatever they look like."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.accuracy_streams import default_folder, find
from memreg.api.engine import Engine
from memreg.core.clock import utc_now
from memreg.core.database import Database
from memreg.core.ids import uuid7
from memreg.engine.cache import Cache
from memreg.evaluation.run import TENANT, prepare, replay
from memreg.evaluation.stream_schema import read_stream_schema
from memreg.evaluation.streams import read_stream
from memreg.operations.kill_switch import status
from memreg.operations.trip.look import Looker, measure_all
from memreg.operations.trip.rules import NAMES


@pytest.mark.parametrize(("name", "records"), [("corrupted", 150), ("fake_1000", 250)])
def test_a_healthy_stream_trips_nothing(database: Database, tmp_path: Path, name: str, records: int) -> None:
    """Real ones where their folder is there; the generated one, of persons met again and again, always."""
    given = find(name, default_folder(), tmp_path)
    if given is None:
        pytest.skip("the folder of streams is not here: MEMREG_ACCURACY_DATA")
    subject = read_stream_schema(given.schema.read_text("utf-8"), name)
    schema = subject.spec.name
    prepare(database, subject)
    engine = Engine(database, tenant=TENANT, schema=schema, extractor="patterns")
    done = replay(engine, subject, read_stream(given.records), limit=records, advance=lambda _: None)
    assert {each.action for each in done.outcomes} >= {"CREATE", "UPDATE"}
    assert status(database, TENANT, schema).switches == ()
    (looked,) = database.run(TENANT, lambda: measure_all(Looker(TENANT, schema, Cache(), utc_now, uuid7)))
    assert [each.rule for each in looked.findings] == list(NAMES)
    assert not any(each.passes for each in looked.findings)
