"""Schemas made by chance, changes of them as people make them (with and without `from:`), and memories of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from memreg.registry.casts import CASTS
from memreg.registry.models import (
    REFUSE,
    ClassAnnotation,
    ClassSpec,
    Column,
    Dtype,
    IdentityKey,
    Kind,
    Merge,
    Normalizer,
    OnDelete,
    SchemaSpec,
    Source,
)
from memreg.registry.normalize import normalize
from memreg.registry.sources import check_sources

NAMES = ("name", "code", "city", "state", "age", "weight", "seen", "tags", "mail", "note", "paid", "grade")
CLASSES = ("Person", "Company", "Tool", "Place")
VALUES = ("new", "open", "done", "lost", "late", "void")
KINDS = tuple(kind for kind in Kind if kind is not Kind.REF)
SAMPLES: dict[Kind, tuple[Any, ...]] = {
    Kind.STRING: ("Ana Lopez", "ana@lopez.io", "Oslo", "12", "a-b", "yes"),
    Kind.TEXT: ("A longer text, with a comma", "7 apples", "2026-01-31"),
    Kind.INTEGER: (0, 1, -5, 42, 2**30),
    Kind.NUMBER: (0.5, 2.0, -1.25, 1e9),
    Kind.BOOLEAN: (True, False),
    Kind.DATE: ("2026-01-31", "1999-12-01"),
    Kind.DATETIME: ("2026-01-31T10:00:00", "2026-01-31T00:00:00+00:00"),
}
STEPS = (
    (),
    (Normalizer("trim"), Normalizer("collapse")),
    (Normalizer("casefold"),),
    (Normalizer("email"),),
    (Normalizer("digits"),),
)


def schema(chance: random.Random) -> SchemaSpec:
    """A right schema of one to three classes."""
    names = chance.sample(CLASSES, chance.randint(1, 3))
    classes = []
    for name in names:
        columns = tuple(column(chance, each, names) for each in chance.sample(NAMES, chance.randint(1, 6)))
        classes.append(annotated(chance, ClassSpec(name, columns)))
    return SchemaSpec("changing", tuple(classes))


def column(chance: random.Random, name: str, classes: list[str]) -> Column:
    """A right column of any type."""
    kind = chance.choice((*KINDS, Kind.STRING, Kind.ENUM, Kind.REF))
    is_list = chance.random() < 0.2
    dtype = Dtype(kind, is_list, chance.choice(classes) if kind is Kind.REF else None)
    return Column(
        name,
        dtype,
        values=tuple(chance.sample(VALUES, chance.randint(1, 4))) if kind is Kind.ENUM else (),
        required=chance.random() < 0.3,
        pii=chance.random() < 0.2,
        normalize=chance.choice(STEPS) if kind is Kind.STRING else (),
        merge=Merge.UNION if is_list else Merge.REPLACE,
    )


def annotated(chance: random.Random, spec: ClassSpec) -> ClassSpec:
    """The class with an annotation that it declares, or none."""
    texts = [each.name for each in spec.columns if each.dtype.kind in (Kind.STRING, Kind.ENUM)]
    if not texts or chance.random() < 0.4:
        return replace(spec, declared=None)
    keys = tuple(
        IdentityKey((name,), chance.choice(("strong", "shared"))) for name in chance.sample(texts, min(len(texts), 2))
    )
    return replace(
        spec,
        declared=ClassAnnotation(
            {name: float(chance.randint(1, 3)) for name in texts}, (), keys[: chance.randint(0, 2)]
        ),
    )


def changed(chance: random.Random, spec: SchemaSpec) -> SchemaSpec:
    """The schema after one to four changes, most of them of columns."""
    new = spec
    for _ in range(chance.randint(1, 4)):
        further = chance.choice(_CHANGES)(chance, new)
        if not check_sources(further, spec):  # what registering would refuse is no version
            new = further
    return new


def payload(chance: random.Random, spec: ClassSpec) -> dict[str, Any]:
    """A memory of the class as it is stored: every required column, and some of the others."""
    made: dict[str, Any] = {}
    for each in spec.columns:
        if each.dtype.kind is Kind.REF or not (each.required or chance.random() < 0.6):
            continue
        if each.normalize and each.normalize[0].name in ("email", "digits"):
            value: Any = "ana@lopez.io" if each.normalize[0].name == "email" else f"no. {chance.randint(1, 99)}"
        else:
            value = chance.choice(each.values or SAMPLES.get(each.dtype.kind, ()))
        made[each.name] = normalize(each, [value, value] if each.dtype.is_list else value).value
        if each.dtype.is_list and each.dtype.kind in (Kind.STRING, Kind.INTEGER) and not each.normalize:
            made[each.name] = normalize(each, list(SAMPLES[each.dtype.kind][:3])).value
    return made


Change = Callable[[random.Random, SchemaSpec], SchemaSpec]


def _with_column(change: Callable[[random.Random, Column], Column | None]) -> Change:
    def apply(chance: random.Random, spec: SchemaSpec) -> SchemaSpec:
        each = chance.choice(spec.classes)
        old = chance.choice(each.columns)
        new = change(chance, old)
        if new is None or (new.name != old.name and new.name in each.by_name):
            return spec
        columns = tuple(new if column.name == old.name else column for column in each.columns)
        return _replaced(spec, each, replace(each, columns=columns, declared=_renamed(each.declared, old.name, new)))

    return apply


def _add(chance: random.Random, spec: SchemaSpec) -> SchemaSpec:
    each = chance.choice(spec.classes)
    left = [name for name in NAMES if name not in each.by_name]
    if not left:
        return spec
    new = column(chance, chance.choice(left), list(spec.by_name))
    if new.dtype.kind is Kind.INTEGER and not new.dtype.is_list and chance.random() < 0.5:
        new = replace(new, default=7)
    return _replaced(spec, each, replace(each, columns=(*each.columns, new)))


def _remove(chance: random.Random, spec: SchemaSpec) -> SchemaSpec:
    each = chance.choice(spec.classes)
    if len(each.columns) < 2:
        return spec
    gone = chance.choice(each.columns)
    columns = tuple(column for column in each.columns if column.name != gone.name)
    return _replaced(spec, each, replace(each, columns=columns, declared=_without(each.declared, gone.name)))


def _rename(chance: random.Random, old: Column) -> Column:
    declared = Source((old.name,)) if chance.random() < 0.7 else None
    return replace(old, name=f"{old.name[:40]}_{chance.randint(2, 9)}", source=declared)


def _retype(chance: random.Random, old: Column) -> Column | None:
    new = column(chance, old.name, [""])
    return new if new.dtype.kind is not Kind.REF else None


def _cast(chance: random.Random, old: Column) -> Column | None:
    fitting = [cast for cast in CASTS.values() if old.dtype.kind in cast.takes]
    if old.dtype.kind is Kind.REF or not fitting:
        return None
    cast = chance.choice(fitting)
    kind = chance.choice((cast.gives or old.dtype.kind, Kind.TEXT))
    dtype = Dtype(kind, old.dtype.is_list and not cast.of_list)
    otherwise = chance.choice((REFUSE, REFUSE, None))
    merge = Merge.UNION if dtype.is_list else Merge.REPLACE
    values = old.values if kind is Kind.ENUM else ()
    source = Source((old.name,), cast=cast.name, otherwise=otherwise)
    return replace(old, dtype=dtype, source=source, normalize=(), values=values, merge=merge, default=None)


def _split(chance: random.Random, old: Column) -> Column | None:
    if old.dtype.kind is not Kind.STRING or old.dtype.is_list:
        return None
    source = Source((old.name,), split=" ", part=chance.choice((1, 2, -1)))
    return replace(old, name=f"{old.name[:40]}_part", source=source, normalize=(), values=())


def _join(_: random.Random, old: Column) -> Column | None:
    if old.dtype.kind is not Kind.STRING or not old.dtype.is_list:
        return None
    source = Source((old.name,), join=", ")
    return replace(old, dtype=Dtype(Kind.TEXT), source=source, normalize=(), merge=Merge.REPLACE)


def _map(chance: random.Random, old: Column) -> Column | None:
    if old.dtype.kind is not Kind.ENUM or len(old.values) < 2:
        return None
    gone, kept = old.values[0], old.values[1:]
    source = Source((old.name,), map=((gone, kept[0]),)) if chance.random() < 0.6 else None
    return replace(old, values=kept, source=source)


def _flag(chance: random.Random, old: Column) -> Column:
    flag = chance.choice(("required", "pii", "merge", "values", "normalize"))
    if flag == "required":
        return replace(old, required=not old.required)
    if flag == "pii":
        return replace(old, pii=not old.pii)
    if flag == "merge":
        return replace(old, merge=Merge.KEEP)
    if flag == "values" and old.dtype.kind is Kind.ENUM:
        return replace(old, values=(*old.values, "brand-new") if "brand-new" not in old.values else old.values)
    return replace(old, normalize=chance.choice(STEPS)) if old.dtype.kind is Kind.STRING else old


def _default(chance: random.Random, old: Column) -> Column | None:
    if old.dtype.is_list or old.dtype.kind not in (Kind.INTEGER, Kind.ENUM):
        return None
    return replace(old, default=chance.choice((None, *(old.values or (7, 8)))))


def _retarget(chance: random.Random, spec: SchemaSpec) -> SchemaSpec:
    each = chance.choice(spec.classes)
    old = next((column for column in each.columns if column.dtype.kind is Kind.REF), None)
    if old is None:
        return spec
    dtype = replace(old.dtype, target=chance.choice(spec.classes).name)
    new = replace(old, dtype=dtype, on_delete=chance.choice(tuple(OnDelete)))
    columns = tuple(new if column is old else column for column in each.columns)
    return _replaced(spec, each, replace(each, columns=columns))


def _aliased(chance: random.Random, spec: SchemaSpec) -> SchemaSpec:
    each = chance.choice(spec.classes)
    return _replaced(spec, each, replace(each, aliases=() if each.aliases else (f"Other{each.name[:40]}",)))


def _reordered(chance: random.Random, spec: SchemaSpec) -> SchemaSpec:
    each = chance.choice(spec.classes)
    if each.declared is None:
        return spec
    declared = replace(each.declared, identity=tuple(reversed(each.declared.identity)))
    return _replaced(spec, each, replace(each, declared=declared))


def _class_added(chance: random.Random, spec: SchemaSpec) -> SchemaSpec:
    other = schema(chance).classes[0]
    if other.name in spec.by_name or any(each.dtype.kind is Kind.REF for each in other.columns):
        return spec
    return replace(spec, classes=(*spec.classes, other))


def _class_removed(chance: random.Random, spec: SchemaSpec) -> SchemaSpec:
    gone = chance.choice(spec.classes)
    left = tuple(each for each in spec.classes if each.name != gone.name)
    return replace(spec, classes=left) if left and not _refers(left, gone.name) else spec


def _class_renamed(chance: random.Random, spec: SchemaSpec) -> SchemaSpec:
    each = chance.choice(spec.classes)
    name = f"{each.name[:40]}{chance.randint(2, 9)}"
    if name in spec.by_name or _refers(spec.classes, each.name):
        return spec
    return _replaced(spec, each, replace(each, name=name, source=each.name if chance.random() < 0.7 else None))


def _annotation(chance: random.Random, spec: SchemaSpec) -> SchemaSpec:
    each = chance.choice(spec.classes)
    return _replaced(spec, each, annotated(chance, each))


_CHANGES: tuple[Change, ...] = (
    _add,
    _add,
    _remove,
    _with_column(_rename),
    _with_column(_rename),
    _with_column(_retype),
    _with_column(_cast),
    _with_column(_cast),
    _with_column(_split),
    _with_column(_join),
    _with_column(_map),
    _with_column(_flag),
    _with_column(_flag),
    _with_column(_default),
    _retarget,
    _aliased,
    _reordered,
    _class_added,
    _class_removed,
    _class_renamed,
    _annotation,
)


def _replaced(spec: SchemaSpec, old: ClassSpec, new: ClassSpec) -> SchemaSpec:
    return replace(spec, classes=tuple(new if each.name == old.name else each for each in spec.classes))


def _refers(classes: tuple[ClassSpec, ...], name: str) -> bool:
    return any(column.dtype.target == name for each in classes for column in each.columns)


def _renamed(declared: ClassAnnotation | None, old: str, new: Column) -> ClassAnnotation | None:
    if declared is None:
        return None
    if new.dtype.is_list or new.dtype.kind not in (Kind.STRING, Kind.ENUM):
        return _without(declared, old)
    return ClassAnnotation(
        {new.name if name == old else name: boost for name, boost in declared.searchable.items()},
        (),
        tuple(
            replace(key, columns=tuple(new.name if name == old else name for name in key.columns))
            for key in declared.identity
        ),
    )


def _without(declared: ClassAnnotation | None, gone: str) -> ClassAnnotation | None:
    if declared is None:
        return None
    return ClassAnnotation(
        {name: boost for name, boost in declared.searchable.items() if name != gone},
        (),
        tuple(key for key in declared.identity if gone not in key.columns),
    )
