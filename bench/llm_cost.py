"""What extraction costs: requests and tokens for each message of a conversation, and over five classes of eight
columns, in every mode; and what it would cost to tell of the columns elsewhere.

Tokens are estimated as characters of all messages and of the tool or response format as JSON as sent, divided by 4;
beside it stands what the server counts. That is a scripted one, which counts words, numbers and runs of signs; with
`--live` the one that is configured, and then the answers are its own.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bench.stage import ASSISTANT, ROOT
from memreg.annotator.client import OpenAIClient
from memreg.annotator.extract_prompt import instructions, question
from memreg.annotator.extractor import LLMExtractor
from memreg.annotator.listing import LEGEND, listing
from memreg.annotator.options import ExtractOptions
from memreg.annotator.response import response_model
from memreg.annotator.wire import Ask, Endpoint, Reply, request
from memreg.core.settings import Settings
from memreg.engine.model import Message, Proposal
from memreg.engine.patterns import PatternsExtractor
from memreg.engine.structured import read_turns
from memreg.registry.models import ClassSpec, Column, Dtype, Kind, SchemaSpec, SchemaVersion, Status
from memreg.registry.parse import parse_schema
from memreg.testing import ScriptedServer, answer
from memreg.testing.request import Request

MODES = ("tools", "json_schema", "json", "md_json")
MOST = 1_500
"""Tokens that a prompt for five classes of eight columns must stay under."""
CONVERSATION = ROOT / "fixtures" / "conversations" / "assistant.jsonl"


@dataclass(frozen=True)
class Spent:
    """What one message cost. `estimated`: tokens of each of its requests."""

    message: str
    estimated: tuple[int, ...]
    counted: int | None
    answered: int | None

    @property
    def requests(self) -> int:
        """How many requests it took."""
        return len(self.estimated)


@dataclass
class Counting:
    """A client that notes what it sends, as it is really sent."""

    client: OpenAIClient
    sent: list[int] = field(default_factory=list)

    def ask(self, ask: Ask) -> Reply:
        """Ask once. Raises ModelFailed."""
        self.sent.append(estimate(request(ask, self.client.endpoint)))
        return self.client.ask(ask)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def estimate(body: Mapping[str, Any]) -> int:
    """Tokens of a request: characters of its messages and of its tools or response format, divided by 4, rounded up."""
    return -(-len(text_of(body)) // 4)


def text_of(body: Mapping[str, Any]) -> str:
    """All that a request tells a model: its messages, and its tools or response format as JSON."""
    said = [str(message["content"]) for message in body["messages"]]
    return "".join(said + [json.dumps(body[part]) for part in ("tools", "response_format") if part in body])


def five_by_eight(more: str = "") -> SchemaSpec:
    """Five classes of eight columns, each with a description, some with examples, enums and lists. `more` is added to
    every description."""
    columns = (
        Column("title", Dtype(Kind.STRING), "What it is called, in full", required=True, examples=("Fjord Bank",)),
        Column("email", Dtype(Kind.STRING), "E-mail address where it is reached", pii=True, examples=("ana@lopez.io",)),
        Column("happened", Dtype(Kind.DATE), "The day on which it happened or happens"),
        Column("kind", Dtype(Kind.ENUM), "What kind it is of", values=("private", "work", "public", "club", "other")),
        Column("rating", Dtype(Kind.NUMBER), "How much the user likes it, from 1 to 5"),
        Column("place", Dtype(Kind.STRING), "The street and town where it is found"),
        Column("labels", Dtype(Kind.STRING, is_list=True), "Labels that the user gave it", examples=(("urgent",),)),
        Column("notes", Dtype(Kind.TEXT), "Anything else that was said about it"),
    )
    names = ("Contact", "Organisation", "Appointment", "Subscription", "Purchase")
    told = tuple(replace(column, desc=column.desc + more) for column in columns)
    classes = [ClassSpec(name, told, f"What the user knows about one {name.lower()}{more}") for name in names]
    return SchemaSpec("five_by_eight", tuple(classes))


def read_conversation(path: Path) -> Iterator[Message]:
    """The messages of a conversation, a JSON object a line."""
    for line in path.read_text("utf-8").splitlines():
        said = json.loads(line)
        at = datetime.fromisoformat(said["at"])
        yield Message(said["text"], said["id"], said["session"], said.get("role", "user"), at)


def version_of(spec: SchemaSpec) -> SchemaVersion:
    """A schema as a version that is in use."""
    annotations = {each.name: each.declared for each in spec.classes if each.declared is not None}
    return SchemaVersion(spec, 1, Status.ACTIVE, spec.name, annotations)


def truth(messages: Sequence[Message], version: SchemaVersion) -> dict[str, list[Proposal]]:
    """What is right to answer to each message: what its patterns find, and what is written beside the conversation."""
    found = {each.text: list(PatternsExtractor().extract(each, version).proposals) for each in messages}
    by_id = {each.id: each.text for each in messages}
    path = CONVERSATION.with_suffix(".proposals.jsonl")
    for turn in read_turns(path.read_text("utf-8"), path.name):
        if turn.message_id in by_id:
            found[by_id[turn.message_id]] += turn.proposals
    return found


def item_of(proposal: Proposal) -> dict[str, Any]:
    """A proposal as a model gives it."""
    return {
        "class": proposal.class_name,
        "operation": proposal.operation,
        "values": dict(proposal.values),
        "evidence": proposal.evidence,
        "confidence": proposal.confidence or 0.9,
    }


def right(answers: Mapping[str, Sequence[Proposal]]) -> Callable[[Request], Any]:
    """A script that answers each message as is right, and counts pieces as tokens."""

    def script(asked: Request) -> Any:
        said = {"items": [item_of(each) for each in answers.get(asked.message, ())]}
        return answer(said, usage=(pieces(text_of(asked.body)), pieces(json.dumps(said))))

    return script


def pieces(text: str) -> int:
    """Words, numbers of up to three digits, and runs of signs, as tokenizers begin: what a server counts is never the
    estimate."""
    return len(re.findall(r" ?[^\W\d]+|\d{1,3}| ?[^\w\s]+|\s+", text))


def spend(messages: Iterable[Message], version: SchemaVersion, settings: Settings, before: int = 4) -> list[Spent]:
    """What each message costs, extracted after the ones before it in its session."""
    found: list[Spent] = []
    turns: dict[str | None, list[Message]] = {}
    with OpenAIClient.of(settings) as client:
        for message in messages:
            counting = Counting(client)
            extractor = LLMExtractor(counting, ExtractOptions(context_turns=before))
            earlier = turns.setdefault(message.session, [])
            done = extractor.extract_in_context(message, version, earlier if message.session else ())
            earlier.append(message)
            found.append(Spent(message.text, tuple(counting.sent), done.tokens_in, done.tokens_out))
    return found


def figures(spent: Sequence[Spent]) -> dict[str, Any]:
    """The figures of some messages together."""
    sizes = [size for each in spent for size in each.estimated]
    counted = [each.counted for each in spent if each.counted is not None]
    answered = [each.answered for each in spent if each.answered is not None]
    return {
        "messages": len(spent),
        "requests": len(sizes),
        "requests_per_message": round(len(sizes) / len(spent), 3),
        "tokens_per_request": round(statistics.mean(sizes)),
        "tokens_largest": max(sizes),
        "server_counts_per_message": round(statistics.mean(counted)) if counted else None,
        "server_counts_answered": round(statistics.mean(answered)) if answered else None,
    }


def prompt_size(spec: SchemaSpec, mode: str, message: Message) -> int:
    """The estimated tokens of the one request for a message."""
    endpoint = Endpoint("http://127.0.0.1", "none", "m", mode, 1, 0)
    ask = Ask(response_model(spec.classes), instructions(spec.classes), question(message), items=True)
    return estimate(request(ask, endpoint))


def layouts(spec: SchemaSpec, message: Message) -> dict[str, int]:
    """Estimated tokens in the mode tools, by where a model is told of the columns."""
    endpoint = Endpoint("http://127.0.0.1", "none", "m", "tools", 1, 0)
    user, system = question(message), instructions(spec.classes)
    bare = system.replace(LEGEND, "").replace(listing(spec.classes), "")
    open_, typed = response_model(spec.classes, typed=False), response_model(spec.classes, typed=True)

    def size(shape: type[Any], told: str, described: bool = False) -> int:
        body = request(Ask(shape, told, user, items=True), endpoint)
        return estimate(_described(body, spec) if described else body)

    return {
        "in the prompt": size(open_, system),
        "in the prompt, names and types in the tool as well": size(typed, system),
        "in the tool": size(typed, bare, described=True),
        "in both": size(typed, system, described=True),
    }


def _described(body: dict[str, Any], spec: SchemaSpec) -> dict[str, Any]:
    """The request with the descriptions and examples of the columns in its tool."""
    body = cast(dict[str, Any], json.loads(json.dumps(body)))
    defined = body["tools"][0]["function"]["parameters"]["$defs"]
    for each in spec.classes:
        defined[each.name]["description"] = each.description
        for column in each.columns:
            told = defined[each.name]["properties"][column.name]
            told |= {"description": column.desc} | ({"examples": list(column.examples)} if column.examples else {})
    return body


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--live", action="store_true", help="ask the model that is configured, in its mode only")
    arguments = parser.parse_args()
    conversation = version_of(parse_schema(ASSISTANT.read_text("utf-8"), ASSISTANT.name))
    messages = list(read_conversation(CONVERSATION))
    wide = version_of(five_by_eight())
    one = Message("Ana Lopez of Fjord Bank can be reached at ana@lopez.example.", at=messages[0].at)
    result: dict[str, Any] = {"bench": "llm_cost", "modes": {}, "most": MOST}
    if arguments.live:
        settings = Settings()
        for spent in (spending := spend(messages, conversation, settings)):
            counted = f"{sum(spent.estimated):5} tokens, counted {spent.counted}"
            print(f"{spent.requests} request(s), {counted}: {spent.message[:80]}")
        result["modes"][settings.llm_mode] = {"conversation": figures(spending)}
    for mode in () if arguments.live else MODES:
        with ScriptedServer(right(truth(messages, conversation))) as server:
            settings = Settings(llm_base_url=server.base_url, llm_model="m", llm_mode=mode)
            spending = spend(messages, conversation, settings)
            over_wide = spend([one], wide, settings)
        if mode == MODES[0]:
            for spent in spending:
                print(f"{spent.requests} request(s), {sum(spent.estimated):5} tokens in: {spent.message[:80]}")
        result["modes"][mode] = {"conversation": figures(spending), "five_by_eight": figures(over_wide)}
    result["layouts"] = layouts(wide.spec, one)
    for mode, found in result["modes"].items():
        print(f"{mode:12} {found}")
    print(f"told of the columns, tokens of the prompt: {result['layouts']}")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
