"""What registering makes sure of: compatible versions or a reason, the file that was looked at, and a history."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memreg.api.engine import Engine
from memreg.api.registry import Registry
from memreg.api.registry_async import AsyncRegistry
from memreg.core.database import Database
from memreg.core.database_async import AsyncDatabase
from memreg.core.errors import (
    ArgumentInvalid,
    FileChanged,
    MemregError,
    SchemaIncompatible,
    SchemaInvalid,
    SchemaNotFound,
    VersionNotFound,
)
from memreg.core.steps import fetch_rows
from memreg.engine.model import Proposal
from memreg.operations.backfill import backfill
from memreg.registry.comparison import mark
from memreg.registry.history import SQL
from memreg.registry.models import ClassAnnotation, IdentityKey, Status
from memreg.registry.parse import parse_schema

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
ONE = """
schema: notes
classes:
  Note:
    columns:
      title: {dtype: string, required: true}
      code: {dtype: string}
    annotation: {searchable: {title: 3}, identity: [{columns: [code]}]}
"""
ADDED = ONE.replace("      code:", "      body: {dtype: text}\n      code:")
BROKEN = ONE.replace("code: {dtype: string}", "code: {dtype: integer}")
RENAMED = ONE.replace("title: {dtype: string, required: true}", "name: {dtype: string, required: true, from: title}")
RENAMED = RENAMED.replace("{title: 3}", "{name: 3}")


class Clock:
    """A second goes by between two looks."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def registry(database: Database) -> Registry:
    """A registry in which the first version is in force."""
    found = Registry(database, clock=Clock())
    found.register(ONE, by="ana")
    found.approve("notes", by="bo")
    return found


def test_an_incompatible_version_is_refused_and_nothing_is_changed(registry: Registry) -> None:
    with pytest.raises(SchemaIncompatible, match=r"compatible with version 1: Note\.code, retyped string → integer"):
        registry.register(BROKEN, by="eva")
    assert [each.version.version for each in registry.versions("notes")] == [1]
    assert registry.register(ADDED, by="eva").version.version == 2


def test_force_needs_a_reason_and_keeps_it(registry: Registry) -> None:
    for empty in ("", "  "):
        with pytest.raises(ArgumentInvalid, match="say why"):
            registry.register(BROKEN, force=empty)
    assert registry.register(BROKEN, by="eva", force="codes are numbers").version.version == 2
    event = next(each for each in registry.events("notes") if (each.version, each.what) == (2, "registered"))
    assert (event.by, event.why) == ("eva", "codes are numbers")
    assert event.detail.startswith("based on version 1; backward: not compatible, forced: Note.code retyped")
    registry.approve("notes")
    # A reason that was not needed is not kept: it would say that something was wrong.
    registry.register(
        BROKEN.replace("classes:", "classes:\n  Tag: {columns: {name: {dtype: string}}}"), force="why not"
    )
    assert registry.events("notes")[-1].version == 3
    assert all(each.why is None for each in registry.events("notes") if each.version == 3)


def test_with_the_mode_none_everything_is_allowed_and_told(registry: Registry) -> None:
    version = registry.register("compatibility: none\n" + BROKEN).version
    assert version.version == 2
    event = next(each for each in registry.events("notes") if (each.version, each.what) == (2, "registered"))
    assert "none: breaks, which the mode allows: Note.code retyped string → integer" in event.detail


def test_versions_that_were_never_in_force_do_not_bind(database: Database) -> None:
    registry = Registry(database)
    registry.register(ONE)
    assert registry.register(BROKEN).version.version == 2  # the first is only pending
    registry.reject("notes", "no", 2)
    registry.approve("notes", 1)
    with pytest.raises(SchemaIncompatible, match="version 1"):
        registry.register(BROKEN.replace("required: true", "required: false"))


def test_what_does_not_bind_yet_is_told_when_it_is_to_be_approved(database: Database) -> None:
    registry = Registry(database)
    registry.register(ONE)
    registry.register(BROKEN)
    assert all(note.kind != "change" for note in registry.notes("notes", 2))
    registry.approve("notes", 1)
    told = [note.text for note in registry.notes("notes", 2) if note.kind == "change"]
    assert [text.split(":")[0] for text in told] == [
        "Note.code, retyped string → integer",
        "Note, identity changed",
    ]


def test_a_transitive_mode_binds_to_versions_that_are_retired(registry: Registry) -> None:
    registry.register(
        ONE.replace("      code: {dtype: string}\n", "").replace(", identity: [{columns: [code]}]", ""),
        force="no codes",
    )
    registry.approve("notes")
    again = ADDED.replace("code: {dtype: string}", "code: {dtype: integer}").replace(
        ", identity: [{columns: [code]}]", ""
    )
    assert registry.preview(again).verdict.against == (2,)
    with pytest.raises(SchemaIncompatible, match=r"with version 1: .*code"):
        registry.register("compatibility: full_transitive\n" + again)


def test_a_from_that_speaks_of_nothing_is_told_with_its_place_in_the_file(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "notes.yaml"
    file.write_text(RENAMED.replace("from: title", "from: titel"))
    with pytest.raises(SchemaInvalid, match="title") as refusal:
        registry.register(file)
    assert refusal.value.facts["source"] == str(file)
    assert refusal.value.mistakes[0].line == 6
    with pytest.raises(SchemaInvalid):
        registry.preview(file)
    assert len(registry.versions("notes")) == 1


def test_a_preview_tells_all_and_writes_nothing(registry: Registry) -> None:
    engine = Engine(registry.database, tenant="acme", schema="notes", extractor="patterns")
    for number in range(3):
        engine.ingest(proposals=[Proposal("Note", {"title": f"No. {number}", "code": f"c{number}"})])
    before = registry.events("notes")
    found = registry.preview(RENAMED)
    assert (found.version, found.base, found.is_registered, found.passes) == (2, 1, False, True)
    assert [(each.kind, each.where) for each in found.changes] == [("renamed", "Note.name")]
    assert found.plan is not None and found.plan.memories == 3
    assert registry.preview(RENAMED, plan=False).plan is None
    broken = registry.preview(BROKEN)
    assert not broken.passes and not broken.verdict.compatible
    assert broken.plan is not None and broken.plan.classes[0].unfit == 3
    assert registry.preview(ONE).is_registered and registry.preview(ONE).passes
    other = registry.preview(ONE.replace("schema: notes", "schema: others"))
    assert (other.version, other.base, other.passes, other.plan) == (1, None, True, None)
    assert registry.events("notes") == before
    with pytest.raises(SchemaNotFound):
        registry.events("others")


def test_only_the_file_that_was_looked_at_is_registered(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "notes.yaml"
    file.write_text(ADDED)
    seen = registry.diff("notes@1", file).fingerprint
    assert seen == registry.preview(file).fingerprint == mark(parse_schema(ADDED, "test"))
    file.write_text(ADDED.replace("text", "string"))
    with pytest.raises(FileChanged, match=r"notes\.yaml is not what was looked at"):
        registry.register(file, fingerprint=seen)
    with pytest.raises(FileChanged):
        registry.preview(file, fingerprint=seen)
    # The mode is no part of a version's content, but of what was looked at.
    file.write_text("compatibility: none\n" + ADDED)
    with pytest.raises(FileChanged):
        registry.register(file, fingerprint=seen)
    assert len(registry.versions("notes")) == 1
    file.write_text("# a comment\n" + ADDED)
    assert registry.register(file, fingerprint=seen).version.version == 2


def test_versions_and_files_are_compared_in_either_place(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.register(ADDED)
    (tmp_path / "notes.yaml").write_text(ONE)
    assert registry.diff("notes@1", "notes@2").changes[0].where == "Note.body"
    assert registry.diff("notes", tmp_path / "notes.yaml").changes[0].kind == "removed"
    assert registry.diff(tmp_path / "notes.yaml", "notes@1").changes == ()
    assert registry.diff(ONE, parse_schema(ADDED, "test")).after == "notes"
    with pytest.raises(VersionNotFound):
        registry.diff("notes@1", "notes@9")
    with pytest.raises(SchemaNotFound):
        registry.diff("nothing", "notes@1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").write_text(ONE)  # a file goes before a schema of that name
    assert registry.diff("notes", "notes@2").before == "notes"
    assert registry.diff("notes", "notes@2").changes[0].where == "Note.body"


def test_what_a_pending_annotation_would_change_is_told_before_it_is_approved(registry: Registry) -> None:
    silent = ONE.replace("    annotation: {searchable: {title: 3}, identity: [{columns: [code]}]}\n", "")
    registry.register(silent, annotate="heuristic")
    kinds = {(note.kind, note.classes) for note in registry.notes("notes", 2)}
    edited = {"Note": ClassAnnotation({"title": 3.0}, (), (IdentityKey(("code", "title")),))}
    (changed, *_) = registry.notes("notes", 2, annotations=edited)
    assert (changed.kind, changed.classes) == ("change", ("Note",))
    assert changed.text.startswith("Note, identity changed: the key code+title is in notes@2 only")
    assert kinds != {("change", ("Note",))}
    registry.approve("notes", 2, annotations=edited)
    assert all(note.kind != "change" for note in registry.notes("notes", 2))


def test_the_history_tells_who_did_what_when_and_why(registry: Registry) -> None:
    engine = Engine(registry.database, tenant="acme", schema="notes", extractor="patterns")
    engine.ingest(proposals=[Proposal("Note", {"title": "No. 1", "code": "c1"})])
    registry.register(ADDED, by="eva")
    registry.reject("notes", "no bodies", by="bo")
    registry.register(RENAMED, by="eva")
    registry.approve("notes", by="bo")
    backfill(registry.database, "notes", 3)
    events = registry.events("notes")
    told = [(each.version, each.what, each.by, each.why) for each in events if "backfill" not in each.what]
    assert told[:8] == [
        (1, "registered", "ana", None),
        (1, "annotated", "declared", None),
        (1, "approved", "bo", None),
        (1, "in force", None, None),
        (2, "registered", "eva", None),
        (2, "annotated", "declared", None),
        (2, "rejected", "bo", "no bodies"),
        (3, "registered", "eva", None),
    ]
    assert [each[:2] for each in told[8:]] == [(3, "annotated"), (3, "approved"), (3, "in force")]
    assert {each.what for each in events} >= {"backfill begun", "backfill done"}
    assert [each.at for each in events] == sorted(each.at for each in events)
    assert registry.get("notes", 3).version.status is Status.ACTIVE
    assert all(isinstance(each.detail, str) for each in events)
    rows = registry.database.run_admin(lambda: fetch_rows(SQL["schema_history"](name="notes")))
    assert len(rows) == len(events)


def test_two_at_once_are_each_held_against_what_is_there(registry: Registry) -> None:
    outcomes: list[object] = []

    def register(source: str) -> None:
        try:
            outcomes.append(Registry(registry.database).register(source).version.version)
        except MemregError as refused:
            outcomes.append(type(refused))

    threads = [threading.Thread(target=register, args=(source,)) for source in (ADDED, BROKEN, RENAMED)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == sorted(map(str, [2, 3, SchemaIncompatible]))


async def test_the_coroutine_twin(registry: Registry, async_database: AsyncDatabase) -> None:
    twin = AsyncRegistry(async_database)
    assert (await twin.preview(BROKEN)).passes is False
    assert (await twin.diff("notes@1", ADDED)).is_backward
    assert (await twin.register(BROKEN, force="codes are numbers")).version.version == 2
    assert (await twin.events("notes"))[-1].version == 2
    assert len(registry.versions("notes")) == 2
