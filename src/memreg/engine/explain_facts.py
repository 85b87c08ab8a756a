"""One audit entry as the facts that `explain` tells: keys, candidates, what changed, what was in force. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from memreg.core.steps import Row
from memreg.engine.change import Change, changes_of
from memreg.engine.decide import rule_number, rule_sentence
from memreg.engine.explain_rules import Case, rules_told
from memreg.engine.given import given_told
from memreg.engine.identity import canonical
from memreg.engine.kept import candidates_told
from memreg.engine.score import describe
from memreg.registry.fingerprint import annotation_from
from memreg.registry.models import ClassAnnotation

Cost = Callable[[int, int], Decimal | None]
"""What tokens in and out cost; None where no price is known."""
DECISIONS = frozenset({"CREATE", "UPDATE", "UPSERT", "DELETE", "REJECT", "SKIP"})
CHOOSING = frozenset({"UPDATE", "UPSERT", "DELETE"})
_ACTS = {
    "person": "A person did this, not a rule.",
    "monitor": "A monitor did this by its limits, not a rule of the decision table.",
}
_KEPT = (
    "version", "class", "message_id", "ordinal", "operation", "action", "basis", "memory_id", "revision", "unresolved",
    "thresholds", "snapshot", "annotation", "extractor", "model", "prompt_hash", "tokens_in", "tokens_out",
    "latency_ms", "attempts", "actor", "undoes", "took_ms", "schema", "created_at", "proposal", "evidence", "before",
    "after", "message_text", "message_role", "message_session", "message_at", "message_received_at",
    "annotation_source", "annotation_model", "approved_by", "approved_at", "erased_at",
)  # fmt: skip


def facts_of(row: Row, cost: Cost | None = None) -> dict[str, Any]:
    """The facts of an entry from its row of `told_entry`, but for what became of it since."""
    details = row["details"] or {}
    facts: dict[str, Any] = {name: row[name] for name in _KEPT}
    facts["proposal"] = given_told(row["proposal"])
    facts["kind"] = "decision" if row["action"] in DECISIONS else "act"
    facts["score"] = None if row["score"] is None else float(row["score"])
    facts["reasons"] = list(row["reasons"] or ())
    facts["details"] = details
    facts["why"] = details.get("why")
    annotation = annotation_from(row["annotated"]) if row["annotated"] else ClassAnnotation()
    facts["annotated"] = row["annotated"]
    facts["keys"] = keys_told(details, annotation)
    facts["candidates"] = [_candidate(each, row, details, annotation) for each in candidates_told(row["candidates"])]
    facts["rule"] = _rule(row)
    facts["changes"] = [_change(each) for each in changes_of({**row, "details": details})]
    was_erased = any(change["is_erased"] for change in facts["changes"])
    facts["is_gone"] = was_erased or (row["erased_at"] is not None and not details.get("values"))
    # A delete that takes others along, or a merge of a backfill, is entered as by identity, and compares no key.
    answered = any(key["answers"] for key in facts["keys"])
    by_rule = facts["kind"] == "decision" and not facts["is_gone"]
    facts["follows"] = by_rule and row["basis"] == "identity" and not answered
    facts["rules"] = rules_told(_case(facts)) if by_rule and not facts["follows"] else []
    facts["conflicts"] = [
        {"column": column, "kept": ((row["before"] or {}).get("payload") or {}).get(column), "said": said}
        for column, said in (details.get("conflicts") or {}).items()
    ]
    facts["calibration"] = _calibration(row)
    facts["cost"] = cost_of(row, cost)
    return facts


def keys_told(details: Mapping[str, Any], annotation: ClassAnnotation) -> list[dict[str, Any]]:
    """Every identity key of the class as it was compared: the values said, who held it, who it answered with, and why
    not. A key of which the proposal lacks a column is not complete; nobody is looked up by it."""
    said, payloads = details.get("values") or {}, details.get("compared_with") or {}
    compared = {each["key"]: each for each in details.get("keys") or ()}
    names = list(dict.fromkeys([*(key.name for key in annotation.identity), *compared]))
    strengths = {key.name: key.strength for key in annotation.identity}
    told = []
    for name in names:
        columns = name.split("+")
        found = compared.get(name, {"strength": strengths.get(name), "holders": [], "answers": []})
        missing = [column for column in columns if said.get(column) is None]
        key = {
            "key": name,
            "strength": found["strength"],
            "said": {column: said.get(column) for column in columns},
            "missing": missing,
            "compared": name in compared,
            "holders": [
                {"memory_id": memory, "values": {c: payloads.get(memory, {}).get(c) for c in columns}}
                for memory in found["holders"]
            ],
            "answers": list(found["answers"]),
        }
        told.append(key | {"why": _why_no_answer(key)})
    return told


def identity_agreement(
    said: Mapping[str, Any], held: Mapping[str, Any], annotation: ClassAnnotation
) -> dict[str, list[str]]:
    """The columns of all keys by whether the two sides have them equal, differing, or not on both sides."""
    told: dict[str, list[str]] = {"equal": [], "differing": [], "absent": []}
    for column in sorted(annotation.identity_columns):
        one, other = said.get(column), held.get(column)
        if one is None or other is None:
            told["absent"].append(column)
        else:
            told["equal" if canonical(one) == canonical(other) else "differing"].append(column)
    return told


def parts_told(parts: Sequence[Mapping[str, Any]], met: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """The parts of a score with the tokens or values that met or contradicted, and what each part means."""
    return [dict(part) | {"met": list(met.get(part["name"], ())), "meaning": describe(part["name"])} for part in parts]


def columns_told(said: Mapping[str, Any], held: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Two sets of values side by side, column by column."""
    return [
        {
            "column": name,
            "said": said.get(name),
            "held": held.get(name),
            "same": None if said.get(name) is None or held.get(name) is None else said[name] == held[name],
        }
        for name in dict.fromkeys((*said, *held))
    ]


def _why_no_answer(key: Mapping[str, Any]) -> str | None:
    if key["answers"]:
        return None
    if key["missing"]:
        return f"the proposal has no {' and no '.join(key['missing'])}"
    if not key["compared"]:
        return "it was not looked up"
    if not key["holders"]:
        return "no live memory has it"
    if key["strength"] == "strong":
        return "it does not lead to one live memory alone"
    return "a shared key answers only for one memory that has a name token equal as well"


def _candidate(
    kept: Mapping[str, Any], row: Row, details: Mapping[str, Any], annotation: ClassAnnotation
) -> dict[str, Any]:
    memory_id = kept["memory_id"]
    values = (details.get("compared_with") or {}).get(memory_id, {})
    said = details.get("values") or {}
    met = (details.get("met") or {}).get(memory_id, {})
    return dict(kept) | {
        "chosen": row["action"] in CHOOSING and str(row["memory_id"]) == memory_id,
        "values": values,
        "columns": columns_told(said, values),
        "identity": identity_agreement(said if values else {}, values, annotation),
        "parts": parts_told(kept["parts"], met),
    }


def _rule(row: Row) -> dict[str, Any]:
    basis = row["basis"]
    if basis in _ACTS:
        return {"number": None, "basis": basis, "sentence": _ACTS[basis]}
    return {
        "number": rule_number(basis, row["operation"]),
        "basis": basis,
        "sentence": rule_sentence(basis, row["operation"]),
    }


def _case(facts: Mapping[str, Any]) -> Case:
    return Case(
        operation=facts["operation"],
        basis=facts["basis"],
        mode=facts["details"].get("mode", "normal"),
        keys=facts["keys"],
        best=facts["candidates"][0] if facts["candidates"] else None,
        thresholds=(facts["thresholds"]["update"], facts["thresholds"]["possible"]),
    )


def _change(change: Change) -> dict[str, Any]:
    before, after = change.before, change.after
    was, now = (before or {}).get("payload") or {}, after.get("payload") or {}
    held, holds = _keys(before), _keys(after)
    pins, pinned = (before or {}).get("pinned") or {}, after.get("pinned") or {}
    return {
        "memory_id": change.memory_id,
        "class": change.class_name,
        "what": _what(before, after),
        "revision_before": before["revision"] if before else None,
        "revision_after": after["revision"],
        "columns": [
            {"column": name, "before": was.get(name), "after": now.get(name)}
            for name in dict.fromkeys((*was, *now))
            if was.get(name) != now.get(name)
        ],
        "keys_gained": [name for (name, digest) in holds if (name, digest) not in held],
        "keys_let_go": [name for (name, digest) in held if (name, digest) not in holds],
        "pinned": [name for name in pinned if pinned[name] != pins.get(name)],
        "unpinned": [name for name in pins if name not in pinned],
        "merged_into": after.get("merged_into"),
        "is_erased": bool(after.get("erased")),
    }


def _what(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> str:
    """What happened to a memory, in a word or two."""
    was_live = before is not None and not before["is_deleted"]
    if after["is_deleted"]:
        into = after.get("merged_into")
        return f"went into {into}" if into and was_live else "deleted" if was_live else "changed while deleted"
    if before is None:
        return "made"
    if not was_live:
        return "brought back"
    if before["unresolved"] and not after["unresolved"]:
        return "resolved"
    return "held apart as unresolved" if after["unresolved"] and not before["unresolved"] else "changed"


def _keys(state: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    return [(key["key"], key["digest"]) for key in (state or {}).get("keys") or ()]


def _calibration(row: Row) -> dict[str, Any]:
    model = row["snapshot_model"] or {}
    return {
        "snapshot": row["snapshot"],
        "taken_at": row["snapshot_taken_at"],
        "documents": row["snapshot_documents"] or 0,
        "learned_from": model.get("decisions", 0),
        "repeats": model.get("repeats"),
        "shift": model.get("shift", 0.0),
        "held": bool(model.get("fixed", False)),
        "set_by": row["snapshot_set_by"],
        "reason": row["snapshot_reason"],
    }


def cost_of(row: Row, cost: Cost | None) -> str | None:
    """What the message's requests to a model cost, by the prices set now."""
    if cost is None or (row["tokens_in"] is None and row["tokens_out"] is None):
        return None
    amount = cost(row["tokens_in"] or 0, row["tokens_out"] or 0)
    return None if amount is None else f"{amount.normalize():f}"
