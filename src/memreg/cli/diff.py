"""`memreg diff`: what differs between two versions of a schema, and what each can read of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rich_click as click

from memreg.cli.compared import print_changes, print_reasons
from memreg.cli.options import WORDS, Access, database_options
from memreg.cli.output import data_of, print_json, say

if TYPE_CHECKING:
    from memreg.registry.comparison import Comparison


@click.command("diff")
@click.argument("before", metavar="A", type=WORDS)
@click.argument("after", metavar="B", type=WORDS)
@database_options
def diff(access: Access, before: str, after: str) -> None:
    """Show what differs between two versions or files.

    A and B are each NAME@N (NAME: the newest), a schema file or a Pydantic class: memreg diff assistant@1 schema.yaml.
    Then what breaks where B has to read what was written under A (backward), and A what is written under B (forward).

    The fingerprint at the end, given to memreg register FILE --fingerprint, makes sure that just this is registered.
    """
    from memreg.api.sources import compare_sources, versioned_name

    if versioned_name(before) is None and versioned_name(after) is None:
        found = compare_sources(before, after)  # needs no database
    else:
        with access.registry() as registry:
            found = registry.diff(before, after)
    if access.as_json:
        print_json(comparison_data(found))
        return
    say(f"{found.before} → {found.after}")
    if not found.changes:
        say("No difference.")
    else:
        print_changes(found.changes)
        print_reasons(_once(found))
    say(f"backward (B reads A): {_word(found.is_backward)}   forward (A reads B): {_word(found.is_forward)}")
    say(f"fingerprint of {found.after}: {found.fingerprint}")


def comparison_data(found: Comparison) -> dict[str, Any]:
    """A comparison for machines."""
    return {
        "before": found.before,
        "after": found.after,
        "fingerprint": found.fingerprint,
        "mode": found.mode,
        "changes": [{**data_of(each), "where": each.where} for each in found.changes],
        "backward": {"compatible": found.is_backward, "reasons": found.backward},
        "forward": {"compatible": found.is_forward, "reasons": found.forward},
    }


def _once(found: Comparison) -> list[Any]:
    """The reasons of both directions; what breaks nothing and is the same in both is told once."""
    told = {(each.where, each.kind) for each in found.backward if not each.breaks}
    return [
        *found.backward,
        *(each for each in found.forward if each.breaks or (each.where, each.kind) not in told),
    ]


def _word(is_compatible: bool) -> str:
    return "compatible" if is_compatible else "NOT compatible"
