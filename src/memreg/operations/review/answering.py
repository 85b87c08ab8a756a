"""Answers to questions: what each one does, what it tells the monitors, and how it is taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from memreg.core.errors import ArgumentInvalid, ReviewNotFound
from memreg.core.queries import Queries
from memreg.core.steps import Row, Steps, fetch_row, fetch_rows
from memreg.engine.storable import storable_text
from memreg.operations.acts.act import Actor
from memreg.operations.acts.merging import Merging, merge
from memreg.operations.acts.undo_run import Undo, undo
from memreg.operations.acts.winners import Side
from memreg.operations.monitor.judgements import Judged, JudgementKind, judge
from memreg.operations.review.item import MEANINGS, VERDICTS

SQL = Queries.load("memreg.operations.review")
KEPT: Mapping[str, str] = {"merge": "merged"}
"""How verdicts are kept where that is another word than the one that is given."""
_CHANGING = frozenset({"UPDATE", "UPSERT", "DELETE", "CREATE"})
_ADVICE: Mapping[str, str] = {
    "unresolved": "`memreg resolve` answers it, with --dry-run to look first",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person answers to the question `review_id`.

    A merge: `keep` is the memory that stays (None: the one that was made first), `prefer` whose value columns shall
    have. A wrong decision is undone, with what was built on it where `cascade`, unless `leave`: then it is only noted.
    """

    review_id: UUID
    verdict: str
    keep: UUID | None = None
    prefer: Mapping[str, Side] = field(default_factory=dict)
    cascade: bool = False
    leave: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """What an answer came to. `acts`: the audit entries of what was done about it, which undo takes back."""

    review_id: UUID
    kind: str
    verdict: str
    acts: tuple[UUID, ...]
    sentence: str


def settle(actor: Actor, answer: Answer) -> Steps[Settled]:
    """Answer a question, and do what the answer says, in one transaction.

    Raises ReviewNotFound, ArgumentInvalid for an answer that does not fit or a question that is answered already,
    ActRefused where what it says cannot be done; then nothing is.
    """
    row = yield from _asked(actor, answer.review_id)
    if row["status"] != "open":
        reason = f"it was answered by {row['settled_by'] or 'memreg'}: {row['verdict']}; reopen it to answer it anew"
        raise ArgumentInvalid(name="review_id", value=str(answer.review_id), reason=reason)
    kind = row["kind"]
    if answer.verdict not in VERDICTS[kind]:
        known = " or ".join(VERDICTS[kind]) or _ADVICE.get(kind, "nothing")
        raise ArgumentInvalid(name="verdict", value=repr(answer.verdict), reason=f"to {kind} the answer is {known}")
    now = actor.clock()
    actor = replace(actor, clock=lambda: now)  # by which the entries of one answer are known
    if answer.verdict == "merge":
        acts, done = yield from _merge(actor, row, answer)
    elif answer.verdict == "wrong" and not answer.leave and _changed_something(row):
        acts, done = yield from _undo(actor, row, answer)
    else:
        acts, done = (), MEANINGS[kind, answer.verdict]
        if answer.verdict == "wrong" and kind != "annotation_doubt":
            done = "it is noted as wrong, and left as it is"
    # What was done may have answered it already, at the same time; somebody else's answer stands.
    settled, *_ = yield (
        SQL["settle_review"](
            tenant=actor.tenant,
            schema=actor.schema,
            id=answer.review_id,
            verdict=KEPT.get(answer.verdict, answer.verdict),
            by=storable_text(actor.by),
            now=now,
            why=storable_text(actor.why) if actor.why else None,
            act_id=acts[0] if acts else None,
        ),
        *judge(
            actor.tenant,
            _judged(row, answer),
            act_id=acts[0] if acts else None,
            by=actor.by,
            now=now,
            review_id=answer.review_id,
            new_id=actor.new_id,
        ),
    )
    if not settled:
        reason = "somebody answered it in the meantime; look with `memreg review`"
        raise ArgumentInvalid(name="review_id", value=str(answer.review_id), reason=reason)
    return Settled(answer.review_id, kind, KEPT.get(answer.verdict, answer.verdict), acts, done)


def reopen(actor: Actor, review_id: UUID) -> Steps[Settled]:
    """Take an answer back: what was done about it is undone, what it told the monitors is withdrawn, and the question
    is open again.

    Raises ReviewNotFound, ArgumentInvalid where it is open or was asked anew, and ActRefused where later decisions
    built on what was done.
    """
    row = yield from _asked(actor, review_id)
    if row["status"] == "open":
        raise ArgumentInvalid(name="review_id", value=str(review_id), reason="it is open; there is no answer to undo")
    acts: tuple[UUID, ...] = ()
    done = "the question is open again"
    if row["act_id"] is not None:
        of_one_act = yield from fetch_rows(
            SQL["entries_of_answer"](tenant=actor.tenant, schema=actor.schema, id=row["act_id"])
        )
        targets = tuple(each["id"] for each in of_one_act)
        result = yield from undo(actor, Undo(targets, f"the answer to question {review_id}"))
        acts = tuple(each.audit_id for each in result.undone)
        done = f"{result.sentence.rstrip('.')}, and {done}"
    place = {"tenant": actor.tenant, "schema": actor.schema}
    reopened, _ = yield (
        SQL["reopen_review"](**place, id=review_id),
        SQL["withdraw_answers"](tenant=actor.tenant, review_id=review_id, now=actor.clock()),
    )
    if not reopened:
        reason = "the same was asked anew in the meantime; answer that one"
        raise ArgumentInvalid(name="review_id", value=str(review_id), reason=reason)
    return Settled(review_id, row["kind"], "open", acts, done)


def _asked(actor: Actor, review_id: UUID) -> Steps[Row]:
    row = yield from fetch_row(SQL["one_review"](tenant=actor.tenant, schema=actor.schema, id=review_id))
    if row is None:
        raise ReviewNotFound(review_id=review_id, tenant=actor.tenant)
    return row


def _merge(actor: Actor, row: Row, answer: Answer) -> Steps[tuple[tuple[UUID, ...], str]]:
    """Make the memories one: the ones made later go into the one that stays."""
    live = yield from _live(actor, row["memory_ids"])
    if len(live) == 1 and len(row["memory_ids"]) > 1:
        return (), f"they are one already: memory {live[0]}"
    if not live:
        reason = "its memories are deleted; answer apart, or look at them with `memreg history`"
        raise ArgumentInvalid(name="verdict", value="'merge'", reason=reason)
    keep = answer.keep or live[0]
    if keep not in live:
        raise ArgumentInvalid(name="keep", value=str(keep), reason=f"it is one of {' or '.join(map(str, live))}")
    acts, sentences = [], []
    for other in live:
        if other != keep:
            result = yield from merge(actor, Merging(keep, other, answer.prefer))
            assert result.audit_id is not None
            acts.append(result.audit_id)
            sentences.append(result.sentence)
    return tuple(acts), " ".join(sentences)


def _live(actor: Actor, ids: Sequence[UUID]) -> Steps[list[UUID]]:
    """The live ones among memories, the one made first before the others; in the place of what went into another one,
    that. None where one of them is gone without that."""
    wanted = list(ids)
    while True:
        rows = yield from fetch_rows(SQL["merging_of"](tenant=actor.tenant, schema=actor.schema, ids=wanted))
        if any(each["is_deleted"] and each["merged_into"] is None for each in rows):
            return []
        moved = {each["id"]: each["merged_into"] for each in rows if each["is_deleted"]}
        if not moved:
            return [each["id"] for each in rows]
        wanted = list(dict.fromkeys(moved.get(each, each) for each in wanted))


def _undo(actor: Actor, row: Row, answer: Answer) -> Steps[tuple[tuple[UUID, ...], str]]:
    result = yield from undo(actor, Undo((row["audit_id"],), f"entry {row['audit_id']}", cascade=answer.cascade))
    return tuple(each.audit_id for each in result.undone), result.sentence


def _changed_something(row: Row) -> bool:
    return row["audit_id"] is not None and row["action"] in _CHANGING


def _judged(row: Row, answer: Answer) -> list[Judged]:
    """What an answer says about the decision that asked."""
    if row["audit_id"] is None or row["kind"] in ("dead_letter", "annotation_doubt", "unresolved"):
        return []
    kinds: Mapping[tuple[str, str], JudgementKind] = {
        ("possible_duplicate", "merge"): "missed_update",
        ("possible_duplicate", "apart"): "right",
        ("identity_conflict", "right"): "right",
        ("identity_conflict", "wrong"): "false_update",
        ("identity_contradiction", "right"): "right",
        ("identity_contradiction", "wrong"): "false_update",
    }
    kind = kinds.get((row["kind"], answer.verdict))
    return [Judged(row["audit_id"], kind)] if kind is not None else []
