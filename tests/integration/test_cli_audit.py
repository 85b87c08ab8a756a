"""`memreg audit` and its commands as they are called, on a real database."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from memreg.api.engine import Engine
from memreg.cli.main import memreg
from memreg.core.database import Database
from memreg.engine.model import Message, Proposal
from tests.support.engines import people, say


@pytest.fixture
def engine(database: Database) -> Engine:
    return people(database)


@pytest.fixture
def url(engine: Engine, database_url: str) -> str:
    """Five entries: two of a session, one by score, one of another class, one undone by a person."""
    ana = {"name": "Ana Lopez", "email": "ana@lopez.io", "city": "Oslo"}
    engine.ingest(Message("one", id="one", session="s"), proposals=[Proposal("Person", ana)])
    engine.ingest(Message("two", id="two", session="s"), proposals=[Proposal("Person", ana | {"city": "Rome"})])
    say(engine, name="Ana Lopez", city="Rome")
    say(engine, name="Bob =Stone", email="bob@stone.org")
    engine.undo(engine.audit(limit=1)[0].audit_id, by="ann")
    return database_url


def run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(memreg, ["audit", *arguments, "--database", url], env={"COLUMNS": "200"})


def data(url: str, *arguments: str) -> Any:
    done = run(url, *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


FILTERS: list[tuple[list[str], list[str]]] = [
    ([], ["UNDO", "CREATE", "UPDATE", "UPDATE", "CREATE"]),
    (["--session", "s"], ["UPDATE", "CREATE"]),
    (["--session", "none"], []),
    (["--message", "two"], ["UPDATE"]),
    (["--by", "ann"], ["UNDO"]),
    (["--action", "create"], ["CREATE", "CREATE"]),
    (["--basis", "person"], ["UNDO"]),
    (["--class", "Office"], []),
    (["--min-score", "0.55"], ["UPDATE", "UPDATE"]),
    (["--max-score", "0.55"], []),
    (["--since", "1h", "--basis", "new"], ["CREATE", "CREATE"]),
    (["--until", "1h"], []),
    (["--limit", "2"], ["UNDO", "CREATE"]),
]


def test_filters(url: str) -> None:
    assert [(filters, [each["action"] for each in data(url, *filters)]) for filters, _ in FILTERS] == FILTERS


def test_both_ends_of_scores_count_and_the_end_of_a_time_does_not(engine: Engine) -> None:
    ana = {"name": "Ana Lopez", "email": "ana@lopez.io", "city": "Oslo"}
    say(engine, **ana)
    say(engine, **ana)
    newest, first = engine.audit()
    assert newest.score is not None
    assert engine.audit(min_score=newest.score, max_score=newest.score) == [newest]
    assert engine.audit(max_score=newest.score - 0.0001) == []
    assert engine.audit(since=first.created_at, until=newest.created_at) == [first]


def test_entries_of_a_memory_are_those_that_changed_it(url: str, engine: Engine) -> None:
    first, second = engine.list("Person")[0], say(engine, name="Ana L", email="ana@l.io")
    assert second.memory_id is not None
    engine.merge(first.id, second.memory_id, by="ann")
    assert [each["action"] for each in data(url, "--memory", str(second.memory_id))] == ["MERGE", "CREATE"]


REFUSED: list[tuple[list[str], str]] = [
    (["--min-score", "2"], "min_score cannot be 2.0: it must be a number from 0 to 1"),
    (["--limit", "0"], "limit cannot be 0"),
    (["verify", "--anchor", "nowhere"], "anchor cannot be read: there is no such file"),
    (["verify", "--anchor", "memreg-anchor 1 default x y"], "comes no number of a seal with its hash"),
    (["verify", "--anchor", "memreg-anchor 2 default 1 " + "0" * 64], "memreg-anchor 2 where memreg-anchor 1 is read"),
    (["verify", "--anchor", "memreg-anchor 1 default"], "not made of lines as"),
    (["export", "--reveal", "--by", " "], "by cannot be empty"),
]


def test_what_is_refused(url: str) -> None:
    for arguments, told in REFUSED:
        done = run(url, *arguments)
        assert (done.exit_code, told in done.output) == (1, True), done.output


@pytest.mark.parametrize(
    "arguments", [["--limit", "3", "verify"], ["retain", "--keep", "soon"], ["retain"], ["--since", "then"]]
)
def test_wrong_usage(arguments: list[str]) -> None:
    assert run("postgresql://127.0.0.1:1/none", *arguments).exit_code == 2


def test_anchored_verified_and_tampered_with(url: str, tmp_path: Path) -> None:
    anchor = run(url, "anchor").stdout
    assert anchor.startswith("memreg-anchor 1 default 1 ")
    (tmp_path / "anchor").write_text(anchor)
    assert data(url, "anchor")[0]["tenant"] == "default"
    verified = run(url, "verify", "--anchor", str(tmp_path / "anchor"))
    assert "as seal 1 of the anchor says: 5 entries in 1 seal." in verified.output
    assert data(url, "verify", "--tenant", "*")[0]["is_intact"] is True
    assert "All is sealed." in run(url, "seal").output
    with psycopg.connect(url) as conn:
        conn.execute("set session_replication_role = replica")
        conn.execute("update memreg.audit_log set basis = 'identity' where action = 'UNDO'")
    found = run(url, "verify", "--anchor", anchor)
    assert found.exit_code == 1
    assert "1 thing is not as written, the first broken link is seal 1" in found.output
    assert "is not as it was written" in found.output
    (report,) = json.loads(run(url, "verify", "--json").stdout)
    assert (report["is_intact"], report["first_broken"], report["findings"][0]["kind"]) == (False, 1, "changed")


def test_sealed(url: str) -> None:
    assert data(url, "seal") == {"default": 5}
    assert data(url, "seal") == {}


def test_replayed_and_found_out(url: str) -> None:
    assert "2 memories were built anew from 5 entries, and are as they are stored." in run(url, "replay").output
    with psycopg.connect(url) as conn:
        conn.execute('update memreg.memories set payload = payload || \'{"city": "Paris"}\' where not is_deleted')
    found = run(url, "replay")
    assert found.exit_code == 1
    assert "1 thing does not agree with what is stored" in found.output
    assert "has another payload than the audit tells" in found.output
    report = json.loads(run(url, "replay", "--json").stdout)
    assert (report["is_same"], report["differences"][0]["parts"]) == (False, ["payload"])


def test_exported_masked_and_revealed(url: str, engine: Engine, tmp_path: Path) -> None:
    lines = run(url, "export").stdout.splitlines()
    records = [json.loads(line) for line in lines]
    assert [each["action"] for each in records] == ["CREATE", "UPDATE", "UPDATE", "CREATE", "UNDO"]
    assert "ana@lopez.io" not in "".join(lines)
    assert records[1]["after"]["payload"] == {"name": "Ana Lopez", "email": "•••", "city": "Rome"}
    assert (records[1]["session"], records[4]["actor"], len(records[0]["digest"])) == ("s", "ann", 64)
    assert engine.audit(action="REVEAL") == []
    out = tmp_path / "all.jsonl"
    done = run(url, "export", "--reveal", "--why", "a question", "--by", "ann", "--out", str(out), "--action", "update")
    assert "2 entries written to" in done.output
    assert out.read_text().count("ana@lopez.io") > 2
    (told,) = engine.audit(action="REVEAL")
    assert (told.actor, told.reasons[-1]) == ("ann", "a question")
    assert "No entry matches." in run(url, "export", "--class", "Office").output


def test_exported_as_csv(url: str) -> None:
    text = run(url, "export", "--format", "csv", "--action", "CREATE").stdout
    first, second = csv.DictReader(io.StringIO(text))
    assert (first["action"], first["session"], json.loads(first["after"])["payload"]["email"]) == ("CREATE", "s", "•••")
    assert json.loads(second["proposal"])["values"]["name"] == "Bob =Stone"
    assert json.loads(second["reasons"]) != []


def test_retained(url: str) -> None:
    assert "no whole month of the audit is that old" in run(url, "retain", "--keep", "1d", "--yes").output
    found = data(url, "retain", "--keep", "2 years", "--dry-run")
    assert (found["until"], found["removed"], found["is_dry_run"]) == (None, [], True)


def test_old_months_are_told_before_they_go(url: str, engine: Engine) -> None:
    with psycopg.connect(url, autocommit=True) as conn:  # as if the month were over
        row = conn.execute("select memreg.uuid_from(clock_timestamp() + interval '1 millisecond')").fetchone()
        assert row is not None
        for table in ("audit_log", "audit_values"):
            attached = f"for values from (minvalue) to ('{row[0]}')"
            conn.execute(f"alter table memreg.{table} detach partition memreg.{table}_first".encode())
            conn.execute(f"alter table memreg.{table} attach partition memreg.{table}_first {attached}".encode())
    told = run(url, "retain", "--keep", "0d")
    assert "5 entries of 1 tenant from before" in told.output
    assert "Nothing was removed: --yes does it." in told.output
    done = run(url, "retain", "--keep", "0d", "--yes", "--by", "ann", "--why", "the policy")
    assert "were removed; the seals over them stay." in done.output
    assert [(each.action, each.actor) for each in engine.audit()] == [("RETAIN", "ann")]
    assert "5 entries were removed by retention" in run(url, "verify").output
