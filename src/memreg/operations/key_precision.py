"""Observed precision of identity keys: how often a key answered, and how often the rest spoke against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from memreg.core.database import Database
from memreg.core.steps import Row, Steps, fetch_row, fetch_rows
from memreg.engine.kept import candidates_told
from memreg.operations.interval import Interval, wilson
from memreg.operations.store import SQL
from memreg.registry import lookup
from memreg.registry.models import IdentityKey, SchemaVersion, Strength

NEWEST = 10_000
# What a key of each strength should reach. Not higher, because the score has its misses too: on records as corrupt as
# those of febrl3 and fake_1000 it speaks against up to 3 % of the answers that are right. A shared key asks for an
# equal name token as well, and is trusted less from the start.
EXPECTED: Mapping[Strength, float] = {"strong": 0.95, "shared": 0.90}
FEWEST_CONTRADICTIONS = 3


@dataclass(frozen=True, slots=True)
class KeyPrecision:
    """How an identity key of a class fared in a version's newest identity decisions.

    "Observed" is by memreg's own evidence, not by a person's word. `answers`: decisions in which the key named a
    memory. `by_text`: of these, those where the rest of what was said scored below the lower threshold. `conflicts`:
    those where another key named another memory; `by_keys`: of the conflicts, those where the rest did not speak for
    this key's memory. `tenant` None: in every tenant. `before`: where it has no answer yet, how it fared in the last
    version in which the class's keys answered.
    """

    schema: str
    version: int
    class_name: str
    key: IdentityKey
    answers: int = 0
    by_text: int = 0
    by_keys: int = 0
    conflicts: int = 0
    tenant: str | None = None
    before: KeyPrecision | None = None

    @property
    def contradictions(self) -> int:
        """How many answers were contradicted, by the text or by another key."""
        return self.by_text + self.by_keys

    @property
    def precision(self) -> float | None:
        """1 − contradictions / answers, in [0, 1]; None where the key never answered."""
        return (self.answers - self.contradictions) / self.answers if self.answers else None

    @property
    def interval(self) -> Interval | None:
        """What the precision may really be, with 95 % confidence (Wilson); None where the key never answered."""
        return wilson(self.answers - self.contradictions, self.answers) if self.answers else None

    @property
    def expected(self) -> float:
        """The precision that a key of its strength should have: 0.95 when strong, 0.90 when shared."""
        return EXPECTED[self.key.strength]

    @property
    def contradicts_too_often(self) -> bool:
        """Whether all of the interval is below what is expected, after three contradictions or more.

        Three, because the upper end may be below 0.95 after a single contradicted answer, and one odd message is no
        habit.
        """
        interval = self.interval
        return interval is not None and self.contradictions >= FEWEST_CONTRADICTIONS and interval.high < self.expected

    @property
    def warning(self) -> str | None:
        """One sentence that says what is wrong and what to do; None where the key does not contradict too often.

        A key without an answer has the warning of the version before, where it was of the same strength.
        """
        if self.before is not None and self.before.key.strength == self.key.strength:
            return self.before.warning
        if not self.contradicts_too_often or self.precision is None or self.interval is None:
            return None
        remedy = "make it shared, add a column to it or drop it"
        if self.key.strength == "shared":
            remedy = "add a column to it or drop it"
        counted = f"{self.contradictions:,} of {self.answers:,} answers were contradicted"
        precision = f"{self.precision:.3f} ({self.interval.low:.3f} to {self.interval.high:.3f})"
        return (
            f"The {self.key.strength} key {self.key.name} of {self.class_name} contradicts too often: in "
            f"{self.schema}@{self.version} {counted}, so that its observed precision is {precision} where "
            f"{self.expected:.2f} is expected; {remedy}: `memreg annotate {self.schema}` makes the next version, "
            f"`memreg annotations {self.schema} --yaml` prints the file to edit for "
            f"`memreg approve {self.schema} --annotation FILE`."
        )


def key_precision(
    database: Database, schema: str, version: int | None = None, *, tenant: str | None = None
) -> tuple[KeyPrecision, ...]:
    """The observed precision of every key of a version (None: the newest), in declared order.

    Over the newest 10,000 identity decisions of each class in one tenant, or, as an operator's question, in every one.
    Raises SchemaNotFound, VersionNotFound, TenantInvalid, DatabaseError.
    """

    def plan() -> Steps[tuple[KeyPrecision, ...]]:
        return read_precision(schema, version, tenant)

    return database.run_admin(plan) if tenant is None else database.run(tenant, plan)


def read_precision(schema: str, version: int | None, tenant: str | None) -> Steps[tuple[KeyPrecision, ...]]:
    """`key_precision` as a plan. Raises SchemaNotFound, VersionNotFound."""
    found = yield from lookup.get_version(schema, version)
    told: list[KeyPrecision] = []
    for spec in found.spec.classes:
        now = yield from _of_class(found, spec.name, tenant)
        if found.version > 1 and any(not each.answers for each in now):
            earlier = yield from _before(found, spec.name, tenant)
            now = [each if each.answers else replace(each, before=earlier.get(each.key.name)) for each in now]
        told += now
    return tuple(told)


def _of_class(version: SchemaVersion, class_name: str, tenant: str | None) -> Steps[list[KeyPrecision]]:
    """The keys of one class, by the decisions of its version."""
    keys = version.annotation_of(class_name).identity
    if not keys:
        return []
    rows = yield from fetch_rows(
        SQL["identity_answers"](
            tenant=tenant, schema=version.name, version=version.version, class_name=class_name, limit=NEWEST
        )
    )
    counted = tally(rows)
    return [
        KeyPrecision(
            schema=version.name,
            version=version.version,
            class_name=class_name,
            key=key,
            answers=counted[key.name, "answers"],
            by_text=counted[key.name, "by_text"],
            by_keys=counted[key.name, "by_keys"],
            conflicts=counted[key.name, "conflicts"],
            tenant=tenant,
        )
        for key in keys
    ]


def _before(version: SchemaVersion, class_name: str, tenant: str | None) -> Steps[dict[str, KeyPrecision]]:
    """By name, the keys of a class that answered in the last earlier version in which any did."""
    row = yield from fetch_row(
        SQL["answered_before"](tenant=tenant, schema=version.name, version=version.version, class_name=class_name)
    )
    if row is None or row["version"] is None:
        return {}
    earlier = yield from lookup.get_version(version.name, row["version"])
    fared = yield from _of_class(earlier, class_name, tenant)
    return {each.key.name: each for each in fared if each.answers}


def tally(entries: Iterable[Row]) -> Counter[tuple[str, str]]:
    """Counts by key name and "answers", "by_text", "by_keys" or "conflicts", from rows of `identity_answers`. Pure."""
    counted: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        for key, memory in _answers(entry):
            counted[key, "answers"] += 1
            if entry["basis"] == "identity_conflict":
                counted[key, "conflicts"] += 1
                counted[key, "by_keys"] += _is_unlike(entry, memory)
            else:
                counted[key, "by_text"] += _text_contradicts(entry)
    return counted


def _answers(entry: Row) -> Iterator[tuple[str, str]]:
    """The keys that answered, each with the memory that it named."""
    for key in entry["keys"] or ():
        if key["answers"]:
            yield key["key"], key["answers"][0]


def _text_contradicts(entry: Row) -> bool:
    """Whether the rest of what was said speaks against the memory.

    A delete that says nothing but its keys has no rest, so that its low score is no evidence.
    """
    if entry["score"] is None or float(entry["score"]) >= entry["possible"]:
        return False
    said_keys = {column for key in entry["keys"] for column in key["key"].split("+")}
    return entry["operation"] != "delete" or not said_keys.issuperset(entry["said"])


def _is_unlike(entry: Row, memory: str) -> bool:
    """In a conflict, whether what was said does not speak for a memory that a key named.

    Where it speaks for the memories of both keys, they are more likely one object that is held twice than two.
    """
    scores = {each["memory_id"]: float(each["score"]) for each in candidates_told(entry["candidates"])}
    at_most = min(scores.values(), default=0.0)  # the entry lists the best; any other scored no higher
    return scores.get(memory, at_most) < float(entry["possible"])
