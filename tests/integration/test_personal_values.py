"""Values of columns marked `pii` are nowhere to be seen where nobody asked for them, and who asks is in the audit."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from memreg.api.engine import Engine
from memreg.cli.main import memreg
from memreg.core.database import Database
from memreg.engine.model import Decision, Message, Proposal
from tests.support.dump import lines_with
from tests.support.engines import register
from tests.support.spans import Traces

SCHEMA = """
schema: staff
classes:
  Person:
    description: Somebody
    columns:
      name: {dtype: string, desc: Name, required: true, normalize: [trim, collapse]}
      email: {dtype: string, desc: E-mail, pii: true, normalize: [email]}
      phone: {dtype: string, desc: Phone, pii: true, normalize: [digits]}
      born: {dtype: date, desc: Born, pii: true}
      likes: {dtype: "list[string]", desc: Likes, pii: true}
      city: {dtype: string, desc: Town}
    annotation:
      searchable: {name: 3, city: 1}
      compare: [born]
      identity:
        - {columns: [email], strength: strong}
        - {columns: [phone], strength: strong}
"""
EMAIL, OTHER, PHONE, BORN, LIKES = "xanthippe@quux.io", "quux@xanthippe.io", "4722334455", "1971-03-09", "marzipan"
SECRETS = (EMAIL, OTHER, PHONE, "22 33 44 55", BORN, LIKES)


@pytest.fixture
def engine(database: Database) -> Engine:
    register(database, SCHEMA)
    return Engine(database, schema="staff", extractor="patterns")


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """Every log record, as anybody might format it."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.name} {record.getMessage()} {record.__dict__!r}")

    handler, logger = Handler(), logging.getLogger()
    level = logger.level, logging.getLogger("memreg").level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logging.getLogger("memreg").setLevel(logging.DEBUG)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(level[0])
    logging.getLogger("memreg").setLevel(level[1])


def say(engine: Engine, operation: str = "upsert", **values: object) -> Decision:
    proposal = Proposal("Person", values, "delete" if operation == "delete" else "upsert", evidence=f"of {EMAIL}")
    return engine.ingest(Message(f"about {values}"), proposals=[proposal]).decisions[0]


def tell(engine: Engine) -> tuple[UUID, UUID]:
    """Two people, a conflict of their keys, values that are refused, a delete that is refused."""
    one = say(engine, name="Xanthippe Q", email=EMAIL, born=BORN, likes=[LIKES], city="Oslo").memory_id
    two = say(engine, name="Q. Xanthippe", phone="+47 22 33 44 55", city="Bergen").memory_id
    say(engine, name="Xanthippe Q", email=EMAIL, phone=PHONE, city="Bergen")
    say(engine, name="Xanthippe Q", email=f"{EMAIL} {EMAIL}", born=f"{BORN} or so")
    say(engine, "delete", born=BORN, name="Xanthippe Q")
    assert one is not None
    assert two is not None
    assert one != two
    return one, two


def run(url: str, *arguments: str) -> Result:
    done = CliRunner().invoke(memreg, [*arguments, "--database", url], env={"COLUMNS": "200"})
    assert done.exit_code in (0, 1), done.output
    assert "Traceback" not in done.output
    return done


def commands(engine: Engine, one: UUID, two: UUID) -> list[tuple[str, ...]]:
    """What shows memories to somebody who looks at what is to be done."""
    made = engine.audit(memory_id=one, limit=100)[-1].audit_id
    return [
        ("review", "list"),
        ("audit",),
        ("audit", "export"),
        ("audit", "export", "--format", "csv"),
        ("undo", str(made), "--cascade", "--dry-run"),
        ("merge", str(one), str(two), "--dry-run"),
        ("split", str(one), "--columns", "email,born", "--values", "name=Somebody", "--dry-run"),
        ("correct", str(one), f"email={OTHER}", "--dry-run"),
        ("forget", str(one), "--dry-run"),
        ("erase", str(one)),
    ]


@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_listed_and_previewed_masks_them(engine: Engine, database_url: str, as_json: bool) -> None:
    one, two = tell(engine)
    for command in commands(engine, one, two):
        done = run(database_url, *command, *(["--json"] if as_json else []))
        assert done.exit_code == 0, (command, done.output)
        assert lines_with(done.output, *SECRETS) == [], command
    assert engine.audit(action="REVEAL") == []


def test_what_acts_print_masks_them(engine: Engine, database_url: str) -> None:
    one, two = tell(engine)
    for command in (
        ("correct", str(one), f"email={OTHER}", "born=1971-03-09"),
        ("merge", str(one), str(two)),
        ("forget", str(one)),
        ("restore", str(one)),
    ):
        done = run(database_url, *command)
        assert done.exit_code == 0, (command, done.output)
        assert lines_with(done.output, *SECRETS) == [], command
        undone = run(database_url, "undo", str(engine.audit(limit=1)[0].audit_id))
        assert undone.exit_code == 0, undone.output
        assert lines_with(undone.output, *SECRETS) == [], command
        listed = run(database_url, "audit", "--limit", "3")
        assert lines_with(listed.output, *SECRETS) == [], command
        if command[0] == "forget":
            run(database_url, *command)


def test_who_sees_them_is_in_the_audit(engine: Engine, database_url: str) -> None:
    tell(engine)
    shown = run(database_url, "review", "list", "--reveal", "--by", "kim")
    assert EMAIL in shown.output
    handed = run(database_url, "audit", "export", "--reveal", "--by", "kim", "--why", "request 7")
    assert EMAIL in handed.output
    one = say(engine, name="Somebody", email=OTHER)
    undone = run(database_url, "undo", str(one.audit_id), "--dry-run", "--reveal", "--by", "kim")
    assert OTHER in undone.output
    entries = engine.audit(action="REVEAL")
    assert len(entries) == 3
    for entry in entries:
        told = engine.explain(entry.audit_id)
        assert "kim" in told.text
        assert lines_with(json.dumps(told.facts, default=str), *SECRETS) == []


def test_an_application_says_that_it_shows_them(engine: Engine) -> None:
    noted = engine.reveal("the support desk's list", by="kim", why="ticket 4711", class_name="Person")
    [entry] = engine.audit(action="REVEAL")
    assert (entry.audit_id, entry.class_name, entry.basis, entry.memory_id) == (noted, "Person", "person", None)
    assert entry.reasons == ("masked values were shown in the support desk's list", "ticket 4711")


def test_no_log_trace_or_metric_has_them(engine: Engine, database_url: str, heard: list[str], traces: Traces) -> None:
    one, two = tell(engine)
    engine.correct(one, {"email": OTHER}, by="kim")
    done = engine.merge(one, two, by="kim")
    assert done.audit_id is not None
    engine.undo(done.audit_id, by="kim")
    engine.forget(two, by="kim")
    engine.erase(one, by="kim", also=[LIKES])
    metrics = run(database_url, "metrics")
    assert "memreg_" in metrics.output
    assert traces.spans
    assert heard
    for told in ("\n".join(heard), traces.told(), metrics.output):
        assert lines_with(told, *SECRETS, "Xanthippe") == []
