"""The demonstration shows every kind of decision, twice the same, and touches nothing of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from memreg.core.queries import Queries
from tests.support.command import Command

KINDS = {
    ("CREATE", "new"), ("UPDATE", "identity"), ("UPDATE", "score"), ("UPSERT", "partial_identity"),
    ("DELETE", "identity"), ("REJECT", "delete_without_identity"), ("REJECT", "invalid"),
    ("CREATE", "possible_duplicate"), ("SKIP", "duplicate_in_turn"),
}  # fmt: skip


def outline(document: dict[str, Any]) -> list[Any]:
    """What must come out the same each time: everything but ids and times."""
    return [
        (result["message_id"], result["status"], [(d["action"], d["basis"], d["score"]) for d in result["decisions"]])
        for result in document["results"]
    ]


def test_every_kind_of_decision_without_database_or_key(home: Path, tmp_path: Path) -> None:
    memreg = Command(tmp_path, {"MEMREG_HOME": str(home), "OPENAI_API_KEY": "sk-no", "MEMREG_TENANT": "somebody"})
    first = memreg.json("demo")
    decisions = [d for result in first["results"] if result["status"] == "decided" for d in result["decisions"]]
    assert {(d["action"], d["basis"]) for d in decisions} >= KINDS
    assert [result["status"] for result in first["results"]].count("replayed") == 1
    assert 38 <= len(first["results"]) <= 45
    assert {item["kind"] for item in first["review"]} >= {"possible_duplicate"}
    assert first["explained"]["facts"]["basis"] == "partial_identity"
    assert outline(memreg.json("demo", MEMREG_DATABASE_URL="postgresql://127.0.0.1:1/nowhere")) == outline(first)

    told = memreg("demo", COLUMNS="100").stdout
    for words in ("possible_duplicate", "replayed: nothing is written", "by rule 11", "memreg memories Person"):
        assert words in told
    assert memreg.json("memories", MEMREG_HOME=str(home / "demo"), MEMREG_TENANT="default")
    assert "No schema is registered yet" in memreg("memories", status=1).stderr  # in the user's own home


def test_a_database_that_is_not_a_demos_is_left_alone(people: Command, database_url: str) -> None:
    assert "not a demo's" in people("demo", "--database", database_url, status=1).stderr
    assert people.json("schemas")[0]["status"] == "active"


def test_two_at_once_do_not_meet(empty_database_url: str, tmp_path: Path) -> None:
    lock = Queries.load("memreg.cli.demo")["try_demo_lock"].sql.encode()
    with psycopg.connect(empty_database_url, autocommit=True) as conn:
        conn.execute(lock)
        told = Command(tmp_path)("demo", "--database", empty_database_url, status=1).stderr
    assert "another demo is running" in told


def test_a_given_database_is_used_again(empty_database_url: str, tmp_path: Path) -> None:
    memreg = Command(tmp_path)
    first = memreg.json("demo", "--database", empty_database_url)
    assert outline(memreg.json("demo", "--database", empty_database_url)) == outline(first)


def test_the_password_of_a_given_database_is_not_shown(tmp_path: Path) -> None:
    done = Command(tmp_path)("demo", "--database", "postgresql://ana:geheim@127.0.0.1:1/mine", status=1)
    assert "Reach the database at ana@127.0.0.1:1/mine" in done.stdout
    assert "geheim" not in done.stdout + done.stderr
