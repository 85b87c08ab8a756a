"""Attack files: what is read, what is written out, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from memreg.testing.attack_file import AttackInvalid, as_reply, attack_files, expanded, load_attacks

SCHEMA = "{schema: s, classes: {A: {columns: {name: {dtype: string}}}}}"
GOOD = f"""
family: some
schema: {SCHEMA}
before: [{{label: one, class: A, values: {{name: x}}}}]
attacks:
  - {{name: first, message: hello, expect: {{decisions: []}}}}
  - name: second
    mode: kill_switch
    before: []
    context: [{{role: assistant, text: hi}}]
    message: {{role: tool, text: <one> }}
    replies: [{{text: no}}]
    expect: {{status: dead}}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "some.yaml"
    path.write_text(text, "utf-8")
    return path


def test_a_file_is_read(tmp_path: Path) -> None:
    first, second = load_attacks(written(tmp_path, GOOD))
    assert (first.id, first.message, first.mode, len(first.before)) == ("some: first", {"text": "hello"}, "normal", 1)
    assert (second.mode, second.before, len(second.context), second.message["role"]) == ("kill_switch", (), 1, "tool")
    assert first.schema.name == "s"
    assert attack_files(tmp_path) == [tmp_path / "some.yaml"]


def test_a_scene_is_shared(tmp_path: Path) -> None:
    (tmp_path / "scenes").mkdir()
    (tmp_path / "scenes" / "room.yaml").write_text(
        f"schema: {SCHEMA}\nothers: [{{class: A, values: {{name: y}}}}]", "utf-8"
    )
    path = written(tmp_path, "family: f\nscene: room\nattacks: [{name: a, message: m, expect: {decisions: []}}]")
    assert [each.others for each in load_attacks(path)] == [({"class": "A", "values": {"name": "y"}},)]


def test_a_schema_may_be_a_file_beside(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("schema: own\nclasses: {A: {columns: {name: {dtype: string}}}}", "utf-8")
    path = written(tmp_path, GOOD.replace(f"schema: {SCHEMA}", "schema: own.yaml"))
    assert {each.schema.name for each in load_attacks(path)} == {"own"}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("family: some", "family: [", "cannot be read"),
        ("family: some", "kind: some", "the file has no key kind"),
        ("family: some\n", "", "the file has no family"),
        (f"schema: {SCHEMA}", "scene: nowhere", "nowhere.yaml"),
        (f"schema: {SCHEMA}", "schema: own.yaml", "there is no schema file own.yaml"),
        (f"schema: {SCHEMA}\n", "", "neither the file nor its scene has a schema"),
        ("mode: kill_switch", "mode: off", "the mode of 'second' is none of normal, kill_switch, pending"),
        ("{text: no}", "{prose: no}", "a reply has no key prose"),
        ("{status: dead}", "{state: dead}", "what is expected has no key state"),
        ("name: second", "name: first", "two attacks are called 'first'"),
        ("label: one", "name: one", "a memory before has no key name"),
        ("message: hello, ", "", "an attack has no message"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, old: str, new: str, reason: str) -> None:
    assert old in GOOD
    with pytest.raises(AttackInvalid) as raised:
        load_attacks(written(tmp_path, GOOD.replace(old, new)))
    assert reason in str(raised.value)


def test_what_is_long_is_written_short() -> None:
    ids = {"ana": "0000-1111"}
    assert expanded({"$repeat": ["ab", 3]}, ids) == "ababab"
    assert expanded({"$repeat": [{"id": "<ana>"}, 2]}, ids) == [{"id": "0000-1111"}] * 2
    assert expanded({"$each": [{"n": ["no {n}"]}, 2]}, ids) == [{"n": ["no 1"]}, {"n": ["no 2"]}]
    assert expanded({"$join": ["[", {"$repeat": ["<ana>", 2]}, "]"]}, ids) == "[0000-11110000-1111]"
    assert expanded({"<ana>": [1, None, True]}, ids) == {"0000-1111": [1, None, True]}


def test_replies_are_those_of_the_scripted_server() -> None:
    assert as_reply({"items": [1]}).text == '{"items": [1]}'
    assert (as_reply({"text": "no", "finish": "length"}).kind, as_reply({"text": "no"}).text) == ("content", "no")
    assert (as_reply({"arguments": "{"}).kind, as_reply({"arguments": "{"}).text) == ("tool_call", "{")
