"""The extraction patterns of a class: sentences with `{column}` places, checked by the library that will read them."""

from __future__ import annotations

from collections.abc import Collection
from string import Formatter
from typing import cast

from memreg.registry.models import Operation, Pattern
from memreg.registry.reader import Reader, shown, suggest
from memreg.registry.yaml_tree import Fork, Tree

KEYS = ("text", "operation")
LENGTH_LIMIT = 500
PLACE_LIMIT = 8


def read_patterns(reader: Reader, where: str, tree: Tree, columns: Collection[str]) -> tuple[Pattern, ...]:
    """The patterns of a class with the given columns. Mistakes go to the reader."""
    found: list[Pattern] = []
    for item in reader.items(tree, where, 'write patterns: ["{name} lives in {city}"]'):
        pattern = _read(reader, where, item, columns)
        if pattern is None:
            continue
        if pattern in found:
            reader.wrong(item, where, f"{shown(pattern.text)} is there twice: keep one")
        else:
            found.append(pattern)
    return tuple(found)


def _read(reader: Reader, where: str, tree: Tree, columns: Collection[str]) -> Pattern | None:
    operation: str | None = "upsert"
    text_tree = tree
    if isinstance(tree, Fork):
        parts = reader.keys(tree, where, KEYS, required=("text",))
        if "operation" in parts:
            operation = reader.choice(parts["operation"], f"{where}.operation", ("upsert", "delete"))
        if "text" not in parts:
            return None
        text_tree = parts["text"]
    text = reader.text(text_tree, where)
    if text is None or operation is None:
        return None
    problems = pattern_problems(text, columns)
    for problem in problems:
        reader.wrong(text_tree, where, problem)
    return None if problems else Pattern(text, cast(Operation, operation))


def pattern_problems(text: str, columns: Collection[str]) -> list[str]:
    """Why a text is no pattern over the columns, and what to write instead; empty where it is one."""
    quoted = shown(text)
    if len(text) > LENGTH_LIMIT:
        return [f"{quoted} has more than {LENGTH_LIMIT} characters: shorten it"]
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        return [f"{quoted} has a brace too many or too few ({error}): write {{{{ for a brace that is meant"]
    fields = [(name, spec, conversion) for _, name, spec, conversion in parts if name is not None]
    problems = []
    for name, spec, conversion in fields:
        if spec or conversion:
            problems.append(f"{quoted}: write only {{{name}}}; the column's dtype says how it is read")
        elif name not in columns:
            close = suggest(name, columns)
            hint = f"{close} Places" if close else "; places"
            places = ", ".join(f"{{{column}}}" for column in columns)
            problems.append(f"{quoted}: {{{name}}} is no column{hint} can be {places}")
    names = [name for name, _, _ in fields]
    if len(set(names)) < len(names):
        problems.append(f"{quoted} has a place twice: keep one")
    if not fields:
        problems.append(f"{quoted} has no place for a value: write one, as {{{next(iter(columns), 'column')}}}")
    elif not any(literal.strip() for literal, _, _, _ in parts):
        problems.append(f"{quoted} has no words around its places, so every message would match: add some")
    elif any(not literal and name is not None for literal, name, _, _ in parts[1:]):
        problems.append(f"{quoted} has two places with nothing between them: put a word or a space there")
    if len(fields) > PLACE_LIMIT:
        problems.append(f"{quoted} has more than {PLACE_LIMIT} places: split it")
    return problems or _compile_problems(text, quoted)


def _compile_problems(text: str, quoted: str) -> list[str]:
    import parse  # type: ignore[import-untyped]

    try:
        parse.compile(text)
    except Exception as error:  # the library raises many kinds; each means that it cannot read the pattern
        return [f"{quoted} cannot be read as a pattern ({error})"]
    return []
