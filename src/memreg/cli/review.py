"""`memreg review`: the open questions to a person, listed, walked through, and answered by scripts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import rich_click as click
from click import get_current_context
from click.core import ParameterSource

from memreg.cli.options import WORDS, Access, by_option, data_options
from memreg.cli.output import data_of, print_json, say

if TYPE_CHECKING:
    from memreg.api.engine import Engine
    from memreg.operations.review import Review, ReviewItem, Settled

KINDS = (
    "possible_duplicate", "identity_conflict", "identity_contradiction", "dead_letter", "unresolved",
    "annotation_doubt",
)  # fmt: skip
VERDICTS = ("merge", "apart", "right", "wrong")

_kind = click.option("--kind", type=click.Choice(KINDS), help="Only questions of this kind.")
_class = click.option("--class", "class_name", metavar="CLASS", type=WORDS, help="Only questions on this class.")
_reveal = click.option("--reveal", is_flag=True, help="Show values of columns marked pii; that is kept in the audit.")
_why = click.option("--why", metavar="TEXT", type=WORDS, help="The reason, which is kept.")
_limit = click.option(
    "--limit", metavar="N", type=int, default=20, show_default=True, help="How many, from 1 to 10,000."
)


@click.group("review", invoke_without_command=True)
@_kind
@_class
@_limit
@_reveal
@by_option
@data_options
def review(access: Access, kind: str | None, class_name: str | None, limit: int, reveal: bool, by: str) -> None:
    """Answer what a person should look at, oldest first.

    Possible duplicates, keys that point to different memories, identities that the rest contradicts, what could not be
    used, memories that wait to be resolved, and doubts about the annotation. On a terminal this walks through them;
    into a pipe, or with --json, it lists them.
    """
    context = get_current_context()
    if context.invoked_subcommand is not None:
        _refuse_options_before(context)
        return
    if not access.as_json and sys.stdin.isatty() and sys.stdout.isatty():
        from memreg.cli.review_walk import walk

        with access.engine() as engine:
            walk(engine, kind, class_name, by, reveal=reveal)
        return
    _list(access, kind, class_name, limit, by, reveal=reveal)


@review.command("list")
@_kind
@_class
@_limit
@_reveal
@by_option
@data_options
def list_(access: Access, kind: str | None, class_name: str | None, limit: int, reveal: bool, by: str) -> None:
    """List the open questions, oldest first."""
    _list(access, kind, class_name, limit, by, reveal=reveal)


@review.command("walk")
@_kind
@_class
@_reveal
@by_option
@data_options
def walk_(access: Access, kind: str | None, class_name: str | None, reveal: bool, by: str) -> None:
    """Go through the open questions one by one.

    Each is shown side by side and waits for an answer: merge, apart (never asked again), right, wrong, skip, or undo of
    the last answer. It takes plain lines, so that it works over SSH.
    """
    from memreg.cli.review_walk import walk

    if access.as_json:
        raise click.UsageError("walk asks a person; for scripts there are memreg review --json and review settle.")
    with access.engine() as engine:
        walk(engine, kind, class_name, by, reveal=reveal)


@review.command("settle")
@click.argument("review_id", metavar="ID", type=WORDS)
@click.argument("verdict", metavar="VERDICT", type=click.Choice(VERDICTS))
@click.option("--keep", metavar="MEMORY_ID", type=WORDS, help="With merge: the memory that stays (the first made).")
@click.option("--cascade", is_flag=True, help="With wrong: undo what was built on the decision too.")
@click.option("--leave", is_flag=True, help="With wrong: only note it, and leave the memory as it is.")
@_why
@by_option
@data_options
def settle(
    access: Access,
    review_id: str,
    verdict: str,
    keep: str | None,
    cascade: bool,
    leave: bool,
    why: str | None,
    by: str,
) -> None:
    """Answer one question: merge, apart, right or wrong.

    merge makes its memories one; apart keeps them apart, and nobody is asked again; right leaves what was decided, and
    wrong undoes it. memreg review --json tells which answers fit.
    """
    with access.engine() as engine:
        done = engine.settle(review_id, verdict, by=by, why=why, keep=keep, cascade=cascade, leave=leave)
    _print_settled(access, done)


@review.command("reopen")
@click.argument("review_id", metavar="ID", type=WORDS)
@_why
@by_option
@data_options
def reopen(access: Access, review_id: str, why: str | None, by: str) -> None:
    """Take an answer back: what was done is undone, and the question is open again."""
    with access.engine() as engine:
        done = engine.reopen(review_id, by=by, why=why)
    _print_settled(access, done)


def print_list(found: Review) -> None:
    """The questions for a person, each with how to answer it."""
    from memreg.cli.review_shown import counted, item_lines

    if not found.items:
        say("No open question.")
        return
    for item in found.items:
        say(item_lines(item))
        say()
    shown = "" if found.total == len(found.items) else f", the oldest {len(found.items)} shown"
    say(f"{found.total} open{shown}: {counted(found)}.")
    say("memreg review walk goes through them; memreg review settle answers one.")


def review_data(found: Review) -> dict[str, Any]:
    """The questions for machines."""
    counts = [{"kind": kind, "class": name or None, "count": count} for (kind, name), count in found.counts.items()]
    return {
        "total": found.total,
        "masked": found.is_masked,
        "counts": counts,
        "items": [item_data(item) for item in found.items],
    }


def item_data(item: ReviewItem) -> dict[str, Any]:
    """One question for machines; its age is in seconds."""
    return {**data_of(item), "age": item.age.total_seconds(), "verdicts": list(item.verdicts)}


def read(
    engine: Engine, kind: str | None, class_name: str | None, limit: int, by: str, *, reveal: bool = False
) -> Review:
    """The open questions; who sees masked values is written down."""
    return engine.review(kind=kind, class_name=class_name, limit=limit, reveal=reveal, by=by if reveal else None)


def _list(access: Access, kind: str | None, class_name: str | None, limit: int, by: str, *, reveal: bool) -> None:
    with access.engine() as engine:
        found = read(engine, kind, class_name, limit, by, reveal=reveal)
    if access.as_json:
        print_json(review_data(found))
    else:
        print_list(found)


def _print_settled(access: Access, done: Settled) -> None:
    if access.as_json:
        print_json(done)
        return
    from memreg.engine.told import Page

    page = Page()
    page.say(f"{done.kind}: {done.verdict}. {done.sentence[:1].upper()}{done.sentence[1:].rstrip('.')}.")
    say(page.text)
    if done.verdict != "open":
        say(f"memreg review reopen {done.review_id} takes it back.")


def _refuse_options_before(context: click.Context) -> None:
    """Options of the list given before another command would be lost."""
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"{', '.join(given)} goes behind: memreg review {context.invoked_subcommand} {given[0]}")
