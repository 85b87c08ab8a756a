"""A schema as a tree for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from memreg.registry.models import ClassAnnotation, ClassSpec, Column, Kind, Merge, OnDelete, SchemaSpec


def tree(spec: SchemaSpec, title: str, annotations: Mapping[str, ClassAnnotation] | None = None) -> str:
    """Classes, under them columns with their type and rules, and what identifies an object; references point at their
    class."""
    lines = [title]
    for index, each in enumerate(spec.classes):
        annotation = (annotations or {}).get(each.name) or each.declared or ClassAnnotation()
        branch, trunk = ("└─ ", "   ") if index == len(spec.classes) - 1 else ("├─ ", "│  ")
        described = f"  {_one_line(each.description)}" if each.description else ""
        lines.append(f"{branch}{each.name}{described}")
        leaves = [*_columns(each), *_keys(annotation)]
        for position, leaf in enumerate(leaves):
            lines.append(f"{trunk}{'└─ ' if position == len(leaves) - 1 else '├─ '}{leaf}")
    return "\n".join(lines) + "\n"


def _columns(spec: ClassSpec) -> Iterator[str]:
    names = max(len(column.name) for column in spec.columns)
    types = max(len(_type(column)) for column in spec.columns)
    for column in spec.columns:
        rest = "; ".join(part for part in (_one_line(column.desc), ", ".join(_rules(column))) if part)
        yield f"{column.name:<{names}}  {_type(column):<{types}}  {rest}".rstrip()


def _type(column: Column) -> str:
    if column.dtype.kind is Kind.REF:
        return f"→ {column.dtype.target}{' (several)' if column.dtype.is_list else ''}"
    if column.dtype.kind is Kind.ENUM:
        values = " | ".join(column.values)
        shown = values if len(values) <= 40 else f"{len(column.values)} values"
        return f"list of {shown}" if column.dtype.is_list else shown
    return f"list of {column.dtype.kind}" if column.dtype.is_list else str(column.dtype.kind)


def _rules(column: Column) -> Iterator[str]:
    if column.required:
        yield "required"
    if column.default is not None:
        yield f"else {', '.join(map(str, column.default)) if isinstance(column.default, tuple) else column.default}"
    if column.pii:
        yield "pii"
    if column.normalize:
        yield "normalize " + " ".join(each.name for each in column.normalize)
    if column.merge is not (Merge.UNION if column.dtype.is_list else Merge.REPLACE):
        yield f"merge {column.merge}"
    if column.on_delete is not OnDelete.KEEP:
        yield f"on delete {column.on_delete}"


def _keys(annotation: ClassAnnotation) -> Iterator[str]:
    for key in annotation.identity:
        yield f"identity: {' + '.join(key.columns)} ({key.strength})"


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:79]}…"
