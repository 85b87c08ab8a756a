"""JSON Schema (draft 2020-12, and what older drafts share with it) to a schema: objects are classes, nested ones are
referred to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memreg.core.errors import ImportInvalid, Mistake
from memreg.registry.exchange.draft import Draft, DraftClass, DraftColumn, DraftRef, Imported
from memreg.registry.exchange.json_tree import Node, NoSuchPlace, load_node
from memreg.registry.exchange.renaming import allowed_class_name
from memreg.registry.exchange.settle import settle
from memreg.registry.models import Dtype, Kind, Normalizer
from memreg.registry.yaml_tree import plain

EXTRA = "x-memreg"
"""The keyword under which an export of memreg keeps what JSON Schema has no word for."""

_SAID = frozenset(
    {"type", "enum", "const", "format", "items", "properties", "$ref", "anyOf", "oneOf", "allOf", "title",
     "description", "default", "examples", "example", "required", "$comment", "additionalProperties", "uniqueItems",
     "$schema", "$id", "$defs", "definitions", "id", EXTRA}
)  # fmt: skip
_TITLES = frozenset({"title", "description", "default", "examples", "$comment", EXTRA})
_FORMATS: Mapping[str, tuple[Kind, tuple[Normalizer, ...]]] = {
    "date": (Kind.DATE, ()),
    "date-time": (Kind.DATETIME, ()),
    "email": (Kind.STRING, (Normalizer("email"),)),
    "idn-email": (Kind.STRING, (Normalizer("email"),)),
    "uri": (Kind.STRING, (Normalizer("url"),)),
    "iri": (Kind.STRING, (Normalizer("url"),)),
    "url": (Kind.STRING, (Normalizer("url"),)),
    "uuid": (Kind.STRING, ()),
}
_KINDS = {"integer": Kind.INTEGER, "number": Kind.NUMBER, "boolean": Kind.BOOLEAN}
_LONG = 1000


def read_json_schema(text: str | bytes, source: str, name: str | None = None) -> Imported:
    """The schema in a JSON Schema, with everything that it could not carry over.

    Every object with properties is a class: the document itself, those under `$defs`, and those in a property, which
    refers to it. Raises ImportInvalid where there is none, or the text is no JSON.
    """
    reading = _Reading(load_node(text, source), source)
    reading.document()
    extra = reading.root.member(EXTRA)
    given = plain(extra.tree) if extra is not None else None
    own = given if isinstance(given, dict) else {}
    return settle(
        reading.draft,
        source,
        name=name or (str(own["schema"]) if "schema" in own else None),
        compatibility=str(own.get("compatibility", "backward")),
    )


class _Reading:
    def __init__(self, root: Node, source: str) -> None:
        self.root = root
        self.source = source
        self.draft = Draft()
        self._by_place: dict[int, DraftClass] = {}
        self._waiting: list[tuple[Node, DraftClass]] = []

    def document(self) -> None:
        """The document and its definitions."""
        if not self.root.is_object:
            place = self.root.place
            raise ImportInvalid(self.source, (Mistake("a JSON Schema is an object: {...}", place.line, place.column),))
        if self.root.member("classes") is not None and self.root.member("schema") is not None:
            raise ImportInvalid(self.source, (Mistake("it is a schema file already: memreg register it"),))
        if self.root.member("properties") is not None or self.root.member("allOf") is not None:
            self.class_of(self.root, self.root.text("title") or "Root")
        for word in ("$defs", "definitions"):
            for key, node in self.root.members(word):
                if _is_class(node):
                    self.class_of(node, key)
                elif node.member("enum") is None and node.member("type") is None and node.member("$ref") is None:
                    self.draft.left_out(node.place, f"{key} is left out: it is no object with properties")
        while self._waiting:
            node, found = self._waiting.pop(0)
            self._columns(node, found)

    def class_of(self, node: Node, name: str) -> DraftClass:
        """The class of an object; the same for the same object."""
        known = self._by_place.get(id(node.tree))
        if known is not None:
            return known
        taken = [each.name for each in self.draft.classes]
        wanted = name if name.casefold() not in {each.casefold() for each in taken} else allowed_class_name(name, taken)
        found = DraftClass(wanted, node.place, desc=node.text("description") or "")
        extra = node.member(EXTRA)
        given = plain(extra.tree) if extra is not None else None
        found.extra = {k: v for k, v in given.items() if k not in ("schema", "compatibility")} if isinstance(
            given, dict) else {}  # fmt: skip
        self._by_place[id(node.tree)] = found
        self.draft.classes.append(found)
        self._waiting.append((node, found))
        return found

    def _columns(self, node: Node, found: DraftClass) -> None:
        self._unsaid(node, found.name)
        parts = self._all_of(node, found.name)
        required = dict.fromkeys(str(each) for part in parts for each in part.list("required"))
        named = {key for part in parts for key, _ in part.members("properties")}
        for key in required:
            if key not in named:
                self.draft.left_out(node.place, f"{found.name}.{key} is left out: required, and described nowhere")
        for part in parts:
            for key, value in part.members("properties"):
                column = self._column(found, key, value, is_required=key in required)
                if column is not None:
                    found.columns[key.casefold()] = column
        more = node.member("additionalProperties")
        if more is not None and more.is_object:
            self.draft.left_out(more.place, f"{found.name}: properties of any name are left out: a class names its own")

    def _all_of(self, node: Node, where: str) -> list[Node]:
        """An object and all that it is made of, each once: parts may refer to each other in a circle."""
        parts, seen, waiting = list[Node](), set[int](), [node]
        while waiting:
            part = waiting.pop(0)
            if id(part.tree) in seen:
                continue
            seen.add(id(part.tree))
            parts.append(part)
            targets = [self._target(each, where) for each in part.items("allOf")]
            waiting[:0] = [each for each in targets if each is not None]
        return parts

    def _column(self, owner: DraftClass, key: str, node: Node, *, is_required: bool) -> DraftColumn | None:
        where = f"{owner.name}.{key}"
        column = DraftColumn(key, node.place, required=is_required)
        described = node.text("description") or node.text("title")
        column.desc = described or ""
        extra = node.member(EXTRA)
        given = plain(extra.tree) if extra is not None else None
        column.extra = given if isinstance(given, dict) else {}
        resolved = self._resolved(node, where, column)
        if resolved is None:
            return None
        column.desc = column.desc or (resolved.text("description") or "" if not _is_class(resolved) else "")
        self._unsaid(resolved, where)
        if not self._typed(owner, column, resolved, where):
            return None
        default = node.member("default") or resolved.member("default")
        if default is not None and (value := plain(default.tree)) is not None:
            column.default = value
        column.examples = tuple(node.list("examples"))
        return column

    def _resolved(self, node: Node, where: str, column: DraftColumn) -> Node | None:
        """What a property is behind $ref, a choice with null, and an allOf of one; None (told) where there is none."""
        seen: set[int] = set()
        while True:
            if id(node.tree) in seen:
                self.draft.left_out(node.place, f"{where} is left out: it refers to itself")
                return None
            seen.add(id(node.tree))
            if node.member("$ref") is not None:
                target = self._target(node, where)
                if target is None:
                    return None
                node = target
                continue
            options = node.items("anyOf") or node.items("oneOf")
            if options:
                rest = [each for each in options if each.text("type") != "null" and each.list("enum") != [None]]
                if len(rest) < len(options):
                    column.required = False
                if len(rest) != 1:
                    self.draft.left_out(node.place, f"{where} is left out: it may be one of {len(rest)} kinds of value")
                    return None
                node = rest[0]
                continue
            parts = node.items("allOf")
            if len(parts) == 1 and node.member("properties") is None:
                node = parts[0]
                continue
            return node

    def _target(self, node: Node, where: str) -> Node | None:
        reference = node.text("$ref")
        if reference is None:
            return node
        if not reference.startswith("#"):
            self.draft.left_out(node.place, f"{where} is left out: {reference} is in another document")
            return None
        try:
            return self.root.at(reference[1:])
        except NoSuchPlace:
            self.draft.not_understood(node.place, f"{where}: {reference} names no part of this document")
            return None

    def _typed(self, owner: DraftClass, column: DraftColumn, node: Node, where: str) -> bool:
        """Gives the column its type; False (told) where there is none that it could have."""
        if _is_class(node):
            self._refer(owner, column, node, is_list=False)
            return True
        word = self._type(node, where, column)
        if node.member("enum") is not None or node.member("const") is not None:
            return self._enum(column, node, where)
        if word == "array":
            return self._list(owner, column, node, where)
        if word in _KINDS:
            column.dtype = Dtype(_KINDS[word])
            return True
        if word == "string":
            self._string(column, node, where)
            return True
        why = "an object without named properties" if word == "object" else "it may be anything"
        if word == "null":
            why = "it is always null"
        self.draft.left_out(node.place, f"{where} is left out: {why}")
        return False

    def _type(self, node: Node, where: str, column: DraftColumn) -> str:
        found = node.member("type")
        if found is None:
            return "array" if node.member("items") is not None else ""
        words = [str(each) for each in node.list("type")] or [node.text("type") or ""]
        rest = [word for word in words if word != "null"]
        if len(rest) < len(words) and rest:
            column.required = False
        if len(rest) > 1:
            if set(rest) == {"integer", "number"}:
                return "number"
            self.draft.changed(node.place, f"{where} may be {' or '.join(rest)}: it is kept as a string")
            return "string"
        return rest[0] if rest else "null"

    def _enum(self, column: DraftColumn, node: Node, where: str) -> bool:
        constant = node.member("const")
        values: list[Any] = [plain(constant.tree)] if constant is not None else node.list("enum")
        if None in values:
            column.required = False
        values = [value for value in values if value is not None]
        if not values:
            self.draft.left_out(node.place, f"{where} is left out: it is always null")
            return False
        if set(map(type, values)) == {bool}:
            column.dtype = Dtype(Kind.BOOLEAN)
            return True
        if not all(isinstance(value, str) for value in values):
            self.draft.changed(node.place, f"{where}: the values of an enum are strings: {values[0]!r} is kept as one")
        column.dtype, column.values = Dtype(Kind.ENUM), tuple(str(value) for value in values)
        return True

    def _string(self, column: DraftColumn, node: Node, where: str) -> None:
        form = node.text("format") or ""
        longest = node.member("maxLength")
        length = plain(longest.tree) if longest is not None else None
        column.dtype, column.wide = Dtype(Kind.STRING), length is None
        if isinstance(length, int) and length >= _LONG:
            column.dtype = Dtype(Kind.TEXT)
        if form in _FORMATS:
            kind, column.normalize = _FORMATS[form]
            column.dtype, column.wide = Dtype(kind), False
        elif form:
            self.draft.changed(node.place, f"{where} is a string: that it is of the format {form} is not looked at")

    def _list(self, owner: DraftClass, column: DraftColumn, node: Node, where: str) -> bool:
        items = node.member("items")
        if items is None or not items.is_object:
            column.dtype = Dtype(Kind.STRING, is_list=True)
            self.draft.changed(node.place, f"{where}: what its items are is not said; they are kept as text")
            return True
        inner = DraftColumn(column.name, column.place, extra=column.extra)
        resolved = self._resolved(items, where, inner)
        if resolved is None:
            return False
        if _is_class(resolved):
            self._refer(owner, column, resolved, is_list=True)
            return True
        if resolved.text("type") == "array" or resolved.member("items") is not None:
            self.draft.left_out(node.place, f"{where} is left out: a list of lists is no value of a memory")
            return False
        self._unsaid(resolved, where)
        if not self._typed(owner, inner, resolved, where) or inner.dtype is None:
            return False
        column.dtype = Dtype(inner.dtype.kind, is_list=True)
        column.values, column.normalize = inner.values, inner.normalize
        return True

    def _refer(self, owner: DraftClass, column: DraftColumn, node: Node, *, is_list: bool) -> None:
        name = node.key if node.is_definition else node.text("title") or f"{owner.name}_{column.name}"
        target = self.class_of(node, name)
        column.dtype = Dtype(Kind.REF, is_list)
        owner.refs.append(DraftRef((column.name,), ("", target.name), (), column.place))

    def _unsaid(self, node: Node, where: str) -> None:
        words = [key for key, _ in node.members() if key not in _SAID]
        if words:
            verb = "is" if len(words) == 1 else "are"
            self.draft.left_out(node.place, f"{where}: {', '.join(words)} {verb} left out: a column has a type and no "
                                            "other conditions")  # fmt: skip


def _is_class(node: Node) -> bool:
    return any(True for _ in node.members("properties")) or len(node.items("allOf")) > 1
