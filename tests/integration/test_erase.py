"""What `erase` takes away: everything that a memory said, wherever it is, and nothing of anybody else."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg
import pytest

from memreg.api.engine import Engine
from memreg.core.database import Database
from memreg.core.errors import ActRefused, ArgumentInvalid, MemoryNotFound, MemoryNotThere, MessageSettled
from memreg.core.queries import Query
from memreg.engine.identity import canonical, digest
from memreg.engine.ingest import message_digest
from memreg.engine.model import Message, Proposal
from memreg.operations.audit.rebuild import replay
from memreg.operations.audit.verify import verify
from memreg.operations.kill_switch import switch
from tests.support.dump import contents, lines_with
from tests.support.engines import every, people, people_spec, register, say
from tests.support.replay import rows

NAME, EMAIL, PHONE, BORN, CITY = "Ximena Quispe", "ximena@quispe.io", "4790123456", "1990-05-03", "Huancayo"
VALUES = (NAME, EMAIL, PHONE, BORN, CITY, "Quispe", "Ximena")


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


def values(engine: Engine) -> UUID:
    """A memory with a history: made, changed, said in other spellings."""
    made = say(engine, name=f"  {NAME} ", email=EMAIL.upper(), phone="+47 901 23 456", city=CITY, born=BORN)
    say(engine, email=EMAIL, city="Juliaca", tags=["alpaquera"], notes="keeps forty alpacas")
    assert made.memory_id is not None
    return made.memory_id


def checked(engine: Engine) -> None:
    """The chain is whole and the audit rebuilds what is stored."""
    told = engine.database.run_admin(lambda: verify(engine.tenant))
    assert told.findings == ()
    rebuilt = engine.database.run_admin(lambda: replay(engine.tenant, "people"))
    assert (rebuilt.misfits, rebuilt.differences) == ((), ())


def test_nothing_is_left_of_a_memory_and_what_was_made_of_it(engine: Engine, database_url: str) -> None:
    memory_id = values(engine)
    engine.ingest(f"{NAME} writes from {EMAIL}.")
    engine.correct(memory_id, {"city": CITY}, by="kim")
    engine.ingest(proposals=[Proposal("Person", {"name": NAME}, "delete", evidence=f"forget {NAME}")])
    other = say(engine, name="Ximena Mamani", city=CITY, tags=["alpaquera"])  # held against her, and another one
    assert other.memory_id not in (None, memory_id)
    compared = [line for line in lines_with(contents(database_url), EMAIL) if str(other.audit_id) in line]
    assert compared, "the other's entry tells what it was held against"
    done = engine.erase(memory_id, by="kim", why=f"{NAME} asked for it")
    assert lines_with(contents(database_url), NAME, EMAIL, PHONE, BORN, "Juliaca", "forty alpacas") == []
    [left] = every(engine).values()
    assert left.values == {"name": "Ximena Mamani", "city": CITY, "tags": ["alpaquera"]}
    assert done.memories == (memory_id,)
    checked(engine)


def test_no_digest_is_left_by_which_a_value_could_be_guessed(engine: Engine, database_url: str) -> None:
    memory_id = values(engine)
    text = f"{NAME} writes from {EMAIL}."
    engine.ingest(text)
    guesses = [
        digest([canonical(EMAIL)]).hex(),
        digest([canonical(NAME), canonical(BORN)]).hex(),
        message_digest(Message(text)).hex(),
    ]
    before = contents(database_url)
    keys = rows(
        engine.database, Query("k", "K.", "select key from memreg.candidate_keys where tenant = %(tenant)s"), "default"
    )
    assert all(guess in before for guess in guesses)
    assert keys
    engine.erase(memory_id, by="kim")
    after = contents(database_url)
    assert not [guess for guess in guesses if guess in after]
    assert not [row["key"] for row in keys if str(row["key"]) in after]


def test_what_is_left_tells_that_it_was_there(engine: Engine) -> None:
    memory_id = values(engine)
    done = engine.erase(memory_id, by="kim", why="asked for")
    with pytest.raises(MemoryNotFound):
        engine.get(memory_id)
    history = engine.history(memory_id)
    assert [(each.revision, each.values, each.is_deleted) for each in history] == [
        (1, {}, False),
        (2, {}, False),
        (3, {}, True),
    ]
    assert history[-1].audit_id == done.audit_id
    entry = engine.audit(limit=1)[0]
    assert (entry.audit_id, entry.action, entry.basis, entry.memory_id) == (done.audit_id, "ERASE", "person", memory_id)
    assert [each.reasons for each in engine.audit(memory_id=memory_id)] == [
        ("what it said was erased for good", "asked for"),
        (),
        (),
    ]
    assert done.audit_id is not None
    assert "kim" in engine.explain(done.audit_id).text
    for each in engine.audit(memory_id=memory_id):
        assert engine.explain(each.audit_id).text
    checked(engine)


def test_a_dry_run_counts_the_same_and_changes_nothing(engine: Engine, database_url: str) -> None:
    memory_id = values(engine)
    engine.ingest(f"{NAME} writes from {EMAIL}.")
    before = contents(database_url)
    told = engine.erase(memory_id, by="kim", dry_run=True)
    assert contents(database_url) == before
    done = engine.erase(memory_id, by="kim")
    assert told.removed == done.removed
    assert {**told.removed.counts, "keys": 0} == {
        "memories": 1, "revisions": 2, "entries": 3, "messages": 3, "dropped": 0, "reviews": 0, "keys": 0, "tokens": 0,
        "notes": 0, "others": 0,
    }  # fmt: skip
    assert (told.dry_run, told.audit_id, done.dry_run) == (True, None, False)
    assert "would be erased" in told.sentence
    assert "is erased for good" in done.sentence


def test_erasing_again_does_nothing(engine: Engine, database_url: str) -> None:
    memory_id = values(engine)
    done = engine.erase(memory_id, by="kim")
    before = contents(database_url)
    again = engine.erase(memory_id, by="kim")
    assert (again.already, again.audit_id, again.removed.entries) == (True, done.audit_id, 0)
    assert "erased before" in again.sentence
    assert contents(database_url) == before


def test_it_is_final(engine: Engine) -> None:
    memory_id = values(engine)
    first = engine.audit(memory_id=memory_id, limit=10)[-1].audit_id
    done = engine.erase(memory_id, by="kim")
    assert done.audit_id is not None
    with pytest.raises(ActRefused, match="erased"):
        engine.undo(done.audit_id, by="kim")
    with pytest.raises(ActRefused, match="erased"):
        engine.undo(first, by="kim", cascade=True)
    with pytest.raises(ActRefused, match="erased"):
        engine.restore(memory_id, by="kim")
    with pytest.raises(ActRefused, match="erased"):
        engine.correct(memory_id, {"city": "Lima"}, by="kim")
    checked(engine)


def test_what_was_held_against_it_can_still_be_taken_back(engine: Engine) -> None:
    memory_id = values(engine)
    other = say(engine, name="Ximena Mamani", email="mamani@x.io", city=CITY)
    moved = say(engine, email="mamani@x.io", city="Lima", notes=f"is not {NAME}")
    engine.erase(memory_id, by="kim", also=[NAME])
    assert other.memory_id is not None
    told = engine.explain(moved.audit_id).facts["since"]["undo"]
    assert told["command"] == f"memreg undo {moved.audit_id} --cascade"
    engine.undo(moved.audit_id, by="kim", cascade=True)
    assert engine.get(other.memory_id).values == {"name": "Ximena Mamani", "email": "mamani@x.io", "city": CITY}
    checked(engine)


def test_it_is_no_more_at_any_time(engine: Engine) -> None:
    memory_id = values(engine)
    then = engine.get(memory_id).updated_at
    assert engine.get(memory_id, as_of=then).values["name"] == NAME
    assert [each.id for each in engine.list("Person", as_of=then)] == [memory_id]
    engine.erase(memory_id, by="kim")
    with pytest.raises(MemoryNotThere, match="erased for good"):
        engine.get(memory_id, as_of=then)
    assert engine.list("Person", as_of=then) == []


def test_what_was_merged_into_it_goes_with_it(engine: Engine, database_url: str) -> None:
    kept = values(engine)
    other = say(engine, name="Ximena Q. Mamani", email="mamani@quispe.io").memory_id
    assert other is not None
    engine.merge(kept, other, by="kim")
    with pytest.raises(ActRefused, match=f"{kept}"):
        engine.erase(other, by="kim")
    done = engine.erase(kept, by="kim")
    assert set(done.memories) == {kept, other}
    assert lines_with(contents(database_url), *VALUES, "Mamani", "mamani@quispe.io") == []
    assert engine.erase(other, by="kim").already
    checked(engine)


def test_a_memory_that_was_taken_out_again_keeps_what_is_its(engine: Engine, database_url: str) -> None:
    kept = values(engine)
    other = say(engine, name="Rosa Mamani", email="rosa@mamani.io").memory_id
    assert other is not None
    merged = engine.merge(kept, other, by="kim")
    assert merged.audit_id is not None
    engine.undo(merged.audit_id, by="kim")
    engine.erase(kept, by="kim")
    assert lines_with(contents(database_url), *VALUES) == []
    assert engine.get(other).values == {"name": "Rosa Mamani", "email": "rosa@mamani.io"}
    checked(engine)


def test_messages_that_quote_it_lose_their_text_and_keep_their_result(database: Database, database_url: str) -> None:
    database.settings = database.settings.model_copy(update={"workers": 0})
    engine = people(database)
    said = Message(f"{NAME} writes from {EMAIL}.", "said-1")
    first = engine.ingest(said)
    memory_id = first.decisions[0].memory_id
    assert memory_id is not None
    engine.ingest(Message("I met XIMENA  QUÍSPE on the bus", "quoted-1"))
    engine.ingest(Message("It rained all day", "rain-1"))
    engine.submit(Message(f"tell {EMAIL} about it", "waiting-1"))
    done = engine.erase(memory_id, by="kim")
    assert (done.removed.messages, done.removed.dropped) == (3, 1)
    assert lines_with(contents(database_url), NAME, EMAIL) == []
    again = engine.ingest(said)
    assert (again.status, [each.audit_id for each in again.decisions]) == ("replayed", [first.decisions[0].audit_id])
    assert engine.ingest(Message("anything else", "said-1")).status == "replayed"
    assert engine.ingest(Message("anything else", "waiting-1")).error is not None
    with pytest.raises(MessageSettled):
        engine.retry("waiting-1")
    assert every(engine) == {}
    kept = rows(
        engine.database,
        Query("m", "M.", "select id, text, status from memreg.messages where tenant = %(tenant)s"),
        "default",
    )
    assert {row["id"]: (row["text"], row["status"]) for row in kept if row["id"].endswith("-1")} == {
        "said-1": ("", "decided"),
        "quoted-1": ("", "decided"),
        "rain-1": ("It rained all day", "decided"),
        "waiting-1": ("", "dropped"),
    }


def test_what_waited_to_be_decided_again_is_not(engine: Engine, database_url: str) -> None:
    switch(engine.database, "default", "people", "Person", on=True, by="kim", reason=f"{NAME} complained")
    held = say(engine, name=NAME, email=EMAIL)
    assert held.memory_id is not None
    engine.erase(held.memory_id, by="kim")
    assert lines_with(contents(database_url), NAME, EMAIL) == []


def test_other_memories_keep_their_own_data_and_it_is_told(engine: Engine, database_url: str) -> None:
    memory_id = values(engine)
    note = say(engine, "Note", title="Lunch", body=f"Lunch with {NAME.upper()} at noon").memory_id
    twin = say(engine, name=NAME, email="another@person.io").memory_id
    assert note is not None
    assert twin is not None
    assert twin != memory_id
    done = engine.erase(memory_id, by="kim")
    told = {(place.id, place.column, place.whole) for place in done.still_said}
    assert told == {(str(note), "body", False), (str(twin), "name", True)}
    assert done.still_said_in == 2
    assert NAME not in "".join(place.sentence for place in done.still_said)
    assert engine.get(note).values["body"] == f"Lunch with {NAME.upper()} at noon"
    assert engine.get(twin).values["name"] == NAME
    assert lines_with(contents(database_url), EMAIL, PHONE) == []
    checked(engine)


def test_another_tenant_is_not_touched(engine: Engine, database: Database) -> None:
    other = engine.for_tenant("other")
    theirs = values(other)
    other.ingest(Message(f"{NAME} is here", "m-1"))
    mine = values(engine)

    def all_of(tenant: str) -> list[object]:
        tables = (
            "memories",
            "memory_revisions",
            "messages",
            "audit_log",
            "audit_values",
            "identity_keys",
            "candidate_keys",
        )
        return [
            rows(
                database,
                Query(name, "All.", f"select * from memreg.{name} as t where tenant = %(tenant)s order by t::text"),
                tenant,
            )
            for name in tables
        ]

    before = all_of("other")
    engine.erase(mine, by="kim")
    assert all_of("other") == before
    with pytest.raises(MemoryNotFound):
        engine.erase(theirs, by="kim")


def test_words_go_out_of_the_statistics_unless_another_memory_has_them(
    engine: Engine, database: Database, database_url: str
) -> None:
    memory_id = values(engine)
    say(engine, name="Rosa Mamani", city=CITY)
    with psycopg.connect(database_url) as conn:
        conn.execute(
            "insert into memreg.calibrations"
            " (tenant, schema, class, snapshot, change, documents, frequencies, reason, created_at)"
            " values ('default', 'people', 'Person', 1, 1, 3, %s, %s, now())",
            ('{"quispe": 2, "huancayo": 2, "rosa": 2}', f"after what {NAME} said"),
        )
    done = engine.erase(memory_id, by="kim")
    assert (done.removed.tokens, done.removed.notes) == (1, 1)
    [kept] = rows(
        database,
        Query("c", "C.", "select frequencies, reason from memreg.calibrations where tenant = %(tenant)s"),
        "default",
    )
    assert kept["frequencies"] == {"huancayo": 2, "rosa": 2}
    assert kept["reason"] == "after what [erased] said"


def test_what_cannot_be_erased_is_refused_or_told(engine: Engine) -> None:
    memory_id = values(engine)
    with pytest.raises(MemoryNotFound):
        engine.erase(uuid4(), by="kim")
    with pytest.raises(ArgumentInvalid, match="privacy desk"):
        engine.erase(memory_id, by=EMAIL)
    with pytest.raises(ArgumentInvalid):
        engine.erase(memory_id, by="kim", also=["x"])
    with pytest.raises(ArgumentInvalid):
        engine.erase(memory_id, by="kim", also="Ximena")
    engine.ingest(Message("hello", f"from {EMAIL}"))
    done = engine.erase(memory_id, by="kim")
    assert [(place.where, place.id) for place in done.still_said] == [("message", f"from {EMAIL}")]


def test_with_also_other_memories_lose_the_words_too(engine: Engine, database_url: str) -> None:
    memory_id = values(engine)
    note = say(engine, "Note", title=NAME, body=f"Lunch with {NAME.upper()} at noon").memory_id
    say(engine, name=NAME, email="another@person.io", phone="22334455", born="1980-01-01")
    friend = say(
        engine, name="Rosa Mamani", email="rosa@mamani.io", tags=[NAME, "sister"], notes=f"of {EMAIL}"
    ).memory_id
    gone = say(engine, "Note", title="Old", body=f"{NAME} was here").memory_id
    assert None not in (note, friend, gone)
    assert note is not None
    assert friend is not None
    assert gone is not None
    engine.forget(gone, by="kim")
    told = engine.erase(memory_id, by="kim", also=[NAME, EMAIL], dry_run=True)
    done = engine.erase(memory_id, by="kim", also=[NAME, EMAIL])
    assert {**told.removed.counts, "keys": 0} == {**done.removed.counts, "keys": 0}
    assert done.removed.others == 4
    assert lines_with(contents(database_url), NAME, EMAIL) == []
    assert done.still_said == ()
    assert engine.get(note).values == {"title": "[erased]", "body": "Lunch with [erased] at noon"}
    assert engine.get(friend).values == {
        "name": "Rosa Mamani",
        "email": "rosa@mamani.io",
        "tags": ["sister"],
        "notes": "of [erased]",
    }
    assert digest([canonical(NAME), "1980-01-01"]).hex() not in contents(database_url)
    assert [memory.id for memory in engine.search("mamani")] == [friend]
    assert engine.search("quispe") == []
    assert engine.history(note)[-1].audit_id is not None
    checked(engine)
    assert say(engine, name="Rosa Mamani", email="rosa@mamani.io", city="Lima").memory_id == friend
    checked(engine)


def test_with_also_memories_of_other_schemas_lose_the_words_too(
    engine: Engine, database: Database, database_url: str
) -> None:
    memory_id = values(engine)
    register(database, people_spec("office"))
    office = Engine(database, schema="office", extractor="patterns")
    theirs = say(office, name="Rosa Mamani", notes=f"knows {NAME}").memory_id
    assert theirs is not None
    done = engine.erase(memory_id, by="kim", also=[NAME])
    assert done.removed.others == 1
    assert lines_with(contents(database_url), NAME) == []
    assert office.get(theirs).values["notes"] == "knows [erased]"
    checked(engine)
    rebuilt = database.run_admin(lambda: replay("default", "office"))
    assert (rebuilt.misfits, rebuilt.differences) == ((), ())
