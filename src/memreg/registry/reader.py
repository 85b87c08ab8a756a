"""Reading a tree strictly: what is not as expected becomes a mistake with its place, and reading goes on."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import TypeVar

from memreg.core.errors import FileInvalid, Mistake
from memreg.registry.yaml_tree import Branch, Fork, Leaf, Tree, Unreadable, load_tree

MISTAKE_LIMIT = 100

E = TypeVar("E", bound=FileInvalid)


class Reader:
    """Collects the mistakes of one file."""

    def __init__(self, mistakes: Iterable[Mistake] = ()) -> None:
        self.mistakes = list(mistakes)
        self._holes = {(mistake.line, mistake.column) for mistake in self.mistakes}

    def wrong(self, tree: Tree, where: str, text: str) -> None:
        """Note a mistake at the tree's place; `where` names the part, as `Person.email`."""
        place = tree.place
        if (place.line, place.column) not in self._holes:
            self.mistakes.append(Mistake(f"{where}: {text}" if where else text, place.line, place.column))

    def ordered(self) -> tuple[Mistake, ...]:
        """The mistakes by place, each once, the first hundred."""
        found = sorted(dict.fromkeys(self.mistakes), key=lambda mistake: (mistake.line, mistake.column))
        if len(found) > MISTAKE_LIMIT:
            found = [*found[:MISTAKE_LIMIT], Mistake(f"and {len(found) - MISTAKE_LIMIT:,} more mistakes")]
        return tuple(found)

    def keys(self, tree: Tree, where: str, known: Collection[str], required: Collection[str] = ()) -> dict[str, Tree]:
        """The values of a mapping with fixed keys; unknown, repeated and missing ones are mistakes."""
        found: dict[str, Tree] = {}
        meant: set[str] = set()
        if not isinstance(tree, Fork):
            self.wrong(tree, where, f"must be a mapping with the keys {', '.join(known)}, not {a(tree)}")
            return found
        for key, value in tree.entries:
            if key.raw not in known:
                close = closest(key.raw, known)
                meant.update([close] if close else [])
                hint = f"; did you mean {close}? Known" if close else "; known"
                self.wrong(key, where, f"unknown key {shown(key.raw)}{hint} are {', '.join(known)}")
            elif key.raw in found:
                self.wrong(key, where, f"{key.raw} is written twice: keep one")
            else:
                found[key.raw] = value
        for name in required:
            if name not in found and name not in meant:
                self.wrong(tree, where, f"{name} is missing")
        return found

    def names(self, tree: Tree, where: str, noun: str) -> list[tuple[Leaf, Tree]]:
        """The entries of a mapping whose keys are names of one's own choice, each once under normalisation."""
        if not isinstance(tree, Fork):
            self.wrong(tree, where, f"must be a mapping of {noun} names, not {a(tree)}")
            return []
        plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
        first: dict[str, Leaf] = {}
        kept: list[tuple[Leaf, Tree]] = []
        for key, value in tree.entries:
            same = first.setdefault(unicodedata.normalize("NFKC", key.raw).casefold(), key)
            if same is key:
                kept.append((key, value))
            elif same.raw == key.raw:
                self.wrong(key, where, f"the {noun} {shown(key.raw)} is there twice{_line(same)}: keep one")
            else:
                text = (
                    f"the {plural} {shown(same.raw)} and {shown(key.raw)} are one name when case is ignored: rename one"
                )
                self.wrong(key, where, text)
        return kept

    def items(self, tree: Tree, where: str, advice: str) -> tuple[Tree, ...]:
        """The items of a list."""
        if isinstance(tree, Branch):
            return tree.items
        self.wrong(tree, where, f"must be a list, not {a(tree)}: {advice}")
        return ()

    def text(self, tree: Tree, where: str) -> str | None:
        """A string."""
        if isinstance(tree, Leaf) and isinstance(tree.value, str):
            return tree.value
        advice = f": put quotes around {shown(tree.raw)}" if isinstance(tree, Leaf) and tree.value is not None else ""
        self.wrong(tree, where, f"must be text, not {a(tree)}{advice}")
        return None

    def flag(self, tree: Tree, where: str) -> bool | None:
        """true or false."""
        if isinstance(tree, Leaf) and isinstance(tree.value, bool):
            return tree.value
        self.wrong(tree, where, f"must be true or false, not {a(tree)}")
        return None

    def number(self, tree: Tree, where: str, meaning: str) -> float | None:
        """A finite number; `meaning` says which, as "a number above 0 and at most 10"."""
        if isinstance(tree, Leaf) and isinstance(tree.value, int | float) and not isinstance(tree.value, bool):
            try:
                number = float(tree.value)
            except OverflowError:
                number = math.inf
            if math.isfinite(number):
                return number
        self.wrong(tree, where, f"must be {meaning}, not {a(tree)}")
        return None

    def choice(self, tree: Tree, where: str, options: Collection[str]) -> str | None:
        """One of a few words."""
        if isinstance(tree, Leaf) and isinstance(tree.value, str) and tree.value in options:
            return tree.value
        hint = suggest(tree.raw, options) if isinstance(tree, Leaf) else ""
        self.wrong(tree, where, f"must be one of {', '.join(options)}, not {a(tree)}{hint}")
        return None


def read_file(text: str | bytes, source: str, error: type[E]) -> tuple[Reader, Tree]:
    """A reader and the tree of a file. Raises `error` with the one mistake of a file that is no YAML at all."""
    try:
        tree, mistakes = load_tree(text)
    except Unreadable as unreadable:
        raise error(source, (unreadable.mistake,)) from unreadable
    return Reader(mistakes), tree


def closest(word: str, options: Iterable[str]) -> str | None:
    """The option that the word is close to, if there is one."""
    by_lower = {option.lower(): option for option in options}
    close = get_close_matches(word.lower()[:100], list(by_lower), n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def suggest(word: str, options: Iterable[str]) -> str:
    """`; did you mean …?` for the option that the word is close to, else nothing."""
    close = closest(word, options)
    return f"; did you mean {close}?" if close else ""


def shown(word: str) -> str:
    """A word in quotes, shortened."""
    return repr(word if len(word) <= 60 else word[:59] + "…")


def a(tree: Tree) -> str:
    """What the tree is, in a sentence."""
    match tree:
        case Fork():
            return "a mapping"
        case Branch():
            return "a list"
        case Leaf(value=None):
            return "nothing"
        case Leaf():
            return shown(tree.raw)


def _line(leaf: Leaf) -> str:
    return f" (first in line {leaf.place.line})" if leaf.place.line else ""
