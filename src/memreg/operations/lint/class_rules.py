"""Rules about classes and what identifies their objects."""

from __future__ import annotations

from collections.abc import Iterable

from memreg.annotator.overlap import overlaps
from memreg.operations.lint.finding import Found, Path, Sight, rule
from memreg.registry.models import ClassSpec, IdentityKey

MANY_REQUIRED = 3


@rule("warning")
def class_without_description(sight: Sight) -> Iterable[Found]:
    """A class without a description. The model that reads messages has only its name to tell what belongs to it."""
    for spec in sight.spec.classes:
        if not spec.description.strip():
            text = "has no description: say in one sentence what belongs to it, and what does not"
            yield spec.name, ("classes", spec.name), text, None


@rule("warning")
def classes_overlap(sight: Sight) -> Iterable[Found]:
    """Two classes that a message may as well be about: the same columns, equal identity keys, similar names. One object
    may end up in both."""
    for each in overlaps(sight.spec, sight.annotations):
        yield each.other, ("classes", each.other), each.sentence, None


@rule("note")
def class_without_key(sight: Sight) -> Iterable[Found]:
    """A declared annotation without an identity key. Its memories are only found by how alike they are, and a delete is
    always refused."""
    for spec in sight.spec.classes:
        if spec.declared is not None and not spec.declared.identity:
            text = "no identity key is declared: memories are found by score only, and never deleted by a message"
            yield spec.name, ("classes", spec.name, "annotation"), text, None


@rule("note")
def key_of_optional_columns(sight: Sight) -> Iterable[Found]:
    """Every identity key has a column that is not required. A memory may then have no complete key, and is found by how
    alike it is."""
    for spec in sight.spec.classes:
        identity = sight.annotations[spec.name].identity
        required = {column.name for column in spec.columns if column.required or column.default is not None}
        if identity and not any(set(key.columns) <= required for key in identity):
            lacking = [name for name in identity[0].columns if name not in required]
            text = (
                f"no identity key is made of required columns only ({', '.join(lacking)} may be missing): a memory"
                " without a complete key is found by score"
            )
            yield spec.name, _identity(spec), text, None


@rule("warning")
def key_holds_another(sight: Sight) -> Iterable[Found]:
    """A strong identity key that has all columns of another strong one. Whatever it finds, the smaller key has found
    already."""
    for spec in sight.spec.classes:
        strong = [key for key in sight.annotations[spec.name].identity if key.strength == "strong"]
        for key in strong:
            smaller = next((each for each in strong if set(each.columns) < set(key.columns)), None)
            if smaller is not None:
                text = f"the key {key.name} finds nothing that {smaller.name} alone does not: remove it"
                yield spec.name, (*_identity(spec), _index(spec, key)), text, None


@rule("warning")
def many_required_columns(sight: Sight) -> Iterable[Found]:
    """More than three required columns. A message seldom says that much, and one that does not creates nothing."""
    for spec in sight.spec.classes:
        required = [column.name for column in spec.columns if column.required and column.default is None]
        if len(required) > MANY_REQUIRED:
            text = (
                f"{len(required)} columns are required ({', '.join(required)}), and a message that lacks one creates"
                " nothing: require only what no memory makes sense without"
            )
            yield spec.name, ("classes", spec.name, "columns"), text, None


@rule("note")
def renamed_class_is_there(sight: Sight) -> Iterable[Found]:
    """A class whose `from:` names a class that is still in the file. It takes over the old memories, and the class of
    the old name begins without any."""
    for spec in sight.spec.classes:
        if spec.source is not None and spec.source in sight.spec.by_name:
            text = f"takes over the memories of {spec.source}, which is still a class here and begins without any"
            yield spec.name, ("classes", spec.name, "from"), text, None


@rule("note")
def from_is_done(sight: Sight) -> Iterable[Found]:
    """With --against: a `from:` that the older schema has as well. It was done there; the file may keep it, or drop
    it."""
    base = sight.base
    for spec in sight.spec.classes if base is not None else ():
        before = base.by_name.get(spec.name) if base is not None else None
        if before is None:
            continue
        if spec.source is not None and before.source == spec.source:
            yield spec.name, ("classes", spec.name, "from"), f"from: {spec.source} is done; it may be removed", None
        for column in spec.columns:
            same = before.by_name.get(column.name)
            if column.source is not None and same is not None and same.source == column.source:
                path = ("classes", spec.name, "columns", column.name, "from")
                yield f"{spec.name}.{column.name}", path, "its from: is done; it may be removed", None


def _identity(spec: ClassSpec) -> Path:
    return ("classes", spec.name, "annotation", "identity")


def _index(spec: ClassSpec, key: IdentityKey) -> int:
    identity = spec.declared.identity if spec.declared is not None else ()
    return identity.index(key) if key in identity else 0
