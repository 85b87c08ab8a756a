"""What an import says identifies an object, and beside it what rules find is searched and compared."""

from __future__ import annotations

from dataclasses import replace

from memreg.annotator.check import is_compared, is_searchable
from memreg.annotator.heuristic import NAME, annotate_class, boost_of
from memreg.annotator.keys import place_of
from memreg.registry.models import ClassAnnotation, ClassSpec, SchemaSpec


def with_searched(spec: SchemaSpec) -> SchemaSpec:
    """The schema with a complete annotation for each class that declares only keys; the others as they are."""
    return replace(spec, classes=tuple(_class(each, spec) for each in spec.classes))


def _class(spec: ClassSpec, schema: SchemaSpec) -> ClassSpec:
    declared = spec.declared
    if declared is None or declared.searchable or declared.compare or not declared.identity:
        return spec
    alone = {key.columns[0] for key in declared.identity if len(key.columns) == 1}
    found = annotate_class(spec, schema.classes)
    places = {column.name: place_of(spec, column, schema.classes) for column in spec.columns}
    boosts = {name: boost_of(places[name]) for name, column in spec.by_name.items() if is_searchable(column)}
    # Columns that the rules hold for keys are not searched by their own annotation; here they are none.
    searchable = {name: boost for name, boost in boosts.items() if name not in alone or boost >= NAME}
    compare = tuple(
        name
        for name, column in spec.by_name.items()
        if is_compared(column) and name not in alone and (name in found.compare or name in declared.identity_columns)
    )
    return replace(spec, declared=ClassAnnotation(searchable or boosts, compare, declared.identity))
