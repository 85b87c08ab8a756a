"""A payload as the score sees it: tokens by searchable column, values to compare, identity values, and what each column
is there for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from memreg.engine.codes import Codes, codes_of
from memreg.engine.identity import canonical, digest
from memreg.engine.once import once
from memreg.engine.text import REMEMBERED
from memreg.engine.words import Words, words_of
from memreg.registry.models import ClassAnnotation, ClassSpec, Column, Kind

NAME_BOOST = 2.5
_OTHER_NAMES = re.compile(
    r"\b(?:alias|aka\b|nick|known as|maiden|pseudonym|pen ?name|spelling|synonym"
    r"|(?:other|former|further|native|short|alternat\w*) (?:name|title))",
    re.IGNORECASE,
)
ATTRIBUTE_BOOST = 1.5


class Role(StrEnum):
    """What a column tells about an object, which decides what is expected of it before a class has shown it."""

    NAME = "name"
    ATTRIBUTE = "attribute"
    TEXT = "text"
    DATE = "date"
    YEAR = "year"
    NUMBER = "number"
    STRONG = "strong"
    SHARED = "shared"
    CODE = "code"


class Record:
    """A payload under the `plan` of its class; the payload is not changed from then on. Each view of it is made when it
    is first asked for: of most candidates, few are."""

    def __init__(self, payload: Mapping[str, Any], plan: Plan, long: dict[str, Words] | None = None) -> None:
        self.payload = payload
        self.plan = plan
        self._long = {} if long is None else long

    @classmethod
    def of(cls, payload: Mapping[str, Any], spec: ClassSpec, annotation: ClassAnnotation) -> Record:
        """The view of a payload under an annotation; columns without a value are left out."""
        return cls(payload, Plan.of(spec, annotation))

    @property
    def boosts(self) -> Mapping[str, float]:
        """The boosts of the searchable columns."""
        return self.plan.searchable

    @property
    def open_columns(self) -> frozenset[str]:
        """Free text and lists, where other words are more words, no contradiction."""
        return self.plan.open_columns

    @property
    def roles(self) -> Mapping[str, Role]:
        """What each column is there for."""
        return self.plan.roles

    @property
    def name_columns(self) -> tuple[str, ...]:
        """The searchable columns that name the object, in declared order."""
        return self.plan.names

    @once
    def fields(self) -> Mapping[str, tuple[str, ...]]:
        """Distinct tokens by searchable column."""
        found = {}
        for name in self.plan.searchable:
            value = self.payload.get(name)
            if value is not None and (tokens := self.tokens_of(value)):
                found[name] = tokens
        return found

    @once
    def identity(self) -> Mapping[str, str]:
        """Canonical values by identity column."""
        return {n: canonical(value) for n in self.plan.identity if (value := self.payload.get(n)) is not None}

    @once
    def compared(self) -> Mapping[str, str]:
        """Canonical values by compared column. One that is a key by itself counts as identity."""
        return {n: canonical(value) for n in self.plan.compare if (value := self.payload.get(n)) is not None}

    @once
    def only_identity(self) -> Mapping[str, str]:
        """The values of identity columns that are neither searched nor compared, so that nothing counts twice."""
        identity, plan = self.identity, self.plan
        if plan.within:
            return {n: told for n in plan.only_identity if (told := _alone(n, identity, plan)) is not None}
        return {n: identity[n] for n in plan.only_identity if n in identity}

    @once
    def lists(self) -> frozenset[str]:
        """Columns of several other names of the object."""
        return self.plan.lists & self.fields.keys() if self.plan.lists else self.plan.lists

    @once
    def all_tokens(self) -> frozenset[str]:
        """Every token of every field."""
        return frozenset().union(*self.fields.values())

    @once
    def places(self) -> Mapping[str, str | None]:
        """The column that has a token; None for one that several have."""
        found: dict[str, str | None] = {}
        for column, tokens in self.fields.items():
            for token in tokens:
                found[token] = None if token in found else column
        return found

    @once
    def codes(self) -> Codes:
        """The model numbers and the like in its text."""
        return codes_of(self.fields.values())

    @once
    def findings(self) -> dict[str, Any]:
        """What was found out while it was held against others, for whoever does that to keep."""
        return {}

    def tokens_of(self, value: object) -> tuple[str, ...]:
        """The distinct tokens of a value; a long text's are kept for as long as whoever reads the record wants."""
        return self.words_of(value).tokens

    def words_of(self, value: object) -> Words:
        """The words of a value; a long text's are kept for as long as whoever reads the record wants."""
        if type(value) is not str or len(value) <= REMEMBERED:
            return words_of(value)
        found = self._long.get(value)
        if found is None:
            found = self._long[value] = words_of(value)
        return found


class Reader:
    """Reads payloads of one class as records. What several of them share, such as the revisions of a memory, is read
    once."""

    __slots__ = ("_long", "_plan")

    def __init__(self, spec: ClassSpec, annotation: ClassAnnotation) -> None:
        self._plan = Plan.of(spec, annotation)
        self._long: dict[str, Words] = {}

    def read(self, payload: Mapping[str, Any]) -> Record:
        """A payload as a record; columns without a value are left out."""
        return Record(payload, self._plan, self._long)


@dataclass(frozen=True, slots=True)
class Plan:
    """What reading a payload of a class asks of its spec and annotation, found out once for both."""

    spec: ClassSpec
    searchable: Mapping[str, float]
    open_columns: frozenset[str]
    compare: tuple[str, ...]
    identity: tuple[str, ...]
    only_identity: tuple[str, ...]
    roles: Mapping[str, Role]
    names: tuple[str, ...]
    lists: frozenset[str]
    within: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, spec: ClassSpec, annotation: ClassAnnotation) -> Plan:
        """The plan of a class. It is kept with the annotation, as the annotation's cached properties are."""
        kept: Plan | None = annotation.__dict__.get(_PLAN)
        if kept is None or kept.spec is not spec:
            kept = annotation.__dict__[_PLAN] = cls._made(spec, annotation)
        return kept

    @classmethod
    def _made(cls, spec: ClassSpec, annotation: ClassAnnotation) -> Plan:
        alone = {key.columns[0] for key in annotation.identity if len(key.columns) == 1}
        open_columns = _open_columns(spec, annotation)
        compare = tuple(name for name in annotation.compare if name not in alone)
        identity = tuple(dict.fromkeys(column for key in annotation.identity for column in key.columns))
        roles = roles_of(annotation, open_columns)
        columns = spec.by_name
        return cls(
            spec,
            annotation.searchable,
            open_columns,
            compare,
            identity,
            tuple(name for name in identity if name not in annotation.searchable and name not in compare),
            roles,
            tuple(name for name, role in roles.items() if role is Role.NAME),
            frozenset(n for n in annotation.searchable if n in columns and _lists_names(columns[n])),
            _within(spec, annotation) if spec.references else {},
        )


_PLAN = "_record_plan"


def _alone(name: str, identity: Mapping[str, str], plan: Plan) -> str | None:
    """The value of an identity column; of one that counts within what a key refers to, together with that."""
    value, within = identity.get(name), plan.within.get(name)
    if value is None or within is None:
        return value
    owners = [identity[column] for column in within if column in identity]
    return f"{value} {digest(owners).hex()}" if len(owners) == len(within) else None


def name_columns(spec: ClassSpec, annotation: ClassAnnotation) -> tuple[str, ...]:
    """The searchable columns of a class that name an object, in declared order."""
    return Plan.of(spec, annotation).names


def _within(spec: ClassSpec, annotation: ClassAnnotation) -> dict[str, tuple[str, ...]]:
    """Columns that are only in a key with references, with these: the number of an order tells nothing by itself where
    it counts the orders of one customer."""
    references = {column.name for column in spec.references}
    found: dict[str, tuple[str, ...]] = {}
    for column in annotation.identity_columns - references:
        keys = [key for key in annotation.identity if column in key.columns]
        if len(keys) == 1 and (owners := tuple(name for name in keys[0].columns if name in references)):
            found[column] = owners
    return found


def _open_columns(spec: ClassSpec, annotation: ClassAnnotation) -> frozenset[str]:
    columns = spec.by_name
    return frozenset(
        name
        for name in annotation.searchable
        if name in columns and (columns[name].dtype.is_list or columns[name].dtype.kind is Kind.TEXT)
    )


def _lists_names(column: Column) -> bool:
    """Whether a column lists other names of the object, by its name and description: a tag that mentions somebody is no
    name of whoever has the tag."""
    return column.dtype.is_list and _OTHER_NAMES.search(f"{column.name} {column.desc}".replace("_", " ")) is not None


def roles_of(annotation: ClassAnnotation, open_columns: frozenset[str]) -> dict[str, Role]:
    """What each column of an annotation is there for. A searchable column names (boost 2.5 and more, or the highest
    there is), describes (1.5 and more) or is text; a column of a key that is nothing else is strong or shared. Compared
    columns have none: their values tell whether they are dates or numbers."""
    found: dict[str, Role] = {}
    for column, boost in annotation.searchable.items():
        if column in open_columns and (boost < NAME_BOOST or len(annotation.searchable) > 1):
            found[column] = Role.TEXT
        elif boost >= NAME_BOOST or column in annotation.name_columns:
            found[column] = Role.NAME
        else:
            found[column] = Role.ATTRIBUTE if boost >= ATTRIBUTE_BOOST else Role.TEXT
    for key in annotation.identity:
        for column in key.columns:
            if (column not in found and column not in annotation.compare) or key.columns == (column,):
                role = Role.STRONG if key.strength == "strong" else Role.SHARED
                if found.get(column, role) in (Role.STRONG, Role.SHARED):
                    found[column] = Role.STRONG if Role.STRONG in (role, found.get(column)) else role
    return found
