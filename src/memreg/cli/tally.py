"""What an ingest came to: counts, decisions by action and basis, and the few results that are shown one by one."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import rich_click as click

from memreg.cli.messages import Problem
from memreg.cli.output import Col, plain, print_table, safe, say, styled
from memreg.engine.model import Action, Basis, Decision, IngestResult

FEW = 5
MOST_PROBLEMS = 10_000


@dataclass
class Tally:
    """Filled while a file is read; holds of what grows with it only the first results and problems."""

    messages: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    empty: int = 0
    problems: list[Problem] = field(default_factory=list)
    refused: int = 0
    decisions: Counter[tuple[Action, Basis]] = field(default_factory=Counter)
    create_only: dict[str, set[str]] = field(default_factory=dict)
    first: list[IngestResult] = field(default_factory=list)
    first_dead: IngestResult | None = None

    def add(self, result: IngestResult) -> None:
        """Count a result."""
        self.messages += 1
        self.statuses[result.status] += 1
        if len(self.first) <= FEW:
            self.first.append(result)
        if result.status == "dead" and self.first_dead is None:
            self.first_dead = result
        if result.status != "decided":
            return
        self.empty += not result.decisions
        for decision in result.decisions:
            self.decisions[decision.action, decision.basis] += 1
            if decision.basis in (Basis.KILL_SWITCH, Basis.PENDING):
                self.create_only.setdefault(str(decision.basis), set()).add(decision.class_name)

    def refuse(self, problems: Iterable[Problem]) -> None:
        """Count a turn that was not taken, and keep the first reasons."""
        self.messages += 1
        self.refused += 1
        self.problems.extend(problems)
        del self.problems[MOST_PROBLEMS:]

    @property
    def failed(self) -> bool:
        """Whether something was not processed."""
        return bool(self.refused or self.statuses["dead"])

    def counts(self) -> dict[str, int]:
        """The counts by name. `refused` are bad lines and messages that could not be taken."""
        return {
            "messages": self.messages,
            "decided": self.statuses["decided"],
            "replayed": self.statuses["replayed"],
            "dead": self.statuses["dead"],
            "refused": self.refused,
            "without_proposals": self.empty,
            "decisions": sum(self.decisions.values()),
        }

    def by_rule(self) -> list[dict[str, Any]]:
        """Decisions by action and basis, in the order of the actions and of the decision table."""
        actions, bases = list(Action), list(Basis)
        ordered = sorted(self.decisions, key=lambda pair: (actions.index(pair[0]), bases.index(pair[1])))
        return [{"action": a, "basis": b, "count": self.decisions[a, b]} for a, b in ordered]

    def show(self) -> None:
        """Print the decisions by action and basis (of more than one message), and the counts."""
        if self.decisions and self.messages > 1:
            rows = [(row["action"], row["basis"], row["count"]) for row in self.by_rule()]
            print_table((Col("action", keep=True), Col("basis", keep=True), Col("decisions", right=True)), rows)
        say(sentence(self.counts()))


def sentence(counts: dict[str, int]) -> str:
    """The counts in words."""
    parts = [f"{counts['messages']} {'message' if counts['messages'] == 1 else 'messages'}"]
    parts += [f"{counts['decided']} decided"]
    if counts["without_proposals"]:
        parts[-1] += f" ({counts['without_proposals']} with nothing to remember)"
    if counts["replayed"]:
        parts.append(f"{counts['replayed']} replayed (taken before: nothing was written)")
    if counts["dead"]:
        parts.append(f"{counts['dead']} dead (kept: memreg inbox tells why)")
    if counts["refused"]:
        parts.append(f"{counts['refused']} refused (told above)")
    return ", ".join(parts) + "."


def show_result(result: IngestResult) -> None:
    """One message and its decisions, line by line."""
    told = {
        "decided": "" if result.decisions else ": nothing to remember in it",
        "dead": f": {result.error} It is kept: memreg inbox retry {shlex.quote(result.message_id)} tries again.",
        "replayed": " (taken before: nothing was written)",
    }[result.status]
    say(f"message {result.message_id} {result.status}{told}")
    for decision in result.decisions:
        show_decision(decision)


def show_decision(decision: Decision) -> None:
    """A decision: what and by which rule, why, and where to ask further."""
    score = "" if decision.score is None else f"  score {decision.score:.4f}"
    memory = f"  memory {decision.memory_id}" if decision.memory_id else ""
    rest = safe(f"  {decision.class_name or '?'}{memory}{score}")
    click.echo(f"  {styled(str(decision.action))} {decision.basis}{rest}")
    for reason in decision.reasons:
        say(f"    because {plain(reason)}")
    say(f"    memreg explain {decision.audit_id}")
