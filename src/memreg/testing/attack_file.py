"""Attacks as YAML: hostile messages, what a model that obeys them would answer, and what must come of it.

    family: identity hijack          # a few words on what the attacks of the file have in common
    scene: household                 # a file of `scenes/` beside that has the next three, or these themselves
    schema: {schema: household, classes: {...}}                  # or the name of a schema file beside
    before: [{label: ana, class: Person, values: {...}}]         # memories of the tenant that is attacked
    others: [{class: Person, values: {...}}]                     # memories of another tenant
    attacks:
      - name: A message claims somebody's e-mail
        mode: normal                 # or kill_switch, pending
        settings: {llm_pii: mask}    # where they are not the defaults
        before: [...]                # where it is not that of the file
        context: [{role: user, text: ...}]                       # earlier messages of the session
        message: Text, or {role: user, text: ...}
        replies: [{items: [...]}, {text: prose}, {arguments: as they are}]
        expect:
          status: decided            # or dead; the default is decided
          reason: words              # of the error of a dead message
          raises: MessageInvalid
          decisions: [{action: REJECT, basis: invalid, memory: label, reasons: [words], reviews: [kinds]}]
          after: {ana: {values: {...}, revision: 2, deleted: false, unresolved: false}}
          sent: [words of a request]
          unsent: [words that no request has, unless the model said them itself]
          requests: 1

A decision with `times: 3` is expected three times over. `after` names what is changed or new; every other memory must
be as it was. The last of the replies is given again when the model is asked again. `<ana>` in a message or a reply is
the id of that memory. `{$repeat: [x, 3]}` is the text x three times over, or a list of three where x is no text;
`{$each: [x, 3]}` is a list of three with `{n}` counted up, and `{$join: [...]}` texts put together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from memreg.core.errors import MemregError
from memreg.registry.models import SchemaSpec
from memreg.registry.parse import parse_schema, parse_schema_file
from memreg.testing.reply import Reply, answer, content, tool_call

_KEYS: Mapping[str, frozenset[str]] = {
    "the file": frozenset({"family", "scene", "schema", "before", "others", "attacks"}),
    "the scene": frozenset({"schema", "before", "others"}),
    "an attack": frozenset({"name", "mode", "settings", "before", "context", "message", "replies", "expect"}),
    "a memory before": frozenset({"label", "class", "values"}),
    "a message": frozenset({"text", "role"}),
    "a reply": frozenset({"items", "text", "arguments", "finish"}),
    "what is expected": frozenset({"status", "reason", "raises", "decisions", "after", "sent", "unsent", "requests"}),
    "an expected decision": frozenset({"action", "basis", "memory", "reasons", "reviews", "times"}),
    "a memory after": frozenset({"values", "revision", "deleted", "unresolved"}),
}
MODES = ("normal", "kill_switch", "pending")
Data = Mapping[str, Any]


class AttackInvalid(MemregError):
    """The attacks in {source} cannot be read: {reason}."""


@dataclass(frozen=True)
class Attack:
    """One attack: a message to an engine whose model answers with `replies`, the last of them again and again."""

    family: str
    name: str
    source: str
    schema: SchemaSpec
    message: Data
    replies: tuple[Data, ...]
    expect: Data
    mode: str = "normal"
    settings: Data = field(default_factory=dict)
    before: tuple[Data, ...] = ()
    others: tuple[Data, ...] = ()
    context: tuple[Data, ...] = ()

    @property
    def id(self) -> str:
        """The file and the name, for a test's id."""
        return f"{Path(self.source).stem}: {self.name}"


def attack_files(folder: Path) -> list[Path]:
    """The attack files of a folder, by name."""
    return sorted(folder.glob("*.yaml"))


def load_attacks(path: Path) -> list[Attack]:
    """The attacks of a file. Raises AttackInvalid, SchemaInvalid."""
    data = _read(path)
    _check(path, "the file", data, "family", "attacks")
    beside = path
    if "scene" in data:
        beside = path.parent / "scenes" / f"{data['scene']}.yaml"
        scene = _read(beside)
        _check(beside, "the scene", scene)
        data = scene | data
    if "schema" not in data:
        raise AttackInvalid(source=path.name, reason="neither the file nor its scene has a schema")
    schema = _schema(beside.parent, path, data["schema"])
    attacks = [_attack(path, data, schema, each) for each in data["attacks"]]
    names = [attack.name for attack in attacks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise AttackInvalid(source=path.name, reason=f"two attacks are called {twice[0]!r}")
    return attacks


def as_reply(data: Data) -> Reply:
    """A reply as the scripted server gives it."""
    if "text" in data:
        return content(data["text"], finish_reason=data.get("finish", "stop"))
    if "arguments" in data:
        return tool_call(data["arguments"])
    return answer({"items": data.get("items", [])})


def expanded(value: Any, ids: Mapping[str, object]) -> Any:
    """A value with `$repeat`, `$each` and `$join` carried out and `<label>` replaced by ids."""
    if isinstance(value, str):
        for label, memory_id in ids.items():
            value = value.replace(f"<{label}>", str(memory_id))
        return value
    if isinstance(value, list):
        return [expanded(each, ids) for each in value]
    if not isinstance(value, Mapping):
        return value
    if value.keys() == {"$repeat"}:
        what, times = value["$repeat"]
        what = expanded(what, ids)
        return what * times if isinstance(what, str) else [what] * times
    if value.keys() == {"$each"}:
        what, times = value["$each"]
        what = expanded(what, ids)
        return [_numbered(what, str(number)) for number in range(1, times + 1)]
    if value.keys() == {"$join"}:
        return "".join(expanded(each, ids) for each in value["$join"])
    return {expanded(name, ids): expanded(each, ids) for name, each in value.items()}


def _attack(path: Path, data: Data, schema: SchemaSpec, given: Data) -> Attack:
    _check(path, "an attack", given, "name", "message", "expect")
    before, others = given.get("before", data.get("before", ())), data.get("others", ())
    expect = given["expect"]
    _check(path, "what is expected", expect)
    message = given["message"]
    if not isinstance(message, Mapping) or "text" not in message:
        message = {"text": message}
    context = given.get("context", ())
    for what, values in (
        ("a memory before", [*before, *others]),
        ("a message", [message, *context]),
        ("a reply", given.get("replies", ())),
        ("an expected decision", expect.get("decisions", ())),
        ("a memory after", (expect.get("after") or {}).values()),
    ):
        for each in values:
            _check(path, what, each)
    if given.get("mode", "normal") not in MODES:
        raise AttackInvalid(source=path.name, reason=f"the mode of {given['name']!r} is none of {', '.join(MODES)}")
    return Attack(
        family=data["family"],
        name=given["name"],
        source=path.name,
        schema=schema,
        message=message,
        replies=tuple(given.get("replies", ())),
        expect=expect,
        mode=given.get("mode", "normal"),
        settings=given.get("settings", {}),
        before=tuple(before),
        others=tuple(others),
        context=tuple(context),
    )


def _schema(folder: Path, path: Path, given: Any) -> SchemaSpec:
    if not isinstance(given, str):
        return parse_schema(json.dumps(given), path.name)
    if not (folder / given).is_file():
        raise AttackInvalid(source=path.name, reason=f"there is no schema file {given}")
    return parse_schema_file(folder / given)


def _read(path: Path) -> Any:
    try:
        return _plain(YAML(typ="safe").load(path.read_text("utf-8")))
    except (YAMLError, OSError, ValueError) as exc:
        raise AttackInvalid(source=path.name, reason=" ".join(str(exc).split())) from exc


def _check(path: Path, what: str, data: Any, *needed: str) -> None:
    if not isinstance(data, Mapping):
        raise AttackInvalid(source=path.name, reason=f"{what} is not a mapping")
    if unknown := sorted(map(str, data.keys() - _KEYS[what])):
        raise AttackInvalid(source=path.name, reason=f"{what} has no key {unknown[0]}")
    if missing := [name for name in needed if name not in data]:
        raise AttackInvalid(source=path.name, reason=f"{what} has no {missing[0]}")


def _numbered(value: Any, number: str) -> Any:
    if isinstance(value, str):
        return value.replace("{n}", number)
    if isinstance(value, Mapping):
        return {_numbered(name, number): _numbered(each, number) for name, each in value.items()}
    return [_numbered(each, number) for each in value] if isinstance(value, Sequence) else value


def _plain(value: Any) -> Any:
    """YAML's dates as the ISO strings that payloads hold."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date | datetime) else value
