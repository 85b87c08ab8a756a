"""What an extractor's model is told: the instructions with the classes, then earlier turns and the message between tags
that no text can close; and when asked again, what was wrong. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from memreg.annotator.disguise import visible
from memreg.annotator.listing import legend, listing, one_line
from memreg.annotator.prompt import tag_for, template
from memreg.engine.model import Message
from memreg.engine.storable import storable
from memreg.registry.models import ClassSpec

MOST_CONTEXT, LONGEST_TURN = 2_000, 500
"""Characters of all earlier turns, and of one."""
MOST_SHOWN, LONGEST_SHOWN = 6_000, 1_000
"""Characters of all items that are shown when asking again, and of one."""

# strftime would name the day in the language of the process.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LONGEST_ROLE = 40


def instructions(classes: Sequence[ClassSpec]) -> str:
    """The system's part: the same for every message of a schema version. No annotation, no ids, no memories."""
    return template("extract").replace("{classes}", f"{legend(classes)}\n{listing(classes)}")


def question(message: Message, before: Sequence[Message] = ()) -> str:
    """The user's part: earlier turns, then role and time of the message, and its text between tags."""
    text = visible(message.text)
    turns = context_lines(before)
    tag = tag_for("\n".join([*turns, text]))
    parts = []
    if turns:
        parts += ["Earlier turns:", f"<earlier-{tag}>", *turns, f"</earlier-{tag}>", ""]
    facts = [f"role: {one_line(visible(message.role), _LONGEST_ROLE)}"]
    if message.at is not None:
        facts.append(f"time: {moment(message.at)}")
    return "\n".join([*parts, ", ".join(facts), f"<{tag}>", text, f"</{tag}>"])


def context_lines(before: Sequence[Message]) -> list[str]:
    """Earlier turns, oldest first, a line each; of many or long ones the latest that fit."""
    lines: list[str] = []
    room = MOST_CONTEXT
    for turn in reversed(before):
        role = one_line(visible(turn.role), _LONGEST_ROLE)
        line = f"{role}: {one_line(visible(turn.text), LONGEST_TURN)}"
        room -= len(line) + 1
        if room < 0:
            break
        lines.append(line)
    return lines[::-1]


def moment(at: datetime) -> str:
    """A time as the prompt says it: `2026-11-16T08:02+01:00 (Monday, Europe/Oslo)`."""
    zone = getattr(at.tzinfo, "key", None) or at.tzname() or "no zone"
    return f"{at.isoformat(timespec='minutes')} ({_DAYS[at.weekday()]}, {zone})"


def asked_whole(user: str, reason: str) -> str:
    """The user's part again, after an answer of which nothing could be read."""
    return f"{user}\n\nYour last answer could not be used: {reason}. Answer again, with the object and nothing else."


def asked_again(user: str, refused: Sequence[tuple[Any, str]], kept: Sequence[Any], *, cut_off: bool) -> str:
    """The user's part again, for what was refused, each with its reason, and for the rest of an answer cut off."""
    parts = [user, ""]
    if cut_off:
        parts += ["Your last answer broke off. These items of it are kept; give only what they lack:"]
        parts += _tagged("kept", _latest(kept) or ["none"])
    if refused:
        parts += ["These items of your last answer were refused, each for the reason after it; the others are kept:"]
        lines = [f"{number}. {shown(item)}\n{reason}" for number, (item, reason) in enumerate(refused, 1)]
        parts += _tagged("refused", lines)
        also = " and what is missing" if cut_off else ""
        parts += [f"Give only these{also}, corrected and in this order; leave out what the message does not state."]
    return "\n".join(parts)


def _latest(kept: Sequence[Any]) -> list[str]:
    """The last of the items that are kept, as many as there is room for: what is missing comes after them."""
    lines: list[str] = []
    room = MOST_SHOWN
    for item in reversed(kept):
        line = shown(item)
        room -= len(line)
        if room < 0 and lines:
            return ["…", *lines[::-1]]
        lines.append(line)
    return lines[::-1]


def _tagged(name: str, lines: Sequence[str]) -> list[str]:
    """Lines between tags: what an item says is the message's, and never an instruction either."""
    tag = tag_for("\n".join(lines))
    return [f"<{name}-{tag}>", *lines, f"</{name}-{tag}>"]


def shown(item: Any) -> str:
    """An item of an answer as JSON on one line, cut where it is long."""
    return one_line(json.dumps(storable(item), ensure_ascii=False), LONGEST_SHOWN)
