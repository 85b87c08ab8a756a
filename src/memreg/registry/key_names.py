"""Under which name memories hold each identity key of a version: a key of another meaning has a name of its own.

A digest says nothing about how its values were normalised. Where a version changes that, its keys and those of the
version before must not meet, since both are looked up while memories go from one to the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from memreg.registry.models import ClassAnnotation, IdentityKey, SchemaSpec

Meaning = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A version whose identity keys memories may hold: it is or was in force, or is about to be."""

    number: int
    spec: SchemaSpec
    annotations: Mapping[str, ClassAnnotation]


def named(version: Held, earlier: Sequence[Held]) -> dict[str, ClassAnnotation]:
    """The annotations of a version with `since` set in every key; `earlier`: those that were in force, newest first."""
    return {
        name: replace(
            annotation,
            identity=tuple(replace(key, since=_since(name, key, version, earlier)) for key in annotation.identity),
        )
        for name, annotation in version.annotations.items()
    }


def _since(class_name: str, key: IdentityKey, version: Held, earlier: Sequence[Held]) -> int:
    """The version that gave the key its meaning; 0 where no other one had a key of that name before it."""
    first, rest = version, list(earlier)
    meaning = _meaning(class_name, key.name, version)
    while rest and _meaning(class_name, key.name, rest[0]) == meaning and not _remade(class_name, key, first, rest[0]):
        first = rest.pop(0)
    is_taken = any(_meaning(class_name, key.name, each) is not None for each in rest)
    return first.number if is_taken else 0


def _meaning(class_name: str, key_name: str, version: Held) -> Meaning | None:
    """What the digests of a key are made of; None where the version has no such key."""
    spec, annotation = version.spec.by_name.get(class_name), version.annotations.get(class_name)
    if spec is None or annotation is None:
        return None
    key = next((each for each in annotation.identity if each.name == key_name), None)
    if key is None or any(column not in spec.by_name for column in key.columns):
        return None
    columns = [spec.by_name[column] for column in key.columns]
    return key.columns, key.strength, tuple((each.dtype, each.normalize, each.values) for each in columns)


def _remade(class_name: str, key: IdentityKey, newer: Held, older: Held) -> bool:
    """Whether a column of the key is made of something else than the column of that name in the older version."""
    now, then = newer.spec.by_name[class_name], older.spec.by_name[class_name]
    if now.source is not None and now.source != class_name and now.source in older.spec.by_name:
        return True
    return any(
        now.by_name[column].source is not None and now.by_name[column].source != then.by_name[column].source
        for column in key.columns
    )
