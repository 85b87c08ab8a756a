"""`memreg inbox`: the messages that are not settled, one of them in full, retrying them and giving them up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import rich_click as click
from click import get_current_context
from click.core import ParameterSource
from click.exceptions import Exit

from memreg.cli.options import WORDS, Access, by_option, data_options
from memreg.cli.output import Col, data_of, plain, print_json, print_table, say, tell
from memreg.cli.progress import bar
from memreg.operations.check import span

if TYPE_CHECKING:
    from memreg.api.engine import Engine
    from memreg.core.database import Database
    from memreg.engine.model import Call, IngestResult
    from memreg.operations.inbox import Inbox, InboxMessage, KeptMessage

LONGEST_TEXT = 20_000
STATUSES = ("accepted", "extracting", "dead", "dropped")

_ids = click.argument("message_ids", metavar="ID...", nargs=-1, type=WORDS)


@click.group("inbox", invoke_without_command=True)
@click.option("--status", type=click.Choice(STATUSES), help="Only messages in this state.")
@click.option("--limit", metavar="N", type=int, default=20, show_default=True, help="How many, from 1 to 10,000.")
@data_options
def inbox(access: Access, status: str | None, limit: int) -> None:
    """List the messages that are not decided, oldest first.

    A message is accepted (kept, it waits), extracting (somebody works on it), and then decided, or dead: it failed for
    good, and is kept with the reason. A person retries a dead message or drops it for a reason; neither loses it.
    """
    context = get_current_context()
    if context.invoked_subcommand is not None:
        _refuse_options_before(context)
        return
    from memreg.operations.inbox import inbox as read

    with access.database() as database:
        tenant, schema = _scope(database)
        found = read(database, tenant, schema, status=status, limit=limit)
    if access.as_json:
        items = [_data(item) for item in found.items]
        oldest = None if found.oldest is None else found.oldest.total_seconds()
        print_json({"counts": found.counts, "total": found.total, "oldest": oldest, "items": items})
        return
    _print_list(found, status, limit)


@inbox.command("show")
@click.argument("message_id", metavar="ID", type=WORDS)
@data_options
def show(access: Access, message_id: str) -> None:
    """Show one message with all that is kept of it.

    What was said, why it is where it is, the requests made for it, the beginning of the model's reply, the decisions.
    """
    from memreg.operations.inbox import show as read

    with access.database() as database:
        tenant, schema = _scope(database)
        found = read(database, tenant, schema, message_id)
    if access.as_json:
        data = data_of(found)
        calls = [{"at": data_of(at), **data_of(call)} for at, call in found.calls]
        print_json({**data, "message": _data(found.message), "calls": calls})
        return
    _print_message(found)


@inbox.command("retry")
@_ids
@click.option("--all-dead", is_flag=True, help="Every dead message, oldest first.")
@click.option("--queue", is_flag=True, help="Leave them to the workers instead of working here.")
@data_options
def retry(access: Access, message_ids: tuple[str, ...], all_dead: bool, queue: bool) -> None:
    """Try messages again, now and here.

    Each is extracted and decided as if it had just come, and told as memreg ingest tells it; what fails again stays
    kept. With --queue they are left to the workers (memreg worker). The exit status is 1 where one is not decided.
    """
    if all_dead == bool(message_ids):
        raise click.UsageError("Name the messages by ID, or give --all-dead.")
    if queue:
        _requeue(access, message_ids)
        return
    from memreg.cli.tally import FEW
    from memreg.operations.inbox import dead_ids

    with access.engine() as engine:
        wanted = list(dict.fromkeys(message_ids or dead_ids(engine.database, engine.tenant, engine.schema())))
        few = len(wanted) <= FEW
        done = _Retried(show=few and not access.as_json)
        with bar("retrying", "messages", wanted=not few) as advance:
            for number, message_id in enumerate(wanted, 1):
                if not done.take(engine, message_id):
                    break
                advance(number, len(wanted), number)
    if access.as_json:
        rest = {"problems": done.problems, "stopped": done.stopped, "counts": done.tally.counts()}
        print_json({"results": done.results, **rest})
    elif not wanted:
        say("No message is dead: nothing to retry.")
    else:
        done.tally.show()
        dead = done.tally.first_dead
        if dead is not None and not few:
            tell(f"The first dead message is {dead.message_id}: {dead.error}")
    if done.stopped is not None:
        tell(f"Stopped; what was retried before is kept as told. {done.stopped}")
    if done.stopped is not None or done.tally.failed:
        raise Exit(1)


@inbox.command("drop")
@_ids
@click.option("--why", metavar="TEXT", type=WORDS, required=True, help="The reason, which is kept.")
@by_option
@data_options
def drop(access: Access, message_ids: tuple[str, ...], why: str, by: str) -> None:
    """Give messages up, for a reason.

    They stay kept, with the reason and who gave them up, and are not tried again; the question to a person about each
    is settled. A message that is decided cannot be dropped: the exit status is 1 then.
    """
    if not message_ids:
        raise click.UsageError("Name the messages to drop by ID.")
    from memreg.operations.inbox import drop as give_up

    with access.database() as database:
        tenant, schema = _scope(database)
        done = give_up(database, tenant, schema, message_ids, why=why, by=by)
    if access.as_json:
        print_json({"messages": done})
    else:
        for each in done:
            (say if each.verdict in ("dropped", "before") else tell)(each.sentence)
    if any(each.verdict in ("refused", "unknown") for each in done):
        raise Exit(1)


class _Retried:
    """What became of messages that were tried again; `stopped`: why the rest was not tried."""

    def __init__(self, *, show: bool) -> None:
        from memreg.cli.tally import Tally

        self.tally = Tally()
        self.results: list[IngestResult] = []
        self.problems: list[dict[str, str]] = []
        self.stopped: str | None = None
        self._show = show

    def take(self, engine: Engine, message_id: str) -> bool:
        """Try one message again; False where no further one would fare better."""
        from memreg.cli.messages import Problem
        from memreg.cli.tally import show_result
        from memreg.core.errors import MemregError, MessageNotFound, MessageSettled

        try:
            result = engine.retry(message_id)
        except (MessageNotFound, MessageSettled) as error:
            self.tally.refuse([Problem(0, str(error))])
            self.problems.append({"id": message_id, "error": str(error)})
            tell(str(error))
            return True
        except MemregError as error:
            self.stopped = str(error)
            return False
        self.tally.add(result)
        self.results.append(result)
        if self._show:
            show_result(result)
        return True


def _requeue(access: Access, message_ids: tuple[str, ...]) -> None:
    """Leave messages to the workers: those named, or every dead one."""
    from memreg.core.errors import MessageNotFound
    from memreg.operations.inbox import dead_ids, requeue

    queued, problems = list[str](), list[dict[str, str]]()
    with access.database() as database:
        tenant, schema = _scope(database)
        for message_id in dict.fromkeys(message_ids or dead_ids(database, tenant, schema)):
            try:
                sentence = requeue(database, tenant, schema, message_id)
            except MessageNotFound as error:
                sentence = str(error)
            if sentence is None:
                queued.append(message_id)
            else:
                problems.append({"id": message_id, "error": sentence})
    if access.as_json:
        print_json({"queued": queued, "problems": problems})
    else:
        for problem in problems:
            tell(problem["error"])
        say(f"{len(queued)} left to the workers. Next: memreg worker, unless one runs" if queued else "Nothing to do.")
    if problems:
        raise Exit(1)


def _scope(database: Database) -> tuple[str, str]:
    from memreg.registry.versions import resolve_name

    settings = database.settings
    return settings.tenant, database.run_admin(lambda: resolve_name(settings.schema_))


def _refuse_options_before(context: click.Context) -> None:
    """`memreg inbox --tenant a show 1` would show another tenant's message than the one that was named."""
    for parameter in context.command.params:
        given = parameter.name is not None and context.get_parameter_source(parameter.name)
        if given is ParameterSource.COMMANDLINE:
            name = context.invoked_subcommand
            raise click.UsageError(
                f"Give {parameter.opts[0]} after {name}: memreg inbox {name} {parameter.opts[0]} ..."
            )


def _print_list(found: Inbox, status: str | None, limit: int) -> None:
    counts = ", ".join(f"{count:,} {name}" for name, count in found.counts.items())
    if found.total:
        waiting = "" if found.oldest is None else f"; the oldest of those that wait is {span(found.oldest)} old"
        say(f"{found.total:,} not decided: {counts}{waiting}.")
    elif status is None:
        say("The inbox is empty: every message is decided, or dropped.")
        return
    if not found.items:
        say(f"None is {status}.")
        return
    columns = (
        Col("message", keep=True),
        Col("status", keep=True),
        Col("age", keep=True),
        Col("tries", right=True),
        Col("next try (UTC)", wide=True),
        Col("session", wide=True),
        Col("why"),
    )
    rows = [
        (each.id, each.status, span(each.age), each.attempts, each.next_attempt_at, each.session, each.sentence)
        for each in found.items
    ]
    print_table(columns, rows)
    if status == "dropped" and len(found.items) == limit:
        say(f"The oldest {limit:,} are shown; --limit shows more.")
    elif len(found.items) < (all_of_them := found.counts.get(status, 0) if status else found.total):
        say(f"The oldest {len(found.items):,} of {all_of_them:,} are shown; --limit shows more.")
    if any(each.status == "dead" for each in found.items):
        say("Next: memreg inbox show ID, memreg inbox retry ID, or memreg inbox drop ID --why TEXT")


def _print_message(found: KeptMessage) -> None:
    message = found.message
    say(f"message {message.id}, {message.status}: {message.sentence}")
    facts = {
        "received": f"{plain(message.received_at)} UTC, {span(message.age)} ago",
        "said at": plain(found.at),
        "role": message.role,
        "session": message.session,
        "tries": message.attempts,
        "next try": plain(message.next_attempt_at),
        "decided": plain(found.decided_at),
    }
    for name, value in facts.items():
        if value not in (None, ""):
            say(f"  {name:<9} {value}")
    more = len(found.text) - LONGEST_TEXT
    _print_block(
        "text", found.text[:LONGEST_TEXT] + (f"… ({more:,} characters more; --json has all)" if more > 0 else "")
    )
    if found.calls:
        say()
        say(f"{len(found.calls)} {'request' if len(found.calls) == 1 else 'requests'} to a model:")
        columns = (Col("at (UTC)", keep=True), Col("outcome"), Col("model"), Col("tokens in", right=True),
                   Col("tokens out", right=True), Col("ms", right=True))  # fmt: skip
        print_table(columns, list(_call_rows(found)))
    if found.reply:
        more = found.reply_length - len(found.reply)
        _print_block("reply", found.reply + (f"… ({more:,} characters more)" if more > 0 else ""))
    if found.decisions:
        from memreg.cli.tally import show_decision

        say()
        for decision in found.decisions:
            show_decision(decision)


def _call_rows(found: KeptMessage) -> Iterator[tuple[Any, ...]]:
    for at, call in found.calls:
        yield at, call.outcome, call.model, call.tokens_in, call.tokens_out, _milliseconds(call)


def _milliseconds(call: Call) -> str | None:
    return None if call.latency_ms is None else f"{call.latency_ms:,.0f}"


def _print_block(name: str, text: str) -> None:
    say()
    say(f"{name}:")
    for line in text.splitlines() or [""]:
        say(f"  {line}")


def _data(item: InboxMessage) -> dict[str, Any]:
    return {**data_of(item), "age": item.age.total_seconds(), "sentence": item.sentence}
