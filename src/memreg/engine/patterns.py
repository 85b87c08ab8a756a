"""The patterns extractor: reads the sentences that a schema declares for its classes: `{name} lives in {city}`.

A message is read sentence by sentence: a line break, or one of `.!?;` before a space, ends a sentence; the mark that
ends a pattern's own sentence is ignored. A pattern matches without regard to case and to the amount of white space.
A place at its start begins where the sentence begins, and one at its end goes on to the sentence's end; a pattern that
starts in words may stand anywhere, at whole words, and several times. A place takes as few words as it can, but a
number, date or boolean right after another place takes one: in `{name} {rating} stars` the name may have several.

Where patterns match the same words, the one with more letters of its own wins; with equally many, both stand if they
are of different classes; else the one with more places wins, then the one declared first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter
from typing import Literal

import parse  # type: ignore[import-untyped]

from memreg.engine.extract import MAX_PROPOSALS
from memreg.engine.model import Extraction, Message, Proposal, Refused
from memreg.registry.models import ClassSpec, Kind, Operation, SchemaSpec, SchemaVersion

NAME = "patterns"
LONGEST_SENTENCE = 2000

_LINE = re.compile(r"[\r\n\u2028\u2029]+")
_END = re.compile(r"[.!?;…]+(?=\s|$)")
_SHORTENED = re.compile(r"\b(?:[A-HJ-Z]|[Dd]r|[Mm]rs?|[Mm]s|St|[Pp]rof|[Jj]r|[Ss]r|vs|e\.g|i\.e)$")
_ENDING = ".!?;… "
_ONE_WORD = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN, Kind.DATE})
_TRAILING = " \t.,;:!?…"
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "„": "“", "`": "`", "<": ">"}


class PatternsExtractor:
    """Reads a message by the patterns of a schema's classes: no model, no network, the same every time."""

    name = NAME
    is_local: Literal[True] = True

    def extract(self, message: Message, version: SchemaVersion) -> Extraction:
        """The proposals of a message, in the order of the text, then of declaration. Never fails."""
        return extract(message.text, version.spec)


class AsyncPatternsExtractor:
    """The patterns extractor for asynchronous engines; it waits for nothing."""

    name = NAME
    is_local: Literal[True] = True

    async def extract(self, message: Message, version: SchemaVersion) -> Extraction:
        """The proposals of a message, in the order of the text, then of declaration. Never fails."""
        return extract(message.text, version.spec)


@dataclass(frozen=True, slots=True)
class Reader:
    """A pattern made ready: the literal words between its places, and the parser that fills the places."""

    class_name: str
    operation: Operation
    order: int
    literals: tuple[re.Pattern[str], ...]
    starts_open: bool
    ends_open: bool
    words: int
    places: int
    parser: parse.Parser


@dataclass(frozen=True, slots=True)
class Match:
    """The words of a sentence that a pattern took."""

    reader: Reader
    start: int
    end: int
    evidence: str
    values: dict[str, str]

    @property
    def rank(self) -> tuple[int, int, int]:
        """The most specific first."""
        return -self.reader.words, -self.reader.places, self.reader.order


def extract(text: str, spec: SchemaSpec) -> Extraction:
    """The proposals that a schema's patterns find in a text; what is past the bounds is named as a problem."""
    readers = readers_of(spec)
    found: list[Proposal] = []
    refused: list[Refused] = []
    too_long = 0
    for sentence in sentences(text) if readers else ():
        if len(sentence) > LONGEST_SENTENCE:
            too_long += 1
            continue
        found.extend(_proposal(match) for match in matches(sentence, readers))
        if len(found) > MAX_PROPOSALS:
            refused.append(Refused(f"the message matches more than {MAX_PROPOSALS:,} times; the rest was not read"))
            del found[MAX_PROPOSALS:]
            break
    if too_long:
        refused.append(Refused(f"{too_long} sentence(s) of more than {LONGEST_SENTENCE:,} characters were not read"))
    return Extraction(tuple(found), extractor=NAME, refused=tuple(refused))


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text, their white space collapsed. Abbreviations and initials (`Dr.`, `J.`) do not end one."""
    for line in _LINE.split(text):
        start = 0
        for end in _END.finditer(line):
            if _SHORTENED.search(line, max(start, end.start() - 6), end.start()) and end[0] == ".":
                continue
            if sentence := " ".join(line[start : end.start()].split()):
                yield sentence
            start = end.end()
        if sentence := " ".join(line[start:].split()):
            yield sentence


def matches(sentence: str, readers: tuple[Reader, ...]) -> list[Match]:
    """The matches that stand in a sentence, in order of position, then of declaration."""
    every = sorted((match for reader in readers for match in _all_of(reader, sentence)), key=lambda match: match.rank)
    standing: list[Match] = []
    for match in every:
        if not any(_beats(other, match) for other in standing):
            standing.append(match)
    return sorted(standing, key=lambda match: (match.start, match.reader.order))


@dataclass(frozen=True, slots=True)
class Declared:
    """A pattern as declared, with the columns of its class that hold one word."""

    class_name: str
    text: str
    operation: Operation
    one_word: frozenset[str]


def readers_of(spec: SchemaSpec) -> tuple[Reader, ...]:
    """The patterns of every class, in declared order."""
    declared = [
        Declared(each.name, pattern.text, pattern.operation, _one_word(each))
        for each in spec.classes
        for pattern in each.patterns
    ]
    return _readers(tuple(declared))


def _one_word(spec: ClassSpec) -> frozenset[str]:
    return frozenset(column.name for column in spec.columns if column.dtype.kind in _ONE_WORD)


@lru_cache(maxsize=64)
def _readers(declared: tuple[Declared, ...]) -> tuple[Reader, ...]:
    readers = (_reader(order, each) for order, each in enumerate(declared))
    return tuple(reader for reader in readers if reader.words)  # without words it would match every sentence


def _reader(order: int, declared: Declared) -> Reader:
    # A format such as `{age:d}` is not passed on: a value that does not fit is the validator's to refuse.
    literals, fields = [""], []
    for literal, field, _, _ in Formatter().parse(" ".join(declared.text.split()).rstrip(_ENDING)):
        literals[-1] += literal
        if field is not None:
            fields.append(field)
            literals.append("")
    plain = _escaped(literals[0])
    for number, (field, after) in enumerate(zip(fields, literals[1:], strict=True)):
        one_word = number > 0 and literals[number] == " " and field in declared.one_word
        plain += f"{{{field}{':word' if one_word else ''}}}" + _escaped(after)
    return Reader(
        class_name=declared.class_name,
        operation=declared.operation,
        order=order,
        literals=tuple(re.compile(re.escape(literal), re.IGNORECASE) for literal in literals),
        starts_open=not literals[0],
        ends_open=not literals[-1],
        words=sum(not char.isspace() for literal in literals for char in literal),
        places=len(fields),
        parser=parse.compile(plain, {"word": _word}, case_sensitive=False),
    )


@parse.with_pattern(r"\S+")  # type: ignore[untyped-decorator]
def _word(text: str) -> str:
    return text


def _all_of(reader: Reader, sentence: str) -> Iterator[Match]:
    at = 0
    while at < len(sentence) and (span := _span(reader, sentence, at)) is not None:
        start, end = span
        evidence = sentence[start:end]
        parsed = reader.parser.parse(evidence)
        values = {name: trimmed for name, value in parsed.named.items() if (trimmed := _trim(value))} if parsed else {}
        if values:
            yield Match(reader, start, end, evidence.strip(), values)
        at = len(sentence) if reader.starts_open else end


def _span(reader: Reader, sentence: str, start: int) -> tuple[int, int] | None:
    """Where a pattern matches from `start` on: each literal at its first place after the one before, so in linear time.

    The parser then sees exactly these words and has nothing to search, which keeps hostile texts from costing powers.
    """
    first = _whole_word(reader.literals[0], sentence, start, before=True, after=not reader.places)
    if first is None:
        return None
    begin, at = (start, start) if reader.starts_open else first
    for number, literal in enumerate(reader.literals[1:], 2):
        last = number == len(reader.literals)
        if last and reader.ends_open:
            return (begin, len(sentence)) if at < len(sentence) else None
        found = _whole_word(literal, sentence, at + 1, before=False, after=last)
        if found is None:
            return None
        at = found[1]
    return begin, at


def _whole_word(
    literal: re.Pattern[str], sentence: str, start: int, *, before: bool, after: bool
) -> tuple[int, int] | None:
    for found in literal.finditer(sentence, start):
        begin, end = found.span()
        if before and begin > 0 and _inside_word(sentence, begin):
            continue
        if after and end < len(sentence) and _inside_word(sentence, end):
            continue
        return begin, end
    return None


def _inside_word(sentence: str, at: int) -> bool:
    return sentence[at - 1].isalnum() and sentence[at].isalnum()


def _beats(stronger: Match, weaker: Match) -> bool:
    if stronger.end <= weaker.start or weaker.end <= stronger.start:
        return False
    return stronger.reader.words > weaker.reader.words or stronger.reader.class_name == weaker.reader.class_name


def _proposal(match: Match) -> Proposal:
    return Proposal(match.reader.class_name, match.values, match.reader.operation, evidence=match.evidence)


def _trim(value: str) -> str:
    value = value.strip().rstrip(_TRAILING)
    if len(value) > 1 and _QUOTES.get(value[0]) == value[-1]:
        value = value[1:-1].strip().rstrip(_TRAILING)
    return value


def _escaped(literal: str) -> str:
    return literal.replace("{", "{{").replace("}", "}}")
