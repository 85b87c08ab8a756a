"""A change of meaning through the engine: defaults of new memories, former names in proposals, every version read."""

from __future__ import annotations

import pytest

from memreg.api.engine import Engine
from memreg.api.registry import Registry
from memreg.core.database import Database
from memreg.core.errors import SchemaInvalid
from memreg.engine.model import Action, Proposal
from memreg.operations.backfill import backfill
from memreg.operations.resolve import resolve
from tests.support.engines import every, register, say
from tests.support.replay import rebuilt, stored

WITH_DEFAULTS = """
schema: tickets
compatibility: none
classes:
  Ticket:
    aliases: [Issue]
    columns:
      title:  {dtype: string, required: true}
      code:   {dtype: string}
      state:  {dtype: enum, values: [open, closed], required: true, default: open}
      labels: {dtype: "list[string]", default: [new]}
    annotation: {searchable: {title: 3}, identity: [{columns: [code]}]}
"""
RENAMED = """
schema: tickets
compatibility: none
classes:
  Job:
    from: Ticket
    columns:
      name:   {dtype: string, required: true, from: title}
      code:   {dtype: string}
      state:
        {dtype: enum, values: [todo, done], from: {map: {open: todo, closed: done}}, required: true, default: todo}
      labels: {dtype: "list[string]", default: [new]}
    annotation: {searchable: {name: 3}, identity: [{columns: [code]}]}
"""


def tickets(database: Database) -> Engine:
    """An engine on the schema's version in force."""
    return Engine(database, schema="tickets", extractor="patterns")


def test_a_new_memory_has_the_defaults_and_an_update_leaves_them_alone(database: Database) -> None:
    register(database, WITH_DEFAULTS)
    engine = tickets(database)
    made = say(engine, "Ticket", title="It hums", code="t-1")
    assert made.action is Action.CREATE
    assert made.reasons[1:] == (
        "state has its default, as nothing was said of it",
        "labels has its default, as nothing was said of it",
    )
    assert made.memory_id is not None
    assert engine.get(made.memory_id).values == {
        "title": "It hums", "code": "t-1", "state": "open", "labels": ["new"],
    }  # fmt: skip
    say(engine, "Ticket", code="t-1", state="closed")
    say(engine, "Ticket", code="t-1", title="It hums loudly")
    assert engine.get(made.memory_id).values["state"] == "closed"
    assert rebuilt(database, "default") == stored(database, "default")


def test_an_unresolved_memory_has_what_was_said_until_it_is_decided(database: Database) -> None:
    register(database, WITH_DEFAULTS, approve=False)
    engine = tickets(database)
    made = say(engine, "Ticket", title="It hums", code="t-1")
    assert made.memory_id is not None
    assert engine.get(made.memory_id).values == {"title": "It hums", "code": "t-1"}
    Registry(database).approve("tickets", by="ana")
    resolve(database, "default", "tickets")
    assert engine.get(made.memory_id).values["state"] == "open"
    assert rebuilt(database, "default") == stored(database, "default")


def test_proposals_may_use_aliases_and_the_names_of_before(database: Database) -> None:
    register(database, WITH_DEFAULTS)
    engine = tickets(database)
    made = say(engine, "Issue", title="It hums", code="t-1")
    assert (made.action, made.class_name) == (Action.CREATE, "Ticket")
    register(database, RENAMED)
    backfill(database, "tickets", 2)
    engine = tickets(database)
    decision = engine.ingest(proposals=[Proposal("Ticket", {"title": "It hums loudly", "code": "t-1"})]).decisions[0]
    assert (decision.action, decision.class_name, decision.memory_id) == (Action.UPDATE, "Job", made.memory_id)
    assert "'title' was taken as name, as it is called now" in decision.reasons
    (job,) = every(engine, "Job").values()
    assert job.values == {"name": "It hums loudly", "code": "t-1", "state": "todo", "labels": ["new"]}
    both = say(engine, "Job", title="Old", name="New", code="t-1")
    assert "'title' is no column of Job and was left out" in both.reasons
    assert every(engine, "Job")[job.id].values["name"] == "New"


def test_a_rename_of_what_is_not_there_makes_no_version(database: Database) -> None:
    register(database, WITH_DEFAULTS)
    wrong = RENAMED.replace("from: title", "from: titel")
    with pytest.raises(SchemaInvalid) as caught:
        register(database, wrong)
    (mistake,) = caught.value.mistakes
    assert mistake.line == 8
    assert "did you mean title?" in mistake.text
    assert [each.version.version for each in Registry(database).versions("tickets")] == [1]
