"""Walks: a situation as YAML (memories before, messages, expected decisions, memories after), run and compared.

    title: A strong key finds the memory       # one sentence
    ends_in: 9                                 # the row of the decision table that the last decision ends in
    schema: people                             # a file of `schemas/` beside the walk, or a schema written out
    mode: normal                               # or kill_switch, pending
    before: [{label: ana, class: Person, values: {...}}]
    messages:
      - {text: ..., id: ..., proposals: [...], switch: "on", expect: {status: decided, decisions: [...]}}
    after: {ana: {values: {...}, revision: 2, deleted: false, unresolved: false, keys: {email: [ana@lopez.io]}}}

A decision is expected as `{action, basis, memory, score, reasons, reviews}`: `memory` is the label of a memory (a new
label names the memory that a CREATE makes), `score` a number, a range `[low, high]` or null, `reasons` words that occur
in the reasons, `reviews` the kinds of every question that it makes (none, where left out). In the values of proposals
and memories, and in reasons, `<ana>` stands for the id of the memory with that label.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from memreg.api.engine import Engine
from memreg.api.registry import Registry
from memreg.core.database import Database
from memreg.core.errors import MemregError
from memreg.core.queries import Queries
from memreg.core.steps import Rows, Steps, fetch
from memreg.engine.identity import canonical, digest
from memreg.engine.model import Decision, Message, Proposal
from memreg.operations.kill_switch import switch
from memreg.registry.models import SchemaSpec
from memreg.registry.parse import parse_schema

SQL = Queries.load("memreg.testing")
WHO = "walk"
_KEYS: Mapping[str, frozenset[str]] = {
    "the walk": frozenset({"title", "ends_in", "schema", "mode", "before", "messages", "after"}),
    "a memory before": frozenset({"label", "class", "values"}),
    "a message": frozenset({"id", "text", "role", "proposals", "switch", "expect"}),
    "a proposal": frozenset({"class", "operation", "values", "evidence", "confidence"}),
    "what is expected of a message": frozenset({"status", "decisions", "raises"}),
    "an expected decision": frozenset({"action", "basis", "memory", "score", "reasons", "reviews"}),
    "a memory after": frozenset({"values", "revision", "deleted", "unresolved", "keys"}),
}


class WalkInvalid(MemregError):
    """The walk {source} cannot be read: {reason}."""


@dataclass(frozen=True)
class Walk:
    """A walk as written. `schema` is its schema under a name of the walk's own, so that many share one database."""

    source: str
    title: str
    ends_in: int | None
    schema: SchemaSpec
    mode: str
    before: tuple[Mapping[str, Any], ...]
    messages: tuple[Mapping[str, Any], ...]
    after: Mapping[str, Mapping[str, Any]] | None


@dataclass
class WalkRun:
    """What came of a walk: the decisions of every message, the memories by label, and where it differs (nowhere, if it
    holds)."""

    decisions: list[Decision] = field(default_factory=list)
    memories: dict[str, UUID] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    def label(self, memory_id: UUID | None) -> str | None:
        """What a memory is called in the walk; its id when nothing named it."""
        if memory_id is None:
            return None
        return next((name for name, known in self.memories.items() if known == memory_id), str(memory_id))


def walk_files(folder: Path) -> list[Path]:
    """The walk files of a folder, by name."""
    return sorted(folder.glob("*.yaml"))


def load_walk(path: Path) -> Walk:
    """Read a walk file. Raises WalkInvalid, SchemaInvalid."""
    try:
        data = _plain(YAML(typ="safe").load(path.read_text("utf-8")))
    except YAMLError as exc:
        raise WalkInvalid(source=path.name, reason=" ".join(str(exc).split())) from exc
    _check(path.name, "the walk", data)
    for name in ("title", "schema", "messages"):
        if name not in data:
            raise WalkInvalid(source=path.name, reason=f"it has no {name}")
    before = tuple(data.get("before", ()))
    messages = tuple(data["messages"])
    after: Mapping[str, Any] | None = data.get("after")
    for memory in before:
        _check(path.name, "a memory before", memory)
    for message in messages:
        _check(path.name, "a message", message)
        expect = message.get("expect", {})
        _check(path.name, "what is expected of a message", expect)
        for each in message.get("proposals") or ():
            _check(path.name, "a proposal", each)
        for each in expect.get("decisions", ()):
            _check(path.name, "an expected decision", each)
    for memory in (after or {}).values():
        _check(path.name, "a memory after", memory)
    if data.get("mode", "normal") not in ("normal", "kill_switch", "pending"):
        raise WalkInvalid(source=path.name, reason="its mode is none of normal, kill_switch, pending")
    return Walk(
        source=path.name,
        title=data["title"],
        ends_in=data.get("ends_in"),
        schema=_schema(path, data["schema"]),
        mode=data.get("mode", "normal"),
        before=before,
        messages=messages,
        after=after,
    )


def run_walk(walk: Walk, database: Database, tenant: str = WHO) -> WalkRun:
    """Run a walk in a database, once: register and approve its schema, make what is there before, take the messages,
    and compare.

    Raises MemregError where the setting up fails; what the messages raise is compared.
    """
    run = WalkRun()
    registry = Registry(database)
    registry.register(walk.schema, annotate="heuristic", by=WHO)
    if walk.mode != "pending":
        registry.approve(walk.schema.name, by=WHO)
    engine = Engine(database, tenant=tenant, schema=walk.schema.name, extractor="patterns")
    for memory in walk.before:
        made = engine.ingest(proposals=[_proposal(memory, run)]).decisions[-1]
        if made.memory_id is None:
            run.differences.append(f"before: {memory['label']} was not made: {made.action} {', '.join(made.reasons)}")
        else:
            run.memories.setdefault(memory["label"], made.memory_id)
            if run.memories[memory["label"]] != made.memory_id:
                run.differences.append(f"before: {memory['label']} became two memories")
    if walk.mode == "kill_switch":
        switch(database, tenant, walk.schema.name, on=True, by=WHO)
    for number, message in enumerate(walk.messages, start=1):
        _take(f"message {number}", message, engine, run)
    _compare_rule(walk, engine, run)
    if walk.after is not None:
        _compare_after(walk, engine, run)
    return run


def _take(place: str, message: Mapping[str, Any], engine: Engine, run: WalkRun) -> None:
    if "switch" in message:
        switch(engine.database, engine.tenant, engine.schema(), on=message["switch"] in (True, "on"), by=WHO)
    proposals = message.get("proposals")
    taken = Message(message.get("text", ""), id=message.get("id"), role=message.get("role", "user"))
    expect = message.get("expect", {})
    try:
        given = None if proposals is None else [_proposal(each, run) for each in proposals]
        result = engine.ingest(taken, proposals=given)
    except MemregError as error:
        if expect.get("raises") != type(error).__name__:
            run.differences.append(f"{place}: raised {type(error).__name__}: {error}")
        return
    if "raises" in expect:
        run.differences.append(f"{place}: did not raise {expect['raises']}")
    if expect.get("status", result.status) != result.status:
        run.differences.append(f"{place}: status {result.status}, expected {expect['status']}")
    run.decisions += result.decisions
    if "decisions" not in expect:
        return
    if len(result.decisions) != len(expect["decisions"]):
        shown = [f"{d.action} {d.basis}" for d in result.decisions]
        run.differences.append(f"{place}: {len(shown)} decisions {shown}, expected {len(expect['decisions'])}")
    reviews = _reviews(engine)
    for ordinal, (decision, wanted) in enumerate(zip(result.decisions, expect["decisions"], strict=False), start=1):
        asked = reviews.get(decision.audit_id, []) if result.status != "replayed" else []
        differences = _compare_decision(decision, wanted, asked, run)
        run.differences += [f"{place}, decision {ordinal}: {each}" for each in differences]


def _compare_decision(
    decision: Decision, wanted: Mapping[str, Any], reviews: Iterable[str], run: WalkRun
) -> Iterable[str]:
    said = "; ".join(decision.reasons)
    for name, found in (("action", str(decision.action)), ("basis", str(decision.basis))):
        if wanted.get(name, found) != found:
            yield f"{name} {found}, expected {wanted[name]} ({said})"
    label = wanted.get("memory")
    if label is not None and label not in run.memories and decision.memory_id is not None:
        if run.label(decision.memory_id) in run.memories:
            yield f"memory {run.label(decision.memory_id)}, expected a new one, {label} ({said})"
        else:
            run.memories[label] = decision.memory_id
    if "memory" in wanted and run.label(decision.memory_id) != label:
        yield f"memory {run.label(decision.memory_id)}, expected {label} ({said})"
    if "score" in wanted and not _fits(decision.score, wanted["score"]):
        yield f"score {decision.score}, expected {wanted['score']}"
    for words in wanted.get("reasons", ()):
        expected = str(words)
        for name, memory_id in run.memories.items():
            expected = expected.replace(f"<{name}>", str(memory_id))
        if expected not in said:
            yield f"reasons {said!r}, expected {expected!r} among them"
    if sorted(reviews) != sorted(wanted.get("reviews", ())):
        yield f"reviews {sorted(reviews)}, expected {sorted(wanted.get('reviews', ()))}"


def _fits(found: float | None, wanted: Any) -> bool:
    if found is None or wanted is None:
        return found is wanted
    low, high = wanted if isinstance(wanted, list) else (wanted, wanted)
    return bool(low <= found <= high)


def _compare_rule(walk: Walk, engine: Engine, run: WalkRun) -> None:
    """The explanation of the last decision names the rule that the walk ends in."""
    if walk.ends_in is None:
        return
    if not run.decisions:
        run.differences.append(f"nothing was decided, expected an end in rule {walk.ends_in}")
        return
    explained = engine.explain(run.decisions[-1].audit_id)
    number, basis = explained.facts["rule"]["number"], explained.facts["rule"]["basis"]
    if number != walk.ends_in:
        run.differences.append(f"it ends in rule {number} ({basis}), expected {walk.ends_in}")
    if f"rule {number}, {basis}" not in explained.text:
        run.differences.append(f"the explanation does not name rule {number}, {basis}: {explained.text}")


def _compare_after(walk: Walk, engine: Engine, run: WalkRun) -> None:
    assert walk.after is not None
    memories, keys, _ = _state(engine)
    found = {run.label(row["id"]): row for row in memories}
    for label in sorted(str(each) for each in found.keys() - walk.after.keys()):
        run.differences.append(f"after: there is also {label}: {found[label]['payload']}")
    for label, wanted in walk.after.items():
        row = found.get(label)
        if row is None:
            run.differences.append(f"after: there is no {label}")
            continue
        states = {
            "values": row["payload"],
            "revision": row["revision"],
            "deleted": row["is_deleted"],
            "unresolved": row["unresolved"],
        }
        for name, value in ({"deleted": False, "unresolved": False} | _with_ids(wanted, run)).items():
            if name != "keys" and states[name] != value:
                run.differences.append(f"after: {label} has {name} {states[name]}, expected {value}")
        if row["revisions"] != row["revision"]:
            run.differences.append(f"after: {label} is at revision {row['revision']} and keeps {row['revisions']}")
        if "keys" in wanted:
            held = {(key["key"], bytes(key["digest"])) for key in keys if key["memory_id"] == row["id"]}
            expected = {
                (key, digest([canonical(part) for part in (one if isinstance(one, list) else [one])])): one
                for key, values in wanted["keys"].items()
                for one in values
            }
            missing = [f"{key} {one}" for (key, _), one in _without(expected, held).items()]
            if missing or len(held) > len(expected):
                names = sorted(key for key, _ in held)
                run.differences.append(f"after: {label} holds the keys {names}; missing: {missing or 'none'}")


def _without(expected: Mapping[Any, Any], held: Iterable[Any]) -> dict[Any, Any]:
    return {place: value for place, value in expected.items() if place not in held}


def _reviews(engine: Engine) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    for row in _state(engine)[2]:
        found.setdefault(row["audit_id"], []).append(row["kind"])
    return found


def _state(engine: Engine) -> list[Rows]:
    schema = engine.schema()

    def plan() -> Steps[list[Rows]]:
        where = {"tenant": engine.tenant, "schema": schema}
        return (yield from fetch(*(SQL[name](**where) for name in ("every_memory", "every_key", "every_review"))))

    return engine.database.run(engine.tenant, plan)


def _with_ids(value: Any, run: WalkRun) -> Any:
    """A value with the ids of memories for their labels."""
    if isinstance(value, Mapping):
        return {name: _with_ids(each, run) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_ids(each, run) for each in value]
    label = value[1:-1] if isinstance(value, str) and value[:1] == "<" and value[-1:] == ">" else None
    return str(run.memories[label]) if label in run.memories else value


def _proposal(data: Mapping[str, Any], run: WalkRun) -> Proposal:
    return Proposal(
        data["class"],
        _with_ids(data["values"], run),
        data.get("operation", "upsert"),
        data.get("evidence"),
        data.get("confidence"),
    )


def _schema(path: Path, schema: Any) -> SchemaSpec:
    if isinstance(schema, str):
        file = path.parent / "schemas" / f"{schema}.yaml"
        if not file.is_file():
            raise WalkInvalid(source=path.name, reason=f"there is no schema file {file.name} in {file.parent.name}/")
        spec = parse_schema(file.read_text("utf-8"), file.name)
    else:
        spec = parse_schema(json.dumps(schema), path.name)
    return replace(spec, name="walk_" + "".join(c if c.isalnum() else "_" for c in path.stem.lower())[:50])


def _check(source: str, what: str, data: Any) -> None:
    if not isinstance(data, Mapping):
        raise WalkInvalid(source=source, reason=f"{what} is not a mapping")
    if unknown := sorted(map(str, data.keys() - _KEYS[what])):
        raise WalkInvalid(source=source, reason=f"{what} has no key {unknown[0]}")


def _plain(value: Any) -> Any:
    """YAML's dates as the ISO strings that payloads hold."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, (date, datetime)) else value
