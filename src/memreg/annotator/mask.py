"""Personal values as placeholders, so that a model does not see them, and back in what it answers. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from memreg.annotator.words import vocabulary, words
from memreg.registry.models import Column, Kind

_NAME = r"0-9A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u052f"
_HOST = rf"[{_NAME}-]++(?:\.[{_NAME}-]++)*+"
_EMAIL = re.compile(rf"(?<![{_NAME}_.+%!$*^~-])(?:[{_NAME}_.+%!$*^~-]++['’]){{0,3}}+[{_NAME}_.+%!$*^~-]++[@＠]{_HOST}")
# In a script without spaces the words before an address are not of it, unless there is nothing else before the @.
_OTHER_EMAIL = re.compile(rf"(?<![\w.+-])[\w.+-]++[@＠]{_HOST}")
_LOGIN = re.compile(r"(?<=://)[^\s/@?#<>\[\]\"]++@")
_IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}(?=((?:[ -]?[0-9A-Za-z]){11,30}+))")
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}+(?![ -]?\d)")
_YEAR, _MONTH, _DAY = r"(?:1[5-9]|2[01])\d\d", r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_DATE = re.compile(
    rf"(?<!\d)(?<!\d[-./])(?:{_YEAR}([-./]){_MONTH}\1{_DAY}|{_DAY}([-./]){_MONTH}\2{_YEAR}|{_MONTH}/{_DAY}/{_YEAR}"
    rf"|{_YEAR}[-–]{_YEAR})(?!\d|[-./]\d)"
)
_NUMBER = re.compile(
    r"(?:(?<![0-9A-Za-z])[A-Z]{1,3}-?|(?<!\d)\+?(?:\(\+?)?)\d(?:[ .\-/()\u00a0\u2009\u202f\u2010-\u2013]{0,2}+\d){6,}+"
)
_IBAN_LENGTHS = {
    place[:2]: int(place[2:])
    for place in (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29"
        " ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20"
        " LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29"
        " PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
        " YE30"
    ).split()
}
_FORMS = frozenset({"email", "phone", "digits"})
_FORM_WORDS = vocabulary("email phone telephone tel mobile cell fax whatsapp iban card passport ssn")
Found = Iterable[tuple[int, int]]


@dataclass(frozen=True)
class Mask:
    """The personal values of some texts, each with its placeholder, such as `[email-1]`; make it with `Mask.of`.

    Found are e-mail addresses, phone numbers, IBANs and payment cards (by their check digits), users and passwords in
    URLs, and other numbers of seven digits or more that are no dates. Names, addresses, dates, and whatever is spelled
    out in words or hidden by invisible characters are not found.
    """

    placeholders: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """The mask of texts: the same value has the same placeholder in all, and no text has such a placeholder."""
        taken = {each.casefold() for text in texts for each in _PLACEHOLDER.findall(text)}
        placeholders: dict[str, str] = {}
        numbers: dict[str, int] = {}
        for text in texts:
            for start, end, kind in _spans(text):
                if text[start:end] in placeholders:
                    continue
                numbers[kind] = numbers.get(kind, 0) + 1
                while f"[{kind}-{numbers[kind]}]" in taken:
                    numbers[kind] += 1
                placeholders[text[start:end]] = f"[{kind}-{numbers[kind]}]"
        return cls(placeholders)

    def hide(self, text: str) -> str:
        """The text with placeholders for its personal values.

        `reveal(hide(text)) == text` for the texts that the mask is of; a value that is in none of them becomes its
        kind, as `[email]`, and stays hidden.
        """
        spans = _spans(text)
        table = {text[start:end]: f"[{kind}]" for start, end, kind in spans} | dict(self.placeholders)
        # A value is hidden even where it does not look like one, as in the middle of a word.
        rest = _without(text, [(start, end) for start, end, _ in spans])
        stray = sorted((value for value in table if value in rest), key=len, reverse=True)
        known = re.compile("|".join(map(re.escape, stray)) or r"(?!)")
        parts: list[str] = []
        at = 0
        for start, end, _ in spans:
            parts += [known.sub(lambda found: table[found[0]], text[at:start]), table[text[start:end]]]
            at = end
        return "".join([*parts, known.sub(lambda found: table[found[0]], text[at:])])

    def reveal(self, value: Any) -> Any:
        """The value with its placeholders made personal values again: in texts, and in those in lists and objects."""
        if not self.placeholders:
            return value
        values = {placeholder: text for text, placeholder in self.placeholders.items()}
        return _reveal(value, lambda found: values.get(found[0].casefold(), found[0]))

    def hides(self, column: Column) -> bool:
        """Whether values of a column have a form that is found: by its normalizers, else by the words of its name."""
        if column.dtype.kind not in (Kind.STRING, Kind.TEXT):
            return False
        return any(each.name in _FORMS for each in column.normalize) or bool(_FORM_WORDS & {*words(column.name)})


def _reveal(value: Any, shown: Callable[[re.Match[str]], str]) -> Any:
    if isinstance(value, str):
        return _PLACEHOLDER.sub(shown, value)
    if isinstance(value, Mapping):
        return {key: _reveal(item, shown) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_reveal(item, shown) for item in value)
    return value


def _spans(text: str) -> list[tuple[int, int, str]]:
    """Where personal values are, in order, with their kinds; they do not overlap."""
    found: list[tuple[int, int, str]] = []
    rest = text
    for kind, find in _FINDERS:
        spans = list(find(rest))
        if kind != _SPARED:
            found += [(start, end, kind) for start, end in spans]
        rest = _without(rest, spans)
    return sorted(found)


def _without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text with NUL characters where spans were, so that places stay and nothing is found twice."""
    parts, at = [], 0
    for start, end in spans:
        parts += [text[at:start], "\0" * (end - start)]
        at = end
    return "".join([*parts, text[at:]])


def _all(pattern: re.Pattern[str]) -> Callable[[str], Found]:
    return lambda text: (found.span() for found in pattern.finditer(text))


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    """ISO 13616: the length of the country, and 1 as the remainder of the rearranged number by 97."""
    last = 0
    for found in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(found[0][:2].upper())
        places = [at for at in range(found.start(), found.end(1)) if text[at] not in " -"]
        if length is None or len(places) < length or found.start() < last:
            continue
        letters = "".join(text[at] for at in places[:length])
        if int("".join(str(int(letter, 36)) for letter in letters[4:] + letters[:4])) % 97 == 1:
            last = places[length - 1] + 1
            yield found.start(), last


def _cards(text: str) -> Iterator[tuple[int, int]]:
    """ISO/IEC 7812: from 13 to 19 digits with Luhn's check digit."""
    for found in _CARD.finditer(text):
        digits = [int(each) for each in reversed(found[0]) if each.isdecimal()]
        doubled = [sum(divmod(2 * each, 10)) for each in digits[1::2]]
        if (sum(digits[::2]) + sum(doubled)) % 10 == 0:
            yield found.span()


def _phones(text: str) -> Iterator[tuple[int, int]]:
    """International numbers, with an extension; national ones are among the long numbers."""
    if "+" not in text and "＋" not in text:
        return
    from phonenumbers import Leniency, PhoneNumberMatcher

    for found in PhoneNumberMatcher(text, None, Leniency.POSSIBLE):
        if not {*"[]"} & {*found.raw_string}:  # a value with brackets could run into a placeholder
            yield found.start, found.end


_SPARED = "date"
_FINDERS: tuple[tuple[str, Callable[[str], Found]], ...] = (
    ("login", _all(_LOGIN)),
    ("email", _all(_EMAIL)),
    ("email", _all(_OTHER_EMAIL)),
    ("iban", _ibans),
    (_SPARED, _all(_DATE)),
    ("phone", _phones),
    ("card", _cards),
    ("number", _all(_NUMBER)),
)
_KINDS = dict.fromkeys(kind for kind, _ in _FINDERS if kind != _SPARED)
_PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(_KINDS)})-[0-9]{{1,9}}\]", re.IGNORECASE)
