"""What the classes of a schema file say of one another: aliases that are theirs alone, and references that lead
somewhere and never in a circle that nothing could begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memreg.registry.models import ClassSpec, Column, Kind
from memreg.registry.names import NAME, class_name_problem
from memreg.registry.reader import Reader, shown, suggest
from memreg.registry.yaml_tree import Fork, Leaf, Tree

ALIAS_LIMIT = 20


@dataclass(frozen=True, slots=True)
class ClassTree:
    """A class of a file: its name and its mapping as they stand there, and what was read."""

    key: Leaf
    tree: Tree
    spec: ClassSpec


def read_former_class(reader: Reader, where: str, tree: Tree) -> str | None:
    """The `from:` of a class: its name until now."""
    name = reader.text(tree, where)
    if name is not None and not NAME.fullmatch(name):
        reader.wrong(tree, where, class_name_problem(name) or f"{shown(name)} is no name of a class")
        return None
    return name


def read_aliases(reader: Reader, where: str, tree: Tree) -> tuple[str, ...]:
    """The `aliases:` of a class: other names under which proposals may arrive."""
    found: list[str] = []
    for item in reader.items(tree, where, "write aliases: [Human, Individual]"):
        name = reader.text(item, where)
        if name is None:
            continue
        if not NAME.fullmatch(name):
            reader.wrong(item, where, f"{shown(name)} must be a letter, then at most 62 letters, digits and _")
        elif name in found:
            reader.wrong(item, where, f"{shown(name)} is there twice: keep one")
        else:
            found.append(name)
    if len(found) > ALIAS_LIMIT:
        reader.wrong(tree, where, f"are {len(found)}, more than the {ALIAS_LIMIT} they may be")
    return tuple(found)


def check_relations(reader: Reader, classes: Sequence[ClassTree], names: Sequence[str]) -> None:
    """Every mistake in how the classes speak of one another goes to the reader; `names`: of all classes of the file,
    also of those that could not be read."""
    _check_aliases(reader, classes)
    _check_former(reader, classes)
    is_whole = True
    for each in classes:
        for column in each.spec.columns:
            target = column.dtype.target
            if target is None or target in names:
                continue
            is_whole = False
            place = _dtype_of(each.tree, column.name)
            other = next((name for name in names if name.lower() == target.lower()), None)
            hint = f"; did you mean {other}?" if other else suggest(target, names)
            text = f"there is no class {shown(target)} to refer to{hint or ': the classes are ' + ', '.join(names)}"
            reader.wrong(place or each.key, f"{each.key.raw}.{column.name}", text)
    if is_whole:
        _check_circles(reader, classes)


def circles(classes: Mapping[str, ClassSpec]) -> list[tuple[tuple[str, Column], ...]]:
    """The circles of required references, each once, as the classes and columns on it: no memory in one could ever be
    the first."""
    found: list[tuple[tuple[str, Column], ...]] = []
    done: set[str] = set()
    for start in classes:
        path: list[tuple[str, Column]] = []
        stack = [(start, iter(_required(classes[start])))] if start not in done else []
        while stack:
            name, columns = stack[-1]
            column = next(columns, None)
            if column is None:
                done.add(name)
                stack.pop()
                if path:
                    path.pop()
                continue
            target = column.dtype.target or ""
            on_path = [each for each, _ in stack]
            if target in on_path:
                found.append((*path[on_path.index(target) :], (name, column)))
            elif target in classes and target not in done:
                path.append((name, column))
                stack.append((target, iter(_required(classes[target]))))
    return found


def _required(spec: ClassSpec) -> list[Column]:
    return [column for column in spec.columns if column.required and column.dtype.kind is Kind.REF]


def _check_circles(reader: Reader, classes: Sequence[ClassTree]) -> None:
    by_name = {each.key.raw: each for each in classes}
    for circle in circles({name: each.spec for name, each in by_name.items()}):
        path = " → ".join([*(f"{name}.{column.name}" for name, column in circle), circle[0][0]])
        name, column = circle[-1]
        text = f"required references go in a circle, so that none could be the first: {path}; make one of them optional"
        reader.wrong(_dtype_of(by_name[name].tree, column.name) or by_name[name].key, f"{name}.{column.name}", text)


def _check_aliases(reader: Reader, classes: Sequence[ClassTree]) -> None:
    taken = {each.key.raw.casefold(): each.key.raw for each in classes}
    for each in classes:
        place = _entry(each.tree, "aliases") or each.key
        for alias in each.spec.aliases:
            other = taken.get(alias.casefold())
            where = f"{each.key.raw}.aliases"
            if alias.casefold() == each.key.raw.casefold():
                reader.wrong(place, where, f"{shown(alias)} is the class's own name: remove it")
            elif other is not None:
                reader.wrong(place, where, f"{shown(alias)} means {other} already: keep one of them")
            else:
                taken[alias.casefold()] = each.key.raw


def _check_former(reader: Reader, classes: Sequence[ClassTree]) -> None:
    taken: dict[str, str] = {}
    for each in classes:
        former = each.spec.source
        if former is None:
            continue
        place = _entry(each.tree, "from") or each.key
        where = f"{each.key.raw}.from"
        if former == each.key.raw:
            reader.wrong(place, where, "a class comes from its own name anyway: remove from")
        elif former in taken:
            text = f"{taken[former]} takes over the memories of {former} already: a class goes to one class"
            reader.wrong(place, where, text)
        taken.setdefault(former, each.key.raw)


def _dtype_of(tree: Tree, column: str) -> Tree | None:
    columns = _entry(tree, "columns")
    found = None if columns is None else _entry(columns, column)
    return None if found is None else _entry(found, "dtype") or found


def _entry(tree: Tree, key: str) -> Tree | None:
    if not isinstance(tree, Fork):
        return None
    return next((value for each, value in tree.entries if each.raw == key), None)
