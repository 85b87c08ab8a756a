"""Walking a person through the open questions: plain lines in and out, so that it works over SSH."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import rich_click as click

from memreg.cli.output import safe, say
from memreg.cli.review import read
from memreg.cli.review_shown import counted, side_by_side
from memreg.core.errors import ActRefused, MemregError
from memreg.engine.told import Page
from memreg.operations.review.item import LETTERS, MEANINGS

if TYPE_CHECKING:
    from memreg.api.engine import Engine
    from memreg.operations.review import Review, ReviewItem, Settled

MOST = 10_000
NARROWEST, WIDEST = 60, 120
_LETTERS = {"m": "merge", "a": "apart", "r": "right", "w": "wrong"}
_OTHERS = {
    "s": "skip",
    "e": "explain the decision",
    "u": "undo the last answer",
    "q": "quit",
}
_WORDS = {verdict: letter for letter, verdict in _LETTERS.items()} | {
    "skip": "s", "explain": "e", "undo": "u", "quit": "q",
}  # fmt: skip


@dataclass
class Walk:
    """One person's way through the queue. `answered`: what was answered, the newest last."""

    engine: Engine
    kind: str | None
    class_name: str | None
    by: str
    revealed: dict[UUID, ReviewItem] = field(default_factory=dict)
    skipped: set[UUID] = field(default_factory=set)
    answered: list[Settled] = field(default_factory=list)

    def next(self) -> tuple[Review, ReviewItem | None]:
        """The queue as it is now, and the oldest question that was not skipped: of the oldest that are one more than
        these, however long the queue is."""
        found = read(self.engine, self.kind, self.class_name, min(MOST, len(self.skipped) + 1), self.by)
        item = next((each for each in found.items if each.id not in self.skipped), None)
        if item is None or not self.revealed:
            return found, item
        shown = self.revealed.get(item.id)
        if shown is None or _state(shown) != _state(item):  # what was seen at the start is not what it is about now
            self.reveal()
            shown = self.revealed.get(item.id, item)
        return found, shown

    def reveal(self) -> None:
        """Read the questions with personal values; that somebody sees them is written down."""
        found = read(self.engine, self.kind, self.class_name, MOST, self.by, reveal=True)
        self.revealed = {item.id: item for item in found.items}

    def answer(self, item: ReviewItem) -> bool:
        """Show a question and take one answer; False: the person has had enough."""
        width = max(NARROWEST, min(WIDEST, shutil.get_terminal_size().columns))
        say(side_by_side(item, width))
        say()
        choices: dict[str, str] = {letter: verdict for letter, verdict in _LETTERS.items() if verdict in item.verdicts}
        self._tell_choices(item, choices)
        while True:
            said = ask("answer", at_end="q")
            letter = _WORDS.get(said.lower(), said.lower())
            if letter == "q":
                return False
            if not letter:
                continue
            if letter == "s":
                self.skipped.add(item.id)
                return True
            if letter == "u":
                self._take_back()
                return True
            if letter == "e" and item.audit_id is not None:
                say(self.engine.explain(item.audit_id).text)
                continue
            if letter in choices:
                if self._settle(item, choices[letter]):
                    return True
                continue
            tell(f"{safe(said)!r} is none of {', '.join([*choices, *_OTHERS])}.")

    def _tell_choices(self, item: ReviewItem, choices: dict[str, str]) -> None:
        for letter, verdict in choices.items():
            tell(f"  {letter}  {verdict}: {MEANINGS[item.kind, verdict]}")
        say("  " + "   ".join(f"{letter}  {meaning}" for letter, meaning in _OTHERS.items()))

    def _settle(self, item: ReviewItem, verdict: str) -> bool:
        """Carry an answer out; False: it was not, and the question waits for another one."""
        how: dict[str, Any] = {}
        if verdict == "merge":
            chosen = self._preview(item)
            if chosen is None:
                return False
            how = chosen
        try:
            self._done(self.engine.settle(item.id, verdict, by=self.by, **how))
        except ActRefused as error:
            tell(f"{error}")
            return verdict == "wrong" and self._wrong_all_the_same(item)
        except MemregError as error:
            tell(f"{error}")
            return False
        return True

    def _wrong_all_the_same(self, item: ReviewItem) -> bool:
        """What to do about a wrong decision that others built on."""
        said = ask("c: undo what was built on it too, l: only note that it is wrong, or nothing")[:1]
        if said not in ("c", "l"):
            return False
        try:
            self._done(self.engine.settle(item.id, "wrong", by=self.by, cascade=said == "c", leave=said == "l"))
        except MemregError as error:
            tell(f"{error}")
            return False
        return True

    def _done(self, settled: Settled) -> None:
        self.answered.append(settled)
        tell(f"{settled.verdict}: {settled.sentence}")
        say()

    def _preview(self, item: ReviewItem) -> dict[str, Any] | None:
        """Show whose value each column would have, and let the person choose otherwise; None: no merge."""
        live = [each for each in item.memories if not each.is_deleted]
        if len(live) != 2:
            return {} if ask("all of them become one. y: do it, or nothing") == "y" else None
        keep, other = sorted(live, key=lambda each: (each.created_at is None, each.created_at, each.id))
        prefer: dict[str, Any] = {}
        names = {each.id: name for each, name in zip(item.memories, LETTERS, strict=False)}
        while True:
            try:
                planned = self.engine.merge(keep.id, other.id, prefer=prefer, by=self.by, dry_run=True)
            except MemregError as error:
                tell(f"{error}")
                if not prefer:
                    return None
                prefer.popitem()
                continue
            say(f"{names[other.id]} would go into {names[keep.id]}:")
            for winner in planned.winners:
                if winner.winner != "same":
                    side = {"keep": names[keep.id], "other": names[other.id]}.get(winner.winner, "both")
                    tell(f"  {winner.column}: {side} ({winner.why})")
            said = ask("y: do it, x: the other way round, COLUMN=keep|other|both, or nothing")
            if said == "y":
                return {"keep": keep.id, "prefer": prefer}
            if said == "x":
                keep, other, prefer = other, keep, {}
            elif "=" in said:
                column, _, side = said.partition("=")
                prefer[column.strip()] = side.strip()
            else:
                return None

    def _take_back(self) -> None:
        if not self.answered:
            say("There is no answer to undo yet.")
            return
        last = self.answered[-1]
        try:
            done = self.engine.reopen(last.review_id, by=self.by)
        except MemregError as error:
            tell(f"{error}")
            return
        self.answered.pop()
        tell(f"{last.verdict} is taken back: {done.sentence}.")
        say()


def walk(engine: Engine, kind: str | None, class_name: str | None, by: str, *, reveal: bool = False) -> None:
    """Go through the questions until there is none left, or the person has had enough."""
    way = Walk(engine, kind, class_name, by)
    if reveal:
        way.reveal()
    found, item = way.next()
    if item is None:
        say("No open question.")
        return
    say(f"{found.total} open: {counted(found)}.")
    say()
    while item is not None and way.answer(item):
        found, item = way.next()
    left = f"{found.total} still open" if found.total else "none is open any more"
    say(f"{len(way.answered)} answered, {len(way.skipped)} skipped, {left}.")


def _state(item: ReviewItem) -> list[tuple[object, ...]]:
    """What a question's memories are now, without their values."""
    return [(each.id, each.revision, each.is_deleted, each.unresolved, each.merged_into) for each in item.memories]


def tell(text: str) -> None:
    """A sentence in lines that fit, as far in as it begins."""
    page = Page()
    page.say(text.lstrip(), indent=len(text) - len(text.lstrip()))
    say(page.text)


def ask(prompt: str, *, at_end: str = "") -> str:
    """One line from the person; `at_end` where there is no more."""
    try:
        said: str = click.prompt(prompt, prompt_suffix="> ", default="", show_default=False)
    except click.Abort:
        say()
        return at_end
    return said.strip()
