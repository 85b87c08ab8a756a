"""One item of a model's answer against the message and the schema: a proposal, a refusal, or a reason to ask again.
Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from memreg.annotator.disguise import visible, visible_in
from memreg.annotator.evidence import quoted
from memreg.annotator.fields import class_of, confidence_of, fields_of, forgotten_of, kind_of, operation_of, values_of
from memreg.annotator.founded import founded, without_guesses
from memreg.annotator.mask import Mask
from memreg.annotator.moments import resolve_date, resolve_datetime
from memreg.annotator.nested import refusal_in, unfounded_in
from memreg.annotator.reading import clean
from memreg.annotator.whole import names_a_column
from memreg.engine.model import Proposal, Refused
from memreg.engine.storable import MAX_DEPTH, storable
from memreg.engine.validate import validate
from memreg.registry.models import ClassSpec, Column, Kind, Operation, SchemaVersion
from memreg.registry.normalize import ValueRefused, is_absent, normalize

_LONGEST_EVIDENCE = 10_000
_NOT_STATED = frozenset({"false", "no", "0"})
_MOMENTS = frozenset({Kind.DATE, Kind.DATETIME})


@dataclass(frozen=True, slots=True)
class Source:
    """What items are held against: the text of the message, earlier turns, its time, the schema version, the mask that
    the model saw them through, and when the turns were."""

    text: str
    before: tuple[str, ...]
    at: datetime | None
    version: SchemaVersion
    mask: Mask
    turned_at: tuple[datetime | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """What is made of an item. `problem`: why it is asked for again; `refused`: what of it is no proposal for good.

    An item with both a problem and a proposal is proposed as it is where asking again does not help.
    """

    item: Any
    proposal: Proposal | None = None
    problem: str | None = None
    refused: tuple[Refused, ...] = ()
    class_name: str = ""
    operation: Operation = "upsert"
    evidence: str | None = None
    unfounded: bool = False
    taken_back: bool = False

    @property
    def refusals(self) -> tuple[Refused, ...]:
        """What of the item ends as a refusal. A person is asked, unless the message does not bear the item out and the
        model took it back."""
        if self.problem is None or self.proposal is not None:
            return self.refused
        letter = not self.taken_back
        return (*self.refused, Refused(self.problem, self.item, self.class_name, self.operation, self.evidence, letter))


def read(item: Any, source: Source) -> Read:
    """One item of an answer."""
    if _is_deep(item):
        return Read(storable(item), problem="it is nested too deep")
    if not isinstance(item, Mapping):
        return Read(item, problem=f"it is {kind_of(item)}, not an object")
    fields = fields_of(item, source.version)
    spec, problem = class_of(fields.get("class", fields.get("class_name")), source.version)
    if spec is None:
        return Read(item, problem=problem)
    operation, evidence = operation_of(fields.get("operation")), _evidence(fields, source)
    if operation is None:
        return Read(item, problem="its operation is neither upsert nor delete", class_name=spec.name, evidence=evidence)
    about: dict[str, Any] = {"class_name": spec.name, "operation": operation, "evidence": evidence}
    if str(fields.get("stated", True)).strip().casefold() in _NOT_STATED:
        reason = "the message does not state it: it is denied, supposed, asked, wished or a guess"
        return Read(item, refused=(Refused(reason, item, dead_letter=False, **about),), **about)
    values, *problems = values_of(fields, spec, source.text, source.version)
    forgotten, unclear = forgotten_of(fields.get("forget"), spec)
    problems.append(unclear)
    unfounded = evidence is not None and not quoted(evidence, source.text)
    if evidence is None:
        problems.append("it has no evidence: quote the words of the message that say it")
    elif unfounded:
        problems.append("its evidence is not in the message: quote the words of the message itself, exactly")
    if problem := "; ".join(filter(None, problems)):
        return Read(item, problem=problem, unfounded=unfounded, **about)
    shown = visible_in(source.mask.reveal(values))
    found = _whole(item, spec, shown, forgotten, source, about)
    if found.proposal is None:
        return found
    return replace(found, proposal=replace(found.proposal, confidence=confidence_of(fields.get("confidence"))))


def _whole(
    item: Any,
    spec: ClassSpec,
    values: dict[str, Any],
    forgotten: tuple[str, ...],
    source: Source,
    about: dict[str, Any],
) -> Read:
    """An item whose parts are there: what is to be forgotten taken out, days worked out, keys held against the text."""
    annotation = source.version.annotation_of(spec.name)
    refused: tuple[Refused, ...] = ()
    if forgotten:
        what = ", ".join(forgotten)
        reason = f"{what} of a {spec.name} is to be forgotten, and only whole objects are: a person can correct it"
        refused = (Refused(reason, item, **about),)
        values = {name: value for name, value in values.items() if name not in forgotten}
        naming = {*annotation.identity_columns, *annotation.name_columns}
        naming |= {column.name for column in spec.columns if column.required}
        if about["operation"] == "delete" or not (values.keys() - naming):
            return Read(item, refused=refused, **about)
    elif about["operation"] == "delete" and (column := names_a_column(about["evidence"], spec, values)):
        problem = (
            f"the words that it quotes ask to forget {column.name}, and it would delete the whole {spec.name}: say"
            " forget, or quote the words that ask for the whole"
        )
        return Read(item, problem=problem, **about)
    values, unsettled = _days(values, spec, source.at, source.version)
    texts = (source.text, *source.before)
    unfounded = [
        name
        for name in sorted(annotation.identity_columns & values.keys())
        if spec.by_name[name].dtype.kind is not Kind.REF and not founded(values[name], spec.by_name[name], texts)
    ]
    unfounded += unfounded_in(values, spec, source.version, texts) if spec.references else []
    if about["operation"] == "delete" and not unfounded:
        values, unfounded = without_guesses(values, spec, annotation, texts, (source.at, *source.turned_at))
    if unfounded:
        problem = f"its {unfounded[0]} identifies the object, and is not in the message: copy it as it is written there"
        return Read(item, problem=problem, refused=refused, unfounded=True, **about)
    proposal = Proposal(spec.name, values, about["operation"], about["evidence"])
    if (checked := validate(proposal, source.version)).refusal is not None:
        return Read(item, problem=checked.refusal, refused=refused, **about)
    if spec.references and (refusal := refusal_in(values, spec, source.version)) is not None:
        unsettled = unsettled or refusal  # proposed as it is where asking again does not help
    return Read(item, proposal, unsettled, refused, **about)


def _evidence(fields: Mapping[str, Any], source: Source) -> str | None:
    given = fields.get("evidence")
    if isinstance(given, list) and given and all(isinstance(part, str) for part in given):
        given = " … ".join(given)
    if not isinstance(given, str) or not given.strip():
        return None
    revealed = source.mask.reveal(clean(given[:_LONGEST_EVIDENCE]))
    return visible(revealed) if isinstance(revealed, str) else None


def _days(
    values: Mapping[str, Any], spec: ClassSpec, at: datetime | None, version: SchemaVersion
) -> tuple[dict[str, Any], str | None]:
    """The values with relative days worked out, and what to ask again where one is no day."""
    found, problem = dict(values), None
    for refers in spec.references:
        target = version.spec.by_name.get(refers.dtype.target or "")
        given = found.get(refers.name)
        if target is not None and isinstance(given, list):
            found[refers.name] = [_days(e, target, at, version)[0] if isinstance(e, Mapping) else e for e in given]
        elif target is not None and isinstance(given, Mapping):
            found[refers.name], problem = _days(given, target, at, version)
    for name, value in values.items():
        column = spec.by_name.get(name)
        if column is None or column.dtype.kind not in _MOMENTS or is_absent(value):
            continue
        found[name] = [_day(column, each, at) for each in value] if isinstance(value, list) else _day(column, value, at)
        try:
            normalize(column, found[name])
        except ValueRefused as exc:
            form = "YYYY-MM-DD" if column.dtype.kind is Kind.DATE else "YYYY-MM-DDThh:mm"
            problem = f"its {name} {'' if column.pii else exc.reason + ': '}write {form}, or leave it out"
    return found, problem


def _day(column: Column, value: Any, at: datetime | None) -> Any:
    if not isinstance(value, str) or at is None:
        return value
    resolve = resolve_date if column.dtype.kind is Kind.DATE else resolve_datetime
    return resolve(value, at) or value


def _is_deep(item: Any) -> bool:
    level, depth = [item], 0
    while level and depth <= MAX_DEPTH:
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        depth += 1
    return depth > MAX_DEPTH
