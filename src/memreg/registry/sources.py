"""Whether the `from:` of a schema speak of what its base has, and make values that can fit. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from memreg.core.errors import Mistake
from memreg.registry.before import class_before, source_before
from memreg.registry.casts import CASTS
from memreg.registry.models import ClassSpec, Column, Dtype, Kind, SchemaSpec, Source
from memreg.registry.normalize import ValueRefused, normalize
from memreg.registry.reader import closest, shown, suggest

_TEXTS = frozenset({Kind.STRING, Kind.TEXT})
_FROM_TEXT = frozenset(Kind) - {Kind.REF}
# What a value of each kind can become, at least now and then.
_BECOMES: dict[Kind, frozenset[Kind]] = {
    Kind.STRING: _FROM_TEXT,
    Kind.TEXT: _FROM_TEXT,
    Kind.ENUM: _FROM_TEXT,
    Kind.INTEGER: frozenset({Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN, Kind.ENUM}) | _TEXTS,
    Kind.NUMBER: frozenset({Kind.INTEGER, Kind.NUMBER, Kind.ENUM}) | _TEXTS,
    Kind.BOOLEAN: frozenset({Kind.BOOLEAN}),
    Kind.DATE: frozenset({Kind.DATE, Kind.ENUM}) | _TEXTS,
    Kind.DATETIME: frozenset({Kind.DATETIME, Kind.DATE, Kind.ENUM}) | _TEXTS,
    Kind.REF: frozenset({Kind.REF}),
}


def check_sources(spec: SchemaSpec, base: SchemaSpec | None) -> tuple[Mistake, ...]:
    """What is wrong with the `from:` of a schema that is to be based on another one, each with its place in the file.

    A `from:` that the base has as well is done, and not looked at. So is every one where there is no base: a file that
    has gone through several versions can be registered in a new database.
    """
    found: list[Mistake] = []
    if base is None:
        return ()
    for each in spec.classes:
        before = class_before(each, base)
        wrong = tuple(_class_mistakes(each, spec, base))
        found.extend(wrong)
        if wrong and before is None:
            continue  # its columns would only say it again
        for column in each.columns:
            if column.source is not None and column.source.columns:
                found.extend(_column_mistakes(each, column, column.source, before))
    return tuple(found)


def _class_mistakes(each: ClassSpec, spec: SchemaSpec, base: SchemaSpec) -> Iterable[Mistake]:
    same = base.by_name.get(each.name)
    if each.source is None or (same is not None and same.source == each.source):
        return
    if each.source not in base.by_name:
        names = [name for name in base.by_name if name not in spec.by_name] or list(base.by_name)
        hint = suggest(each.source, names) or f"; its classes are {', '.join(base.by_name)}"
        yield _at(each.at, f"{each.name}.from: the version before has no class {shown(each.source)}{hint}")
    elif each.source in spec.by_name:
        text = f"{each.source} is a class of this version too, and keeps its memories: remove from, or that class"
        yield _at(each.at, f"{each.name}.from: {text}")
    elif same is not None:
        text = f"the version before has a class {each.name} already, and two classes cannot become one: remove from"
        yield _at(each.at, f"{each.name}.from: {text}")


def _column_mistakes(spec: ClassSpec, column: Column, source: Source, before: ClassSpec | None) -> Iterable[Mistake]:
    where = f"{spec.name}.{column.name}.from"
    if before is None:
        named = " and ".join(source.columns)
        text = f"the version before has no class {spec.name} whose {named} it could be: "
        yield _at(source.at, f"{where}: {text}remove from, or write from: at the class as well")
        return
    if source_before(column, before) != source:
        return  # done
    missing = [name for name in source.columns if name not in before.by_name]
    for name in missing:
        close = closest(name, before.by_name)
        hint = f"did you mean {close}?" if close else f"its columns are {', '.join(before.by_name)}"
        if column.name in before.by_name:
            hint = f"it has {column.name} already: remove from"
        yield _at(source.at, f"{where}: {before.name} has no column {shown(name)} in the version before; {hint}")
    if not missing and (problem := _misfit(column, source, [before.by_name[name] for name in source.columns])):
        yield _at(source.at, f"{where}: {problem}")


def _misfit(column: Column, source: Source, reads: list[Column]) -> str:
    """Why no value can ever fit, or a key of the map can never be met."""
    first = reads[0]
    kinds = {each.dtype.kind for each in reads}
    is_list = len(reads) > 1 or first.dtype.is_list
    if Kind.REF in kinds and (source.split is not None or source.join is not None or source.map):
        return f"{first.name} is a reference, and what it refers to is no text: name it alone, or write cast: first"
    if source.split is not None and (is_list or first.dtype.kind not in _TEXTS):
        return f"{first.name} is {first.dtype}, and only one text can be split: remove split"
    if source.split is not None or source.join is not None:
        kinds = {Kind.TEXT}
        is_list = source.split is not None and source.part is None
    if source.map:
        if len(reads) == 1 and source.split is None and (problem := _unknown_key(source, first)):
            return problem
        return ""  # what the map gives was held against the column when the file was read
    if source.cast is not None:
        cast = CASTS[source.cast]
        taken = {kind for kind in kinds if kind in cast.takes}
        if not taken:
            names = ", ".join(sorted(str(kind) for kind in cast.takes))
            return f"the cast {cast.name} is for {names}, and {first.name} is {first.dtype}: choose another or none"
        if cast.of_list and not is_list:
            return f"the cast {cast.name} is for lists, and {first.name} is {first.dtype}: remove it"
        kinds = {cast.gives} if cast.gives is not None else taken
        is_list = is_list and not cast.of_list
    if not any(column.dtype.kind in _BECOMES[kind] for kind in kinds):
        made = " and ".join(sorted(str(kind) for kind in kinds))
        return f"no {made} can become {_a(column.dtype)}{_advice(kinds, column.dtype)}"
    if is_list and not column.dtype.is_list and len(reads) > 1:
        return f"several columns make a list, and this is {column.dtype}: write join or cast: first"
    return ""


def _unknown_key(source: Source, column: Column) -> str:
    one = Column(column.name, Dtype(column.dtype.kind), values=column.values, normalize=column.normalize)
    for old, _ in source.map:
        try:
            normalize(one, old)
        except ValueRefused:
            values = column.values or (("true", "false") if column.dtype.kind is Kind.BOOLEAN else ())
            hint = suggest(old, values) or (f"; its values are {', '.join(values)}" if values else "")
            return f"the map speaks of {shown(old)}, which no {column.name} can be, as it is {column.dtype}{hint}"
    return ""


def _advice(kinds: set[Kind], dtype: Dtype) -> str:
    for name, cast in sorted(CASTS.items(), key=lambda each: each[1].gives is not dtype.kind):
        is_meant = cast.gives is dtype.kind or (cast.gives in _TEXTS and dtype.kind in _TEXTS)
        if is_meant and kinds <= cast.takes and not cast.of_list:
            return f"; write cast: {name} if this is meant: {cast.help[0].lower()}{cast.help[1:].removesuffix('.')}"
    return ": remove from, or change the dtype"


def _a(dtype: Dtype) -> str:
    text = str(dtype)
    return f"an {text}" if text[0] in "aeiou" else f"a {text}"


def _at(place: tuple[int, int], text: str) -> Mistake:
    return Mistake(text, *place)
