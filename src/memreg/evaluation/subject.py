"""What is measured: a schema with its annotation, one class of it, and how a record's fields become its values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from memreg.core.errors import EvaluationRefused
from memreg.engine.model import Payload
from memreg.registry.coerce import STRING_LIMIT, TEXT_LIMIT
from memreg.registry.models import ClassAnnotation, ClassSpec, Column, Kind, Normalizer, SchemaSpec
from memreg.registry.normalize import ValueRefused, is_absent, normalize

_SPOILT = str.maketrans({"\0": " ", **{chr(code): "\ufffd" for code in range(0xD800, 0xE000)}})


@dataclass(frozen=True)
class Subject:
    """A class to be measured. `spec` holds its schema, each class with the annotation in force as declared.

    `is_open`: nothing of it is refused for its value. `normal_forms`: what the values of its identity columns are
    written by, where they can be. `dirty_sources`: sources with duplicates that the gold does not know.
    """

    spec: SchemaSpec
    class_name: str
    is_open: bool = False
    normal_forms: Mapping[str, tuple[Normalizer, ...]] = field(default_factory=dict)
    dirty_sources: frozenset[str] = frozenset()

    @property
    def of_class(self) -> ClassSpec:
        """The class itself."""
        return self.spec.by_name[self.class_name]

    @property
    def annotation(self) -> ClassAnnotation:
        """The annotation in force of the class."""
        return self.of_class.declared or ClassAnnotation()

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The searchable and the compare columns: what a score sees besides identity."""
        return tuple(dict.fromkeys([*self.annotation.searchable, *self.annotation.compare]))

    def without_identity(self) -> Subject:
        """The same with no identity key in any class."""
        classes = tuple(
            replace(each, declared=replace(each.declared, identity=()) if each.declared else None)
            for each in self.spec.classes
        )
        return replace(self, spec=replace(self.spec, classes=classes))

    def values(self, fields: Mapping[str, Any]) -> Payload:
        """What is proposed for a record: its known fields; in an open class as text, its identity in normal form."""
        columns = self.of_class.by_name
        known = {name: value for name, value in fields.items() if name in columns}
        if not self.is_open:
            return known
        found: Payload = {}
        for name, value in known.items():
            text = _text(value, columns[name])
            if not is_absent(text):
                found[name] = self._in_form(columns[name], text)
        return found

    def unknown(self, fields: Mapping[str, Any]) -> tuple[str, ...]:
        """The fields of a record that the class lacks."""
        columns = self.of_class.by_name
        return tuple(name for name in fields if name not in columns)

    def _in_form(self, column: Column, text: str) -> str:
        steps = self.normal_forms.get(column.name)
        if not steps:
            return text
        try:
            return str(normalize(replace(column, normalize=steps), text).value)
        except ValueRefused:
            return text  # a spoilt value is still evidence, and equal to itself


def check_subject(subject: Subject, source: object) -> None:
    """Refuse a class of which no two records could ever meet. Raises EvaluationRefused."""
    annotation = subject.annotation
    if not annotation.searchable and not any(key.strength == "strong" for key in annotation.identity):
        reason = (
            f"{subject.class_name} has no searchable field and no strong identity key, so no record could be found "
            "again; mark a field searchable"
        )
        raise EvaluationRefused(source=source, reason=reason)


def _text(value: object, column: Column) -> str:
    """Any JSON value as text that a column can hold."""
    if isinstance(value, list | tuple):
        text = " ".join(_text(item, column) for item in value)
    elif isinstance(value, str):
        text = value
    elif value is None:
        text = ""
    else:
        text = json.dumps(value, ensure_ascii=False)
    return text.translate(_SPOILT)[: TEXT_LIMIT if column.dtype.kind is Kind.TEXT else STRING_LIMIT]
