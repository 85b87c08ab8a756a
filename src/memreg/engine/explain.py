"""One decision explained, from its audit entry alone: the rule, the two values that met, the parts of the score."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from memreg.core.errors import AuditNotFound
from memreg.core.steps import Row, Steps, fetch_row
from memreg.engine.decide import rule_number, rule_sentence
from memreg.engine.model import Explanation
from memreg.engine.score import describe
from memreg.engine.store import SQL

SHOWN_CANDIDATES = 3


def explain(tenant: str, schema: str, audit_id: UUID) -> Steps[Explanation]:
    """Why a decision was made. Raises AuditNotFound."""
    row = yield from fetch_row(SQL["one_entry"](tenant=tenant, schema=schema, id=audit_id))
    if row is None:
        raise AuditNotFound(audit_id=audit_id, tenant=tenant)
    facts = _facts(row)
    return Explanation(audit_id, "\n".join(_lines(facts)), facts)


def _facts(row: Row) -> dict[str, Any]:
    facts = {name: value for name, value in row.items() if name not in ("tenant", "digest", "id")}
    facts["score"] = None if row["score"] is None else float(row["score"])
    facts["rule"] = {
        "number": rule_number(row["basis"], row["operation"]),
        "basis": row["basis"],
        "sentence": rule_sentence(row["basis"], row["operation"]),
    }
    details = row["details"]
    met, payloads = details.get("met", {}), details.get("compared_with", {})
    facts["candidates"] = [
        candidate
        | {
            "values": payloads.get(candidate["memory_id"], {}),
            "parts": [
                part
                | {
                    "met": met.get(candidate["memory_id"], {}).get(part["name"], []),
                    "meaning": describe(part["name"]),
                }
                for part in candidate["parts"]
            ],
        }
        for candidate in row["candidates"]
    ]
    return facts


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    rule = facts["rule"]
    yield f"{facts['action']} by rule {rule['number']}, {rule['basis']}: {rule['sentence']}"
    for reason in facts["reasons"]:
        yield f"  because {reason}"
    yield ""
    role = facts["message_role"] or "unknown role"
    yield f"message   {facts['message_id']} ({role}): {_short(facts['message_text'])}"
    if facts["evidence"]:
        yield f"evidence  “{_short(facts['evidence'])}”"
    yield f"proposal  {facts['operation']} {facts['class'] or '?'} {_values(facts['details'].get('values') or {})}"
    for column, original in facts["details"].get("originals", {}).items():
        yield f"          {column} was said as {original!r}"
    if facts["memory_id"]:
        revision = f", revision {facts['revision']}" if facts["revision"] else ""
        yield f"memory    {facts['memory_id']}{revision}"
    yield from _changes(facts)
    yield from _keys(facts)
    yield from _candidates(facts)
    yield ""
    approver = f"approved by {facts['approved_by']}" if facts["approved_by"] else "not approved"
    yield (
        f"in force  {facts['schema']}@{facts['version']}, annotation {facts['annotation']} "
        f"({facts['annotation_source'] or 'none'}, {approver}), "
        f"thresholds {facts['thresholds']['update']:.2f}/{facts['thresholds']['possible']:.2f}, "
        f"statistics snapshot {facts['snapshot']}, extractor {facts['extractor']}"
    )
    if facts["model"]:
        requests = facts["attempts"] or 1
        yield (
            f"model     {facts['model']}, {requests} {'request' if requests == 1 else 'requests'}, "
            f"{facts['tokens_in']} tokens in, {facts['tokens_out']} out, "
            f"{facts['latency_ms']:.0f} ms, prompt {str(facts['prompt_hash'])[:12]}"
        )
    yield f"decided   {facts['created_at'].isoformat(timespec='seconds')}"


def _changes(facts: dict[str, Any]) -> Iterator[str]:
    before = (facts["before"] or {}).get("payload", {})
    after = (facts["after"] or {}).get("payload", {})
    for column in facts["details"].get("changed", []):
        old = f"{before[column]!r} → " if column in before else ""
        yield f"changed   {column}: {old}{after.get(column)!r}"
    for column, value in facts["details"].get("conflicts", {}).items():
        yield f"conflict  {column}: {before.get(column)!r} stayed, {value!r} was said"
    if facts["before"] and facts["after"] and not facts["details"].get("changed") and facts["revision"] is None:
        yield "changed   nothing: the memory said the same"


def _keys(facts: dict[str, Any]) -> Iterator[str]:
    said, payloads = facts["details"].get("values") or {}, facts["details"].get("compared_with", {})
    for key in facts["details"].get("keys", []):
        columns = key["key"].split("+")
        values = ", ".join(repr(said.get(column)) for column in columns)
        start = f"key       {key['key']} ({key['strength']}) {values}"
        if not key["holders"]:
            yield f"{start}: no live memory has it"
        for memory in key["holders"]:
            held = ", ".join(repr(payloads.get(memory, {}).get(column)) for column in columns)
            met = f"met {held} of" if held == values else f"is held from before, now {held}, by"
            note = "" if memory in key["answers"] else "; it takes one memory with an equal name token to answer"
            yield f"{start} {met} memory {memory}{note}"


def _candidates(facts: dict[str, Any]) -> Iterator[str]:
    for candidate in facts["candidates"][:SHOWN_CANDIDATES]:
        yield ""
        yield f"candidate {candidate['memory_id']}: score {candidate['score']:.4f}"
        for column, value in (facts["details"].get("values") or {}).items():
            if candidate["values"].get(column) is not None:
                sign = "=" if candidate["values"][column] == value else "≠"
                yield f"  {column}: {value!r} {sign} {candidate['values'][column]!r}"
        for part in candidate["parts"]:
            if part["amount"] or part.get("bounds"):
                amount = f"{part['amount']:+.2f}" if part["amount"] else "bound"
                met = f"  [{'; '.join(part['met'])}]" if part["met"] else ""
                yield f"  {amount:>6}  {part['name']}{met}"
                yield f"          {part['meaning']}"


def _values(values: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{column}: {value!r}" for column, value in values.items()) + "}"


def _short(text: str | None, length: int = 300) -> str:
    text = " ".join((text or "").split())
    return text if len(text) <= length else text[: length - 1] + "…"
