"""How the demonstration tells what happens: each message, its decisions, a word on each rule's first time."""

from __future__ import annotations

import shutil
import sys
import textwrap
from dataclasses import dataclass, field

import rich_click as click

from memreg.cli.output import safe, styled
from memreg.engine.decide import rule_number
from memreg.engine.model import Action, Basis, Decision, IngestResult, Message

LEAST, MOST = 80, 132
_INDENT = " " * 7
_WORDS = {
    (Action.CREATE, Basis.NEW): "nothing known is the same object: a new memory",
    (
        Action.UPDATE,
        Basis.IDENTITY,
    ): "an identity key (e-mail, booking reference …) names the memory, whatever else changed",
    (Action.UPDATE, Basis.SCORE): "no key, but 0.80 or more of the evidence agrees",
    (Action.UPSERT, Basis.PARTIAL_IDENTITY): "probably the same object: gaps are filled, nothing is overwritten",
    (Action.CREATE, Basis.POSSIBLE_DUPLICATE): "alike, but a key differs: kept apart, and a question to a person",
    (Action.DELETE, Basis.IDENTITY): "a key names exactly one memory: deleted softly, its revisions stay",
    (Action.REJECT, Basis.DELETE_WITHOUT_IDENTITY): "likeness is never enough to delete",
    (Action.SKIP, Basis.DUPLICATE_IN_TURN): "the same was said twice in one message",
}


@dataclass
class Teller:
    """Prints the walk of the messages."""

    width: int = field(default_factory=lambda: _width())
    told: set[tuple[Action, Basis]] = field(default_factory=set)

    def head(self, number: int, text: str) -> None:
        """A step of the demonstration."""
        click.echo()
        click.secho(f"{number}. {text}", bold=True)

    def message(self, message: Message, result: IngestResult) -> None:
        """A message, and below it what was decided."""
        lines = textwrap.wrap(safe(message.text), self.width - len(_INDENT)) or [""]
        click.echo()
        click.echo(f"  {message.id:<4} " + f"\n{_INDENT}".join(lines))
        if result.status == "replayed":
            click.echo(_INDENT + click.style("the same message again, replayed: nothing is written", fg="magenta"))
            return
        if not result.decisions:
            click.echo(_INDENT + click.style("nothing to remember", dim=True))
        for decision in result.decisions:
            click.echo(_INDENT + _decided(decision))
            self._word(decision)

    def _word(self, decision: Decision) -> None:
        """What the rule means, the first time that it fires; what was refused, always."""
        pair = (decision.action, decision.basis)
        refused = decision.basis is Basis.INVALID
        words = decision.reasons[0] if refused else _WORDS.get(pair, "")
        if not words or (pair in self.told and not refused):
            return
        self.told.add(pair)
        operation = "delete" if Action.DELETE in pair or Basis.DELETE_WITHOUT_IDENTITY in pair else "upsert"
        rule = rule_number(str(decision.basis), operation)
        for line in textwrap.wrap(f"rule {rule}: {safe(words)}", self.width - len(_INDENT) - 2):
            click.secho(f"{_INDENT}  {line}", dim=True)


def _decided(decision: Decision) -> str:
    score = "" if decision.score is None else f" · {decision.score:.4f}"
    return f"→ {styled(str(decision.action), 6)} {decision.class_name:<11} {decision.basis}{score}"


def _width() -> int:
    columns = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else shutil.get_terminal_size().columns
    return max(LEAST, min(MOST, columns))
