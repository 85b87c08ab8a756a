"""Extractors that propose by rule: no model, no HTTP, the same every time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from memreg.engine.model import Extraction, Message, Proposal
from memreg.registry.models import SchemaVersion
from memreg.testing.rules import Rules, matching

NAME = "scripted"

Proposals = Sequence[Proposal] | Exception | Callable[[Message], Sequence[Proposal]]
"""What a rule gives: proposals, an error to raise (such as ExtractionFailed), or a function of the message."""


class _Scripted:
    name = NAME

    def __init__(self, rules: Rules[Proposals]) -> None:
        self._rules = rules
        self._lock = threading.Lock()
        self.messages: list[Message] = []

    def _extract(self, message: Message) -> Extraction:
        with self._lock:
            self.messages.append(message)
        return Extraction(tuple(_proposals(self._rules, message)), extractor=self.name)


class ScriptedExtractor(_Scripted):
    """Proposes what the rules that hold for a message say; for `Engine.connect(extractor=...)`.

        ScriptedExtractor({"Ana Lopez": [Proposal("Person", {"name": "Ana Lopez"})]})

    A proposal without evidence quotes the words that its rule found. `messages` are those that it was given, in order;
    several threads may use it.
    """

    def extract(self, message: Message, version: SchemaVersion) -> Extraction:  # noqa: ARG002 (the protocol's)
        """The proposals of every rule that holds, in the order of the rules; raises the error of one that has one."""
        return self._extract(message)


class AsyncScriptedExtractor(_Scripted):
    """The scripted extractor for `AsyncEngine.connect(extractor=...)`; it waits for nothing."""

    async def extract(self, message: Message, version: SchemaVersion) -> Extraction:  # noqa: ARG002 (the protocol's)
        """The proposals of every rule that holds, in the order of the rules; raises the error of one that has one."""
        return self._extract(message)


def _proposals(rules: Rules[Proposals], message: Message) -> list[Proposal]:
    found: list[Proposal] = []
    for given, words in matching(rules, message.text):
        if isinstance(given, Exception):
            raise given
        proposals = given(message) if callable(given) else given
        found += [each if each.evidence else replace(each, evidence=words) for each in proposals]
    return found
