"""A payload as the score sees it: tokens by searchable column, values to compare, identity values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memreg.engine.identity import canonical
from memreg.engine.text import value_tokens
from memreg.registry.models import ClassAnnotation, ClassSpec, Kind


@dataclass(frozen=True, slots=True)
class Record:
    """`fields`: distinct tokens by searchable column; `boosts` by column; `open_columns`: free text and lists, where
    other words are more words, no contradiction; `compared` and `identity`: canonical values by column;
    `only_identity`: those of identity columns that are neither searched nor compared, so that nothing counts twice (a
    compared column that is a key by itself counts as identity)."""

    fields: Mapping[str, tuple[str, ...]]
    boosts: Mapping[str, float]
    open_columns: frozenset[str]
    compared: Mapping[str, str]
    identity: Mapping[str, str]
    only_identity: Mapping[str, str]

    @classmethod
    def of(cls, payload: Mapping[str, Any], spec: ClassSpec, annotation: ClassAnnotation) -> Record:
        """The view of a payload under an annotation; columns without a value are left out."""
        columns = spec.by_name
        fields = {
            name: found
            for name in annotation.searchable
            if payload.get(name) is not None and (found := value_tokens(payload[name]))
        }
        alone = {key.columns[0] for key in annotation.identity if len(key.columns) == 1}
        compare = [name for name in annotation.compare if name not in alone]
        counted = {*annotation.searchable, *compare}
        identity = {n: canonical(payload[n]) for n in annotation.identity_columns if payload.get(n) is not None}
        return cls(
            fields=fields,
            boosts=annotation.searchable,
            open_columns=frozenset(
                name
                for name in fields
                if name in columns and (columns[name].dtype.is_list or columns[name].dtype.kind is Kind.TEXT)
            ),
            compared={n: canonical(payload[n]) for n in compare if payload.get(n) is not None},
            identity=identity,
            only_identity={name: value for name, value in identity.items() if name not in counted},
        )

    def all_tokens(self) -> frozenset[str]:
        """Every token of every field."""
        return frozenset(token for found in self.fields.values() for token in found)
