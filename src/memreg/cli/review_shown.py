"""A question to a person as lines: one below another in a list, its memories side by side in a walk. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from memreg.cli.output import plain
from memreg.operations.review.item import LETTERS

if TYPE_CHECKING:
    from memreg.operations.review import Review, ReviewItem, ReviewMemory, ReviewSide

WIDTH = 80
_LONGEST_NAME = 16
_SAID = ("dead_letter", "identity_conflict", "identity_contradiction")


def counted(found: Review) -> str:
    """How many questions there are of each kind."""
    return ", ".join(f"{count} {kind}{f' of {name}' if name else ''}" for (kind, name), count in found.counts.items())


def item_lines(item: ReviewItem) -> str:
    """A question of a list."""
    lines = [_title(item), *_wrapped(item.reason, 2), f"  question {item.id}"]
    for memory in item.memories:
        lines += _wrapped(f"{memory.id}{_state(memory)}", 2)
        lines += _wrapped(plain(memory.values), 4)
    if item.proposal and item.kind in _SAID:
        lines += _wrapped(f"said: {plain(item.proposal)}", 2)
    if item.kind == "dead_letter" and item.message_id:
        lines.append(f"  {'memreg inbox show' if item.audit_id is None else 'message'} {item.message_id}")
    if item.audit_id:
        lines.append(f"  memreg explain {item.audit_id}")
    return "\n".join(lines)


def side_by_side(item: ReviewItem, width: int = WIDTH) -> str:
    """A question with its memories beside each other, column by column: `=` where they say the same, `≠` where not."""
    lines = [_title(item), *_wrapped(item.reason, 2, width)]
    if item.proposal and item.kind == "dead_letter":
        lines += ["", *_wrapped(f"said: {plain(item.proposal)}", 2, width)]
    if item.memories:
        lines.append("")
    for name, memory in zip(LETTERS, item.memories, strict=False):
        made = f", made {plain(memory.created_at)}" if memory.created_at else ""
        lines += _wrapped(f"{name}  {memory.id}{made}{_state(memory)}", 2, width)
    if item.sides:
        lines += ["", *_table(item.sides, item.same, width)]
    return "\n".join(lines)


def age_of(age: timedelta) -> str:
    """How long ago in the largest unit."""
    seconds = max(0, int(age.total_seconds()))
    for name, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= size or size == 1:
            count = seconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return ""


def _title(item: ReviewItem) -> str:
    times = f", asked {item.times} times" if item.times > 1 and item.kind != "unresolved" else ""
    return f"{item.kind} {item.class_name or 'message'}, {age_of(item.age)} old{times}"


def _state(memory: ReviewMemory) -> str:
    if memory.merged_into:
        return f" (went into {memory.merged_into})"
    return " (deleted)" if memory.is_deleted else " (unresolved)" if memory.unresolved else ""


def _table(sides: Sequence[ReviewSide], same: Mapping[str, bool], width: int) -> Iterator[str]:
    names = list(dict.fromkeys(name for side in sides for name in side.values))
    label = min(_LONGEST_NAME, max((len(name) for name in names), default=1))
    room = max(12, (width - label - 5) // max(1, len(sides)) - 2)
    yield f"  {'':<{label}}   " + "  ".join(f"{side.label:<{room}}" for side in sides).rstrip()
    for name in names:
        values = [side.values.get(name) for side in sides]
        sign = " " if name not in same else "=" if same[name] else "≠"
        cells = [
            textwrap.wrap(plain(value), room, break_on_hyphens=False) or ["-" if value is None else ""]
            for value in values
        ]
        for number in range(max(len(cell) for cell in cells)):
            start = f"  {name[:label]:<{label}} {sign} " if number == 0 else " " * (label + 5)
            row = "  ".join(f"{cell[number] if number < len(cell) else '':<{room}}" for cell in cells)
            yield (start + row).rstrip()


def _wrapped(text: str, indent: int, width: int = WIDTH) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_on_hyphens=False,
        break_long_words=False,
    )
