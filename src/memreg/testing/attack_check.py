"""What came of an attack, compared with what must: decisions, audit, memories, what was kept, and the requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from memreg.annotator.disguise import visible
from memreg.api.engine import Engine
from memreg.core.errors import MemregError
from memreg.core.queries import Queries
from memreg.core.steps import Rows, Steps, fetch
from memreg.engine.model import Decision, IngestResult, Message
from memreg.testing.attack_file import Attack, expanded
from memreg.testing.request import Request

SQL = Queries.load("memreg.testing")
MOST_REQUESTS = 2
"""The question, and once again for what was refused."""
LEAST_TELLING = 5
"""Characters of a value of a memory from which on it must not be in a request by chance."""
SHOWN_DECISIONS = 5
MOST_EXPLAINED = 20


@dataclass
class AttackRun:
    """What came of an attack: its decisions, the requests to the model, and where it differs from what must be
    (nowhere, if it was withstood)."""

    attack: Attack
    decisions: tuple[Decision, ...] = ()
    requests: tuple[Request, ...] = ()
    memories: dict[str, UUID] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    def label(self, memory_id: UUID | None) -> str | None:
        """What a memory is called in the attack; its id when nothing named it."""
        return (
            None if memory_id is None else next((n for n, i in self.memories.items() if i == memory_id), str(memory_id))
        )


@dataclass(frozen=True)
class State:
    """All that a tenant has in a schema."""

    memories: Rows
    reviews: Rows
    decisions: Rows
    messages: Rows
    firsts: Rows

    @property
    def ids(self) -> set[str]:
        """Every id of a row."""
        rows = [(self.memories, "id"), (self.decisions, "id"), (self.messages, "arrival")]
        return {str(row[name]) for found, name in rows for row in found}


def compare_raised(attack: Attack, error: MemregError) -> Iterator[str]:
    if attack.expect.get("raises") != type(error).__name__:
        yield f"raised {type(error).__name__}: {error}"
    elif attack.expect.get("reason", "") not in str(error):
        yield f"raised {error}, expected {attack.expect['reason']!r} in it"


def compare_result(run: AttackRun, result: IngestResult, engine: Engine) -> Iterator[str]:
    expect = run.attack.expect
    if "raises" in expect:
        yield f"did not raise {expect['raises']}"
    status = expect.get("status", "decided")
    if result.status != status:
        yield f"status {result.status}, expected {status} ({result.error})"
    if expect.get("reason", "") not in (result.error or ""):
        yield f"error {result.error!r}, expected {expect['reason']!r} in it"
    wanted = [one for one in expect.get("decisions", []) for _ in range(one.get("times", 1))]
    if len(wanted) != len(result.decisions):
        found = "; ".join(f"{d.action} {d.basis} ({'; '.join(d.reasons)})" for d in result.decisions[:SHOWN_DECISIONS])
        yield f"{len(result.decisions)} decisions, expected {len(wanted)}: {found}"
    asked: dict[UUID, list[str]] = {}
    for row in state_of(engine).reviews:
        asked.setdefault(row["audit_id"], []).append(row["kind"])
    for number, (decision, one) in enumerate(zip(result.decisions, wanted, strict=False), start=1):
        for difference in _compare_decision(run, decision, one, asked.get(decision.audit_id, [])):
            yield f"decision {number}: {difference}"


def _compare_decision(run: AttackRun, decision: Decision, wanted: Mapping[str, Any], asked: list[str]) -> Iterator[str]:
    said = "; ".join(decision.reasons)
    for name, found in (("action", str(decision.action)), ("basis", str(decision.basis))):
        if wanted.get(name) != found:
            yield f"{name} {found}, expected {wanted.get(name)} ({said})"
    label = wanted.get("memory")
    is_new = decision.memory_id is not None and decision.memory_id not in run.memories.values()
    if label is not None and label not in run.memories and is_new and decision.memory_id is not None:
        run.memories[label] = decision.memory_id
    if run.label(decision.memory_id) != label:
        yield f"memory {run.label(decision.memory_id)}, expected {label} ({said})"
    for words in wanted.get("reasons", ()):
        if expanded(str(words), run.memories) not in said:
            yield f"reasons {said!r}, expected {words!r} among them"
    if sorted(asked) != sorted(wanted.get("reviews", ())):
        yield f"reviews {sorted(asked)}, expected {sorted(wanted.get('reviews', ()))} ({said})"


def compare_audit(result: IngestResult, engine: Engine) -> Iterator[str]:
    """Every decision is in the audit once, with its reasons, a refusal can be explained, and nothing else of this
    message is there."""
    state = state_of(engine)
    rows = {row["id"]: row for row in state.decisions if row["message_id"] == result.message_id}
    for decision in result.decisions:
        row = rows.pop(decision.audit_id, None)
        if row is None:
            yield f"the audit does not have {decision.action} {decision.basis}"
        elif (row["action"], row["basis"], tuple(row["reasons"] or ())) != (
            str(decision.action), str(decision.basis), decision.reasons,
        ):  # fmt: skip
            yield f"the audit has {row['action']} {row['basis']} for {decision.action} {decision.basis}"
        elif not decision.reasons:
            yield f"the audit gives no reason for {decision.action} {decision.basis}"
    for decision in [each for each in result.decisions if each.action == "REJECT"][:MOST_EXPLAINED]:
        text = " ".join(engine.explain(decision.audit_id).text.split())  # its lines are broken to fit a terminal
        if str(decision.basis) not in text or not all(" ".join(why.split()) in text for why in decision.reasons):
            yield f"the explanation of REJECT {decision.basis} does not say why"
    if rows:
        yield f"the audit has {len(rows)} more decisions on the message"


def compare_memories(run: AttackRun, at_first: State, at_last: State) -> Iterator[str]:
    """What is not expected to be changed is as it was; what is changed keeps what it was at first."""
    before = {row["id"]: row for row in at_first.memories}
    firsts = {row["memory_id"]: row["payload"] for row in at_first.firsts}
    after: Mapping[str, Mapping[str, Any]] = run.attack.expect.get("after") or {}
    found = {run.label(row["id"]) or "": row for row in at_last.memories}
    for label in sorted(run.memories.keys() | after.keys() | found.keys()):
        row = found.get(label)
        if row is None:
            yield f"after: there is no {label}"
            continue
        old = before.get(row["id"])
        if old is None and label not in after:
            yield f"after: there is also {label}: {_short(row['payload'])}"
            continue
        was = (
            {} if old is None else {"values": old["payload"], "revision": old["revision"], "deleted": old["is_deleted"]}
        )
        wanted = (
            {"deleted": False, "unresolved": False, "revision": 1} | was | expanded(after.get(label, {}), run.memories)
        )
        states = {
            "values": row["payload"],
            "revision": row["revision"],
            "deleted": row["is_deleted"],
            "unresolved": row["unresolved"],
        }
        for name, value in wanted.items():
            if states[name] != value:
                yield f"after: {label} has {name} {_short(states[name])}, expected {_short(value)}"
        if row["revisions"] != row["revision"]:
            yield f"after: {label} is at revision {row['revision']} and keeps {row['revisions']}"
    for row in at_last.firsts:
        if row["memory_id"] in firsts and firsts[row["memory_id"]] != row["payload"]:
            yield f"after: the first revision of {run.label(row['memory_id'])} is another"


def compare_kept(run: AttackRun, message: Message, state: State) -> Iterator[str]:
    """The message is kept as it came; a dead one asks a person; one that was refused at the door is not there."""
    row = next((row for row in state.messages if row["id"] == message.id), None)
    if "raises" in run.attack.expect:
        if row is not None:
            yield "the refused message was kept"
    elif row is None or row["text"] != message.text:
        yield "the message was not kept as it came"
    elif row["status"] != run.attack.expect.get("status", "decided"):
        yield f"the message is kept as {row['status']}"
    elif row["status"] == "dead" and not (row["error"] and row["dead_letters"]):
        yield "nobody is asked about the dead message"


def compare_requests(run: AttackRun, states: list[State]) -> Iterator[str]:
    """The model was asked seldom enough, and was not told an id, another tenant's data or another memory."""
    expect = run.attack.expect
    number = len(run.requests)
    if number > MOST_REQUESTS or number != expect.get("requests", number):
        yield f"{number} requests, expected {expect.get('requests', f'at most {MOST_REQUESTS}')}"
    turns = [*run.attack.context, run.attack.message]
    own = "\n".join(visible(str(expanded(turn["text"], run.memories))) for turn in turns) + repr(run.attack.schema)
    told = ["\n".join(str(part.get("content")) for part in each.body.get("messages", ())) for each in run.requests]
    secrets = {each for state in states for each in state.ids}
    secrets |= {text for state in states for row in state.memories for text in _texts(row["payload"])}
    unsent = [str(expanded(words, run.memories)) for words in expect.get("unsent", ())]
    answered = ""
    for question in told:
        for each in sorted(secrets):
            if len(each) >= LEAST_TELLING and _has(question, each) and not _has(own + answered, each):
                yield f"a request has {_short(each)}, which is of the database"
        for words in unsent:
            if words in question and words not in answered:
                yield f"a request has {_short(words)}"
        # What the model said itself it may be asked about again.
        answered = "\n".join(_texts(expanded(list(run.attack.replies), run.memories)))
    for words in expect.get("sent", ()):
        if not any(expanded(words, run.memories) in question for question in told):
            yield f"no request has {_short(words)}"


def _has(text: str, words: str) -> bool:
    return words.casefold() in text.casefold()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def state_of(engine: Engine) -> State:
    names = ("every_memory", "every_review", "every_decision", "every_message", "every_first_revision")
    where = {"tenant": engine.tenant, "schema": engine.schema()}

    def plan() -> Steps[list[Rows]]:
        return (yield from fetch(*(SQL[name](**where) for name in names)))

    return State(*engine.database.run(engine.tenant, plan))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "…"
