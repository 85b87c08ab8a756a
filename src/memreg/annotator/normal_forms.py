"""In which form equal values of an identity column are equal: what the heuristic annotator would normalise them by."""

from __future__ import annotations

from memreg.annotator.keys import Place, email, link, model_number, phone
from memreg.registry.models import Normalizer

EMAIL = (Normalizer("email"),)
DIGITS = (Normalizer("digits"),)
URL = (Normalizer("url"),)
PLAIN = (Normalizer("nfkc"), Normalizer("collapse"), Normalizer("trim"), Normalizer("casefold"))


def normal_form(place: Place) -> tuple[Normalizer, ...]:
    """The normalizers for a column by its name: e-mail addresses by their form, phones by their digits, web addresses
    by theirs, model numbers and all else by case and white space."""
    if email(place) is not None:
        return EMAIL
    if phone(place) is not None:
        return DIGITS
    if model_number(place) is None and link(place) is not None:
        return URL
    return PLAIN
