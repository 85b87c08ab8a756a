"""A request as it arrived at the scripted server, with the parts that a script asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# As the extractor's prompt writes it: between tags that the message cannot hold.
_MESSAGE = re.compile(r"<(message-[0-9a-f]{12})>\n(.*?)\n</\1>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived: its path, headers (names in lower case) and decoded body."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def mode(self) -> str:
        """How structure was asked for: `tools`, `json_schema`, or `text` when only the prompt says so."""
        if self.body.get("tools"):
            return "tools"
        return "json_schema" if self.body.get("response_format") else "text"

    @property
    def system(self) -> str:
        """The text of the first system message; empty when there is none."""
        return self._text("system")

    @property
    def user(self) -> str:
        """The text of the first user message; empty when there is none."""
        return self._text("user")

    @property
    def message(self) -> str:
        """The message that is to be extracted, without its facts and what was said before it; the whole user message
        where there is none, as in other questions."""
        return message_in(self.user)

    def _text(self, role: str) -> str:
        messages = self.body.get("messages")
        for message in messages if isinstance(messages, list) else ():
            if isinstance(message, Mapping) and message.get("role") == role:
                return str(message.get("content") or "")
        return ""


def message_in(asked: str) -> str:
    """The message in a question of the extractor; the whole question where there is none."""
    found = _MESSAGE.search(asked)
    return found[2] if found else asked
