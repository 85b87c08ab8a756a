"""What a model may see while it annotates and what that costs: the options, and the lines before and after the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from memreg.cli.options import WORDS, Access
from memreg.cli.output import data_of, print_json, say, tell

if TYPE_CHECKING:
    from memreg.annotator.estimate import Estimate, Event, Reused
    from memreg.annotator.samples import Samples

MOST_ROWS = 20

_OPTIONS = (
    click.option(
        "--samples",
        metavar="N",
        type=click.IntRange(0, MOST_ROWS),
        default=0,
        show_default="none",
        help="Let the model see N stored memories of each class, without pii columns.",
    ),
    click.option("--tenant", metavar="NAME", type=WORDS, help="Whose memories (with --samples; default)."),
    click.option(
        "--sample-rows",
        "rows",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Let the model see these rows, without pii columns: a JSON object a line, with class and values.",
    ),
    click.option("--fresh", is_flag=True, help="Ask the model even where it was asked the same before."),
    click.option(
        "--dry-run", is_flag=True, help="Only say what would come of it, and what the model's call would cost."
    ),
)


@dataclass
class Bill:
    """What is told of a call: as it happens to people, at the end to machines."""

    quiet: bool
    events: dict[str, Any] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        """Take in an estimate, what was spent, or where an annotation is reused from."""
        self.events[type(event).__name__.lower()] = {**data_of(event), **cost_data(event)}
        if not self.quiet:
            tell(f"{event.sentence}.")

    def close(self, samples: Samples | None) -> None:
        """Say so where rows were offered and nobody was asked."""
        if samples is not None and not self.events and not self.quiet:
            tell("No model was asked, so no rows were sent.")

    @property
    def data(self) -> dict[str, Any]:
        """The events by name for machines: `estimate` and `spent`, or `reused`; empty where no model was needed."""
        return self.events


def asking_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that may ask a model to annotate."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def samples_of(access: Access, stored: int, rows: Path | None) -> Samples | None:
    """What the options allow the model to see; None where that is nothing. A usage error where they do not fit."""
    from memreg.annotator.samples import Samples

    if access.tenant is not None and not stored:
        raise click.UsageError("--tenant says whose memories are sent: give --samples N with it.")
    if not stored and rows is None:
        return None
    return Samples(stored, access.tenant, rows if rows is not None else ())


def print_estimate(access: Access, expected: Estimate | Reused | None, beside: Mapping[str, Any] | None = None) -> None:
    """What a call would cost, on stdout: the end of the answer to --dry-run; `beside`: the rest of it, for machines."""
    if access.as_json:
        bill = Bill(quiet=True)
        if expected is not None:
            bill(expected)
        print_json({"dry_run": True, **(beside or {}), "call": bill.data})
        return
    say(f"{expected.sentence}." if expected is not None else "No call: no model would be asked.")
    say("Nothing was done.")


def cost_data(event: Event) -> dict[str, Any]:
    """The money of an event, where it is about money."""
    return {"cost": event.cost} if hasattr(event, "cost") else {}
