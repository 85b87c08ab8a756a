"""`memreg forget`, `memreg restore`: a memory is deleted softly, or there again."""

from __future__ import annotations

import rich_click as click

from memreg.cli.acted import act_options, print_act
from memreg.cli.options import WORDS, Access, data_options


@click.command()
@click.argument("memory_id", type=WORDS)
@act_options
@data_options
def forget(access: Access, memory_id: str, dry_run: bool, why: str | None, by: str, reveal: bool) -> None:
    """Delete a memory softly.

    It is no more read or found, and its identity keys are free; its history stays, and memreg restore brings it back.
    What refers to it is dealt with as its column declares (on_delete). memreg erase takes the values away for good.
    """
    with access.engine() as engine:
        done = engine.forget(memory_id, by=by, why=why, dry_run=dry_run)
        print_act(access, engine, done, by=by, why=why, reveal=reveal)


@click.command()
@click.argument("memory_id", type=WORDS)
@act_options
@data_options
def restore(access: Access, memory_id: str, dry_run: bool, why: str | None, by: str, reveal: bool) -> None:
    """Bring a deleted memory back.

    With the identity keys that it had. Refused where another memory has one of them now, which is named.
    """
    with access.engine() as engine:
        done = engine.restore(memory_id, by=by, why=why, dry_run=dry_run)
        print_act(access, engine, done, by=by, why=why, reveal=reveal)
