"""The facts of one audit entry as text of 80 columns. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from memreg.engine.explain_rules import OF_DELETES
from memreg.engine.told import Page, moment, pairs, short, shown

SHOWN_CANDIDATES = 3
SHOWN_BUILT_ON = 5
SHOWN_MEETING = 8


def text_of(audit_id: UUID, facts: Mapping[str, Any]) -> str:
    """The whole story, what matters most first."""
    page = Page()
    _head(page, audit_id, facts)
    page.gap()
    _said(page, facts)
    page.gap()
    _changes(page, facts)
    _since(page, facts)
    if "why_not" in facts:
        page.gap()
        _why_not(page, facts["why_not"])
    if facts["is_gone"] and facts["kind"] == "decision":
        page.gap()
        page.row("rules", "what it was held against cannot be told any more")
    elif facts["follows"]:
        page.gap()
        page.row("rules", "none was asked: it follows from what was done to another memory, as its reason says")
    elif facts["kind"] == "decision":
        page.gap()
        _rules(page, facts)
        _keys(page, facts)
        _candidates(page, facts)
    page.gap()
    _in_force(page, facts)
    return page.text


def _head(page: Page, audit_id: UUID, facts: Mapping[str, Any]) -> None:
    rule = facts["rule"]
    if rule["number"] is None:
        page.say(f"{facts['action']} by {facts['actor'] or rule['basis']}: {rule['sentence']}", hang=2)
    else:
        page.say(f"{facts['action']} by rule {rule['number']}, {rule['basis']}: {rule['sentence']}", hang=2)
    for reason in facts["reasons"]:
        page.say(f"because {reason}", indent=2, hang=4)
    if facts["erased_at"] is not None:
        some = "its values" if facts["is_gone"] else "values of it"
        page.say(f"{some} were erased for good on {moment(facts['erased_at'])}", indent=2, hang=4)
    page.gap()
    page.row("entry", str(audit_id))
    who = f" for {facts['actor']}" if facts["actor"] and facts["kind"] == "decision" else ""
    took = f", in {facts['took_ms']:.0f} ms" if facts["took_ms"] is not None else ""
    page.row("decided" if facts["kind"] == "decision" else "done", f"{moment(facts['created_at'])}{who}{took}")


def _said(page: Page, facts: Mapping[str, Any]) -> None:
    role = facts["message_role"] or "unknown role"
    session = f", session {facts['message_session']}" if facts["message_session"] else ""
    page.row("message", f"{facts['message_id']} ({role}{session}): {short(facts['message_text']) or '(erased)'}")
    if facts["evidence"]:
        page.row("evidence", f"“{short(facts['evidence'])}”")
    details = facts["details"]
    given = facts["proposal"] or {}
    if facts["kind"] == "act":
        if values := {
            name: value for name, value in (given.get("values") or {}).items() if value not in ({}, [], None)
        }:
            page.row("given", pairs(values))
        for each in details.get("winners") or ():
            kept, other, result = _sides(facts, each["column"])
            if each["winner"] != "same" and kept is not None and other is not None:
                page.row("joined", f"{each['column']}: {shown(kept)} and {shown(other)} → {shown(result)}")
        if undone := details.get("undone"):
            page.row("undid", f"{undone['action']} {undone['basis']} {facts['undoes']}, of {undone['message_id']}")
        return
    values = details.get("values") or {}
    left = "" if values else ", erased" if facts["is_gone"] else ", no value left"
    page.row("proposal", f"{facts['operation']} {facts['class'] or 'of no class'}{left}")
    originals = details.get("originals") or {}
    raw = given.get("values") if isinstance(given, Mapping) else None
    for column, value in values.items():
        page.rows("", [f"{column}: {shown(value)}"])
        page.remark(_raw(column, value, originals, raw))
    for column, value in (raw or {}).items() if isinstance(raw, Mapping) else ():
        if column not in values and value is not None:
            page.rows("", [f"{column}: {shown(value)} was said, and left out"])


def _raw(column: str, value: Any, originals: Mapping[str, Any], raw: Any) -> str:
    """How a value came in, where normalising made another one of it."""
    if column in originals:
        return f"({column} was said as {shown(originals[column])})"
    if isinstance(raw, Mapping) and raw.get(column) is not None and raw[column] != value:
        return f"({column} was said as {shown(raw[column])})"
    return ""


def _changes(page: Page, facts: Mapping[str, Any]) -> None:
    for change in facts["changes"]:
        before = "" if change["revision_before"] is None else f"{change['revision_before']} → "
        text = f"{change['class']} {change['memory_id']} {change['what']}, revision {before}{change['revision_after']}"
        page.row("changed", text)
        page.rows(
            "",
            [
                f"{each['column']}: {shown(each['before'])} → {shown(each['after'])}"
                if change["revision_before"] is not None
                else f"{each['column']}: {shown(each['after'])}"
                for each in change["columns"]
            ],
        )
        for words, names in (
            ("keys gained", change["keys_gained"]),
            ("keys let go", change["keys_let_go"]),
            ("pinned", change["pinned"]),
            ("no longer pinned", change["unpinned"]),
        ):
            if names and change["revision_before"] is not None:
                page.rows("", [f"{words}: {', '.join(names)}"])
    for conflict in facts["conflicts"]:
        text = f"{conflict['column']}: {shown(conflict['kept'])} stayed, {shown(conflict['said'])} was said"
        page.row("conflict", text)
    if not facts["changes"]:
        text = "nothing" if facts["memory_id"] is None else f"nothing of memory {facts['memory_id']}"
        said_the_same = facts["action"] in ("UPDATE", "UPSERT") and not facts["conflicts"]
        page.row("changed", f"{text}: it said the same" if said_the_same else text)


def _since(page: Page, facts: Mapping[str, Any]) -> None:
    since = facts["since"]
    if undone := since["undone_by"]:
        page.row("undone", f"on {moment(undone['created_at'])} by {undone['actor']}, entry {undone['audit_id']}")
    built_on = since["built_on"]
    for number, each in enumerate(built_on[:SHOWN_BUILT_ON]):
        text = f"{each['audit_id']} {each['action']} {each['basis']}"
        page.row("built on" if number == 0 else "", text)
    if since["built_on_total"] > SHOWN_BUILT_ON:
        page.row("", f"and {since['built_on_total'] - SHOWN_BUILT_ON:,} more")
    undo = since["undo"]
    page.row("undo", undo["command"] or f"no command: {undo['note']}")
    if undo["command"] and undo["note"]:
        page.row("", f"({undo['note']})")
    _found_out(page, since)


def _found_out(page: Page, since: Mapping[str, Any]) -> None:
    """What persons were asked, and what was found out about the decision."""
    for each in since["questions"]:
        verb = "asked" if each["asked"] else "answered"
        if each["status"] == "open":
            page.row(verb, f"{each['kind']}, open; memreg review settle {each['id']}")
        else:
            by = f" by {each['settled_by']} on {moment(each['settled_at'])}" if each["settled_by"] else ""
            page.row(verb, f"{each['kind']}: {each['verdict'] or 'settled'}{by}, question {each['id']}")
    for each in since["judgements"]:
        page.row("judged", f"{each['kind']} by {each['judged_by']} on {moment(each['created_at'])}")


def _rules(page: Page, facts: Mapping[str, Any]) -> None:
    """The rule that fired and those before it; neighbours that say the same are one line."""
    groups: list[tuple[list[Mapping[str, Any]], str | None]] = []
    for rule in facts["rules"]:
        if rule["outcome"] != "passed":
            continue
        if groups and groups[-1][1] == rule["why"]:
            groups[-1][0].append(rule)
        else:
            groups.append(([rule], rule["why"]))
    label = "rules"
    for rules, why in groups:
        numbers = str(rules[0]["number"]) if len(rules) == 1 else f"{rules[0]['number']}-{rules[-1]['number']}"
        of_deletes = len(rules) > 1 and rules[0]["number"] in OF_DELETES
        names = "of deletes" if of_deletes else ", ".join(dict.fromkeys(rule["basis"] for rule in rules))
        page.rows(label, [f"{numbers} {names}: no, {why}"])
        label = ""
    fired = next(rule for rule in facts["rules"] if rule["outcome"] == "fired")
    page.rows(label, [f"{fired['number']} {fired['basis']}: yes, {fired['when']}"])
    if fired["number"] < len(facts["rules"]):
        page.rows("", ["the rules after it were not asked"])


def _keys(page: Page, facts: Mapping[str, Any]) -> None:
    label = "keys"
    for key in facts["keys"]:
        said = ", ".join(shown(value) for value in key["said"].values())
        start = f"{key['key']} ({key['strength']})"
        if key["missing"] and not key["compared"]:
            page.rows(label, [f"{start}: {key['why']}"])
        elif not key["holders"]:
            page.rows(label, [f"{start} {said}: {key['why']}"])
        for holder in key["holders"]:
            held = ", ".join(shown(value) for value in holder["values"].values())
            how = f"met {held} of" if held == said else f"is held from before, now {held}, by"
            answers = "" if holder["memory_id"] in key["answers"] else f"; {key['why'] or 'another one answered'}"
            page.rows(label, [f"{start} {said} {how} memory {holder['memory_id']}{answers}"])
            label = ""
        label = ""


def _candidates(page: Page, facts: Mapping[str, Any]) -> None:
    candidates = facts["candidates"]
    if not candidates and facts["details"].get("mode", "normal") == "normal" and facts["details"].get("values"):
        page.row("compared", "with no candidate by score")
    for number, candidate in enumerate(candidates[:SHOWN_CANDIDATES], start=1):
        page.gap()
        chosen = ", chosen" if candidate["chosen"] else ""
        page.say(f"candidate {number}, memory {candidate['memory_id']}: score {candidate['score']:.4f}{chosen}", hang=2)
        _parts(page, candidate)
        if not candidate["parts"]:
            page.say("too little alike to be kept with its parts: --why-not computes them again", indent=2, hang=4)
    if len(candidates) > SHOWN_CANDIDATES:
        page.say(f"and {len(candidates) - SHOWN_CANDIDATES} more below these, with --json")


def _parts(page: Page, candidate: Mapping[str, Any]) -> None:
    for each in candidate["columns"]:
        if each["same"] is not None:
            sign = "=" if each["same"] else "≠"
            page.say(f"{each['column']}: {shown(each['said'])} {sign} {shown(each['held'])}", indent=2, hang=6)
    for part in candidate["parts"]:
        if part["amount"] or part["bounds"]:
            amount = f"{part['amount']:+.2f}" if part["amount"] else "bound"
            met = f"  [{'; '.join(part['met'])}]" if part["met"] else ""
            page.say(f"{amount:>6}  {part['name']}{met}", indent=2, hang=10)
            if part["name"] not in page.told:
                page.told.add(part["name"])
                page.say(part["meaning"], indent=10, hang=10)


def _why_not(page: Page, told: Mapping[str, Any]) -> None:
    page.say(f"Why not memory {told['memory_id']}: {told['verdict'].replace('_', ' ')}", hang=2)
    for reason in told["reasons"]:
        page.say(f"- {reason}", indent=2, hang=4)
    if told["then"]:
        then = told["then"]
        page.say(f"it was then, by revision {then['revision']} of {moment(then['at'])}:", indent=2, hang=4)
        page.say(pairs(then["values"]), indent=4, hang=4)
    if told["meets"]:
        shares = [each["meaning"] for each in told["meets"]]
        more = f", and {len(shares) - SHOWN_MEETING} more" if len(shares) > SHOWN_MEETING else ""
        page.say(f"it is looked up by {', '.join(shares[:SHOWN_MEETING])}{more}", indent=2, hang=4)
    if (candidate := told["candidate"]) is not None:
        rank = f", candidate {candidate['rank']}" if candidate["rank"] else ", computed again"
        page.say(
            f"score {candidate['score']:.4f}{rank}{', ' + candidate['note'] if candidate['note'] else ''}", indent=2
        )
        _parts(page, candidate)


def _in_force(page: Page, facts: Mapping[str, Any]) -> None:
    approver = f"approved by {facts['approved_by']} on {moment(facts['approved_at'])}"
    approved = approver if facts["approved_by"] else "not approved"
    source = facts["annotation_source"] or "none"
    source = f"{source}, {facts['annotation_model']}" if facts["annotation_model"] else source
    page.row(
        "in force", f"{facts['schema']}@{facts['version']}, annotation {facts['annotation']} ({source}), {approved}"
    )
    if facts["kind"] == "act":
        return
    thresholds = facts["thresholds"]
    page.row("", f"thresholds {thresholds['update']:.2f}/{thresholds['possible']:.2f}")
    calibration = facts["calibration"]
    snapshot = f"statistics snapshot {calibration['snapshot']}"
    if calibration["taken_at"] is not None:
        snapshot += f" of {moment(calibration['taken_at'])}, {calibration['documents']:,} memories"
    if calibration["shift"]:
        snapshot += f", every score shifted by {calibration['shift']:+g}"
    if calibration["held"]:
        snapshot += ", held fast"
    if calibration["set_by"]:
        snapshot += f", set by {calibration['set_by']}"
    if calibration["reason"]:
        snapshot += f" ({calibration['reason']})"
    page.row("", snapshot)
    page.row("extractor", facts["extractor"])
    if facts["model"]:
        requests = facts["attempts"] or 1
        page.row(
            "model",
            f"{facts['model']}, {requests} {'request' if requests == 1 else 'requests'}, "
            f"{_count(facts['tokens_in'])} tokens in, {_count(facts['tokens_out'])} out, "
            f"{_milliseconds(facts['latency_ms'])}, prompt {str(facts['prompt_hash'])[:12]}"
            + (f", cost {facts['cost']} by the prices set now" if facts["cost"] is not None else ""),
        )


def _count(tokens: int | None) -> str:
    return "uncounted" if tokens is None else f"{tokens:,}"


def _milliseconds(took: float | None) -> str:
    return "in unknown time" if took is None else f"{took:,.0f} ms"


def _sides(facts: Mapping[str, Any], column: str) -> tuple[Any, Any, Any]:
    """What two memories that became one had in a column, and what the one has."""
    states = [facts["before"], *(each["before"] for each in facts["details"].get("others") or ()), None]
    kept, other = (((state or {}).get("payload") or {}).get(column) for state in states[:2])
    return kept, other, ((facts["after"] or {}).get("payload") or {}).get(column)
