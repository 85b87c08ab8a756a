"""`memreg backfill` by hand: planned, run, halted, given up, gone back, left to workers, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from tests.acceptance.conftest import PEOPLE
from tests.support.command import Command

ANY = PEOPLE.replace("schema: people\n", "schema: people\ncompatibility: none\n")
RENAMED = ANY.replace("city:  {", "town:  {from: city, ").replace("{city}", "{town}").replace("city: 1", "town: 1")
KEYED = ANY.replace("strong}]", "strong}, {columns: [city], strength: strong}]")
STRICT = ANY.replace("city:  {dtype: string,", "city:  {dtype: integer,").replace(", city: 1", "")

Evolve = Callable[..., Command]


@pytest.fixture
def evolve(memreg: Command) -> Evolve:
    """Memories on version 1, and another file registered as version 2."""

    def make(source: str, *, said: int = 3, approve: bool = True) -> Command:
        for file, text in (("people.yaml", ANY), ("next.yaml", source)):
            (memreg.folder / file).write_text(text)
        memreg("register", "people.yaml")
        memreg("approve", "people", "--by", "ana")
        memreg("ingest", stdin="".join(f"Person Number{n} lives in Oslo, p{n}@x.io\n" for n in range(said)))
        memreg("register", "next.yaml")
        if approve:
            memreg("approve", "people@2", "--by", "ana")
        return memreg

    return make


def statuses(memreg: Command) -> list[tuple[str, str]]:
    """Status and stage of each backfill, the newest first."""
    found = memreg.json("backfill", "status", "people")
    return [(each["backfill"]["status"], each["backfill"]["stage"]) for each in found]


def test_planned_then_run(evolve: Evolve) -> None:
    memreg = evolve(RENAMED)
    planned = memreg("backfill", "people", "--to", "2", "--plan").stdout
    assert "Nothing was written. A backfill to people@2 would take 3 memories there" in planned
    assert memreg.json("backfill", "people", "--to", "2", "--plan")["memories"] == 3
    assert statuses(memreg) == []
    done = memreg("backfill", "people", "--to", "2", "--by", "ana").stdout
    assert "people@2 is active; 3 memories were converted." in done
    assert {each["values"]["town"] for each in memreg.json("memories")} == {"Oslo"}
    assert "No memory is on an older version" in memreg("backfill", "people", "--to", "2", "--plan").stdout
    assert "already" in memreg("backfill", "--to", "2", "people").stdout
    (listed,) = memreg.json("backfill", "status", "people")
    assert (listed["backfill"]["status"], listed["backfill"]["started_by"]) == ("done", "ana")
    assert "people@2" in memreg("backfill", "status", "--watch").stdout


def test_what_does_not_fit_is_told_and_may_be_allowed(evolve: Evolve) -> None:
    memreg = evolve(STRICT)
    assert "3 memories do not fit people@2" in memreg("backfill", "people", "--to", "2", "--plan").stdout
    failed = memreg("backfill", "people", "--to", "2", status=1).stdout
    assert "3 memories do not fit people@2, which stays approved" in failed
    assert failed.count("city") >= 3
    assert "Oslo" in memreg("memories").stdout
    assert statuses(memreg) == [("failed", "index")]
    assert "that to people@2 failed: 3 memories do not fit" in memreg("doctor").stdout
    done = memreg("backfill", "people", "--to", "2", "--allow-failures", "100%")
    assert "It had been begun before" in done.stderr
    assert "people@2 is active" in done.stdout


def test_left_to_workers_paused_and_resumed(evolve: Evolve) -> None:
    memreg = evolve(RENAMED)
    begun = memreg("backfill", "people", "--to", "2", "--background")
    assert "is left to the workers" in begun.stdout
    assert "No worker is alive" in begun.stderr
    assert "Paused." in memreg("backfill", "pause", "people").stdout
    assert "it is paused" in memreg("backfill", "pause", "people", status=1).stderr
    worked = memreg.json("worker", "--until-empty")
    assert statuses(memreg) == [("paused", "index")]
    assert "memreg backfill resume people" in memreg("backfill", "status").stdout
    assert memreg.json("backfill", "resume", "people", "--background")["started"] is True
    worked = memreg.json("worker", "--until-empty")
    assert worked["backfill_parts"] > 1
    assert statuses(memreg) == [("done", "rewrite")]
    assert {each["version"] for each in memreg.json("memories")} == {2}


def test_cancelled_and_rolled_back(evolve: Evolve) -> None:
    memreg = evolve(RENAMED)
    assert "none was begun" in memreg("backfill", "cancel", "people", status=1).stderr
    memreg("backfill", "people", "--to", "2", "--background")
    assert "Cancelled; what it had added is taken away." in memreg("backfill", "cancel", "people").stdout
    assert statuses(memreg) == [("cancelled", "index")]
    memreg("backfill", "people", "--to", "2")
    refused = memreg("backfill", "cancel", "people", status=1).stderr
    assert refused.startswith("The backfill of people to version 2 cannot cancel")
    back = memreg("backfill", "rollback", "people", "--why", "the town was a mistake").stdout
    assert "people@3 is active; 3 memories were converted." in back
    assert {each["values"]["city"] for each in memreg.json("memories")} == {"Oslo"}


def test_collisions_are_asked_about_merged_or_refused(evolve: Evolve) -> None:
    memreg = evolve(KEYED)
    assert "2 memories have the strong key of another one" in memreg("backfill", "people", "--to", "2", "--plan").stdout
    refused = memreg("backfill", "people", "--to", "2", "--collisions", "refuse", status=1).stdout
    assert "2 memories have the strong key of another one under people@2, which stays approved" in refused
    memreg("backfill", "people", "--to", "2", "--collisions", "merge")
    assert len(memreg.json("memories")) == 1


def test_what_it_refuses(evolve: Evolve) -> None:
    memreg = evolve(RENAMED, approve=False)
    for arguments, status, words in [
        ("backfill people --to 2", 1, "it is pending; approve it first with `memreg approve people@2`"),
        ("backfill people --to 3", 1, "people"),
        ("backfill nobody --to 2", 1, "nobody"),
        ("backfill people", 2, "Say which version: memreg backfill people --to N"),
        ("backfill people --to 2 --allow-failures some", 1, "how many may stay"),
        ("backfill rollback people", 2, "--why"),
        ("backfill pause people", 1, "none was begun"),
        ("backfill status nobody", 1, "nobody"),
        ("backfill status --watch --json", 2, "--watch is for people"),
    ]:
        told = memreg(*arguments.split(), status=status).stderr
        assert words in " ".join(told.replace("│", " ").split()), arguments


def test_two_versions_at_once_are_refused(evolve: Evolve) -> None:
    memreg = evolve(RENAMED)
    memreg("backfill", "people", "--to", "2", "--background")
    (memreg.folder / "third.yaml").write_text(KEYED)
    memreg("register", "third.yaml")
    memreg("approve", "people@3", "--by", "ana")
    refused = memreg("backfill", "people", "--to", "3", status=1).stderr
    assert "that to version 2 is not at its end" in refused
    assert memreg.json("backfill", "people", "--to", "2")["joined"] is True


def test_a_database_without_room_is_told_and_gone_on_with(evolve: Evolve) -> None:
    memreg = evolve(RENAMED)
    with psycopg.connect(memreg.settings["MEMREG_DATABASE_URL"], autocommit=True) as conn:
        conn.execute(
            "create function full() returns trigger language plpgsql as $$ begin"
            " raise exception 'could not extend file \"base/5/1\": No space left on device' using errcode = '53100';"
            " end $$"
        )
        conn.execute("create trigger no_room before update on memreg.memories for each row execute function full()")
        told = memreg("backfill", "people", "--to", "2", status=1).stderr
        assert len(told.splitlines()) == 1
        assert "No space left on device" in told
        assert statuses(memreg) == [("running", "rewrite")]
        assert "nobody works on it" in memreg("backfill", "status").stdout
        conn.execute("drop trigger no_room on memreg.memories")
    assert "people@2 is active; 3 memories were converted." in memreg("backfill", "people", "--to", "2").stdout
