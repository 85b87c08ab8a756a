"""The normalizers that a column may declare: from one string to the form in which equal things are equal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

from memreg.registry.coerce import ValueRefused
from memreg.registry.models import Normalizer

Step = Callable[[str, Normalizer], str]

_SPACE = re.compile(r"\s+")
_HOST = re.compile(r"[^\s/?#:@]+\.[^\s/?#:@]+(:\d+)?([/?#].*)?")
_USUAL_EMAIL = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+[A-Za-z0-9]+")
_LONGEST_USUAL = 63  # so that no part of it is too long either
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def trim(value: str, _: Normalizer) -> str:
    """Removes white space at both ends."""
    return value.strip()


def casefold(value: str, _: Normalizer) -> str:
    """Makes upper and lower case equal, in every script."""
    return value.casefold()


def collapse(value: str, _: Normalizer) -> str:
    """Makes every run of white space one space."""
    return _SPACE.sub(" ", value)


def nfkc(value: str, _: Normalizer) -> str:
    """Makes characters that look alike by compatibility the same (full-width letters, ligatures): Unicode NFKC."""
    return unicodedata.normalize("NFKC", value)


def digits(value: str, _: Normalizer) -> str:
    """Keeps the digits only, as 0 to 9."""
    kept = "".join(str(unicodedata.decimal(character)) for character in value if character.isdecimal())
    if not kept:
        raise ValueRefused("has no digits")
    return kept


def email(value: str, _: Normalizer) -> str:
    """Checks an e-mail address by its form (no look-up) and writes it in lower case."""
    text = value.strip()
    if len(text) <= _LONGEST_USUAL and _USUAL_EMAIL.fullmatch(text):
        written = text.lower()
        if written[written.rindex(".") + 1 :] not in _reserved():
            return written  # as the library does, which takes twenty times as long
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(
            text.removeprefix("mailto:"),
            check_deliverability=False,
            globally_deliverable=False,
            allow_display_name=True,
        )
    except (EmailNotValidError, ValueError) as error:
        raise ValueRefused(f"is not an e-mail address: {_clause(error)}") from error
    if "." not in found.domain:
        raise ValueRefused("is not an e-mail address: the part after @ needs a dot")
    return found.normalized.lower()


@cache
def _reserved() -> frozenset[str]:
    """The last labels of the domains that the library refuses by their names."""
    from email_validator import SPECIAL_USE_DOMAIN_NAMES

    return frozenset(name.rpartition(".")[2].lower() for name in SPECIAL_USE_DOMAIN_NAMES)


def phone(value: str, normalizer: Normalizer) -> str:
    """Writes a phone number as E.164 (`+4722123456`), an extension after `;ext=`; national numbers need a region."""
    import phonenumbers

    text = value.strip().removeprefix("tel:")
    if normalizer.region is None and text.startswith("00"):
        text = "+" + text[2:]
    try:
        number = phonenumbers.parse(text, normalizer.region)
    except phonenumbers.NumberParseException as error:
        if normalizer.region is None and error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
            raise ValueRefused(
                "is a phone number without a country code: write it with one, as +47 22 12 34 56, "
                "or declare the region, as normalize: [{phone: NO}]"
            ) from error
        raise ValueRefused("is not a phone number") from error
    if not phonenumbers.is_possible_number(number):
        raise ValueRefused("is not a phone number: too many or too few digits")
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{written};ext={number.extension}" if number.extension else written


def url(value: str, _: Normalizer) -> str:
    """Writes a web address in one form: scheme and host in lower case, no default port, https where none is given."""
    from yarl import URL

    text = value.strip()
    if not _SCHEME.match(text) and _HOST.fullmatch(text):
        text = "https://" + text
    try:
        found = URL(text)
        if found.scheme not in ("http", "https", "ftp") or not found.host:
            raise ValueRefused("is not a web address: write it as https://host/path")
        return str(found)
    except (ValueError, TypeError) as error:
        raise ValueRefused("is not a web address: write it as https://host/path") from error


def _clause(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    return text[:1].lower() + text[1:]


NORMALIZERS: Mapping[str, Step] = MappingProxyType(
    {
        "trim": trim,
        "casefold": casefold,
        "collapse": collapse,
        "nfkc": nfkc,
        "email": email,
        "phone": phone,
        "url": url,
        "digits": digits,
    }
)
