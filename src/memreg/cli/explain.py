"""`memreg explain`: the whole story of one decision or act."""

from __future__ import annotations

import rich_click as click

from memreg.cli.options import WORDS, Access, data_options
from memreg.cli.output import print_json, say


@click.command()
@click.argument("audit_id", metavar="AUDIT_ID", type=WORDS)
@click.option(
    "--why-not",
    metavar="MEMORY_ID",
    type=WORDS,
    help="Also tell why this memory was not chosen, as it was at that time.",
)
@data_options
def explain(access: Access, audit_id: str, why_not: str | None) -> None:
    """Tell why a decision was made, and what became of it.

    The message, the rule that fired and why the ones before it did not, the keys that were compared, the best
    candidates with the parts of their scores, what changed, what was built on it, and the command that undoes it.
    """
    with access.engine() as engine:
        explanation = engine.explain(audit_id, why_not=why_not)
    if access.as_json:
        print_json(explanation)
    else:
        say(explanation.text)
