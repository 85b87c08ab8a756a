"""Changes of a YAML text that leave every other character as it is: a key of a mapping gets a value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from memreg.operations.lint.finding import Edit


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with the edits, each once; what cannot be done without touching more is left out."""
    for edit in dict.fromkeys(edits):
        text = _apply(text, edit)
    return text


def _apply(text: str, edit: Edit) -> str:
    """One edit. The text is read anew each time, since every one moves what is behind it."""
    from ruamel.yaml import YAML

    node: Any = YAML(typ="safe", pure=True).compose(text)
    for step in edit.path:
        node = _below(node, step)
        if node is None or node.id != "mapping":
            return text
    for key, value in node.value:
        if key.value == edit.key:
            return text[: value.start_mark.index] + edit.value + text[value.end_mark.index :]
    if node.flow_style:
        end = node.value[-1][1].end_mark.index if node.value else node.start_mark.index + 1
        comma = ", " if node.value else ""
        return f"{text[:end]}{comma}{edit.key}: {edit.value}{text[end:]}"
    return _insert_line(text, node, edit)


def _below(node: Any, step: str | int) -> Any:
    if node.id != "mapping":
        return None
    return next((value for key, value in node.value if key.value == step), None)


def _insert_line(text: str, node: Any, edit: Edit) -> str:
    """A line of its own below the first key whose value ends in the line where it begins."""
    for key, value in node.value:
        if key.start_mark.line != value.end_mark.line:
            continue
        end = text.find("\n", value.end_mark.index)
        newline = "\r\n" if "\r\n" in text else "\n"
        line = f"{' ' * key.start_mark.column}{edit.key}: {edit.value}"
        if end < 0:
            return f"{text}{newline}{line}{newline}"
        return f"{text[: end + 1]}{line}{newline}{text[end + 1 :]}"
    return text
