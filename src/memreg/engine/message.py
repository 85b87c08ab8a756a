"""Messages as they may be taken: what is refused, with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from memreg.core.errors import MessageInvalid
from memreg.engine.given import proposals_text
from memreg.engine.model import Message, Proposal

MAX_TEXT = 1_000_000
MAX_ID = 200
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def prepare(message: str | Message | None, proposals: Sequence[Proposal] | None, new_id: Callable[[], UUID]) -> Message:
    """The message to be taken, with an id. Beside proposals its text may be empty: then the proposals stand for it.

    Raises MessageInvalid: no or an empty text, more than 1,000,000 characters, NUL characters, lone surrogates, an id,
    session or role that is empty or too long, a time without a zone.
    """
    if message is None:
        message = Message("")
    elif isinstance(message, str):
        message = Message(message)
    elif not isinstance(message, Message):
        raise MessageInvalid(reason=f"it is a {type(message).__name__}, not a text or a Message")
    if not isinstance(message.text, str):
        raise MessageInvalid(reason=f"the text is a {type(message.text).__name__}, not a string")
    if proposals is not None and not message.text.strip():
        message = replace(message, text=proposals_text(proposals))
    elif len(message.text) > MAX_TEXT:
        raise MessageInvalid(
            reason=f"its text has {len(message.text):,} characters, more than {MAX_TEXT:,}; split it in several"
        )
    if not message.text.strip():
        raise MessageInvalid(reason="its text is empty; give it words, or proposals beside it")
    _check("text", message.text)
    for name, value in (("id", message.id), ("session", message.session), ("role", message.role)):
        if value is None:
            continue
        if not isinstance(value, str) or not value.strip():
            raise MessageInvalid(reason=f"its {name} is empty; leave it out or give it a text")
        if len(value) > MAX_ID:
            raise MessageInvalid(reason=f"its {name} has {len(value)} characters, more than {MAX_ID}")
        _check(name, value)
    if message.at is not None and not isinstance(message.at, datetime):
        raise MessageInvalid(reason=f"its time is a {type(message.at).__name__}, not a datetime")
    if message.at is not None and message.at.tzinfo is None:
        raise MessageInvalid(reason=f"its time {message.at.isoformat()} has no zone; give one, such as +00:00")
    return message if message.id is not None else replace(message, id=str(new_id()))


def _check(name: str, text: str) -> None:
    found = _UNSTORABLE.search(text)
    if found is not None:
        what = "NUL" if found.group() == "\x00" else "half of a surrogate pair"
        raise MessageInvalid(
            reason=f"character {found.start() + 1} of its {name} is {what} (U+{ord(found.group()):04X}), "
            "which Postgres cannot keep; remove it"
        )
