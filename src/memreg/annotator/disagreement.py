"""What the heuristic annotator would do otherwise: one line for each difference, for the person who approves. Pure."""

from __future__ import annotations

from memreg.annotator.heuristic import SOURCE, annotate_class
from memreg.registry.models import ClassAnnotation, IdentityKey, SchemaSpec

# Boosts are a matter of taste within one step: 3 and 2.5 are the same weight in the tsvector.
FAR_APART = 1.0


def disagreements(spec: SchemaSpec, class_name: str, annotation: ClassAnnotation) -> tuple[str, ...]:
    """What rules by name and type would do otherwise with a class; nothing where the rules made the annotation."""
    if annotation.source == SOURCE:
        return ()
    ours = annotate_class(spec.by_name[class_name], spec.classes)
    told = (*_keys(annotation, ours), *_searched(annotation, ours), *_compared(annotation, ours))
    return tuple(f"{class_name}: {line}" for line in told)


def _keys(annotation: ClassAnnotation, ours: ClassAnnotation) -> list[str]:
    theirs = {frozenset(key.columns): key for key in annotation.identity}
    mine = {frozenset(key.columns): key for key in ours.identity}
    told = []
    for columns, key in theirs.items():
        rule = mine.get(columns)
        if rule is None:
            told.append(f"{key.name} is a {key.strength} key here; the rules see none in it")
        elif rule.strength != key.strength:
            told.append(f"{key.name} is {key.strength} here; the rules would call it {_because(rule)}")
    for columns, rule in mine.items():
        if columns not in theirs:
            told.append(f"{rule.name} is no key here; the rules would make it {_because(rule)}")
    return told


def _because(key: IdentityKey) -> str:
    return f"{key.strength} (confidence {key.confidence:g}: {key.rationale})"


def _searched(annotation: ClassAnnotation, ours: ClassAnnotation) -> list[str]:
    told = []
    if extra := [name for name in annotation.searchable if name not in ours.searchable]:
        told.append(f"{_names(extra)} searched here; the rules would leave {_them(extra)} out")
    if lacking := [
        f"{name} ({boost:g})" for name, boost in ours.searchable.items() if name not in annotation.searchable
    ]:
        told.append(f"{_names(lacking)} not searched here; the rules would search {_them(lacking)}")
    apart = [
        f"{name} {boost:g} (here {annotation.searchable[name]:g})"
        for name, boost in ours.searchable.items()
        if name in annotation.searchable and abs(annotation.searchable[name] - boost) >= FAR_APART
    ]
    if apart:
        told.append(f"the rules would weigh {', '.join(apart)}")
    return told


def _compared(annotation: ClassAnnotation, ours: ClassAnnotation) -> list[str]:
    told = []
    if extra := [name for name in annotation.compare if name not in ours.compare]:
        told.append(f"{_names(extra)} compared here; the rules would leave {_them(extra)} out")
    if lacking := [name for name in ours.compare if name not in annotation.compare]:
        told.append(f"{_names(lacking)} not compared here; the rules would compare {_them(lacking)}")
    return told


def _names(names: list[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"


def _them(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"
