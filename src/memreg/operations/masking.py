"""Masks: values of columns marked `pii` as they are shown, unless somebody says explicitly that they are wanted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from memreg.annotator.mask import Mask
from memreg.operations.quotes import Quotes
from memreg.registry.models import ClassSpec

MASK = "•••"
"""What is shown instead of a value: nothing of it, not even its length."""
_ID = re.compile(r"\b([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
_IN_COLUMNS = ("payload", "originals")


def pii_columns(spec: ClassSpec) -> frozenset[str]:
    """The columns of a class that are marked `pii`."""
    return frozenset(column.name for column in spec.columns if column.pii)


def mask(values: Mapping[str, Any], spec: ClassSpec | None) -> dict[str, Any]:
    """Values by column, each of a `pii` column masked (a list of them as one).

    A column that the class does not have is masked too, since nobody says that it is not personal; so is everything of
    a class that is not known (`spec` None).
    """
    if spec is None:
        return {name: _masked(value) for name, value in values.items()}
    hidden = pii_columns(spec)
    known = spec.by_name
    return {name: _masked(value) if name in hidden or name not in known else value for name, value in values.items()}


def mask_snapshot(
    snapshot: Mapping[str, Any], spec: ClassSpec | None, quoted: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """A memory's state as the audit keeps it, masked: its payload, what the message said and why columns are pinned,
    which may quote the values of other states too (`quoted`).

    The digests of its keys are left out: of a known form, as a phone number has, they can be guessed.
    """
    found = dict(snapshot)
    values = [*quoted, *(found[part] for part in _IN_COLUMNS if found.get(part))]
    for part in _IN_COLUMNS:
        if found.get(part):
            found[part] = mask(found[part], spec)
    if found.get("pinned"):
        found["pinned"] = {
            column: {**pin, "why": mask_text(pin["why"], values, spec)} if pin.get("why") else dict(pin)
            for column, pin in found["pinned"].items()
        }
    if "keys" in found:
        found["keys"] = [{name: each[name] for name in each if name != "digest"} for each in found["keys"]]
    return found


def mask_text(text: str, values: Mapping[str, Any] | Iterable[Mapping[str, Any]], spec: ClassSpec | None) -> str:
    """A text in which values of `pii` columns are masked wherever it quotes them, in any spelling.

    `values`: the values by column, or several such (a payload and its originals). What is too short to be told from
    other words (a single digit, yes and no) stays. Of a class with such columns, what has the form of an e-mail
    address, a phone number, an account or a card is masked as well: a text may quote what nobody knows as a value.
    """
    hidden = quotes_of(values, spec).hide(text, MASK)
    if spec is not None and not pii_columns(spec):
        return hidden
    parts = _ID.split(hidden)
    return "".join(part if place % 2 else _without_forms(part) for place, part in enumerate(parts))


def quotes_of(values: Mapping[str, Any] | Iterable[Mapping[str, Any]], spec: ClassSpec | None) -> Quotes:
    """What finds the values of `pii` columns in texts."""
    several = [values] if isinstance(values, Mapping) else values
    hidden = None if spec is None else pii_columns(spec)
    known = {} if spec is None else spec.by_name
    return Quotes.of(
        text
        for each in several
        for name, value in each.items()
        if hidden is None or name in hidden or name not in known
        for text in texts_in(value)
    )


def texts_in(value: object) -> Iterator[str]:
    """The texts that a column's value is quoted by: itself, or each of its items; flags have none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts_in(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _without_forms(text: str) -> str:
    found = Mask.of([text])
    hidden = found.hide(text)
    for placeholder in found.placeholders.values():
        hidden = hidden.replace(placeholder, MASK)
    return hidden


def _masked(value: object) -> object:
    if value is None:
        return None
    return [MASK] if isinstance(value, list) else MASK
