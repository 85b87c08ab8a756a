"""`memreg undo`: one decision, a whole message, and what stands in the way, as a person and as a script does it."""

from __future__ import annotations

import pytest

from tests.support.command import Command

FIRST = "Ana Lopez lives in Oslo, ana@lopez.io\n"
SECOND = "Ana Lopez lives in Rome, ana@lopez.io\n"


def newest(people: Command) -> str:
    audit_id: str = people.json("audit")[0]["audit_id"]
    return audit_id


def test_a_decision_is_taken_back_and_brought_back(people: Command) -> None:
    people("ingest", stdin=FIRST)
    people("ingest", stdin=SECOND)
    update = newest(people)
    told = people("undo", update, "--dry-run").stdout
    assert "city: Rome → Oslo" in told
    assert "Nothing was changed." in told
    done = people("undo", update, "--why", "wrong Ana", "--by", "bo").stdout
    assert f"UPDATE by identity, {update}" in done
    assert "1 decision about 1 memory undone." in done
    assert people.json("memories")[0]["values"]["city"] == "Oslo"
    again = done.rsplit("memreg undo ", 1)[1].split()
    people("undo", *again)
    assert people.json("memories")[0]["values"]["city"] == "Rome"


def test_more_than_one_is_only_told_without_yes(people: Command) -> None:
    people("ingest", stdin=FIRST)
    created = newest(people)
    people("ingest", stdin=SECOND)
    refused = people("undo", created, status=1).stderr
    assert "a later decision about memory" in refused
    assert newest(people) in refused
    assert "--cascade" in refused
    told = people("undo", created, "--cascade").stdout
    assert "2 decisions about 1 memory would be undone." in told
    assert "--yes" in told
    assert len(people.json("memories")) == 1
    people("undo", created, "--cascade", "--yes")
    assert people.json("memories") == []


def test_a_bad_hour_as_json(people: Command) -> None:
    people("ingest", stdin=FIRST + SECOND)
    told = people.json("undo", "--since", "1h")
    assert told["dry_run"] is True
    assert len(told["undone"]) == 2
    assert "ana@lopez.io" not in str(told)  # a pii column
    done = people.json("undo", "--since", "1h", "--yes")
    assert done["act_id"].startswith("undo:")
    assert people.json("memories") == []


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "Name one AUDIT_ID"),
        (("not-an-id",), 1, "it must be an id"),
        (("--since", "yesterday"), 2, "is no time"),
    ],
)
def test_what_cannot_be_understood_is_said(people: Command, arguments: tuple[str, ...], status: int, said: str) -> None:
    assert said in people("undo", *arguments, status=status).stderr
