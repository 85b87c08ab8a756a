"""What the commands that change memories by hand take and print."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import rich_click as click

from memreg.cli.options import WORDS, Access, by_option
from memreg.cli.output import Col, data_of, print_json, print_table, say

if TYPE_CHECKING:
    from memreg.api.engine import Engine
    from memreg.operations.acts.outcome import ActResult, Affected
    from memreg.operations.acts.winners import Winner
    from memreg.registry.models import ClassSpec, SchemaVersion

Command = Callable[..., None]
_ARROW = " → "

_dry_run = click.option("--dry-run", is_flag=True, help="Only tell; change nothing.")
_why = click.option("--why", metavar="TEXT", type=WORDS, help="The reason, which is kept.")
_reveal = click.option(
    "--reveal", is_flag=True, help="Show values of columns marked pii, which are masked otherwise; this is audited."
)


def act_options(command: Command) -> Command:
    """The options of every act: who, why, only tell, show masked values."""
    return _dry_run(_why(by_option(_reveal(command))))


class Assignment(click.ParamType[tuple[str, str]]):
    """COLUMN=VALUE."""

    name = "column=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """The column and the text."""
        if isinstance(value, tuple):
            return value
        column, sign, text = WORDS.convert(value, param, ctx).partition("=")
        if not sign or not column.strip():
            self.fail(f"{value!r} is not COLUMN=VALUE, as in city=Oslo.", param, ctx)
        return column.strip(), text


ASSIGNMENT = Assignment()


def values_of(given: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Values by column: one that is given more than once, or as a JSON list, has several; an empty one has none."""
    found: dict[str, Any] = {}
    for column, text in given:
        value = _read(text)
        if column in found:
            items = [each if isinstance(each, list) else [each] for each in (found[column], value)]
            value = [item for each in items for item in each]
        found[column] = value
    return found


def _read(text: str) -> Any:
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def print_act(access: Access, engine: Engine, done: ActResult, *, by: str, why: str | None, reveal: bool) -> None:
    """What an act came to. Values of columns marked `pii` are masked, unless they are asked for, which is audited."""
    version = engine.version()
    if reveal:
        engine.reveal(f"the outcome of a {done.verb} of memory {done.memory_id}", by=by, why=why)
    if access.as_json:
        print_json(_as_data(done, version, reveal=reveal))
        return
    if done.winners:
        _print_winners(done, version, reveal=reveal)
    else:
        for memory in done.memories:
            _tell(memory, version, is_split=done.verb == "split", reveal=reveal)
    for note in done.notes:
        say(f"Note: {note}.")
    say(done.sentence)
    if done.dry_run:
        say("Nothing was changed.")
    else:
        say(f"To take it back: memreg undo {done.audit_id}")


def _print_winners(done: ActResult, version: SchemaVersion, *, reveal: bool) -> None:
    spec = version.spec.by_name.get(done.memories[0].class_name)
    columns = (Col("column", keep=True), Col("stays"), Col("goes into it"), Col("result"), Col("because"))
    rows = []
    for each in done.winners:
        kept, other, result = (
            _shown(spec, each.column, value, reveal) for value in (each.kept, each.other, each.result)
        )
        rows.append((each.column, kept, other, result, _because(each)))
    print_table(columns, rows)


def _because(winner: Winner) -> str:
    who = {"keep": "the one that stays", "other": "the other one", "both": "both", "same": ""}[winner.winner]
    return f"{who}: {winner.why}" if who else winner.why


def _tell(memory: Affected, version: SchemaVersion, *, is_split: bool, reveal: bool) -> None:
    spec = version.spec.by_name.get(memory.class_name)
    here = " is new" if is_split else " is there again"
    end = " is not there any more" if memory.after is None else here if memory.before is None else ""
    say(f"{memory.class_name} {memory.memory_id}{end}")
    before, after = memory.before or {}, memory.after or {}
    for name in memory.changed:
        old, new = (_shown(spec, name, of.get(name), reveal) for of in (before, after))
        if memory.after is None:
            say(f"  {name}: {old}")
        else:
            say(f"  {name}: {old or '—'}{_ARROW}{new or '—'}" if memory.before is not None else f"  {name}: {new}")


def _shown(spec: ClassSpec | None, column: str, value: Any, reveal: bool) -> Any:
    from memreg.operations.masking import mask

    return value if reveal or value is None else mask({column: value}, spec)[column]


def _as_data(done: ActResult, version: SchemaVersion, *, reveal: bool) -> Mapping[str, Any]:
    from memreg.operations.masking import mask

    def shown(class_name: str, values: Mapping[str, Any] | None) -> Any:
        return values if reveal or values is None else mask(values, version.spec.by_name.get(class_name))

    data: dict[str, Any] = data_of(done)
    data["memories"] = [
        data_of(each) | {"before": shown(each.class_name, each.before), "after": shown(each.class_name, each.after)}
        for each in done.memories
    ]
    spec = version.spec.by_name.get(done.memories[0].class_name)
    data["winners"] = [
        data_of(each)
        | {name: _shown(spec, each.column, getattr(each, name), reveal) for name in ("kept", "other", "result")}
        for each in done.winners
    ]
    return data
