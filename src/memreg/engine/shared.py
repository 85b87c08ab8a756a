"""What a proposal's columns say against each value that memories have there: found out once, however many memories, or
revisions of them, have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from memreg.engine.codes import NO_CODES, Codes
from memreg.engine.compare import Memo, code_evidence, compare, key_evidence, partners, text_evidence, value_evidence
from memreg.engine.identity import canonical
from memreg.engine.level import Level
from memreg.engine.pair import Pair, Weighed, weigh
from memreg.engine.record import Record, Role
from memreg.engine.statistics import Statistics
from memreg.engine.words import NO_WORDS, Place, Words, place_of

_NONE, _EQUAL, _NAME = Level.NONE, Level.EQUAL, Role.NAME


class Text:
    """What memories have in a searchable column. `weighed`: what it says beside the proposal's text, where both have
    one: whether anything `meets`, and whether it `differs`; `is_same`: whether both have the same words, or none;
    `is_apart`: whether it may not be judged by itself; `has_codes`: whether it has to be looked at for codes."""

    __slots__ = ("differs", "has_codes", "is_apart", "is_same", "meets", "weighed", "words")

    def __init__(self, words: Words, weighed: Weighed | None, is_same: bool, is_apart: bool = False) -> None:
        self.words = words
        self.weighed = weighed
        self.is_same = is_same
        self.is_apart = is_apart
        self.has_codes = words.codes is not NO_CODES
        if weighed is None:
            self.differs = self.meets = False
        else:
            level = weighed[0][2]
            self.differs, self.meets = level is not _EQUAL, level is not _NONE


_NO_TEXT, _NO_TEXT_EITHER = Text(NO_WORDS, None, False), Text(NO_WORDS, None, True)


class Column:
    """A searchable column of a proposal. `words`: what it says there; `texts`: what memories were found to have there,
    by value; `is_crossed`: whether names may be swapped with it."""

    __slots__ = ("is_crossed", "is_listing", "is_open", "name", "role", "texts", "words", "worth")

    def __init__(self, name: str, proposal: Record, statistics: Statistics, is_crossed: bool) -> None:
        plan = proposal.plan
        self.name = name
        self.role = plan.roles[name]
        self.worth = statistics.calibration.worth(name, self.role)
        self.words = proposal.words_of(proposal.payload[name]) if name in proposal.fields else NO_WORDS
        self.is_open = name in plan.open_columns
        self.is_listing = name in plan.lists
        self.is_crossed = is_crossed
        self.texts: dict[Place, Text] = {None: _NO_TEXT if self.words.tokens else _NO_TEXT_EITHER}

    def text(self, value: object, record: Record, places: Mapping[str, str | None], statistics: Statistics) -> Text:
        """What a record has there, held against what the proposal says. `places`: the proposal's words with their
        columns."""
        words, own = record.words_of(value), self.words
        tokens = words.tokens
        if not tokens:
            return self.texts[None]
        if self.is_listing or (not places.keys().isdisjoint(tokens) and self._may_stray(tokens, places)):
            return Text(words, None, False, True)
        if not own.tokens:
            return Text(words, None, False) if self.is_crossed or words.codes is not NO_CODES else _NO_TEXT
        evidence = text_evidence(self.name, self.role, own.tokens, tokens, statistics, self.is_open)
        return Text(words, weigh(evidence, statistics, self.worth), words.distinct == own.distinct)

    def _may_stray(self, tokens: tuple[str, ...], places: Mapping[str, str | None]) -> bool:
        return {places.get(token, self.name) for token in tokens} != {self.name}


class Shared:
    """What was found out about a proposal under some statistics, while it was held against memories.

    A pair put together from it is the one that `compare` finds, which judges columns one by one too: but where a word
    stands in another column on the other side, names were swapped or other names are listed. There it is asked itself.
    """

    def __init__(self, proposal: Record, statistics: Statistics) -> None:
        self.statistics = statistics
        plan = proposal.plan
        names = [name for name in plan.names if name not in plan.open_columns]
        crossed = names if len(names) > 1 else ()
        self._columns = [Column(name, proposal, statistics, name in crossed) for name in plan.searchable]
        self._codes = proposal.codes
        self._compared: list[tuple[str, str, dict[Place, Weighed]]] = [
            (column, value, {}) for column, value in proposal.compared.items()
        ]
        self._keys: list[tuple[str, str, dict[Place, Weighed]]] = [
            (column, value, {}) for column, value in proposal.only_identity.items()
        ]
        self._by_codes: dict[tuple[Text, ...], Weighed | None] = {}
        self._swapped: dict[tuple[Text, ...], bool] = {}
        self._memo: Memo = {}

    @classmethod
    def of(cls, proposal: Record, statistics: Statistics) -> Shared:
        """What was found out so far. It lives as long as the proposal's record, and so does not hold that itself."""
        kept: Shared | None = proposal.findings.get("score")
        if kept is None or kept.statistics is not statistics:
            kept = proposal.findings["score"] = cls(proposal, statistics)
        return kept

    def pair(self, proposal: Record, record: Record) -> Pair:
        """The proposal and a record side by side."""
        statistics = self.statistics
        if proposal.lists or record.plan is not proposal.plan:
            return self._compared_whole(proposal, record)
        payload = record.payload
        weighed: list[Weighed] = []
        names: list[Text] = []
        coded: list[Text] = []
        same = equal = True
        met = named = False
        for column in self._columns:
            value = payload.get(column.name)
            text = column.texts.get(place := value if type(value) is str else place_of(value))
            if text is None:
                text = column.texts[place] = column.text(value, record, proposal.places, statistics)
            if text.is_apart:
                return self._compared_whole(proposal, record)
            if text.has_codes:
                coded.append(text)
            if column.is_crossed:
                names.append(text)
            if not text.is_same:
                same = False
            found = text.weighed
            if found is not None:
                weighed.append(found)
                if text.differs:
                    equal = False
                elif column.role is _NAME:
                    named = True
                if text.meets:
                    met = True
        if names and self._are_swapped(names):
            return self._compared_whole(proposal, record)
        same = same and equal and bool(weighed)
        for name, own, values in self._compared:
            value = payload.get(name)
            if value is not None:
                place = place_of(value)
                found = values.get(place)
                if found is None:
                    found = values[place] = weigh(value_evidence(name, own, canonical(value)), statistics)
                weighed.append(found)
        within = proposal.plan.within
        told = record.only_identity if within else payload
        for name, own, values in self._keys:
            value = told.get(name)
            if value is not None:
                place = place_of(value)
                found = values.get(place)
                if found is None:
                    other = value if within else canonical(value)
                    evidence = key_evidence(name, proposal.roles[name], own, other)
                    found = values[place] = weigh(evidence, statistics)
                weighed.append(found)
                met = met or found.evidence.level > 0
        if coded and self._codes is not NO_CODES and (found := self._of_codes(coded)) is not None:
            weighed.append(found)
            met = met or found.evidence.level > 0
        alike = same or (equal and named)
        return Pair(weighed, same, alike, same or met, statistics.calibration, proposal.plan.names)

    def _compared_whole(self, proposal: Record, record: Record) -> Pair:
        found = compare(proposal, record, self.statistics, self._memo)
        return Pair.of(found, proposal.name_columns, self.statistics)

    def _are_swapped(self, texts: Sequence[Text]) -> bool:
        """Whether names exchanged their values."""
        found = self._swapped.get(place := tuple(texts))
        if found is None:
            columns = [column for column in self._columns if column.is_crossed]
            both = [
                (each.name, each.words.distinct, text.words.distinct) for each, text in zip(columns, texts, strict=True)
            ]
            left = {name: own - other for name, own, other in both}
            right = {name: other - own for name, own, other in both}
            found = self._swapped[place] = bool(partners(list(left), left, right))
        return found

    def _of_codes(self, texts: Sequence[Text]) -> Weighed | None:
        """What codes say that a record has in these texts."""
        place = tuple(texts)
        if place not in self._by_codes:
            codes = [text.words.codes for text in texts]
            whole, joined = (each.whole for each in codes), (each.joined for each in codes)
            theirs = Codes(frozenset[str]().union(*whole), frozenset[str]().union(*joined))
            evidence = code_evidence(self._codes, theirs, self.statistics)
            self._by_codes[place] = None if evidence is None else weigh(evidence, self.statistics)
        return self._by_codes[place]
