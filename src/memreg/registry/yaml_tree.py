"""YAML as a tree in which everything knows its line and column; no tags, no objects, bounded in size and depth."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memreg.core.errors import Mistake

BYTE_LIMIT = 1_000_000
DEPTH_LIMIT = 20
NODE_LIMIT = 200_000

Scalar = str | int | float | bool | None

_CORE = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({"str", "timestamp", "binary"})
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column, from 1; 0 where the data did not come from a file."""

    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar: `value` as YAML 1.2 reads it, `raw` as it was written."""

    value: Scalar
    raw: str
    place: Place


@dataclass(frozen=True, slots=True)
class Branch:
    """A sequence."""

    items: tuple[Tree, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Fork:
    """A mapping, in the order of the file; a key can be there twice."""

    entries: tuple[tuple[Leaf, Tree], ...]
    place: Place


Tree = Leaf | Branch | Fork


class Unreadable(Exception):
    """The text is not one YAML document: the one mistake that says so."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake.text)
        self.mistake = mistake


def load_tree(text: str | bytes) -> tuple[Tree, list[Mistake]]:
    """The tree of a YAML document, and the mistakes that left holes in it (null stands there instead).

    Raises Unreadable where there is no tree at all.
    """
    content = _decode(text)
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
    from ruamel.yaml.reader import ReaderError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)  # an anchor may be given anew: YAML 1.2, 7.1
            node = YAML(typ="safe", pure=True).compose(content)
    except MarkedYAMLError as error:
        raise Unreadable(_broken(error, content)) from error
    except ReaderError as error:
        line, column = _position(content, error.position)
        text = f"the character U+{ord(content[error.position]):04X} is not allowed in YAML: remove it"
        raise Unreadable(Mistake(text, line, column)) from error
    except RecursionError as error:
        raise Unreadable(Mistake(f"nested deeper than the {DEPTH_LIMIT} levels it may be")) from error
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        # ruamel's scanner leaks such errors on some malformed directives and escapes
        raise Unreadable(Mistake(f"broken YAML: {error}")) from error
    if node is None:
        raise Unreadable(Mistake("the file is empty", 1, 1))
    builder = _Builder()
    tree = builder.tree(node, 1)
    return tree, builder.mistakes


def tree_of(data: object) -> Tree:
    """The tree of plain Python data, without places."""
    if isinstance(data, Mapping):
        return Fork(tuple((Leaf(str(key), str(key), Place()), tree_of(each)) for key, each in data.items()), Place())
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return Branch(tuple(tree_of(each) for each in data), Place())
    if data is None or isinstance(data, str | int | float | bool):
        return Leaf(data, str(data), Place())
    return Leaf(str(data), str(data), Place())


def plain(tree: Tree) -> object:
    """The tree as plain Python data."""
    match tree:
        case Leaf():
            return tree.value
        case Branch():
            return [plain(item) for item in tree.items]
        case Fork():
            return {key.raw: plain(value) for key, value in tree.entries}


class _Builder:
    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.count = 0

    def tree(self, node: Any, depth: int) -> Tree:
        place = Place(node.start_mark.line + 1, node.start_mark.column + 1)
        self.count += 1
        if self.count > NODE_LIMIT:
            raise Unreadable(Mistake(f"more than {NODE_LIMIT:,} values, aliases counted", place.line, place.column))
        if depth > DEPTH_LIMIT:
            text = f"nested deeper than the {DEPTH_LIMIT} levels it may be"
            raise Unreadable(Mistake(text, place.line, place.column))
        tag = str(node.tag or "")
        kind = tag.removeprefix(_CORE) if tag.startswith(_CORE) else ""
        match node.id:
            case "mapping" if kind == "map":
                return Fork(tuple(self._entries(node, depth)), place)
            case "sequence" if kind == "seq":
                return Branch(tuple(self.tree(item, depth + 1) for item in node.value), place)
            case "scalar" if kind in _TEXT_TAGS or kind in ("int", "float", "bool", "null", "merge", "value"):
                return self._leaf(str(node.value), kind, place)
        self._wrong(
            place, f"the tag {tag.replace(_CORE, '!!')} is not allowed: remove it, or put quotes around the value"
        )
        return Leaf(None, "", place)

    def _entries(self, node: Any, depth: int) -> list[tuple[Leaf, Tree]]:
        entries: list[tuple[Leaf, Tree]] = []
        for key_node, value_node in node.value:
            key = self.tree(key_node, depth + 1)
            value = self.tree(value_node, depth + 1)
            if not isinstance(key, Leaf):
                self._wrong(key.place, "a key must be a plain word, not a list or a mapping")
            elif key.raw == "<<":
                self._wrong(key.place, "merge keys (<<) are not read: write the keys out")
            else:
                entries.append((key, value))
        return entries

    def _leaf(self, raw: str, kind: str, place: Place) -> Leaf:
        if _PAIR.search(raw):  # as JSON escapes characters beyond U+FFFF
            raw = _PAIR.sub(lambda pair: pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le"), raw)
        if _UNSTORABLE.search(raw):
            self._wrong(place, "NUL characters and lone surrogates cannot be stored: remove them")
            return Leaf(None, "", place)
        return Leaf(_scalar(raw, kind), raw, place)

    def _wrong(self, place: Place, text: str) -> None:
        self.mistakes.append(Mistake(text, place.line, place.column))


def _scalar(raw: str, kind: str) -> Scalar:
    """The value of a plain scalar; what does not convert stays text."""
    try:
        match kind:
            case "null":
                return None
            case "bool":
                return raw.lower() in ("true", "yes", "on")
            case "int" if len(raw) <= 100:
                digits = raw.replace("_", "")
                return int(digits, 0) if digits.lstrip("+-")[:2].lower() in ("0o", "0x", "0b") else int(digits)
            case "float":
                return float(raw.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return raw
    return raw


def _decode(text: str | bytes) -> str:
    size = len(text)
    if size > BYTE_LIMIT:
        limit = f"{BYTE_LIMIT // 1_000_000} MB"
        raise Unreadable(
            Mistake(f"{size:,} bytes, more than the {limit} a file may have: split it into several schemas")
        )
    if isinstance(text, bytes):
        try:
            content = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = text.count(b"\n", 0, error.start) + 1
            column = error.start - text.rfind(b"\n", 0, error.start)
            raise Unreadable(Mistake("not UTF-8 here: save the file as UTF-8", line, column)) from error
    else:
        content = text.removeprefix("\ufeff")
    if found := _UNSTORABLE.search(content):
        line, column = _position(content, found.start())
        what = "a NUL character" if found[0] == "\0" else "half of a surrogate pair"
        raise Unreadable(Mistake(f"{what} is not allowed: remove it", line, column))
    return content


def _position(content: str, index: int) -> tuple[int, int]:
    return content.count("\n", 0, index) + 1, index - content.rfind("\n", 0, index)


def _broken(error: object, content: str) -> Mistake:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = " ".join(str(getattr(error, "problem", None) or "").split())
    context = " ".join(str(getattr(error, "context", None) or "").split())
    text = f"broken YAML: {problem or context}" + (f" {context}" if problem and context else "")
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
    if "'\\t'" in problem:
        text += "; indent with spaces, not tabs"
    elif problem == "but found another document":
        text = "broken YAML: a second document begins here; write one schema a file"
    elif line and "list[" in (written := "".join(content.split("\n")[line - 1 : line])):
        text += '; inside braces put quotes around a list type, as "list[string]"'
    elif line and "ref[" in written:
        text += '; inside braces put quotes around a reference, as "ref[Company]"'
    return Mistake(text, line, column)
