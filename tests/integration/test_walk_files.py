"""The runner of walks: it tells every difference, and refuses a file it cannot read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from memreg.core.database import Database
from memreg.testing.walks import WalkInvalid, load_walk, run_walk

ANA = {"class": "Person", "values": {"name": "Ana Lopez", "email": "ana@lopez.io"}}
SCHEMA = {
    "schema": "people",
    "classes": {
        "Person": {
            "columns": {"name": {"dtype": "string", "required": True}, "email": {"dtype": "string"}},
            "annotation": {"searchable": {"name": 3}, "identity": [{"columns": ["email"], "strength": "strong"}]},
        }
    },
}
EXPECTED = {"action": "UPDATE", "basis": "identity", "memory": "ana", "score": [0.55, 1.0]}
AFTER = {
    "values": {"name": "Ana Lopez", "email": "ana@lopez.io"},
    "revision": 1,
    "keys": {"email": ["ana@lopez.io"]},
}


def walk(folder: Path, decision: Any = None, after: Any = None, **more: Any) -> Path:
    data = {
        "title": "Ana again",
        "ends_in": 9,
        "schema": SCHEMA,
        "before": [{"label": "ana"} | ANA],
        "messages": [{"proposals": [ANA], "expect": {"decisions": [decision or EXPECTED]}}],
        "after": after or {"ana": AFTER},
    } | more
    path = folder / "again.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def test_a_walk_that_holds_has_no_difference(database: Database, tmp_path: Path) -> None:
    run = run_walk(load_walk(walk(tmp_path)), database)
    assert run.differences == []
    assert [str(each.action) for each in run.decisions] == ["UPDATE"]
    assert list(run.memories) == ["ana"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"decision": EXPECTED | {"action": "CREATE"}}, "action UPDATE, expected CREATE"),
        ({"decision": EXPECTED | {"basis": "score"}}, "basis identity, expected score"),
        ({"decision": EXPECTED | {"memory": None}}, "memory ana, expected None"),
        ({"decision": EXPECTED | {"memory": "other"}}, "memory ana, expected a new one, other"),
        ({"decision": EXPECTED | {"score": 0.1}}, "expected 0.1"),
        ({"decision": EXPECTED | {"score": None}}, "expected None"),
        ({"decision": EXPECTED | {"reasons": ["the moon"]}}, "expected 'the moon' among them"),
        ({"decision": EXPECTED | {"reviews": ["dead_letter"]}}, "expected ['dead_letter']"),
        ({"ends_in": 10}, "it ends in rule 9 (identity), expected 10"),
        ({"after": {"ana": AFTER | {"values": {}}}}, "ana has values"),
        ({"after": {"ana": AFTER | {"revision": 2}}}, "ana has revision 1, expected 2"),
        ({"after": {"ana": AFTER | {"deleted": True}}}, "ana has deleted False, expected True"),
        ({"after": {"ana": AFTER | {"unresolved": True}}}, "ana has unresolved False, expected True"),
        ({"after": {"ana": AFTER | {"keys": {}}}}, "ana holds the keys ['email']"),
        ({"after": {"ana": AFTER | {"keys": {"email": ["x@x.io"]}}}}, "missing: ['email x@x.io']"),
        ({"after": {"ana": AFTER, "bea": AFTER}}, "there is no bea"),
        ({"after": {"bea": AFTER}}, "there is also ana"),
        ({"messages": [{"proposals": [ANA], "expect": {"decisions": []}}]}, "1 decisions"),
        ({"messages": [{"proposals": [ANA], "expect": {"status": "dead"}}]}, "status decided, expected dead"),
        (
            {"messages": [{"proposals": [ANA], "expect": {"raises": "MessageConflict"}}]},
            "did not raise MessageConflict",
        ),
        ({"messages": [{"text": ""}]}, "raised MessageInvalid"),
        ({"before": [{"label": "ana", "class": "Person", "values": {"email": "x"}}]}, "ana was not made"),
    ],
)
def test_a_difference_is_told(database: Database, tmp_path: Path, change: Any, words: str) -> None:
    differences = run_walk(load_walk(walk(tmp_path, **change)), database).differences
    assert any(words in each for each in differences), differences


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": "red"}, "the walk has no key colour"),
        ({"mode": "asleep"}, "its mode is none of"),
        ({"schema": "nowhere"}, "there is no schema file nowhere.yaml"),
        ({"messages": [{"said": "x"}]}, "a message has no key said"),
        ({"messages": ["x"]}, "a message is not a mapping"),
        ({"decision": {"actoin": "CREATE"}}, "an expected decision has no key actoin"),
    ],
)
def test_a_walk_that_cannot_be_read(tmp_path: Path, change: Any, words: str) -> None:
    with pytest.raises(WalkInvalid, match="again.yaml cannot be read") as caught:
        load_walk(walk(tmp_path, **change))
    assert words in str(caught.value)


def test_a_walk_that_is_no_yaml(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("title: [")
    with pytest.raises(WalkInvalid):
        load_walk(path)
    path.write_text("title: only")
    with pytest.raises(WalkInvalid, match="it has no schema"):
        load_walk(path)


def test_many_walks_share_one_database(database: Database) -> None:
    folder = Path(__file__).parents[2] / "fixtures" / "walks"
    for name in ("14_new", "07_create_only_while_pending", "10_update_by_score"):
        assert run_walk(load_walk(folder / f"{name}.yaml"), database).differences == []
