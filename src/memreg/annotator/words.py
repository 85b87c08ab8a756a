"""The words that the heuristic annotator knows, and how a column's name is split into words."""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+|\d+")
_DESC = re.compile(r"\w+(?:-\w+)?")
_JOINED = {
    ("e", "mail"): "email",
    ("e", "mails"): "email",
    ("user", "name"): "username",
    ("bar", "code"): "barcode",
}
_PLURALS = {
    "emails": "email",
    "phones": "phone",
    "ids": "id",
    "urls": "url",
    "websites": "website",
}


def vocabulary(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


NAMES = vocabulary(
    "name title subject topic headline label fullname firstname lastname surname forename nickname alias caption"
    " question term dish song track"
)
NOTES = vocabulary(
    "note notes description desc text comment comments remark remarks bio biography about details detail body content"
    " summary abstract message review memo excerpt transcript"
)
TAGS = vocabulary("tag tags label labels keyword keywords category categories topic topics")

# A person of a role: `user_email` is a person's own address in Person, but somebody else's in Order.
ROLES = vocabulary(
    "user customer client member employee patient student subscriber passenger guest contact person tenant lead"
    " applicant candidate guardian resident visitor donor teacher worker staff"
)
PEOPLE = ROLES | vocabulary("people friend colleague account profile human individual relative")
# Whoever or whatever this names is another object in any class.
OTHERS = vocabulary(
    "manager parent owner spouse wife husband mother father partner emergency supervisor boss boyfriend girlfriend"
    " author creator sender recipient from to cc bcc assignee reporter assigned reviewer approver seller buyer"
    " vendor supplier employer company organization organisation org team group department project category country"
    " city region state store shop brand manufacturer previous next old former related root source target"
    " referrer referred billing shipping support home work office school hotel airline venue thread session"
    " conversation channel folder tenant workspace album playlist course"
)
# Where a thing may be reached or shown, which tells nothing of which thing it is.
ASSETS = vocabulary("image img photo picture avatar logo icon thumbnail cover banner video audio source share")
# What a number or code before it makes of it: `zip_code` says where, not which.
NOT_KEYS = vocabulary(
    "zip postal post postcode country area currency language lang locale color colour dress dial state region city"
    " status error exit promo discount coupon door house building street room apartment floor page seat jersey shirt"
    " gate lucky version line chapter episode season track lot batch size model class category source dialing"
)
NUMBERED = vocabulary(
    "order invoice account ticket case tracking confirmation booking reservation contract policy card serial customer"
    " employee student member patient membership claim receipt transaction reference payment purchase shipment"
    " product item article part stock asset device record document file catalog catalogue docket permit"
)
_SUFFIXES = vocabulary("number numbers no nr num id key code value string")


def words(name: str) -> tuple[str, ...]:
    """The lower-case words of a name: `modelNumber`, `model_number` and `MODEL_NUMBER` are model, number."""
    found = [word.lower() for word in _WORD.findall(name)]
    joined: list[str] = []
    for word in found:
        if joined and (joined[-1], word) in _JOINED:
            joined[-1] = _JOINED[joined[-1], word]
        else:
            joined.append(_PLURALS.get(word, word))
    return tuple(joined)


def desc_words(desc: str) -> tuple[str, ...]:
    """The lower-case words of a description, with `e-mail` as email."""
    return tuple(word.lower().replace("e-mail", "email") for word in _DESC.findall(desc))


def head(parts: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The qualifying words and the head of a name, less a trailing `number`, `id` …: passport_no is passport."""
    rest = list(parts)
    while len(rest) > 1 and (rest[-1] in _SUFFIXES or rest[-1].isdigit()):
        rest.pop()
    return tuple(rest[:-1]), rest[-1] if rest else ""
