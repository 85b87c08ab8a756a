"""A JSON document in which every value knows its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from memreg.core.errors import ImportInvalid
from memreg.registry.yaml_tree import Branch, Fork, Leaf, Place, Tree, Unreadable, load_tree, plain


class NoSuchPlace(Exception):
    """A pointer leads nowhere."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value. `key`: under which name it stands; `is_definition`: that name is a definition's."""

    tree: Tree
    key: str = ""
    is_definition: bool = False

    @property
    def place(self) -> Place:
        """Where it begins."""
        return self.tree.place

    @property
    def is_object(self) -> bool:
        """Whether it is `{...}`."""
        return isinstance(self.tree, Fork)

    def members(self, key: str | None = None) -> Iterator[tuple[str, Node]]:
        """The members of it, or of the object under a key, with their names; those of anything else: none."""
        node = self.member(key) if key is not None else self
        if node is None or not isinstance(node.tree, Fork):
            return
        for name, tree in node.tree.entries:
            yield name.raw, Node(tree, name.raw, node.key in ("$defs", "definitions"))

    def member(self, key: str) -> Node | None:
        """The value under a key."""
        return next((node for name, node in self.members() if name == key), None)

    def items(self, key: str) -> list[Node]:
        """The items of the list under a key; none where there is no list."""
        node = self.member(key)
        return [Node(tree) for tree in node.tree.items] if node is not None and isinstance(node.tree, Branch) else []

    def list(self, key: str) -> list[Any]:
        """The plain values of the list under a key."""
        return [plain(node.tree) for node in self.items(key)]

    def text(self, key: str) -> str | None:
        """The text under a key; None where there is none."""
        node = self.member(key)
        if node is None or not isinstance(node.tree, Leaf):
            return None
        return node.tree.value if isinstance(node.tree.value, str) else None

    def at(self, pointer: str) -> Node:
        """What a JSON pointer leads to. Raises NoSuchPlace."""
        node = self
        if not pointer:
            return node
        if not pointer.startswith("/"):
            raise NoSuchPlace(pointer)
        for part in pointer[1:].split("/"):
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            found = node.member(name)
            if found is None and isinstance(node.tree, Branch) and name.isdigit() and int(name) < len(node.tree.items):
                found = Node(node.tree.items[int(name)])
            if found is None:
                raise NoSuchPlace(pointer)
            node = found
        return node


def load_node(text: str | bytes, source: str) -> Node:
    """The root of a JSON (or YAML) document. Raises ImportInvalid."""
    try:
        tree, mistakes = load_tree(text)
    except Unreadable as error:
        raise ImportInvalid(source, (error.mistake,)) from error
    if mistakes:
        raise ImportInvalid(source, tuple(mistakes))
    return Node(tree)
