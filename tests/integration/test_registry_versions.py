"""The life of schema versions on a real database: register, annotate, approve, reject, activate, and who may not."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memreg.api.registry import Registry
from memreg.core.database import Database
from memreg.core.errors import (
    AnnotationInvalid,
    ArgumentInvalid,
    MemregError,
    NoSchema,
    NothingPending,
    NoUsableVersion,
    SchemaAmbiguous,
    SchemaInvalid,
    SchemaNotFound,
    VersionNotFound,
    VersionStatus,
)
from memreg.core.ids import uuid7
from memreg.core.queries import Queries
from memreg.core.settings import Settings
from memreg.core.steps import Steps, fetch, fetch_rows
from memreg.engine.cache import Cache
from memreg.registry import versions
from memreg.registry.models import ClassAnnotation, IdentityKey, SchemaVersion, Status

ASSISTANT = Path(__file__).parents[2] / "fixtures" / "schemas" / "assistant.yaml"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

ONE = """
schema: notes
classes:
  Note:
    columns:
      title: {dtype: string, required: true}
      code: {dtype: string}
"""
TWO = ONE + "      body: {dtype: text}\n"
THREE = TWO + "      seen: {dtype: date}\n"

TEST_SQL = Queries(
    """-- add_memory --
-- A bare memory, as far as versions care.
insert into memreg.memories (tenant, id, schema, class, version, payload, search, revision, change, created_at,
    updated_at, last_seen_at, is_deleted)
values ('default', %(id)s, %(schema)s, %(class)s, %(version)s, '{}', '', 1, 1, now(), now(), now(), %(deleted)s)

-- move_memories --
-- What a backfill does in the end.
update memreg.memories set version = %(version)s

-- annotation_rows --
-- Every annotation.
select * from memreg.annotations order by schema, version, ordinal
""",
    "the test",
)


def add_memory(database: Database, version: int, class_name: str = "Note", deleted: bool = False) -> None:
    """A memory of the schema `notes` on a version."""
    facts = {"id": uuid7(), "schema": "notes", "class": class_name, "version": version, "deleted": deleted}
    database.run("default", lambda: fetch(TEST_SQL["add_memory"](**facts)))


def usable(database: Database, name: str = "notes") -> SchemaVersion:
    """The version that ingest would use."""

    def plan() -> Steps[SchemaVersion]:
        heads = yield from fetch_rows(versions.usable_head(name))
        return (yield from Cache().usable(name, heads))

    return database.run_admin(plan)


@pytest.fixture
def registry(database: Database) -> Registry:
    """A registry whose clock stands still."""
    return Registry(database, clock=lambda: NOW)


def test_the_assistant_is_registered_annotated_approved_and_active(registry: Registry, database: Database) -> None:
    registered = registry.register(ASSISTANT, by="ana")
    assert registered.created
    version = registered.version
    assert (version.name, version.version, version.status) == ("assistant", 1, Status.PENDING)
    assert set(version.annotations) == set(version.spec.by_name)
    assert version.annotations["Person"].source == "declared"
    assert version.annotations["Task"].source == "heuristic"
    assert list(version.annotations["Person"].searchable) == ["name", "employer", "city", "tags"]
    approved = registry.approve("assistant", by="bo")
    assert approved.status is Status.ACTIVE
    record = registry.get("assistant")
    assert (record.registered_by, record.created_at, record.activated_at) == ("ana", NOW, NOW)
    assert record.annotation is not None
    assert (record.annotation.decided_by, record.annotation.verdict) == ("bo", "approved")
    assert record.annotation.decided_at == NOW
    assert database.run_admin(lambda: versions.resolve_name(None)) == "assistant"


def test_a_stored_version_comes_back_as_it_was_registered(registry: Registry) -> None:
    from memreg.registry.parse import parse_schema_file

    registry.register(ASSISTANT)
    assert registry.get("assistant", 1).version.spec == parse_schema_file(ASSISTANT)


def test_the_same_content_is_the_same_version_and_other_content_the_next(registry: Registry) -> None:
    first = registry.register(ONE).version
    again = registry.register(ONE.replace("\n", "  # a comment\n", 2))
    assert (again.created, again.version) == (False, first)
    second = registry.register(TWO)
    assert (second.created, second.version.version) == (True, 2)
    back = registry.register(ONE)
    assert (back.created, back.version.version, back.version.fingerprint) == (True, 3, first.fingerprint)
    assert registry.get("notes", 1).version == first
    assert [record.version.version for record in registry.versions("notes")] == [1, 2, 3]


def test_what_ingest_uses(registry: Registry, database: Database) -> None:
    with pytest.raises(SchemaNotFound):
        usable(database)
    registry.register(ONE)
    assert (usable(database).version, usable(database).status) == (1, Status.PENDING)
    registry.register(TWO)
    assert usable(database).version == 2
    registry.approve("notes", 1)
    registry.register(THREE)
    assert (usable(database).version, usable(database).status) == (1, Status.ACTIVE)
    head = versions.head_from(database.run_admin(lambda: fetch_rows(versions.usable_head("notes"))))
    assert head is not None
    assert (head.version, head.annotation, head.status) == (1, 1, Status.ACTIVE)


def test_only_rejected_versions_are_no_version_to_use(registry: Registry, database: Database) -> None:
    registry.register(ONE)
    registry.reject("notes", "wrong columns", by="bo")
    with pytest.raises(NoUsableVersion, match="has only rejected versions"):
        usable(database)
    record = registry.get("notes")
    assert (record.reason, record.annotation and record.annotation.reason) == ("wrong columns", "wrong columns")


def test_rejected_content_registered_again_is_annotated_again(registry: Registry) -> None:
    registry.register(ONE)
    registry.reject("notes", "wrong columns")
    again = registry.register(ONE)
    assert (again.created, again.version.version, again.version.status) == (False, 1, Status.PENDING)
    record = registry.get("notes")
    assert record.reason is None
    assert record.annotation is not None
    assert (record.annotation.ordinal, record.annotation.verdict) == (2, None)


def test_rejecting_needs_a_reason(registry: Registry) -> None:
    registry.register(ONE)
    with pytest.raises(ArgumentInvalid, match="why"):
        registry.reject("notes", "  ")
    assert registry.get("notes").version.status is Status.PENDING


def test_approving_waits_for_a_backfill_while_memories_are_behind(registry: Registry, database: Database) -> None:
    registry.register(ONE)
    registry.approve("notes")
    add_memory(database, 1)
    registry.register(TWO)
    assert registry.approve("notes").status is Status.APPROVED
    assert usable(database).version == 1
    with pytest.raises(VersionStatus, match=r"notes@2 is approved.*memreg backfill notes --to 2"):
        registry.approve("notes", 2)
    approved = registry.get("notes", 2).version
    database.run_admin(lambda: versions.put_in_force(approved, NOW))
    assert registry.get("notes", 1).version.status is Status.RETIRED
    assert usable(database) == registry.get("notes", 2).version


@pytest.mark.parametrize(("class_name", "deleted"), [("Gone", False), ("Note", True)])
def test_deleted_memories_and_those_of_removed_classes_hold_nothing_up(
    registry: Registry, database: Database, class_name: str, deleted: bool
) -> None:
    registry.register(ONE)
    registry.approve("notes")
    add_memory(database, 1, class_name, deleted)
    registry.register(TWO)
    assert registry.approve("notes").status is Status.ACTIVE


def test_create_only_memories_of_the_pending_version_do_not_hold_it_up(registry: Registry, database: Database) -> None:
    registry.register(ONE)
    add_memory(database, 1)
    assert registry.approve("notes").status is Status.ACTIVE


def test_approve_says_why_it_cannot(registry: Registry) -> None:
    with pytest.raises(SchemaNotFound, match="'notes'"):
        registry.approve("notes")
    registry.register(ONE)
    registry.approve("notes")
    with pytest.raises(VersionStatus, match=r"notes@1 is active, so it cannot be approved: it is in force already"):
        registry.approve("notes", 1)
    with pytest.raises(NothingPending, match="no pending version to approve"):
        registry.approve("notes")
    for unknown in (7, 0, -1, 2**40):
        with pytest.raises(VersionNotFound):
            registry.approve("notes", unknown)
    registry.register(TWO)
    registry.reject("notes", "no")
    with pytest.raises(VersionStatus, match=r"notes@2 is rejected.*memreg annotate notes"):
        registry.approve("notes", 2)
    with pytest.raises(VersionStatus, match="rejected already"):
        registry.reject("notes", "no", 2)


def test_an_older_pending_version_is_not_approved_over_a_newer_active_one(registry: Registry) -> None:
    registry.register(ONE)
    registry.register(TWO)
    registry.approve("notes", 2)
    with pytest.raises(VersionStatus, match="version 2 is newer and active"):
        registry.approve("notes", 1)


def test_annotating_an_active_version_makes_the_next_with_the_same_classes(registry: Registry) -> None:
    first = registry.register(ONE).version
    registry.approve("notes")
    second = registry.annotate("notes", by="cy")
    assert (second.version, second.status, second.fingerprint) == (2, Status.PENDING, first.fingerprint)
    assert second.spec == first.spec
    assert registry.annotate("notes").version == 2
    assert registry.get("notes", 2).annotation is not None
    assert registry.get("notes", 2).registered_by == "cy"
    assert registry.register(ONE).version.version == 2


def test_a_person_edits_the_annotation_before_approving(registry: Registry, database: Database) -> None:
    registry.register(ASSISTANT)
    text = registry.annotation_yaml("assistant")
    edited = text.replace("      title: 3\n", "      title: 2.5\n", 1)
    assert edited != text
    version = registry.approve("assistant", annotations=edited, by="bo")
    assert version.status is Status.ACTIVE
    assert version.annotation == 2
    changed = [name for name, each in version.annotations.items() if each.source == "person"]
    assert changed == ["Appointment"]
    assert version.annotations["Appointment"].searchable["title"] == 2.5
    rows = database.run_admin(lambda: fetch_rows(TEST_SQL["annotation_rows"]()))
    assert [(row["ordinal"], row["source"], row["verdict"]) for row in rows] == [
        (1, "heuristic", None),
        (2, "person", "approved"),
    ]


def test_a_class_left_out_of_the_annotation_file_keeps_its_proposal(registry: Registry) -> None:
    proposed = registry.register(ASSISTANT).version
    head = "".join(
        f"{key}: {value}\n"
        for key, value in {"schema": "assistant", "version": 1, "fingerprint": proposed.fingerprint}.items()
    )
    version = registry.approve("assistant", annotations=head + "classes: {Task: {searchable: {title: 1}}}\n")
    assert version.annotations["Task"] == ClassAnnotation({"title": 1.0}, source="person")
    assert {name: each for name, each in version.annotations.items() if name != "Task"} == {
        name: each for name, each in proposed.annotations.items() if name != "Task"
    }


def test_a_foreign_fingerprint_is_refused_and_nothing_is_approved(registry: Registry) -> None:
    registry.register(ONE)
    foreign = registry.annotation_yaml("notes")
    registry.register(TWO)
    with pytest.raises(AnnotationInvalid) as caught:
        registry.approve("notes", 2, annotations=foreign)
    assert [mistake.line for mistake in caught.value.mistakes] == [4, 5]
    assert "notes@2" in str(caught.value)
    assert registry.get("notes", 2).version.status is Status.PENDING


def test_annotations_can_be_given_as_values(registry: Registry) -> None:
    registry.register(ONE)
    given = ClassAnnotation({"title": 3.0}, (), (IdentityKey(("code",)),), source="person")
    assert registry.approve("notes", annotations={"Note": given}).annotations["Note"] == given


def test_annotations_given_as_values_must_fit_their_classes(registry: Registry) -> None:
    registry.register(ONE)
    given = {
        "Note": ClassAnnotation({"titel": 3.0, "title": 11.0}, (), (IdentityKey(("nothing",)),)),
        "Nobody": ClassAnnotation(),
    }
    with pytest.raises(AnnotationInvalid) as refused:
        registry.approve("notes", annotations=given)
    told = str(refused.value)
    for word in ("given as values has 4 mistakes", "'titel'", "'nothing'", "boost of 'title' is 11", "'Nobody'"):
        assert word in told
    with pytest.raises(AnnotationInvalid, match="it is a dict, not a ClassAnnotation"):
        registry.approve("notes", annotations={"Note": {"searchable": {}}})  # type: ignore[dict-item]
    assert registry.get("notes", 1).version.status is Status.PENDING


def test_an_annotation_cannot_be_changed_once_approved(registry: Registry, database: Database) -> None:
    registry.register(ONE)
    registry.approve("notes")
    with pytest.raises(VersionStatus, match="annotated again"):
        database.run_admin(lambda: versions.store_annotation("notes", 1, {}, source="llm", clock=lambda: NOW))


def test_two_approvals_at_once_leave_one_winner(registry: Registry) -> None:
    registry.register(ONE)
    barrier = threading.Barrier(4)
    outcomes: list[SchemaVersion | MemregError] = []

    def work() -> None:
        barrier.wait()
        try:
            outcomes.append(registry.approve("notes", 1))
        except MemregError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([each for each in outcomes if isinstance(each, SchemaVersion)]) == 1
    assert len([each for each in outcomes if isinstance(each, VersionStatus)]) == 3


def test_two_registrations_at_once_make_one_version(registry: Registry) -> None:
    barrier = threading.Barrier(4)
    made: list[bool] = []

    def work() -> None:
        barrier.wait()
        made.append(registry.register(ONE).created)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False, False, False, True]
    assert len(registry.versions()) == 1


def test_approving_waits_for_the_ingests_that_hold_the_lock(registry: Registry, database: Database) -> None:
    registry.register(ONE)
    done = threading.Event()

    def approve() -> None:
        registry.approve("notes")
        done.set()

    statement = versions.lock_shared("notes")
    with database.transaction("default") as conn:
        conn.execute(statement.query.sql.encode(), dict(statement.params))
        thread = threading.Thread(target=approve)
        thread.start()
        waited = not done.wait(0.3)
    thread.join()
    assert waited
    assert done.is_set()


def test_auto_approval_only_above_the_setting(settings: Settings) -> None:
    for threshold, status in ((0.0, Status.ACTIVE), (1.0, Status.PENDING)):
        changed = settings.model_copy(update={"auto_approve": threshold})
        with Database.connect(changed) as database:
            name = f"notes{int(threshold)}"
            version = Registry(database).register(ONE.replace("notes", name)).version
            assert version.status is status
            record = Registry(database).get(name).annotation
            assert record is not None
            assert record.decided_by == ("auto-approval" if status is Status.ACTIVE else None)


def test_the_only_schema_needs_no_name(registry: Registry, database: Database) -> None:
    with pytest.raises(NoSchema):
        database.run_admin(lambda: versions.resolve_name(None))
    registry.register(ONE)
    assert database.run_admin(lambda: versions.resolve_name(None)) == "notes"
    registry.register(ASSISTANT)
    with pytest.raises(SchemaAmbiguous, match="assistant, notes"):
        database.run_admin(lambda: versions.resolve_name(None))
    assert database.run_admin(lambda: versions.resolve_name("notes")) == "notes"
    with pytest.raises(SchemaNotFound, match="nothing"):
        database.run_admin(lambda: versions.resolve_name("nothing"))


def test_a_wrong_schema_registers_nothing(registry: Registry, tmp_path: Path) -> None:
    big = tmp_path / "big.yaml"
    big.write_text("# " + "x" * 10_000_000)
    for source in (ONE.replace("string", "strng"), big, tmp_path / "missing.yaml", "no_such_module_here:Class"):
        with pytest.raises(SchemaInvalid):
            registry.register(source)
    assert registry.versions() == ()


def test_a_version_without_annotation_has_no_annotation_file(registry: Registry, database: Database) -> None:
    from memreg.registry.parse import parse_schema

    database.run_admin(lambda: versions.register(parse_schema(ONE, "one"), "ana", lambda: NOW))
    with pytest.raises(VersionStatus, match="memreg annotate notes"):
        registry.annotation_yaml("notes")
    with pytest.raises(VersionStatus, match="it has no annotation"):
        registry.approve("notes", 1)
    failed = database.run_admin(lambda: versions.annotation_failed("notes", 1, "the model is away"))
    assert failed.status is Status.DRAFT
    assert registry.get("notes").reason == "the model is away"
    with pytest.raises(NoUsableVersion, match="has only draft versions"):
        usable(database)
    assert registry.annotate("notes").status is Status.PENDING
