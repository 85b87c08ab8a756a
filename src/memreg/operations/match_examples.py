"""What would match and what would not: examples of each identity key and of the text of a class, by the engine's rules.

For the person who approves: whether an annotation is right is hard to see in a list of columns, and easy in two rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from rapidfuzz.fuzz import ratio

from memreg.core.steps import Steps, fetch_rows
from memreg.engine.alignment import names_agree
from memreg.engine.cache import Cache
from memreg.engine.decide import THRESHOLDS
from memreg.engine.identity import canonical, key_values, name_tokens
from memreg.engine.model import Payload
from memreg.engine.record import Record
from memreg.engine.score import PLACES, score
from memreg.engine.statistics import Statistics
from memreg.engine.store import SQL as ENGINE
from memreg.operations.example_rows import ExampleRows, Origin, invented_value, read, rows_of
from memreg.operations.examples import ClassExamples, Example, Outcome, hide_pii
from memreg.operations.retell import near_miss, retold
from memreg.operations.sample_rows import SQL
from memreg.registry import lookup
from memreg.registry.models import ClassAnnotation, ClassSpec, IdentityKey, SchemaVersion

MOST = 3
"""Examples of a kind that are shown of a key, and of the text."""
NEWEST = 60
"""Stored rows of a class that examples are looked for among."""
PAIRS = 200
"""Pairs of rows that are scored."""


@dataclass(frozen=True)
class _Class:
    """A class under a version, with the rows at hand and the statistics that its scores are made with."""

    spec: ClassSpec
    annotation: ClassAnnotation
    version: SchemaVersion
    given: ExampleRows
    statistics: Statistics


def read_examples(
    tenant: str, name: str, version: int | None = None, *, show_pii: bool = False
) -> Steps[tuple[ClassExamples, ...]]:
    """The examples of every class of a version (None: the newest) that is annotated, in the schema's order.

    Of the newest 60 memories of each class in a tenant, also those that wait to be resolved. Values of pii columns are
    placeholders, the same for the same value, unless they are to be shown. Raises VersionNotFound, SchemaNotFound.
    """
    found = yield from lookup.get_version(name, version)
    told = []
    for spec in found.spec.classes:
        if spec.name not in found.annotations:
            continue
        rows = yield from fetch_rows(
            SQL["example_rows"](tenant=tenant, schema=found.name, class_name=spec.name, limit=NEWEST)
        )
        statistics = yield from _statistics(tenant, found.name, spec.name)
        examples = examples_of(spec, found, [row["payload"] for row in rows], statistics)
        told.append(examples if show_pii else hide_pii(examples, spec))
    return tuple(told)


def examples_of(
    spec: ClassSpec, version: SchemaVersion, stored: Sequence[Mapping[str, Any]], statistics: Statistics
) -> ClassExamples:
    """The examples of one class, of stored rows where there are any. Pure; values of pii columns are in it."""
    given, others = rows_of(spec, version, stored), rows_of(spec, version, ())
    about = _Class(spec, version.annotation_of(spec.name), version, given, statistics)
    keys: dict[str, tuple[Example, ...]] = {}
    made_up: dict[str, Origin] = {}
    for key in about.annotation.identity:
        keys[key.name] = _picked(_of_key(about, key))
        if not keys[key.name] and given.origin == "stored":  # no row says anything of this key yet
            keys[key.name] = _picked(_of_key(replace(about, given=others), key))
            made_up[key.name] = others.origin
    return ClassExamples(spec.name, given.origin, keys, _picked(_of_text(about)), given.invented, made_up)


def _statistics(tenant: str, schema: str, class_name: str) -> Steps[Statistics]:
    """The statistics that the class's next message would be scored with."""
    rows = yield from fetch_rows(ENGINE["latest_snapshots"](tenant=tenant, schema=schema, classes=[class_name]))
    return (yield from Cache().snapshot(tenant, schema, class_name, rows[0]["snapshot"] if rows else None))


def _picked(examples: Iterable[Example]) -> tuple[Example, ...]:
    """The first three that match and the first three that do not, no two alike; what matches comes first."""
    taken: dict[bool, dict[str, Example]] = {True: {}, False: {}}
    for each in examples:
        kind = taken[each.outcome == "match"]
        if len(kind) < MOST:
            kind.setdefault(repr((each.said, each.known)), each)
        if all(len(found) == MOST for found in taken.values()):
            break
    return (*taken[True].values(), *taken[False].values())


# By a key


def _of_key(about: _Class, key: IdentityKey) -> Iterator[Example]:
    """Real pairs first, then what is said otherwise, of somebody else, nearly the same, or not at all."""
    whole = [row for row in about.given.rows if _digest(about, key, row) is not None]
    for one, other in combinations(whole, 2):
        if _digest(about, key, one) == _digest(about, key, other):
            yield _by_key(about, key, one, other, "")
    for row in whole[:MOST]:
        for said in _ways(about, key, row):
            yield _by_key(about, key, said, row, "written otherwise")
    if key.strength == "shared":
        for one, other in zip(whole, [*whole[1:], *whole[:1]], strict=True):
            names = {name: other[name] for name in about.annotation.name_columns if name in other}
            if names and one is not other:
                yield _by_key(about, key, {**one, **names}, one, "another name")
    for one, other in _nearest(key, whole):
        yield _by_key(about, key, one, other, "another one")
    for row in whole[:MOST]:
        for name in key.columns:
            changed = _said(about, row, {name: near_miss(about.spec.by_name[name], row[name])})
            if changed is not None:
                yield _by_key(about, key, changed, row, "nearly the same")
    for row in whole[:1]:
        rest = _without(row, {key.columns[-1]})
        if rest:
            yield _by_key(about, key, rest, row, "")
        for turn in (MOST, MOST + 1):
            other = {name: invented_value(about.spec, about.spec.by_name[name], turn) for name in key.columns}
            changed = _said(about, row, other)
            if changed is not None:
                yield _by_key(about, key, changed, row, "an invented one")


def _ways(about: _Class, key: IdentityKey, row: Payload) -> Iterator[Payload]:
    """The row with the values of a key written otherwise, as far as the version takes them; at least as it is."""
    for way in range(MOST):
        values = {name: retold(row[name], way) for name in key.columns}
        is_other = any(values[name] != row[name] for name in key.columns)
        said = _said(about, row, values) if is_other or way == 0 else None
        if said is not None:
            yield {**said, **values}


def _said(about: _Class, row: Payload, values: Mapping[str, Any]) -> Payload | None:
    """The row with other values; None where there is no other value, or the version would refuse it."""
    if any(value is None for value in values.values()):
        return None
    return read(about.spec, about.version, {**row, **values})


def _by_key(about: _Class, key: IdentityKey, said: Payload, known: Payload, how: str) -> Example:
    """Whether the key answers, by the engine's own rules, once the message is read as the version reads it."""
    heard = read(about.spec, about.version, said) or {}
    mine, theirs = _digest(about, key, heard), _digest(about, key, known)
    note = f" ({how})" if how and said != known else ""
    shown = [*key.columns]
    outcome: Outcome = "match"
    if mine is None:
        missing = ", ".join(name for name in key.columns if heard.get(name) is None)
        outcome, why = "apart", f"it does not say {missing}, so that the key says nothing"
    elif mine != theirs:
        outcome, why = "apart", f"{key.name} differs{note}"
    elif key.strength == "shared":
        shown += [name for name in about.annotation.name_columns if name not in shown]
        if names_agree(*(name_tokens(row, about.annotation) for row in (heard, known))):
            why = f"{key.name} is equal and the names agree{note}"
        else:
            outcome, why = "apart", f"{key.name} is equal, but the names do not agree"
    else:
        why = f"{key.name} is equal{note}"
    return Example(_part(said, shown) or _part(said, said), _part(known, shown), outcome, why)


def _digest(about: _Class, key: IdentityKey, row: Mapping[str, Any]) -> bytes | None:
    """The digest of one key of a row; None where it is not complete."""
    found = key_values(row, replace(about.annotation, identity=(key,)))
    return found[0].digest if found else None


def _nearest(key: IdentityKey, rows: Sequence[Payload]) -> list[tuple[Payload, Payload]]:
    """Pairs of rows with other values of a key, those whose values look most alike first."""
    texts = [" ".join(canonical(row[name]) for name in key.columns) for row in rows]
    pairs = [(one, other) for one, other in combinations(range(len(rows)), 2) if texts[one] != texts[other]]
    pairs.sort(key=lambda pair: -ratio(texts[pair[0]], texts[pair[1]]))
    return [(rows[one], rows[other]) for one, other in pairs[:MOST]]


# By the text


def _of_text(about: _Class) -> Iterator[Example]:
    """Real pairs from the highest score down, then a row said again: as it is, with less, with another value."""
    annotation = about.annotation
    yield from sorted(_scored_pairs(about), key=lambda example: -(example.score or 0.0))
    only_keys = annotation.identity_columns - {*annotation.searchable}
    said_again = [(_without(row, only_keys), row) for row in about.given.rows[:MOST]]
    told = [(said, row) for said, row in said_again if {*said} & {*annotation.searchable}]
    for said, row in told:
        yield _by_text(about, said, row)
    for said, row in told:
        for name in (*annotation.searchable, *annotation.compare):
            if name in said and {*said} - {name}:
                yield _by_text(about, _without(said, {name}), row, f"without {name}")
        for name in annotation.compare:
            changed = _said(about, said, {name: near_miss(about.spec.by_name[name], said.get(name))})
            if changed is not None:
                yield _by_text(about, changed, row, f"another {name}")
    for turn, (said, row) in enumerate(told, MOST):
        for name in annotation.name_columns:
            changed = _said(about, said, {name: invented_value(about.spec, about.spec.by_name[name], turn)})
            if changed is not None and name in said:
                yield _by_text(about, changed, row, f"an invented {name}")


def _scored_pairs(about: _Class) -> Iterator[Example]:
    """Pairs of rows that no key decides, those with most words in common; a row without any is never a candidate."""
    rows = [row for row in about.given.rows if _record(about, row).fields]
    keys = [{(held.key.name, held.digest) for held in key_values(row, about.annotation)} for row in rows]
    words = [_record(about, row).all_tokens for row in rows]
    pairs = [(one, other) for one, other in combinations(range(len(rows)), 2) if not keys[one] & keys[other]]
    pairs.sort(key=lambda pair: -len(words[pair[0]] & words[pair[1]]))
    for one, other in pairs[:PAIRS]:
        yield _by_text(about, rows[one], rows[other])


def _by_text(about: _Class, said: Payload, known: Payload, how: str = "") -> Example:
    value = score(_record(about, said), _record(about, known), about.statistics).value
    outcome: Outcome
    if value >= THRESHOLDS.update:
        outcome, why = "match", f"at least {THRESHOLDS.update:.2f}"
    elif value >= THRESHOLDS.possible:
        why = f"from {THRESHOLDS.possible:.2f} to below {THRESHOLDS.update:.2f}: a person is asked"
        outcome = "question"
    else:
        outcome, why = "apart", f"below {THRESHOLDS.possible:.2f}"
    used = [*about.annotation.searchable, *about.annotation.compare, *sorted(about.annotation.identity_columns)]
    told = f"score {value:.{PLACES}f} is {why}" + (f" ({how})" if how else "")
    return Example(_part(said, used), _part(known, used), outcome, told, value)


def _record(about: _Class, row: Payload) -> Record:
    return Record.of(row, about.spec, about.annotation)


def _without(row: Payload, names: Collection[str]) -> Payload:
    return {name: value for name, value in row.items() if name not in names}


def _part(row: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: row[name] for name in dict.fromkeys(names) if row.get(name) is not None}
