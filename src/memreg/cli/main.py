"""The command line: the top group, its help that teaches, and what becomes of errors."""

from __future__ import annotations

import sys
from typing import Any

import rich_click as click
from rich_click import RichCommandPanel

from memreg import __version__
from memreg.cli.annotations import annotate, approve, reject, show_annotations
from memreg.cli.audit import audit
from memreg.cli.backfill import backfill
from memreg.cli.calibrate import calibrate
from memreg.cli.correct import correct
from memreg.cli.demo.command import demo
from memreg.cli.diff import diff
from memreg.cli.doctor import doctor
from memreg.cli.erase import erase
from memreg.cli.evaluate import evaluate
from memreg.cli.explain import explain
from memreg.cli.forget import forget, restore
from memreg.cli.import_ import import_
from memreg.cli.inbox import inbox
from memreg.cli.ingest import ingest
from memreg.cli.kill_switch import kill_switch
from memreg.cli.lint import lint
from memreg.cli.memories import get, history, memories, search
from memreg.cli.merge import merge
from memreg.cli.metrics import metrics
from memreg.cli.migrate import migrate
from memreg.cli.monitor import monitor
from memreg.cli.output import tell
from memreg.cli.resolve import resolve
from memreg.cli.review import review
from memreg.cli.schemas import register, schemas
from memreg.cli.show import show
from memreg.cli.split import split
from memreg.cli.undo import undo
from memreg.cli.usage import usage
from memreg.cli.views import views
from memreg.cli.worker import worker
from memreg.core.errors import FileInvalid, MemregError

GROUPS: dict[str, tuple[click.Command, ...]] = {
    "Start": (demo, migrate, doctor),
    "Describe what is worth remembering": (
        lint,
        import_,
        register,
        schemas,
        show,
        diff,
        annotate,
        show_annotations,
        approve,
        reject,
    ),
    "Remember": (ingest, worker, memories, get, search, history, views),
    "Ask why": (audit, explain),
    "Measure": (evaluate, calibrate),
    "Keep it running": (monitor, inbox, usage, metrics),
    "Put it right": (undo, merge, split, correct, forget, restore, erase),
    "Keep it safe": (review, kill_switch, resolve, backfill),
}

EPILOG = """\
Without MEMREG_DATABASE_URL, memreg starts a Postgres of its own and stops it with the last command that uses it.

Completion of commands and options: put eval "$(_MEMREG_COMPLETE=bash_source memreg)" into ~/.bashrc
(zsh_source into ~/.zshrc), or run _MEMREG_COMPLETE=fish_source memreg | source in fish."""


class Top(click.RichGroup):
    """The top group: commands in the order of the walk, and one place where errors become sentences."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The commands in the order in which a person meets them."""
        return [command.name or "" for commands in GROUPS.values() for command in commands]

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what memreg refuses is told on stderr and ends with status 1."""
        try:
            return super().invoke(ctx)
        except MemregError as error:
            tell_error(error)
            ctx.exit(1)


def tell_error(error: MemregError) -> None:
    """An error as one sentence; the mistakes of a file each on a line, as a compiler prints them."""
    if not isinstance(error, FileInvalid):
        tell(f"{error}")
        return
    source = error.facts["source"]
    for mistake in error.mistakes:
        place = f"{source}:{mistake.line}:{mistake.column}" if mistake.line else f"{source}"
        tell(f"{place}: {mistake.text}")
    if len(error.mistakes) > 1:
        tell(f"{error.facts['count']}; nothing was changed.")


@click.group(
    cls=Top,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    panels=[RichCommandPanel(title, [command.name or "" for command in each]) for title, each in GROUPS.items()],
)
@click.rich_config(help_config={"text_paragraph_linebreaks": "\n\n"})
@click.version_option(__version__, prog_name="memreg", message="%(prog)s %(version)s")
def memreg() -> None:
    """Typed, audited memory for agents: described once, approved by a person, decided by rules.

    A first walk (or watch one: memreg demo):

    \b
      memreg register schema.yaml      what identifies an object is proposed
      memreg annotations NAME          look at the proposal
      memreg approve NAME              until then, memories are only created
      memreg ingest messages.txt       each message is decided by the rules
      memreg memories                  what is remembered
      memreg audit                     every decision
      memreg explain AUDIT_ID          why it was made
    """


for _commands in GROUPS.values():
    for _command in _commands:
        memreg.add_command(_command)


def main() -> None:
    """The entry point of the installed command."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no reason to fail
    memreg(prog_name="memreg")
