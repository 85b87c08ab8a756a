"""Why a decision did not choose a memory: from what the entry keeps, else from the memory as it was at that time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from memreg.core.errors import MemoryNotFound
from memreg.core.steps import Row, Rows, Steps, fetch_row, fetch_rows
from memreg.engine.audit import KEPT_CANDIDATES
from memreg.engine.calibration import Calibration
from memreg.engine.candidates import CANDIDATES, POSTINGS, record_keys
from memreg.engine.change import changes_of
from memreg.engine.explain_facts import columns_told, identity_agreement, parts_told
from memreg.engine.explain_store import SQL
from memreg.engine.identity import key_values, name_tokens
from memreg.engine.record import Reader
from memreg.engine.score import best_score
from memreg.engine.state import KEPT_PAYLOADS, name_at
from memreg.engine.statistics import Statistics
from memreg.engine.store import SQL as ENGINE_SQL
from memreg.registry import versions
from memreg.registry.fingerprint import annotation_from
from memreg.registry.models import ClassAnnotation, ClassSpec, SchemaVersion

_FAMILIES = {
    "t": "the word {}",
    "s": "a word of the consonants {}",
    "c": "the code {}",
    "v": "the value {}",
    "d": "two parts of a date, {}",
    "p": "the pair of words {}",
    "q": "the word and value {}",
}
_WORDS_FIRST = "tcvdqps"
_NOT_FOUND = (
    "it was not among the candidates, though it shares what they are looked up by: of a word that many memories have, "
    f"only the newest {POSTINGS} are read, and the {CANDIDATES} that share most are held against the proposal"
)


@dataclass(frozen=True, slots=True)
class Then:
    """A memory as it was when the entry was written: its revision's row, the payloads of this one and of the ones
    before (newest first, in the form of the entry's version), its class then, and the keys that it held."""

    row: Row
    class_name: str | None
    payloads: Sequence[Mapping[str, Any]]
    held: frozenset[tuple[str, bytes]]


def why_not_told(
    tenant: str, schema: str, entry: Row, facts: Mapping[str, Any], memory_id: UUID
) -> Steps[dict[str, Any]]:
    """Why the entry did not choose a memory. `verdict` is a word for programs, `reasons` say it in sentences.

    Raises MemoryNotFound.
    """
    rows = yield from fetch_rows(SQL["memory_told"](tenant=tenant, schema=schema, id=memory_id))
    if not rows:
        raise MemoryNotFound(memory_id=memory_id, tenant=tenant)
    told: dict[str, Any] = {
        "memory_id": memory_id, "verdict": "", "reasons": [], "then": None, "keys": [], "meets": [], "candidate": None,
    }  # fmt: skip
    verdict = _without_looking(rows, entry, facts, memory_id)
    if verdict is None:
        version = yield from versions.load_version(schema, entry["version"])
        then = yield from _then(tenant, schema, rows, entry, version)
        told["then"] = {
            "class": then.class_name,
            "revision": then.row["revision"],
            "at": then.row["created_at"],
            "values": dict(then.payloads[0]),
        }
        verdict = yield from _compared(tenant, schema, entry, facts, then, version, told)
    told["verdict"], told["reasons"] = verdict[0], list(verdict[1:])
    return told


def _without_looking(rows: Rows, entry: Row, facts: Mapping[str, Any], memory_id: UUID) -> tuple[str, ...] | None:
    """The verdict where nothing has to be compared: a word, then sentences."""
    action = entry["action"]
    if entry["memory_id"] == memory_id:
        made = "made" if facts["changes"] and facts["changes"][0]["what"] == "made" else "chosen"
        return made, f"it is the memory that this {action} {'made' if made == 'made' else 'was about'}"
    if facts["kind"] == "act":
        return "no_choice", f"{action} is what {entry['actor']} did: no memory was chosen by a rule"
    if rows[0]["erased_at"] is not None or facts["is_gone"]:
        return "erased", "values were erased for good, so that it cannot be told any more"
    state = _state_at(rows, entry)
    if state is None:
        return "not_yet", f"it was not there yet: it was made on {_time(rows[0])}, by entry {rows[0]['audit_id']}"
    if state["is_deleted"]:
        into = f", and went into memory {state['merged_into']}" if state["merged_into"] else ""
        return "not_live", f"it was deleted then, on {_time(state)} by entry {state['audit_id']}{into}"
    if state["unresolved"]:
        return "unresolved", "it was unresolved then, so that it was no candidate; `memreg resolve` decides it"
    return None


def _state_at(rows: Rows, entry: Row) -> Row | None:
    """The newest revision that was there before the entry."""
    earlier = [
        row
        for row in rows
        if (row["audit_id"] is not None and row["audit_id"] < entry["id"])
        or (row["audit_id"] is None and row["created_at"] <= entry["created_at"])
    ]
    return earlier[-1] if earlier else None


def _then(tenant: str, schema: str, rows: Rows, entry: Row, version: SchemaVersion) -> Steps[Then]:
    state = _state_at(rows, entry)
    assert state is not None
    said = (state["said_class"], state["said_version"]) if state["said_class"] else (state["class"], state["version"])
    class_name: str | None = said[0]
    lineage = version.lineage
    if lineage is not None and said[1] < version.version:
        class_name = lineage.class_now(*said)
    held: frozenset[tuple[str, bytes]] = frozenset()
    void: frozenset[int] = frozenset()
    if state["audit_id"] is not None:
        made = yield from fetch_row(SQL["states_told"](tenant=tenant, schema=schema, id=state["audit_id"]))
        for change in changes_of(made) if made is not None else ():
            if change.memory_id == state["id"]:
                held = frozenset((key["key"], bytes.fromhex(key["digest"])) for key in change.after["keys"])
                void = frozenset(change.after.get("void", ()))
    payloads: list[Mapping[str, Any]] = []
    known = [row for row in rows if row["revision"] <= state["revision"] and row["revision"] not in void]
    for row in reversed(known[-KEPT_PAYLOADS - 1 :]):
        payload = row["payload"]
        if lineage is not None and class_name is not None and row["version"] < version.version:
            name = name_at(lineage, class_name, row["version"])
            payload = lineage.upcast(name, row["version"], payload, row["originals"]).payload
        if payload not in payloads:
            payloads.append(payload)
    return Then(state, class_name, payloads, held)


def _compared(
    tenant: str,
    schema: str,
    entry: Row,
    facts: Mapping[str, Any],
    then: Then,
    version: SchemaVersion,
    told: dict[str, Any],
) -> Steps[tuple[str, ...]]:
    """The verdict of holding the proposal against the memory as it was."""
    name = entry["class"]
    if then.class_name != name:
        return "other_class", f"it is a {then.class_name or 'memory of a class that is gone'}, and {name} was proposed"
    spec = version.spec.by_name[name]
    annotation = version.annotation_of(name)
    if version.annotation != entry["annotation"] and entry["annotated"]:
        annotation = annotation_from(entry["annotated"])
    said = facts["details"].get("values") or {}
    told["keys"] = _keys(said, then, annotation)
    if entry["basis"] in ("invalid", "duplicate_in_turn"):
        return "not_compared", f"{entry['basis']} was decided before anything was looked up"
    if facts["details"].get("mode", "normal") != "normal":
        return "create_only", "the class was create-only, so that the proposal was held against nothing"
    if entry["basis"] != "identity_conflict" and (answered := _answered(facts)):
        sentences = [
            f"a key answered with memory {answered[0]}: what a key answers is not held against others by score"
        ]
        if str(told["memory_id"]) in answered:
            sentences = ["a key answered with it, and with another memory too"]
        return "key_of_another", *sentences, *_key_sentences(told["keys"])
    if entry["basis"] == "identity_conflict":
        return "identity_conflict", *_in_conflict(entry, facts, told["memory_id"]), *_key_sentences(told["keys"])
    if entry["operation"] == "delete":
        return "no_key_equal", "a delete takes an identity key, a score is never enough", *_key_sentences(told["keys"])
    yield from _score(tenant, schema, entry, facts, then, (spec, annotation), told)
    return _by_score(entry, facts, told)


def _answered(facts: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(memory for key in facts["keys"] for memory in key["answers"]))


def _in_conflict(entry: Row, facts: Mapping[str, Any], memory_id: UUID) -> list[str]:
    if str(memory_id) not in _answered(facts):
        return ["keys answered with other memories"]
    if entry["operation"] == "delete":
        return ["a key answered with it, another one with another memory: what is deleted must be clear"]
    return [f"a key answered with it, but an earlier declared one with memory {entry['memory_id']}, which comes first"]


def _keys(said: Mapping[str, Any], then: Then, annotation: ClassAnnotation) -> list[dict[str, Any]]:
    """Every key of the class, said and held: equal, or which columns differ or are absent."""
    payload = then.payloads[0]
    digests = {each.key.name: (each.key.held_as, each.digest) for each in key_values(said, annotation)}
    told = []
    for key in annotation.identity:
        agreement = identity_agreement(
            {column: said.get(column) for column in key.columns},
            {column: payload.get(column) for column in key.columns},
            ClassAnnotation(identity=(key,)),
        )
        if not agreement["differing"] and not agreement["absent"]:
            outcome = "equal"
        elif digests.get(key.name) in then.held:
            outcome = "held_from_before"
        elif agreement["differing"]:
            outcome = "differs"
        else:
            outcome = "incomplete"
        if key.strength == "shared" and outcome in ("equal", "held_from_before"):
            has_name = bool(name_tokens(said, annotation) & name_tokens(payload, annotation))
            outcome = outcome if has_name else "no_name_token"
        told.append(
            {
                "key": key.name,
                "strength": key.strength,
                "outcome": outcome,
                "said": {column: said.get(column) for column in key.columns},
                "held": {column: payload.get(column) for column in key.columns},
                **agreement,
            }
        )
    return told


def _key_sentences(keys: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each key says against the memory."""
    told = []
    for key in keys:
        lacking = [name for name in key["absent"] if key["said"].get(name) is None]
        lacked = [name for name in key["absent"] if key["held"].get(name) is None and name not in lacking]
        sentence = {
            "equal": "is equal",
            "held_from_before": "is held by it from before, though its value is another one now",
            "differs": f"differs in {', '.join(key['differing'])}",
            "no_name_token": "is equal, but a shared key needs a name token equal as well, and there is none",
            "incomplete": "; ".join(
                filter(
                    None,
                    (
                        f"is not complete: the proposal has no {' and no '.join(lacking)}" if lacking else "",
                        f"is not complete: the memory had no {' and no '.join(lacked)}" if lacked else "",
                    ),
                )
            ),
        }[key["outcome"]]
        told.append(f"the {key['strength']} key {key['key']} {sentence}")
    return told or ["the class has no identity key"]


# By score


def _score(
    tenant: str,
    schema: str,
    entry: Row,
    facts: Mapping[str, Any],
    then: Then,
    reading: tuple[ClassSpec, ClassAnnotation],
    told: dict[str, Any],
) -> Steps[None]:
    """What the score was: as the entry keeps it, or computed again with the snapshot and the revision of that time."""
    memory_id = str(told["memory_id"])
    kept = next((each for each in facts["candidates"] if each["memory_id"] == memory_id), None)
    said = facts["details"].get("values") or {}
    spec, annotation = reading
    reader = Reader(spec, annotation)
    mine, theirs = reader.read(said), [reader.read(payload) for payload in then.payloads]
    asked = record_keys(mine)
    under = {key for record in theirs for key in record_keys(record)}
    told["meets"] = sorted(
        (_meeting(key) for key in asked if key in under),
        key=lambda each: (_WORDS_FIRST.index(each["family"]), each["key"]),
    )
    rank = None if kept is None else facts["candidates"].index(kept) + 1
    if kept is not None and kept["parts"]:
        told["candidate"] = {**kept, "rank": rank, "computed_again": False, "note": None}
        return
    statistics = Statistics()
    note = None
    if entry["snapshot"]:
        row = yield from fetch_row(
            ENGINE_SQL["one_snapshot"](
                tenant=tenant, schema=schema, class_name=entry["class"], snapshot=entry["snapshot"]
            )
        )
        if row is None:
            note = f"the snapshot {entry['snapshot']} is not kept any more, so it is without statistics"
        else:
            calibration = Calibration.from_json(row["model"])
            statistics = Statistics(row["snapshot"], row["documents"], row["frequencies"], row["change"], calibration)
    found = best_score(mine, theirs, statistics)
    parts = [{"name": part.name, "amount": round(part.amount, 4), "bounds": part.bounds} for part in found.parts]
    told["candidate"] = {
        "memory_id": memory_id,
        "rank": rank,
        "score": found.value if kept is None else kept["score"],
        "computed_again": True,
        "note": note,
        "values": dict(then.payloads[0]),
        "columns": columns_told(said, then.payloads[0]),
        "identity": identity_agreement(said, then.payloads[0], annotation),
        "parts": parts_told(parts, {part.name: list(part.met) for part in found.parts}),
        "levels": dict(found.levels),
    }


def _meeting(key: str) -> dict[str, str]:
    family, text = key[0], key[1:]
    return {"family": family, "key": text, "meaning": _FAMILIES[family].format(repr(text))}


def _by_score(entry: Row, facts: Mapping[str, Any], told: Mapping[str, Any]) -> tuple[str, ...]:
    candidate = told["candidate"]
    score, keys = candidate["score"], _key_sentences(told["keys"])
    again = (
        f"computed again from its revision {told['then']['revision']} and snapshot {entry['snapshot']}: "
        f"the entry keeps the best {KEPT_CANDIDATES} only"
    )
    if candidate["rank"] is None and not told["meets"]:
        return (
            "nothing_shared",
            "it was not among the candidates: it shares no word, code or value that they are looked up by",
            f"its score would have been {score:.4f} ({again})",
            *keys,
        )
    if candidate["rank"] is None and _was_not_found(facts, score):
        return (
            "not_found",
            _NOT_FOUND,
            f"its score would have been {score:.4f} ({again})",
            *keys,
        )
    how = f" ({again})" if candidate["rank"] is None else ""
    if entry["action"] in ("UPDATE", "UPSERT"):
        best = facts["candidates"][0]
        than = "above" if best["score"] > score else "the same, and of equals the lower id comes first, as against"
        sentence = f"its score was {score:.4f}{how}; that of memory {best['memory_id']}, {best['score']:.4f}, is {than}"
        return "lower_score", f"{sentence} it", *keys
    possible, update = (facts["thresholds"][name] for name in ("possible", "update"))
    if score < possible:
        return "below_threshold", f"its score was {score:.4f}{how}, below {possible:.2f}", *keys
    if entry["basis"] == "possible_duplicate" and score < update:
        sentence = f"its score was {score:.4f}{how}, from {possible:.2f} to below {update:.2f}: a person was asked"
        return "possible_duplicate", sentence, *keys
    return "not_chosen", f"its score was {score:.4f}{how}; {'; '.join(entry['reasons'] or ())}", *keys


def _was_not_found(facts: Mapping[str, Any], score: float) -> bool:
    """Whether a memory that is not among the kept candidates cannot have been among those looked up."""
    kept = facts["candidates"]
    return len(kept) < KEPT_CANDIDATES or score > kept[-1]["score"]


def _time(row: Row) -> str:
    return f"{row['created_at']:%Y-%m-%d %H:%M:%S} UTC"
