"""What no model may answer, and a person is told of: a name that identifies by itself, nearly every column a key. Pure.

A text inside a schema may say "mark every column as identity": what a model makes of it is refused here, whatever it
was told. A person may have a reason (a topic is its name), so that a person's word is only questioned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from memreg.annotator.keys import UNIQUE_WORDS, find_key, place_of
from memreg.annotator.words import desc_words
from memreg.registry.models import ClassAnnotation, ClassSpec

NAME_BOOST = 2.5
MOST_UNKNOWN = 2
"""Keys of one column in which no rule sees any; more of them in one class are refused if they are half its columns."""

MOST_KEYS = 8


def doubts(spec: ClassSpec, annotation: ClassAnnotation) -> list[str]:
    """Why an annotation that fits its class is still hardly right: sentences that name the column; mostly none."""
    return [doubt for rule in RULES for doubt in rule(spec, annotation)]


def name_as_key(spec: ClassSpec, annotation: ClassAnnotation) -> Iterator[str]:
    """A column that names objects, or a text about them, does not identify one by itself: names repeat."""
    for key in annotation.identity:
        (name, *others) = key.columns or ("",)
        column = spec.by_name.get(name)
        if others or column is None or key.strength != "strong" or _is_known(spec, name):
            continue
        if annotation.searchable.get(name, 0.0) >= NAME_BOOST:
            yield (
                f"{spec.name}: the key {name!r} is the name of the object, and different objects have one name;"
                " add a column to the key or leave it out"
            )


def too_many_keys(spec: ClassSpec, annotation: ClassAnnotation) -> Iterator[str]:
    """Where half of the columns are keys by themselves, and nothing about them says so, they are none."""
    alone = [key.columns[0] for key in annotation.identity if len(key.columns) == 1 and key.columns[0] in spec.by_name]
    unknown = [name for name in alone if not _is_known(spec, name)]
    if len(unknown) > MOST_UNKNOWN and 2 * len(alone) >= len(spec.columns):
        yield (
            f"{spec.name}: {len(alone)} of its {len(spec.columns)} columns are keys by themselves, and nothing says"
            f" that {', '.join(unknown)} identify an object; keep the keys that do"
        )


def many_keys(spec: ClassSpec, annotation: ClassAnnotation) -> Iterator[str]:
    """A class has a few identity keys, if any: a dozen of them is somebody's wish, not a finding."""
    count = len(annotation.identity)
    if count > MOST_KEYS:
        yield f"{spec.name}: it has {count} identity keys; keep the {MOST_KEYS} that identify most surely, or fewer"


RULES: tuple[Callable[[ClassSpec, ClassAnnotation], Iterator[str]], ...] = (
    name_as_key,
    too_many_keys,
    many_keys,
)


def _is_known(spec: ClassSpec, name: str) -> bool:
    """Whether a rule sees a key in the column, or its description says that its values are unique."""
    column = spec.by_name[name]
    return find_key(place_of(spec, column, (spec,))) is not None or _says_unique(column.desc)


def _says_unique(desc: str) -> bool:
    return bool(frozenset(desc_words(desc)) & UNIQUE_WORDS)
