"""The rules by which the heuristic annotator recognises an identity key in a column's name, format or description."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memreg.annotator.words import (
    ASSETS,
    NOT_KEYS,
    NUMBERED,
    OTHERS,
    PEOPLE,
    ROLES,
    desc_words,
    head,
    vocabulary,
    words,
)
from memreg.registry.models import ClassSpec, Column, IdentityKey, Kind, Strength

UNIQUE_WORDS = frozenset({"unique", "uniquely", "identifier", "identifies"})
GUESS = 0.4


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column stands: its class, the words of its name and of its class, and the words of the other classes."""

    spec: ClassSpec
    column: Column
    name: tuple[str, ...]
    own: frozenset[str]
    others: frozenset[str]

    @property
    def prefix(self) -> tuple[str, ...]:
        """The words before the head of the name."""
        return head(self.name)[0]

    @property
    def head(self) -> str:
        """The word that says what the column holds."""
        return head(self.name)[1]

    @property
    def of_class(self) -> bool:
        """Do the words before the last one name this class?"""
        before = frozenset(self.name[:-1])
        return bool(before) and before <= self.own


@dataclass(frozen=True, slots=True)
class Found:
    """A likely key: how strong, how sure (0 to 1), and why."""

    strength: Strength
    confidence: float
    rationale: str


Rule = Callable[[Place], Found | None]


def place_of(spec: ClassSpec, column: Column, all_classes: Sequence[ClassSpec]) -> Place:
    """The place of a column among the classes of its schema."""
    own = frozenset(words(spec.name))
    others = frozenset(w for other in all_classes if other.name != spec.name for w in words(other.name)) - own
    name = words(column.name)
    while len(name) > 1 and name[-1].isdigit():
        name = name[:-1]
    return Place(spec, column, name, own, others)


def find_key(place: Place) -> IdentityKey | None:
    """The identity key that a column likely is by itself, or None. Only single strings and whole numbers can be one."""
    column = place.column
    if column.dtype.is_list or column.dtype.kind not in (Kind.STRING, Kind.INTEGER) or points_elsewhere(place):
        return None
    for rule in RULES:
        found = rule(place)
        if found is not None and (column.dtype.kind is Kind.STRING or rule in WHOLE_NUMBER_RULES):
            return IdentityKey((column.name,), found.strength, _sure(place, found), found.rationale)
    return None


def is_reference(place: Place) -> bool:
    """Is this an e-mail, phone, id or link of something else, so that it is neither a key nor worth searching?"""
    column = place.column
    if column.dtype.is_list or column.dtype.kind not in (Kind.STRING, Kind.INTEGER):
        return False
    if place.head in SECRETS:
        return True
    looks_like_key = any(rule(place) for rule in RULES) or place.name[-1:] == ("id",)
    return looks_like_key and points_elsewhere(place)


def points_elsewhere(place: Place) -> bool:
    """Does the column hold something of another object (`manager_email`, `customer_id` in Order, `avatar_url`)?"""
    before = frozenset(place.prefix if place.name[-1:] != ("id",) else place.name[:-1]) - place.own
    person = bool(place.own & PEOPLE)
    if before & (OTHERS - (PERSONAL if person else frozenset())) or before & place.others - NUMBERED:
        return True
    if before & place.others:
        return True
    if before & ROLES and not person:
        return True
    if before & ASSETS and place.head in LINKS:
        return True
    told = desc_words(place.column.desc)
    owners = {told[at + 2] for at in range(len(told) - 2) if told[at] == "of" and told[at + 1] in DETERMINERS}
    return bool(owners & (OTHERS | place.others | (frozenset() if person else ROLES)) - place.own)


def email(place: Place) -> Found | None:
    """An e-mail address belongs to one object."""
    if place.head in ("email", "mail") or place.name[-2:] == ("email", "address"):
        return Found("strong", 0.95, "an e-mail address belongs to one object")
    return None


def declared_normalizer(place: Place) -> Found | None:
    """A column normalised as e-mail, phone or url holds one."""
    kinds = {step.name for step in place.column.normalize}
    if "email" in kinds:
        return Found(
            "strong",
            0.95,
            "it is normalised as an e-mail address, which belongs to one object",
        )
    if "phone" in kinds:
        return Found(
            "shared",
            0.8,
            "it is normalised as a phone number, which people of one household or office share",
        )
    if "url" in kinds:
        return Found(
            "strong",
            0.6,
            "it is normalised as a URL; a page is mostly about one object",
        )
    return None


def document(place: Place) -> Found | None:
    """A number that an authority or a standard gives out once: ISBN, SKU, passport, registration, VIN …"""
    confidence = DOCUMENTS.get(place.head)
    if confidence is None and place.name[-2:] in DOCUMENT_PAIRS:
        confidence = 0.9
    if confidence is None:
        return None
    numbered = len(place.name) > 1 and place.name[-1] in (
        "number",
        "no",
        "nr",
        "id",
        "num",
        "key",
        "plate",
        "code",
    )
    if place.head in PLAIN_WORDS and not numbered:
        return Found(
            "strong",
            0.5,
            f"a {place.head} may be a number given out once, but the name alone does not say so",
        )
    return Found("strong", confidence, f"a value like {' '.join(place.name)} is given out once")


def own_id(place: Place) -> Found | None:
    """An id, number or code of the object itself."""
    if not place.name or place.name[-1] not in (
        "id",
        "uuid",
        "guid",
        "number",
        "no",
        "nr",
        "code",
        "key",
    ):
        return None
    last, before = place.name[-1], place.name[:-1]
    if not before:
        if last in ("id", "uuid", "guid"):
            return Found("strong", 0.9, f"a column called {last} names the object itself")
        return Found(
            "strong",
            GUESS,
            f"a guess: a column called {last} often identifies, but nothing here says so",
        )
    if place.of_class:
        return Found("strong", 0.9, f"{' '.join(place.name)} is the object's own {last}")
    if before[-1] in NOT_KEYS:
        return None
    if before[-1] in NUMBERED or before[-1] in ROLES:
        return Found("strong", 0.75, f"a {' '.join(place.name)} is mostly given out once")
    if last in ("id", "uuid", "guid"):
        return Found(
            "strong",
            0.5,
            f"a guess: {place.column.name} ends in {last}, but may be the {last} of something else",
        )
    return None


def reference(place: Place) -> Found | None:
    """A reference is given out once by whoever books, orders or files; a bare one may be anything."""
    if place.name[-1:] not in (("reference",), ("ref",)):
        return None
    told = frozenset(place.name[:-1]) or frozenset(desc_words(place.column.desc))
    if place.of_class or told & NUMBERED:
        return Found("strong", 0.7, "a reference of this kind is given out once")
    return Found("strong", GUESS, "a guess: a reference often identifies, but nothing here says so")


def phone(place: Place) -> Found | None:
    """A phone number is shared by households and offices, so an equal name is needed as well."""
    if place.head in PHONES:
        return Found(
            "shared",
            0.8,
            "a phone number is shared by people of one household or office",
        )
    return None


def model_number(place: Place) -> Found | None:
    """A model or part number is that of every piece of the model, so an equal name is needed as well."""
    name = place.name
    if name[-2:] in MODEL_PAIRS or place.head in ("mpn", "partno", "modelno"):
        return Found(
            "shared",
            0.7,
            "makers number their models independently, so two things can share a model number",
        )
    return None


def link(place: Place) -> Found | None:
    """A web address is mostly about one object; a site less surely so."""
    if place.head in ("url", "uri", "permalink"):
        return Found("strong", 0.65, "a web address is mostly about one object")
    if place.head in LINKS:
        return Found("strong", 0.5, "a guess: a site can be that of several objects")
    return None


def handle(place: Place) -> Found | None:
    """An account name is given out once a service."""
    if place.head in ("handle", "username", "login"):
        return Found("strong", 0.7, "an account name is given out once by its service")
    if place.head in SERVICES:
        return Found(
            "strong",
            0.6,
            f"an account at {place.head} belongs to one object, if it is the account's name",
        )
    return None


def example_format(place: Place) -> Found | None:
    """All examples look like e-mail addresses or UUIDs."""
    examples = [example for example in place.column.examples if isinstance(example, str)]
    if not examples or len(examples) < len(place.column.examples):
        return None
    if all(_EMAIL.fullmatch(example) for example in examples):
        return Found("strong", 0.75, "its examples are e-mail addresses")
    if all(_UUID.fullmatch(example) for example in examples):
        return Found("strong", 0.75, "its examples are UUIDs")
    return None


def described(place: Place) -> Found | None:
    """A description of at most four words that ends in a known kind of key ("E-mail", "Phone number")."""
    told = desc_words(place.column.desc)
    if not 1 <= len(told) <= 4:
        return None
    twin = Place(place.spec, place.column, told, place.own, place.others)
    if points_elsewhere(twin):
        return None
    for rule in (email, document, phone, model_number):
        found = rule(twin)
        if found is not None:
            return Found(
                found.strength,
                round(found.confidence - 0.2, 2),
                f"by its description, {found.rationale}",
            )
    return None


RULES: tuple[Rule, ...] = (
    email,
    phone,
    model_number,
    document,
    own_id,
    reference,
    link,
    handle,
    declared_normalizer,
    example_format,
    described,
)
WHOLE_NUMBER_RULES: tuple[Rule, ...] = (document, own_id)

DETERMINERS = vocabulary("the a an his her its their this")
PERSONAL = vocabulary("home work office school billing shipping")
PHONES = vocabulary("phone telephone tel mobile cell cellphone whatsapp landline fax handy")
LINKS = vocabulary("url uri permalink website homepage webpage site link href domain")
SERVICES = vocabulary("github gitlab twitter instagram linkedin facebook mastodon slack telegram discord skype orcid")
SECRETS = vocabulary("password passwd secret token hash salt checksum")
MODEL_PAIRS = frozenset(
    {
        ("model", "number"),
        ("model", "no"),
        ("model", "nr"),
        ("part", "number"),
        ("part", "no"),
    }
)
DOCUMENT_PAIRS = frozenset(
    {
        ("license", "plate"),
        ("licence", "plate"),
        ("number", "plate"),
        ("mac", "address"),
    }
)
PLAIN_WORDS = frozenset({"license", "licence", "registration", "passport", "tax", "vat", "serial"})
DOCUMENTS = {
    **dict.fromkeys(
        vocabulary("sku isbn issn ean upc gtin asin doi iban vin imei imsi iccid barcode uuid guid orcid lei"), 0.9
    ),
    **dict.fromkeys(vocabulary("ssn nin nif dni ein passport registration license licence numberplate"), 0.9),
    **dict.fromkeys(vocabulary("vat tax serial nhs bsn"), 0.85),
}
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _sure(place: Place, found: Found) -> float:
    told = frozenset(desc_words(place.column.desc))
    return round(min(0.95, found.confidence + 0.2), 2) if told & UNIQUE_WORDS else found.confidence
