"""One item of a model's answer against the message and the schema: a proposal, a refusal, or a reason to ask again.
Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from memreg.annotator.disguise import visible, visible_in
from memreg.annotator.evidence import dated, grounded, needs_grounding, quoted
from memreg.annotator.mask import Mask
from memreg.annotator.moments import resolve_date, resolve_datetime
from memreg.annotator.reading import clean
from memreg.annotator.whole import names_a_column
from memreg.engine.model import Proposal, Refused
from memreg.engine.storable import MAX_DEPTH, storable
from memreg.engine.validate import validate
from memreg.registry.models import ClassAnnotation, ClassSpec, Column, Kind, Operation, SchemaVersion
from memreg.registry.normalize import ValueRefused, is_absent, normalize

_LONGEST_EVIDENCE = 10_000
_NOT_STATED = frozenset({"false", "no", "0"})
_MOMENTS = frozenset({Kind.DATE, Kind.DATETIME})
_KEYS = ("class", "class_name", "operation", "values", "evidence", "forget", "stated", "confidence")


@dataclass(frozen=True, slots=True)
class Source:
    """What items are held against: the text of the message, earlier turns, its time, the schema version, and the mask
    that the model saw them through."""

    text: str
    before: tuple[str, ...]
    at: datetime | None
    version: SchemaVersion
    mask: Mask


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
        return Read(item, problem=f"it is {_kind(item)}, not an object")
    spec, problem = _class(item, source.version)
    if spec is None:
        return Read(item, problem=problem)
    operation, evidence = item.get("operation") or "upsert", _evidence(item, source)
    if operation not in ("upsert", "delete"):
        return Read(item, problem="its operation is neither upsert nor delete", class_name=spec.name, evidence=evidence)
    about: dict[str, Any] = {"class_name": spec.name, "operation": operation, "evidence": evidence}
    if str(item.get("stated", True)).strip().casefold() in _NOT_STATED:
        reason = "the message does not state it: it is denied, supposed, asked, wished or a guess"
        return Read(item, refused=(Refused(reason, item, dead_letter=False, **about),), **about)
    values, *problems = _values(item, spec)
    unfounded = evidence is not None and not quoted(evidence, source.text)
    if evidence is None:
        problems.append("it has no evidence: quote the words of the message that say it")
    elif unfounded:
        problems.append("its evidence is not in the message: quote the words of the message itself, exactly")
    if problem := "; ".join(filter(None, problems)):
        return Read(item, problem=problem, unfounded=unfounded, **about)
    return _whole(item, spec, visible_in(source.mask.reveal(values)), source, about)


def _whole(item: Any, spec: ClassSpec, values: dict[str, Any], source: Source, about: dict[str, Any]) -> Read:
    """An item whose parts are there: what is to be forgotten taken out, days worked out, keys held against the text."""
    annotation = source.version.annotation_of(spec.name)
    forgotten = _forgotten(item, spec)
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
    elif about["operation"] == "delete" and (column := names_a_column(about["evidence"], spec)):
        problem = (
            f"the words that it quotes ask to forget {column.name}, and it would delete the whole {spec.name}: say"
            " forget, or quote the words that ask for the whole"
        )
        return Read(item, problem=problem, **about)
    values, unsettled = _days(values, spec, source.at)
    texts = (source.text, *source.before)
    unfounded = [
        name
        for name in sorted(annotation.identity_columns & values.keys())
        if not _founded(values[name], spec.by_name[name], texts)
    ]
    if about["operation"] == "delete" and not unfounded:
        values, unfounded = _without_guesses(values, spec, annotation, texts)
    if unfounded:
        problem = f"its {unfounded[0]} identifies the object, and is not in the message: copy it as it is written there"
        return Read(item, problem=problem, refused=refused, unfounded=True, **about)
    proposal = Proposal(spec.name, values, about["operation"], about["evidence"], _confidence(item.get("confidence")))
    if (checked := validate(proposal, source.version)).refusal is not None:
        return Read(item, problem=checked.refusal, refused=refused, **about)
    return Read(item, proposal, unsettled, refused, **about)


def _founded(value: Any, column: Column, texts: tuple[str, ...]) -> bool:
    """Whether an identity value is in the texts, where it is of a kind that must be: a day may be said in many ways."""
    return column.dtype.kind in _MOMENTS or not needs_grounding(value) or grounded(value, texts)


def _without_guesses(
    values: dict[str, Any], spec: ClassSpec, annotation: ClassAnnotation, texts: tuple[str, ...]
) -> tuple[dict[str, Any], list[str]]:
    """The values of a delete without identity values of any kind that no text has: a key must be said to delete by it.

    Where no key is whole without them, their names as well.
    """
    given = {name for name, value in values.items() if not is_absent(value)}
    guessed = [
        name
        for name in sorted(annotation.identity_columns & given)
        if not _said(values[name], spec.by_name[name], texts)
    ]
    if not any(given.issuperset(key.columns) for key in annotation.identity):
        return values, []
    if any(given.difference(guessed).issuperset(key.columns) for key in annotation.identity):
        return {name: value for name, value in values.items() if name not in guessed}, []
    return values, guessed


def _said(value: Any, column: Column, texts: tuple[str, ...]) -> bool:
    kind = column.dtype.kind
    if kind in (Kind.ENUM, Kind.BOOLEAN):
        return True  # said in words of its own; no key is made of these alone
    return dated(str(value), texts) if kind in _MOMENTS else grounded(str(value), texts)


def _class(item: Mapping[str, Any], version: SchemaVersion) -> tuple[ClassSpec | None, str]:
    given = item.get("class", item.get("class_name"))
    if not isinstance(given, str) or not given.strip():
        return None, "it has no class"
    known = version.spec.by_name
    named = [known[given.strip()]] if given.strip() in known else _alike(given, known)
    if len(named) != 1:
        return None, f"its class is none of the schema; the classes are {', '.join(known)}"
    return named[0], ""


def _values(item: Mapping[str, Any], spec: ClassSpec) -> tuple[dict[str, Any], str]:
    """The values by column. Some models write the columns beside the class instead of under `values`."""
    values = item.get("values")
    if values is None and any(name in item for name in spec.by_name if name not in _KEYS):
        values = {name: value for name, value in item.items() if name not in _KEYS}
    if not isinstance(values, Mapping):
        return {}, f"its values are {_kind(values)}, not an object"
    found: dict[str, Any] = {}
    for name, value in values.items():
        alike = [] if name in spec.by_name else _alike(name, spec.by_name)
        found[alike[0].name if len(alike) == 1 and alike[0].name not in values else str(name)] = value
    return found, ""


def _alike(name: str, known: Mapping[str, Any]) -> list[Any]:
    """What is called the same but for case, white space and joining signs."""
    return [each for key, each in known.items() if _bare(key) == _bare(name)]


def _bare(name: str) -> str:
    return "".join(char for char in str(name).casefold() if char.isalnum())


def _forgotten(item: Mapping[str, Any], spec: ClassSpec) -> tuple[str, ...]:
    given = item.get("forget")
    names = given if isinstance(given, list) else [given] if isinstance(given, str) else []
    bare = {_bare(name) for name in names if isinstance(name, str)}
    return tuple(column.name for column in spec.columns if _bare(column.name) in bare)


def _evidence(item: Mapping[str, Any], source: Source) -> str | None:
    given = item.get("evidence")
    if isinstance(given, list) and given and all(isinstance(part, str) for part in given):
        given = " … ".join(given)
    if not isinstance(given, str) or not given.strip():
        return None
    revealed = source.mask.reveal(clean(given[:_LONGEST_EVIDENCE]))
    return visible(revealed) if isinstance(revealed, str) else None


def _days(values: dict[str, Any], spec: ClassSpec, at: datetime | None) -> tuple[dict[str, Any], str | None]:
    """The values with relative days worked out, and what to ask again where one is no day."""
    found, problem = dict(values), None
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


def _confidence(value: Any) -> float | None:
    """A number between 0 and 1; anything else a model may say about how sure it is means that it did not say."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return float(value)


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


def _kind(value: Any) -> str:
    names = {str: "a text", list: "a list", dict: "an object", bool: "a boolean", type(None): "missing"}
    return names.get(type(value), "a number")
