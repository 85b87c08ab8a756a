"""The demonstration, step by step: register, annotate, approve, ingest, look, ask why."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import rich_click as click

from memreg.api.engine import Engine
from memreg.cli.annotations import annotation_data, print_annotation
from memreg.cli.audit import print_entries
from memreg.cli.demo.place import Place, given_place, own_place, settings_of
from memreg.cli.demo.story import SCHEMA, schema_text, story
from memreg.cli.demo.telling import Teller
from memreg.cli.memories import print_memories
from memreg.cli.options import os_user
from memreg.cli.output import print_json, say
from memreg.cli.tally import Tally
from memreg.core.database import Database
from memreg.core.dsn import where
from memreg.core.logs import configure_for_cli
from memreg.engine.model import Basis, IngestResult, Message
from memreg.operations.review import review

NAME = "assistant"
TENANT = "default"
LAST = 6


def run(url: str | None, as_json: bool) -> None:
    """Run it on its own Postgres, or on the database at `url`; in words, or as one JSON document."""
    settings = settings_of()
    configure_for_cli(settings.log_level)
    began = time.perf_counter()
    if not as_json:
        click.secho("memreg remembers a week of a personal assistant.", bold=True)
        say("Nothing of yours is used: no key, no model, no memory. It begins anew each time.")
        Teller().head(1, f"Reach the database at {where(url)}" if url else "Start a Postgres of its own")
    with (
        given_place(url) if url else own_place(settings) as place,
        Database.connect(settings, dsn=place.dsn) as database,
    ):
        engine = Engine(database, tenant=TENANT, schema=NAME, extractor="patterns")
        if as_json:
            print_json(_document(engine))
        else:
            _tell(engine, place, began)


def _ingest(engine: Engine) -> Iterator[tuple[Message, IngestResult]]:
    for message, proposals in story():
        yield message, engine.ingest(message, proposals=proposals)


def _document(engine: Engine) -> dict[str, Any]:
    """The demonstration without a word."""
    version = engine.registry.register(schema_text(), annotate="heuristic", by=os_user()).version
    engine.registry.approve(NAME, by=os_user())
    results = [result for _, result in _ingest(engine)]
    tally = Tally()
    for result in results:
        tally.add(result)
    partial = engine.audit(basis=str(Basis.PARTIAL_IDENTITY), limit=1)
    return {
        "schema": str(version),
        "annotation": annotation_data(version),
        "results": results,
        "counts": tally.counts(),
        "decisions": tally.by_rule(),
        "memories": engine.list(),
        "review": review(engine.database, TENANT, NAME).items,
        "explained": engine.explain(partial[0].audit_id) if partial else None,
    }


def _tell(engine: Engine, place: Place, began: float) -> None:
    teller, tally = Teller(), Tally()
    say(f"It is at {place.where}; migrations {', '.join(place.migrations)} made the tables.")

    teller.head(2, f"Register {SCHEMA} and annotate it, by rules")
    version = engine.registry.register(schema_text(), annotate="heuristic", by=os_user()).version
    say("What is searched (and how much it weighs), what is compared, and what identifies an object:")
    print_annotation(version)

    teller.head(3, "Approve it, as a person would after a look")
    version = engine.registry.approve(NAME, by=os_user())
    say(f"{version} is {version.status}. Before, messages would only create memories, and merge nothing.")

    teller.head(4, "Take the conversation; decide every proposal")
    say("Each message, then what was decided: action, class, rule · score.")
    say()
    for message, result in _ingest(engine):
        tally.add(result)
        teller.message(message, result)

    teller.head(5, "What is remembered now")
    print_memories(engine.list(), version)

    teller.head(6, "Every decision is in the audit")
    tally.show()
    say(f"The last {LAST}:")
    print_entries(engine.audit(limit=LAST))

    teller.head(7, "What a person should look at")
    for item in review(engine.database, TENANT, NAME).items:
        say(f"  {item.kind.replace('_', ' ')}, {item.class_name}: {item.reason}")

    teller.head(8, "One decision, explained: the call from a number that Mei has")
    for entry in engine.audit(basis=str(Basis.PARTIAL_IDENTITY), limit=1):
        say()
        say(engine.explain(entry.audit_id).text)

    click.echo()
    click.secho(f"That took {time.perf_counter() - began:.1f} seconds. Look around in it:", bold=True)
    for command in ("memories Person", "search nord", "review", "audit --action REJECT", "explain AUDIT_ID"):
        say(f"  {place.again} memreg {command}")
    say("And begin with your own: memreg register FILE (memreg --help shows the walk).")
