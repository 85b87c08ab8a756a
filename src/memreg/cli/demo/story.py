"""The conversation: messages in their order, and for a few of them proposals as a model would have made them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from memreg.cli.lines import Source
from memreg.cli.messages import Given, read_messages, read_turns
from memreg.engine.model import Message, Proposal

PACKAGE = "memreg.cli.demo"
SCHEMA = "assistant.yaml"


def schema_text() -> str:
    """The assistant's schema, as YAML."""
    return resources.files(PACKAGE).joinpath(SCHEMA).read_text("utf-8")


def story() -> Iterator[tuple[Message, tuple[Proposal, ...] | None]]:
    """Every message with its proposals, None where the patterns read it."""
    given = {
        each.message.id: each.proposals for each in _read("proposals.jsonl", proposals=True) if each.message is not None
    }
    for each in _read("conversation.jsonl"):
        assert each.message is not None, each.problems
        yield each.message, given.get(each.message.id)


def _read(name: str, *, proposals: bool = False) -> Iterator[Given]:
    with resources.as_file(resources.files(PACKAGE).joinpath(name)) as path:
        yield from _turns(path, proposals)


def _turns(path: Path, proposals: bool) -> Iterator[Given]:
    with path.open("rb") as stream:
        source = Source(stream, path.name)
        yield from read_turns(source) if proposals else read_messages(source)
